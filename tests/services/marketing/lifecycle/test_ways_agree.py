"""Judged step by step and by a brute-force reading, parties are at the same stages, whatever comes in what order."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from support.behaviour import START, ZONE, Oracle, conditions, facts
from tercet_chassis import Tx
from tercet_chassis.ids import new_id
from tercet_chassis.money import Money
from tercet_chassis.testing import Client
from tercet_marketing.facts.model import Fact
from tercet_marketing.lifecycle.jobs import follow_due
from tercet_marketing.lifecycle.judge import judge
from tercet_marketing.lifecycle.model import Lifecycle
from tercet_marketing.profiles.model import Profile
from tercet_marketing.segments.language import judgement
from tercet_marketing.segments.subjects import PROFILE

PEOPLE = 3
STAGES = "abc"
person = st.integers(0, PEOPLE - 1)
VIP: dict[str, Any] = {"path": "tag_codes", "op": ":", "value": "vip"}
LATELY: dict[str, Any] = {"facts": {"kinds": ["touch", "visit"], "within": "2w", "op": ">=", "value": 1}}
simple = st.sampled_from((VIP, {"not": VIP}, LATELY, {"not": LATELY}))
machines = st.tuples(
    *(
        st.fixed_dictionaries(
            {
                "code": st.just(code),
                "category": st.just("ACTIVE"),
                "condition": simple | conditions,
                "min_days_in_stage": st.sampled_from((0, 0, 5)),
                "next_stage_codes": st.sampled_from(([], ["a"], ["b"], ["c"], ["a", "b"])),
            }
        )
        for code in STAGES
    )
)
changes = st.one_of(
    st.tuples(st.just("fact"), person, facts),
    st.tuples(st.just("profile"), person, st.sampled_from(([], ["vip"]))),
    st.tuples(st.just("fact"), person, st.just({"kind": "visit", "fact_time": START, "code": "web", "amount": None})),
    st.tuples(st.just("party"), person, person),
    st.tuples(st.just("clock"), st.integers(1, 400), st.none()),
)


class World:
    """Some people in a tenant of their own; its clock stands where it is put."""

    def __init__(self, marketing: Client, stages: list[dict[str, Any]]) -> None:
        self.marketing, self.stages, self.now = marketing, stages, START
        self.people = [new_id() for _ in range(PEOPLE)]
        self.parties = list(self.people)
        self.tags: list[list[str]] = [[] for _ in self.people]
        self.done: list[tuple[UUID, dict[str, Any]]] = []

    def at_now(self, tx: Tx) -> Tx:
        tx._now = self.now
        return tx

    async def begin(self) -> None:
        reads = sorted({path for one in self.stages for path in judgement(PROFILE, one["condition"], ZONE, ()).reads})
        async with self.marketing.transaction() as tx:
            for id in self.people:
                tx.add(Profile(id=id, identity_id=id, party_id=id, display_name="", create_time=START))
            lifecycle = Lifecycle(code="buyers", display_name="b", stages=self.stages, time_zone=ZONE, reads=reads)
            lifecycle.state = "DRAFT"
            lifecycle.activate()
            tx.add(lifecycle)
            await tx.flush()
            await judge(self.at_now(tx), self.people)

    async def apply(self, change: tuple[str, int, Any]) -> None:
        what, number, value = change
        async with self.marketing.transaction() as tx:
            if what == "clock":
                self.now += timedelta(hours=number)
                await follow_due(self.at_now(tx))
                return
            self.at_now(tx)
            id = self.people[number]
            if what == "fact":
                self.done.append((id, value))
                amount = None if value["amount"] is None else Money(value["amount"], "CNY")
                row = value | {"amount": amount, "product_codes": []}
                tx.add(Fact(identity_id=id, party_id=self.parties[number], **row))
                await tx.flush()
                await judge(tx, [self.parties[number]], kinds=[value["kind"]])
            elif what == "profile":
                self.tags[number] = value
                (await tx.session.scalars(select(Profile).where(Profile.id == id))).one().tag_codes = value
                await tx.flush()
                await judge(tx, [self.parties[number]])
            else:
                left, self.parties[number] = self.parties[number], self.people[value]
                for table in ("profiles", "facts", "lifecycle_positions", "lifecycle_changes"):
                    await tx.fetch(f"UPDATE {table} SET party_id = $2 WHERE identity_id = $1", id, self.people[value])
                await judge(tx, [left, self.people[value]])

    async def positions(self) -> dict[UUID, dict[str, Any]]:
        async with self.marketing.transaction() as tx:
            rows = await tx.fetch("SELECT * FROM lifecycle_positions WHERE NOT resting")
        found = {row["party_id"]: dict(row) for row in rows if row["party_id"] in self.parties}
        assert len(found) == len([row for row in rows if row["party_id"] in self.parties])
        return found

    def fitting(self, party: UUID) -> set[str]:
        """The stages whose conditions hold for any of the party's profiles."""
        oracle, mine = Oracle(self.now), [at for at, one in enumerate(self.parties) if one == party]
        done = [fact for id, fact in self.done if self.parties[self.people.index(id)] == party]
        rows = [
            {
                "order_count": Decimal(0),
                "last_order_time": None,
                "birth_date": None,
                "tag_codes": self.tags[at],
                "values": [],
            }
            for at in mine
        ]
        return {
            stage["code"]
            for stage in self.stages
            if any(oracle.holds(stage["condition"], row, done, set()) for row in rows)
        }

    def at_rest(self, place: dict[str, Any], fitting: set[str]) -> bool:
        """Whether a plain reading of the rules leaves a party where it is."""
        present = next((one for one in self.stages if one["code"] == place["stage_code"]), None)
        since: datetime | None = place["stage_time"]
        if present and since and since + timedelta(days=present["min_days_in_stage"]) > self.now:
            return True
        allowed = (present or {}).get("next_stage_codes") or list(STAGES)
        open_to = [one["code"] for one in self.stages if one["code"] in (*allowed, place["stage_code"])]
        first = next((code for code in open_to if code in fitting), place["stage_code"])
        return bool(first == place["stage_code"])

    async def steps_are_allowed(self) -> None:
        async with self.marketing.transaction() as tx:
            steps = await tx.fetch("SELECT * FROM lifecycle_changes ORDER BY id")
        stages = {one["code"]: one for one in self.stages}
        last: dict[UUID, str] = {}
        for step in steps:
            assert step["from_stage_code"] == last.get(step["position_id"], "")
            allowed = stages.get(step["from_stage_code"], {}).get("next_stage_codes")
            assert not allowed or step["to_stage_code"] in allowed
            last[step["position_id"]] = step["to_stage_code"]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(machines, st.lists(changes, min_size=4, max_size=12))
async def test_step_by_step_and_by_hand_are_the_same(
    marketing: Client, stages: tuple[dict[str, Any], ...], steps: list[tuple[str, int, Any]]
) -> None:
    # A tenant that no clock job knows: time is where the test puts it.
    world = World(await marketing.running.join(new_id()), list(stages))
    await world.begin()
    for step in steps:
        await world.apply(step)
        positions = await world.positions()
        nowhere = {"stage_code": "", "stage_time": None}
        for party in set(world.parties):
            assert world.at_rest(positions.get(party, nowhere), world.fitting(party))
    async with world.marketing.transaction() as tx:
        assert await judge(world.at_now(tx), world.people) == 0
    assert await world.positions() == positions
    await world.steps_are_allowed()
