"""Judged step by step, rebuilt, by SQL and by a brute-force reading: the same members, whatever comes in what order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from support.behaviour import START, ZONE, Oracle, born, conditions, facts, moments
from tercet_chassis import Tx
from tercet_chassis.ids import new_id
from tercet_chassis.money import Money
from tercet_chassis.testing import Client
from tercet_marketing.facts.model import Fact
from tercet_marketing.profiles.model import Profile
from tercet_marketing.segments.behaviour import EVERYBODY, Share
from tercet_marketing.segments.jobs import follow_due
from tercet_marketing.segments.judge import judge
from tercet_marketing.segments.language import Judgement, judgement
from tercet_marketing.segments.model import Segment
from tercet_marketing.segments.subjects import PROFILE

PEOPLE = 4

changes = st.one_of(
    st.tuples(st.just("fact"), st.integers(0, PEOPLE - 1), facts),
    st.tuples(
        st.just("profile"),
        st.integers(0, PEOPLE - 1),
        st.fixed_dictionaries(
            {
                "order_count": st.integers(0, 3),
                "last_order_time": st.none() | moments,
                "birth_date": st.sampled_from(born),
                "tag_codes": st.sampled_from(([], ["vip"], ["vip", "new"])),
                "values": st.sampled_from(([], [{"average": {"amount": "7.5"}}], [{"average": {"amount": "2"}}])),
            }
        ),
    ),
    st.tuples(st.just("clock"), st.integers(1, 400), st.none()),
)


class World:
    """Some people with facts, in a tenant of their own; its clock stands where it is put."""

    def __init__(self, marketing: Client) -> None:
        self.marketing = marketing
        self.now = START
        self.people = [new_id() for _ in range(PEOPLE)]
        self.rows: list[dict[str, Any]] = [
            {"order_count": 0, "last_order_time": None, "birth_date": None, "tag_codes": [], "values": []}
            for _ in self.people
        ]
        self.done: list[list[dict[str, Any]]] = [[] for _ in self.people]

    def tx(self) -> Any:
        return self.marketing.transaction()

    def at_now(self, tx: Tx) -> Tx:
        tx._now = self.now
        return tx

    async def begin(self, conditions: list[dict[str, Any]]) -> None:
        async with self.tx() as tx:
            for id in self.people:
                tx.add(Profile(id=id, identity_id=id, party_id=id, display_name="", **self.rows[0]))
            for number, condition in enumerate(conditions):
                asked = {"all": [condition, {"not": {"member_of": f"s{number - 1}"}}]} if number == 2 else condition
                reads = sorted(judgement(PROFILE, asked, ZONE, ()).reads)
                segment = Segment(code=f"s{number}", display_name="s", condition=asked, time_zone=ZONE, reads=reads)
                segment.state = "DRAFT"
                segment.activate()
                tx.add(segment)
            await tx.flush()
            await judge(self.at_now(tx), PROFILE, self.people)

    async def apply(self, change: tuple[str, int, Any]) -> None:
        what, number, values = change
        async with self.tx() as tx:
            self.at_now(tx)
            if what == "clock":
                self.now += timedelta(hours=number)
                await follow_due(self.at_now(tx))
            elif what == "fact":
                self.done[number].append(values)
                id, amount = self.people[number], values["amount"]
                tx.add(
                    Fact(
                        identity_id=id,
                        party_id=id,
                        product_codes=[],
                        **values | {"amount": None if amount is None else Money(amount, "CNY")},
                    )
                )
                await tx.flush()
                await judge(tx, PROFILE, [id], kinds=[values["kind"]])
            else:
                self.rows[number] = values
                profile = (await tx.session.scalars(select(Profile).where(Profile.id == self.people[number]))).one()
                for name, value in values.items():
                    setattr(profile, name, value)
                await tx.flush()
                await judge(tx, PROFILE, [profile.id])

    async def members(self) -> dict[str, set[UUID]]:
        async with self.tx() as tx:
            rows = await tx.fetch("SELECT segment_code, subject_id FROM segment_members WHERE state = 'IN'")
        return {f"s{n}": {row["subject_id"] for row in rows if row["segment_code"] == f"s{n}"} for n in range(3)}

    async def by_sql(self) -> dict[str, set[UUID]]:
        """Whole, and in two shares that nobody is in both of."""
        found = {}
        async with self.tx() as tx:
            party = PROFILE.table.c.party_id
            parties = sorted(await tx.session.scalars(select(party)))
            middle = parties[len(parties) // 2]
            for code, condition in await tx.fetch("SELECT code, condition FROM segments"):
                judging = judgement(PROFILE, condition, ZONE, ()).at(self.now)

                async def fitting(share: Share, judging: Judgement = judging) -> list[UUID]:
                    return list(await tx.session.scalars(select(PROFILE.table.c.id).where(judging.sql(share))))

                found[code] = set(await fitting(EVERYBODY))
                shared = [*await fitting(Share(last=middle)), *await fitting(Share(after=middle))]
                assert sorted(shared) == sorted(found[code])
        return found

    def by_hand(self, conditions: list[dict[str, Any]]) -> dict[str, set[UUID]]:
        oracle, found = Oracle(self.now), {f"s{number}": set[UUID]() for number in range(3)}
        for id, row, done in zip(self.people, self.rows, self.done, strict=True):
            inside: set[str] = set()
            for number, condition in enumerate(conditions):
                if oracle.holds(condition, row, done, inside) and not (number == 2 and "s1" in inside):
                    inside.add(f"s{number}")
                    found[f"s{number}"].add(id)
        return found


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(conditions, min_size=3, max_size=3), st.lists(changes, min_size=1, max_size=8))
async def test_step_by_step_rebuilt_by_sql_and_by_hand_are_the_same(
    marketing: Client, asked: list[dict[str, Any]], steps: list[tuple[str, int, Any]]
) -> None:
    # A tenant that no clock job knows: time is where the test puts it.
    world = World(await marketing.running.join(new_id()))
    await world.begin(asked)
    for step in steps:
        await world.apply(step)
        right = world.by_hand(asked)
        assert await world.members() == right
        assert await world.by_sql() == right
    async with world.tx() as tx:
        rebuilt = await judge(world.at_now(tx), PROFILE, world.people)
        assert (rebuilt.entered, rebuilt.left) == (0, 0)
    async with world.tx() as tx:
        await tx.fetch("DELETE FROM segment_members")
        await judge(world.at_now(tx), PROFILE, world.people)
    assert await world.members() == world.by_hand(asked)
