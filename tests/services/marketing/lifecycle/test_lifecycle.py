"""Lifecycles on the real services: written, live, followed, moved by hand, explained, merged, ended."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from sqlalchemy import text

from support.deals import catalogue, confirmed, line, new_customer, told
from support.sending import profile_id, somebody
from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet.leads.v1.identity_service_pb2 import PartyMove
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1 import lifecycle_service_pb2 as pb
from tercet.marketing.v1.profile_service_pb2 import AddTagRequest, ListProfilesRequest, Profile, RemoveTagRequest
from tercet_chassis.context import Context
from tercet_chassis.ids import new_id
from tercet_chassis.principal import Principal
from tercet_chassis.testing import Client, refused
from tercet_marketing.lifecycle.jobs import follow_due
from tercet_marketing.profiles import store as profiles

EXAMPLE = Path(__file__).parents[4] / "examples" / "lifecycle.json"
BOUGHT = {"facts": {"kinds": ["order"], "within": "1d", "op": ">=", "value": 1}}
EVER = {"facts": {"kinds": ["order"], "op": ">=", "value": 1}}
ACTIVE, NURTURE, POTENTIAL, CHURNED = (
    pb.LifecycleStage.ACTIVE,
    pb.LifecycleStage.NURTURE,
    pb.LifecycleStage.POTENTIAL,
    pb.LifecycleStage.CHURNED,
)


def tagged(code: str) -> dict[str, Any]:
    return {"path": "tag_codes", "op": ":", "value": code}


def stage(code: str, condition: dict[str, Any], category: int = ACTIVE, **more: Any) -> pb.LifecycleStage:
    struct = Struct()
    struct.update(condition)
    return pb.LifecycleStage(code=code, display_name=code, category=category, condition=struct, **more)  # type: ignore[arg-type]


BUYING = (stage("active", BOUGHT), stage("churned", EVER, CHURNED), stage("potential", {}, POTENTIAL))
TAGGED = (stage("gold", tagged("gold")), stage("silver", tagged("silver"), NURTURE))


async def draft(marketing: Client, *stages: pb.LifecycleStage, **more: Any) -> pb.Lifecycle:
    values: dict[str, Any] = {"code": "buyers", "display_name": "买家", **more}
    made: pb.Lifecycle = await marketing.CreateLifecycle(
        pb.CreateLifecycleRequest(lifecycle=pb.Lifecycle(stages=stages, **values))
    )
    return made


async def live(marketing: Client, *stages: pb.LifecycleStage, **more: Any) -> pb.Lifecycle:
    made = await draft(marketing, *stages, **more)
    activated: pb.Lifecycle = await marketing.ActivateLifecycle(pb.ActivateLifecycleRequest(id=made.id))
    await marketing.settled()
    return activated


async def tag(marketing: Client, identity: UUID, add: str = "", remove: str = "") -> None:
    id = await profile_id(marketing, identity)
    if add:
        await marketing.AddTag(AddTagRequest(id=id, tag_code=add))
    if remove:
        await marketing.RemoveTag(RemoveTagRequest(id=id, tag_code=remove))
    await marketing.settled()


async def places(marketing: Client, filter: str = "") -> dict[str, str]:
    found = await marketing.ListLifecyclePositions(pb.ListLifecyclePositionsRequest(filter=filter))
    return {one.party_id: one.stage_code for one in found.lifecycle_positions}


async def steps(marketing: Client, party: object) -> list[tuple[str, str, str]]:
    found = await marketing.ListLifecycleChanges(
        pb.ListLifecycleChangesRequest(filter=f'party_id = "{party}"', order_by="change_time, id")
    )
    cause = pb.LifecycleChange.Cause
    return [(one.from_stage_code, one.to_stage_code, cause.Name(one.cause)) for one in found.lifecycle_changes]


@asynccontextmanager
async def later(marketing: Client, **by: float) -> AsyncIterator[None]:
    """Some time ahead, when what is due by then is done."""
    clock = marketing.running.runtime.clock
    clock.advance(clock.now() + timedelta(**by))
    try:
        await marketing.settled()
        yield
    finally:
        clock.release()


async def shown(marketing: Client, identity: object) -> Profile:
    found = await marketing.ListProfiles(ListProfilesRequest(filter=f'identity_id = "{identity}"'))
    profile: Profile = found.profiles[0]
    return profile


async def test_the_relation_follows_orders_and_time_forth_and_back(sales: Client, marketing: Client) -> None:
    lifecycle = await live(marketing, *BUYING, shown_on_profiles=True)
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales, "王芳")
    await sales.settled()
    assert await places(marketing) == {customer.party_id: "potential"}
    await confirmed(sales, customer, line("F1"))
    await sales.settled()
    assert await places(marketing, 'stage_code = "active"') == {customer.party_id: "active"}
    assert (await shown(marketing, customer.identity_id)).lifecycle_code == "active"
    async with later(marketing, days=1.1):
        assert await places(marketing, 'category = "CHURNED"') == {customer.party_id: "churned"}
        assert (await shown(marketing, customer.identity_id)).lifecycle_code == "churned"
        assert await steps(marketing, customer.party_id) == [
            ("", "potential", "RULE"),
            ("potential", "active", "RULE"),
            ("active", "churned", "RULE"),
        ]
        changes = await told(marketing, events.LifecycleStageChanged)
        assert [(one.from_stage_code, one.position.stage_code, one.initial) for one in changes] == [
            ("", "potential", False),
            ("potential", "active", False),
            ("active", "churned", False),
        ]
        assert changes[1].reason == "in, because count of order in the last 1d is 1, >= 1"
        explained = await marketing.ExplainLifecycle(
            pb.ExplainLifecycleRequest(id=lifecycle.id, party_id=customer.party_id)
        )
        assert [(one.stage_code, one.holds, one.reachable) for one in explained.stages] == [
            ("active", False, True),
            ("churned", True, True),
            ("potential", True, True),
        ]
        assert (explained.position.stage_code, explained.chosen_stage_code) == ("churned", "churned")


async def test_who_was_there_before_is_marked_and_shown_until_the_lifecycle_ends(marketing: Client) -> None:
    fang = await somebody(marketing, "王芳", customer_lifecycle_code="old")
    await tag(marketing, fang, add="silver")
    lifecycle = await live(marketing, *TAGGED, shown_on_profiles=True)
    assert [one.initial for one in await told(marketing, events.LifecycleStageChanged)] == [True]
    assert (await marketing.GetLifecycle(pb.GetLifecycleRequest(id=lifecycle.id))).built_version == 1
    assert (await shown(marketing, fang)).lifecycle_code == "silver"
    with refused("LIFECYCLE_SHOWN_ALREADY"):
        await live(marketing, *TAGGED, code="second", shown_on_profiles=True)
    await tag(marketing, fang, add="gold")
    assert [one.initial for one in await told(marketing, events.LifecycleStageChanged)] == [True, False]
    await marketing.ArchiveLifecycle(pb.ArchiveLifecycleRequest(id=lifecycle.id))
    await marketing.settled()
    assert (await shown(marketing, fang)).lifecycle_code == "old"
    assert await places(marketing) == {str(fang): "gold"}
    await tag(marketing, fang, remove="gold")
    assert await places(marketing) == {str(fang): "gold"}
    with refused("LIFECYCLE_ARCHIVED_ALREADY"):
        await marketing.ArchiveLifecycle(pb.ArchiveLifecycleRequest(id=lifecycle.id))


async def test_a_stage_is_kept_for_its_days_and_left_only_the_allowed_ways(marketing: Client) -> None:
    await live(
        marketing,
        stage("gold", tagged("gold"), next_stage_codes=["silver"]),
        stage("silver", tagged("silver"), NURTURE, min_days_in_stage=1),
        stage("none", {"not": tagged("silver")}, CHURNED),
    )
    fang = await somebody(marketing, "王芳")
    await tag(marketing, fang, add="gold")
    await tag(marketing, fang, remove="gold")
    assert await places(marketing) == {str(fang): "gold"}  # the way to "none" leads through silver
    await tag(marketing, fang, add="silver")
    await tag(marketing, fang, add="gold")
    assert await places(marketing) == {str(fang): "silver"}  # not for a day
    async with later(marketing, hours=23):
        assert await places(marketing) == {str(fang): "silver"}
    async with later(marketing, hours=25):
        assert await places(marketing) == {str(fang): "gold"}
    assert len(await told(marketing, events.LifecycleStageChanged)) == 3


async def test_somebody_is_moved_by_hand_with_a_reason_and_stays_for_the_days(marketing: Client) -> None:
    lifecycle = await live(marketing, *TAGGED)
    fang = await somebody(marketing, "王芳")
    await tag(marketing, fang, add="gold")
    request = {"id": lifecycle.id, "party_id": str(fang), "reason": "promised on the phone", "pin_days": 1}
    moved = await marketing.MoveParty(pb.MovePartyRequest(stage_code="silver", **request))  # type: ignore[arg-type]
    assert (moved.stage_code, moved.change_count) == ("silver", 2)
    await tag(marketing, fang, add="other")
    assert await places(marketing) == {str(fang): "silver"}
    explained = await marketing.ExplainLifecycle(pb.ExplainLifecycleRequest(id=lifecycle.id, party_id=str(fang)))
    assert explained.held_until_time == moved.pin_end_time == moved.due_time
    async with later(marketing, hours=25):
        assert await steps(marketing, fang) == [
            ("", "gold", "RULE"),
            ("gold", "silver", "MANUAL"),
            ("silver", "gold", "RULE"),
        ]
    again = await marketing.MoveParty(pb.MovePartyRequest(stage_code="gold", **request))  # type: ignore[arg-type]
    assert (again.change_count, again.HasField("pin_end_time")) == (3, True)
    assert [one.cause for one in await told(marketing, events.LifecycleStageChanged)] == [1, 2, 1]
    unpin = pb.UnpinPartyRequest(id=lifecycle.id, party_id=str(fang))
    assert not (await marketing.UnpinParty(unpin)).HasField("pin_end_time")
    with refused("LIFECYCLE_NOT_PINNED"):
        await marketing.UnpinParty(unpin)
    with refused("LIFECYCLE_STAGE_UNKNOWN"):
        await marketing.MoveParty(pb.MovePartyRequest(stage_code="bronze", **request))  # type: ignore[arg-type]
    seller = marketing.as_(permissions={"marketing.lifecycle.*": "own"}, user_id=new_id())
    with refused("PARTY_PROFILE_NOT_FOUND"):
        await seller.MoveParty(pb.MovePartyRequest(stage_code="silver", **request))  # type: ignore[arg-type]
    with refused("PARTY_PROFILE_NOT_FOUND"):
        await seller.ExplainLifecycle(pb.ExplainLifecycleRequest(id=lifecycle.id, party_id=str(fang)))
    nosy = marketing.as_(permissions={"marketing.lifecycle_position.read": "own"}, user_id=new_id())
    assert await places(nosy) == {}


async def test_merging_makes_one_position_and_undoing_brings_both_back(leads: Client, marketing: Client) -> None:
    await live(marketing, *TAGGED, shown_on_profiles=True)
    fang, lei = await somebody(marketing, "王芳"), await somebody(marketing, "李雷")
    await tag(marketing, fang, add="silver")
    await tag(marketing, lei, add="gold")
    before = {str(fang): "silver", str(lei): "gold"}
    assert await places(marketing) == before
    system = Context(principal=Principal.system("leads", leads.tenant_id), method="test")

    async def move(source: UUID, target: UUID, version: int) -> None:
        async with leads.running.runtime.transaction(system) as tx:
            made = PartyMove(identity_id=str(lei), from_party_id=str(source), to_party_id=str(target), version=version)
            tx.emit(PartyMembersMoved, None, moves=[made])
        await leads.settled()

    await move(lei, fang, 1)
    assert await places(marketing) == {str(fang): "gold"}
    assert (await shown(marketing, fang)).lifecycle_code == "gold"
    assert len(await told(marketing, events.LifecycleStageChanged)) == 2  # the party was at gold already
    await move(fang, lei, 2)
    assert await places(marketing) == before
    assert (await shown(marketing, fang)).lifecycle_code == "silver"
    assert len(await told(marketing, events.LifecycleStageChanged)) == 2


async def test_editing_a_live_lifecycle_moves_only_who_differs(marketing: Client) -> None:
    lifecycle = await live(marketing, *TAGGED)
    fang, lei = await somebody(marketing, "王芳"), await somebody(marketing, "李雷")
    await tag(marketing, fang, add="gold")
    await tag(marketing, lei, add="silver")
    kept = await marketing.GetLifecycle(pb.GetLifecycleRequest(id=lifecycle.id))
    kept.stages[1].condition_text = 'tag_codes:"platinum"'
    update = pb.UpdateLifecycleRequest(lifecycle=kept, update_mask={"paths": ["stages"]})
    changed = await marketing.UpdateLifecycle(update)
    assert changed.stages[1].condition == stage("", tagged("platinum")).condition
    await marketing.settled()
    assert await places(marketing) == {str(fang): "gold", str(lei): "silver"}  # nothing else fits: everybody stays
    gone = pb.Lifecycle(id=lifecycle.id, stages=[stage("best", tagged("gold")), stage("rest", tagged("x"), NURTURE)])
    await marketing.UpdateLifecycle(pb.UpdateLifecycleRequest(lifecycle=gone, update_mask={"paths": ["stages"]}))
    await marketing.settled()
    assert await places(marketing) == {str(fang): "best", str(lei): ""}
    assert (await steps(marketing, lei))[-1] == ("silver", "", "STAGE_REMOVED")
    assert (await marketing.GetLifecycle(pb.GetLifecycleRequest(id=lifecycle.id))).built_version == 3
    assert [one.initial for one in await told(marketing, events.LifecycleStageChanged)] == [False, False, True, False]


async def test_rebuilding_finds_what_was_missed(marketing: Client) -> None:
    lifecycle = await live(marketing, *TAGGED)
    fang = await somebody(marketing, "王芳")
    async with marketing.transaction() as tx:
        found = await profiles.profile_of(tx, fang)
        assert found is not None
        found.add_tag("gold", "manual", tx.now(), None)
    await marketing.RebuildLifecycle(pb.RebuildLifecycleRequest(id=lifecycle.id))
    await marketing.settled()
    assert await places(marketing) == {str(fang): "gold"}


async def test_a_lifecycle_that_cannot_be_judged_says_why_and_goes_on_once_it_can(marketing: Client) -> None:
    lifecycle = await live(marketing, *TAGGED)
    fang = await somebody(marketing, "王芳")
    swap = text("UPDATE lifecycles SET stages = replace(stages::text, :old, :new)::jsonb")
    async with marketing.transaction() as tx:
        await tx.session.execute(swap, {"old": "tag_codes", "new": "custom.gone"})
    async with marketing.transaction() as tx:
        await follow_due(tx)
    (shown,) = (await marketing.ListLifecycles(pb.ListLifecyclesRequest(filter='fault != ""'))).lifecycles
    assert (shown.id, "custom.gone" in shown.fault) == (lifecycle.id, True)
    await tag(marketing, fang, add="gold")
    await marketing.settled()
    assert await places(marketing) == {}
    async with marketing.transaction() as tx:
        await tx.session.execute(swap, {"old": "custom.gone", "new": "tag_codes"})
    async with marketing.transaction() as tx:
        await follow_due(tx)
    await marketing.settled()
    assert not (await marketing.GetLifecycle(pb.GetLifecycleRequest(id=lifecycle.id))).fault
    assert await places(marketing) == {str(fang): "gold"}


@pytest.mark.parametrize(
    ("stages", "reason"),
    [
        ([stage("a", {"path": "colour", "value": 1})], "SEGMENT_CONDITION_INVALID"),
        ([stage("a", {}), stage("a", {})], "LIFECYCLE_STAGE_TWICE"),
        ([stage("a", {}, next_stage_codes=["b"])], "LIFECYCLE_STAGE_UNKNOWN"),
        ([stage("a", {"not": {"path": "lifecycle_code", "value": "a"}})], "LIFECYCLE_STAGE_ASKS_ITS_OUTCOME"),
        ([stage("a", {"member_of": "vip"})], "LIFECYCLE_STAGE_ASKS_ITS_OUTCOME"),
    ],
)
async def test_stages_that_cannot_be_judged_are_refused(
    marketing: Client, stages: list[pb.LifecycleStage], reason: str
) -> None:
    with refused(reason):
        await draft(marketing, *stages)


async def test_only_drafts_go_live_and_only_live_ones_judge(marketing: Client) -> None:
    lifecycle = await draft(marketing, *TAGGED)
    fang = await somebody(marketing, "王芳")
    with refused("LIFECYCLE_NOT_LIVE"):
        await marketing.ExplainLifecycle(pb.ExplainLifecycleRequest(id=lifecycle.id, party_id=str(fang)))
    await marketing.ActivateLifecycle(pb.ActivateLifecycleRequest(id=lifecycle.id))
    with refused("LIFECYCLE_NOT_DRAFT"):
        await marketing.ActivateLifecycle(pb.ActivateLifecycleRequest(id=lifecycle.id))
    with refused("LIFECYCLE_ZONE_UNKNOWN"):
        await draft(marketing, *TAGGED, code="far", time_zone="Mars/Olympus")


async def test_the_example_can_be_used_as_it_is(sales: Client, marketing: Client) -> None:
    example = json_format.ParseDict(json.loads(EXAMPLE.read_text("utf-8")), pb.Lifecycle())
    made = await marketing.CreateLifecycle(pb.CreateLifecycleRequest(lifecycle=example))
    await marketing.ActivateLifecycle(pb.ActivateLifecycleRequest(id=made.id))
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales, "王芳")
    await sales.settled()
    assert await places(marketing) == {customer.party_id: "potential"}
    for stage in ("active", "active", "active", "loyal"):
        await confirmed(sales, customer, line("F1"))
        await sales.settled()
        assert await places(marketing) == {customer.party_id: stage}
