"""Segments on the real services: written, live, followed, explained, listed, ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.struct_pb2 import Struct
from sqlalchemy import text

from support.deals import catalogue, confirmed, line, new_customer, told
from tercet.chassis.v1.operation_service_pb2 import CancelOperationRequest, GetOperationRequest, Operation
from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet.leads.v1.identity_service_pb2 import PartyMove
from tercet.leads.v1.lead_service_pb2 import CreateLeadRequest, Lead
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1 import segment_service_pb2 as pb
from tercet.marketing.v1.fact_service_pb2 import ListFactsRequest
from tercet.marketing.v1.profile_service_pb2 import AddTagRequest, ListProfilesRequest, Profile, RemoveTagRequest
from tercet.sales.v1.order_service_pb2 import CancelOrderRequest
from tercet_chassis.context import Context
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.principal import Principal
from tercet_chassis.testing import Client, eventually, refused
from tercet_marketing.profiles.model import Profile as ProfileRow
from tercet_marketing.segments import jobs
from tercet_marketing.segments.jobs import PIECE, follow_due

NO_ORDER = {"facts": {"kinds": ["order"], "within": "30d", "op": "=", "value": 0}}
ACTIVE = {"facts": {"kinds": ["touch", "visit", "call"], "within": "30d", "op": ">=", "value": 1}}
ACTIVE_WITHOUT_ORDER = {"all": [ACTIVE, NO_ORDER]}


def tree(condition: dict[str, Any]) -> Struct:
    struct = Struct()
    struct.update(condition)
    return struct


async def new_segment(marketing: Client, code: str, condition: dict[str, Any], **more: Any) -> pb.Segment:
    segment = pb.Segment(code=code, display_name=code, condition=tree(condition), **more)
    created: pb.Segment = await marketing.CreateSegment(pb.CreateSegmentRequest(segment=segment))
    return created


async def live(marketing: Client, code: str, condition: dict[str, Any], **more: Any) -> pb.Segment:
    segment = await new_segment(marketing, code, condition, **more)
    activated: pb.Segment = await marketing.ActivateSegment(pb.ActivateSegmentRequest(id=segment.id))
    await marketing.settled()
    return activated


async def profile_of(marketing: Client, identity_id: str) -> Profile:
    found = await marketing.ListProfiles(ListProfilesRequest(filter=f'identity_id = "{identity_id}"'))
    profile: Profile = found.profiles[0]
    return profile


async def members(marketing: Client, segment: pb.Segment) -> set[str]:
    answer = await marketing.ListSegmentMembers(pb.ListSegmentMembersRequest(segment_id=segment.id))
    return {member.subject_id for member in answer.members}


async def lead_and_profile(leads: Client, marketing: Client, name: str = "李雷") -> tuple[Lead, Profile]:
    lead = await leads.CreateLead(CreateLeadRequest(lead=Lead(full_name=name, mobile="13900139000")))
    await leads.settled()
    return lead, await profile_of(marketing, lead.identity_id)


async def customers(sales: Client, marketing: Client, *names: str) -> list[Profile]:
    made = [await new_customer(sales, name) for name in names]
    await sales.settled()
    return [await profile_of(marketing, customer.identity_id) for customer in made]


async def test_who_was_active_without_an_order_enters_and_leaves_with_the_order(
    leads: Client, sales: Client, marketing: Client
) -> None:
    segment = await live(marketing, "warm", ACTIVE_WITHOUT_ORDER)
    lead, profile = await lead_and_profile(leads, marketing)
    assert await members(marketing, segment) == {profile.id}
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales, "李雷", identity_id=lead.identity_id, party_id=lead.party_id)
    order = await confirmed(sales, customer, line("F1"))
    await sales.settled()
    assert await members(marketing, segment) == set()
    facts = await marketing.ListFacts(ListFactsRequest(filter='kind = "order"'))
    assert [(fact.amount.amount, list(fact.product_codes), fact.voided) for fact in facts.facts] == [
        ("113.00", ["F1"], False)
    ]
    await sales.CancelOrder(CancelOrderRequest(id=order.id))
    await sales.settled()
    assert await members(marketing, segment) == {profile.id}
    assert len(await told(marketing, events.SegmentEntered)) == 2
    assert len(await told(marketing, events.SegmentLeft)) == 1


async def test_time_alone_takes_members_out_of_a_window(leads: Client, marketing: Client) -> None:
    segment = await live(marketing, "warm", ACTIVE)
    _, profile = await lead_and_profile(leads, marketing)
    assert await members(marketing, segment) == {profile.id}
    for days, inside in ((29, {profile.id}), (31, set())):
        async with marketing.transaction() as tx:
            tx._now = datetime.now(UTC) + timedelta(days=days)
            await follow_due(tx)
        assert await members(marketing, segment) == inside


async def test_a_segment_that_cannot_be_judged_holds_up_no_other(
    leads: Client, marketing: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, segment = await live(marketing, "broken", ACTIVE), await live(marketing, "warm", ACTIVE)
    _, profile = await lead_and_profile(leads, marketing)
    assert await members(marketing, segment) == await members(marketing, broken) == {profile.id}
    monkeypatch.setattr(jobs, "DUE_AT_ONCE", 1)
    async with marketing.transaction() as tx:
        gone = '{"path": "custom.gone", "op": "=", "value": 1}'
        await tx.session.execute(text("UPDATE segments SET condition = :gone WHERE code = 'broken'"), {"gone": gone})
        sooner = "UPDATE segment_members SET due_time = due_time - interval '1 day' WHERE segment_code = 'broken'"
        await tx.session.execute(text(sooner))
    async with marketing.transaction() as tx:
        tx._now = datetime.now(UTC) + timedelta(days=31)
        await follow_due(tx)
    assert await members(marketing, segment) == set()
    assert await members(marketing, broken) == {profile.id}
    (shown,) = (await marketing.ListSegments(pb.ListSegmentsRequest(filter='fault != ""'))).segments
    assert (shown.code, "custom.gone" in shown.fault) == ("broken", True)
    operation = await marketing.RebuildSegment(pb.RebuildSegmentRequest(id=broken.id))
    await marketing.settled()
    ended = await marketing.GetOperation(GetOperationRequest(id=operation.id))
    assert (ended.state, ended.error_reason) == (Operation.State.REFUSED, "SEGMENT_CONDITION_INVALID")
    async with marketing.transaction() as tx:
        warm = "(SELECT condition FROM segments WHERE code = 'warm')"
        await tx.session.execute(text(f"UPDATE segments SET condition = {warm} WHERE code = 'broken'"))
    async with marketing.transaction() as tx:
        await follow_due(tx)
    await marketing.settled()
    mended = await marketing.GetSegment(pb.GetSegmentRequest(id=broken.id))
    assert (mended.fault, mended.build_time.ToDatetime() > broken.update_time.ToDatetime()) == ("", True)


async def test_average_order_and_orders_a_quarter_are_asked_of_what_sales_publishes(
    sales: Client, marketing: Client
) -> None:
    await catalogue(sales, {"F1": "1000"})
    customer = await new_customer(sales, "韩梅梅")
    await confirmed(sales, customer, line("F1"))
    await sales.settled()
    big_and_rare = {
        "all": [
            {"path": "average.amount", "op": ">", "value": 500},
            {"path": "orders_per_quarter", "op": "<", "value": 3},
        ]
    }
    segment = await live(marketing, "big-ticket", {"some": {"of": "values", "where": big_and_rare}})
    profile = await profile_of(marketing, customer.identity_id)
    assert await members(marketing, segment) == {profile.id}
    explained = await marketing.ExplainSegmentMember(
        pb.ExplainSegmentMemberRequest(id=segment.id, subject_id=profile.id)
    )
    assert explained.holds
    assert "1130" in explained.because
    by_facts = {
        "all": [
            {
                "facts": {
                    "kinds": ["order"],
                    "measure": "avg",
                    "currency": "CNY",
                    "within": "3mo",
                    "op": ">",
                    "value": 500,
                }
            },
            {"facts": {"kinds": ["order"], "within": "3mo", "op": "<", "value": 3}},
        ]
    }
    answer = await marketing.PreviewSegment(pb.PreviewSegmentRequest(condition=tree(by_facts), sample_size=5))
    assert (answer.count, [each.id for each in answer.sample]) == (1, [profile.id])


async def test_editing_a_live_segment_tells_only_who_differs(sales: Client, marketing: Client) -> None:
    first, second, third = await customers(sales, marketing, "王芳", "李娜", "张伟")
    for profile, tags in ((first, "ab"), (second, "b"), (third, "a")):
        for tag in tags:
            await marketing.AddTag(AddTagRequest(id=profile.id, tag_code=tag))
    await marketing.settled()
    segment = await live(marketing, "tagged", {"path": "tag_codes", "op": ":", "value": "a"})
    assert await members(marketing, segment) == {first.id, third.id}
    before = await marketing.GetSegment(pb.GetSegmentRequest(id=segment.id))
    assert (before.version, before.built_version, list(before.reads)) == (1, 1, ["tag_codes"])
    assert before.condition_text == 'tag_codes:"a"'
    change = pb.Segment(id=segment.id, condition_text='tag_codes:"b"')
    await marketing.UpdateSegment(pb.UpdateSegmentRequest(segment=change, update_mask={"paths": ["condition_text"]}))
    await marketing.settled()
    assert await members(marketing, segment) == {first.id, second.id}
    after = await marketing.GetSegment(pb.GetSegmentRequest(id=segment.id))
    assert (after.version, after.built_version) == (2, 2)
    entered = [event.member.subject_id for event in await told(marketing, events.SegmentEntered)]
    assert sorted(entered) == sorted([first.id, third.id, second.id])
    assert [event.member.subject_id for event in await told(marketing, events.SegmentLeft)] == [third.id]


async def test_segments_ask_and_exclude_other_segments(sales: Client, marketing: Client) -> None:
    first, second = await customers(sales, marketing, "王芳", "李娜")
    vip = await live(marketing, "vip", {"path": "tag_codes", "op": ":", "value": "vip"})
    blocked = await live(marketing, "blocked", {}, kind=pb.Segment.STATIC)
    both = await live(marketing, "care", {"all": [{"member_of": "vip"}, {"not": {"member_of": "blocked"}}]})
    for profile in (first, second):
        await marketing.AddTag(AddTagRequest(id=profile.id, tag_code="vip"))
    await marketing.settled()
    assert await members(marketing, both) == {first.id, second.id}
    stranger = str(new_id())
    changed = await marketing.AddSegmentMembers(
        pb.AddSegmentMembersRequest(id=blocked.id, profile_ids=[second.id, stranger])
    )
    assert (changed.changed_count, list(changed.unknown_ids)) == (1, [stranger])
    assert await members(marketing, both) == {first.id}
    await marketing.RemoveSegmentMembers(pb.RemoveSegmentMembersRequest(id=blocked.id, profile_ids=[second.id]))
    assert await members(marketing, both) == {first.id, second.id}
    await marketing.RemoveTag(RemoveTagRequest(id=first.id, tag_code="vip"))
    await marketing.settled()
    assert await members(marketing, both) == {second.id}
    listed = await marketing.ListProfileSegments(pb.ListProfileSegmentsRequest(profile_id=second.id))
    assert {member.segment_code for member in listed.members} == {"vip", "care"}
    with refused("SEGMENTS_IN_A_CIRCLE"):
        change = pb.Segment(id=vip.id, condition=tree({"member_of": "care"}))
        await marketing.UpdateSegment(pb.UpdateSegmentRequest(segment=change, update_mask={"paths": ["condition"]}))
    with refused("SEGMENT_IN_USE"):
        await marketing.ArchiveSegment(pb.ArchiveSegmentRequest(id=vip.id))
    await marketing.ArchiveSegment(pb.ArchiveSegmentRequest(id=both.id))

    async def empty() -> bool:
        return not await members(marketing, both)

    await eventually(empty)
    with refused("SEGMENT_ARCHIVED_ALREADY"):
        await marketing.ArchiveSegment(pb.ArchiveSegmentRequest(id=both.id))


@pytest.mark.parametrize(
    ("condition", "place", "remedy"),
    [
        ({"all": [{"path": "colour", "value": "red"}]}, "/all/0/path", "no field"),
        ({"any": [{"facts": {"kinds": ["purchase"]}}]}, "/any/0/facts/kinds", "order"),
        ({"facts": {"kinds": ["order"], "measure": "sum", "op": ">", "value": 5}}, "/facts/currency", "CNY"),
        ({"facts": {"kinds": ["order"], "within": "soon", "value": 5}}, "/facts/within", "30d"),
        ({"facts": {"kinds": ["order"], "value": 1, "where": {"path": "x", "value": 1}}}, "/facts/where/path", "field"),
        ({"facts": {"kinds": ["order"], "value": "many"}}, "/facts/value", "number"),
        ({"some": {"of": "wishes", "where": {"all": []}}}, "/some/of", "values"),
        ({"not": {"member_of": "nobody"}}, "/not/member_of", "code of a segment"),
    ],
)
async def test_a_bad_condition_is_refused_at_its_place_with_the_remedy(
    marketing: Client, condition: dict[str, Any], place: str, remedy: str
) -> None:
    with refused("SEGMENT_CONDITION_INVALID", "segment.condition"):
        await new_segment(marketing, "bad", condition)
    with pytest.raises(Refusal) as raised:
        await marketing.PreviewSegment(pb.PreviewSegmentRequest(condition=tree(condition)))
    assert place in raised.value.message
    assert remedy in raised.value.message


async def test_masked_fields_are_neither_asked_nor_told(sales: Client, marketing: Client) -> None:
    (profile,) = await customers(sales, marketing, "王芳")
    segment = await live(marketing, "named", {"path": "display_name", "value": "王芳"})
    marketer = marketing.as_(permissions={"marketing.*": "all"}, masks=["NAME"])
    explained = await marketer.ExplainSegmentMember(
        pb.ExplainSegmentMemberRequest(id=segment.id, subject_id=profile.id)
    )
    assert explained.because == "in, because display_name fits"
    with refused("SEGMENT_CONDITION_INVALID"):
        await marketer.PreviewSegment(pb.PreviewSegmentRequest(condition_text='display_name = "王芳"'))
    shown = await marketer.PreviewSegment(pb.PreviewSegmentRequest(sample_size=1))
    assert shown.count == 1
    assert shown.sample[0].display_name != "王芳"


async def test_counts_and_lists_obey_the_callers_reach(sales: Client, marketing: Client) -> None:
    (profile,) = await customers(sales, marketing, "王芳")
    segment = await live(marketing, "all", {})
    assert await members(marketing, segment) == {profile.id}
    stranger = marketing.as_(permissions={"marketing.segment.*": "all", "marketing.profile.read": "own"})
    assert await members(stranger, segment) == set()
    assert (await stranger.PreviewSegment(pb.PreviewSegmentRequest())).count == 0
    with refused("RESOURCE_NOT_FOUND"):
        await stranger.ExplainSegmentMember(pb.ExplainSegmentMemberRequest(id=segment.id, subject_id=profile.id))


async def test_merge_and_undoing_move_facts_and_so_members(leads: Client, sales: Client, marketing: Client) -> None:
    segment = await live(marketing, "warm", ACTIVE_WITHOUT_ORDER)
    lead, profile = await lead_and_profile(leads, marketing)
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales, "李雷")
    await confirmed(sales, customer, line("F1"))
    await sales.settled()
    assert await members(marketing, segment) == {profile.id}
    system = Context(principal=Principal.system("leads", leads.tenant_id), method="test")

    async def move(source: str, target: str, version: int) -> None:
        async with leads.running.runtime.transaction(system) as tx:
            made = PartyMove(
                identity_id=customer.identity_id, from_party_id=source, to_party_id=target, version=version
            )
            tx.emit(PartyMembersMoved, None, moves=[made])
        await leads.settled()

    await move(customer.party_id, lead.party_id, 1)
    assert await members(marketing, segment) == set()
    await move(lead.party_id, customer.party_id, 2)
    assert await members(marketing, segment) == {profile.id}


async def test_rebuilding_is_an_operation_that_finds_what_was_missed(sales: Client, marketing: Client) -> None:
    profiles = await customers(sales, marketing, "王芳", "李娜")
    segment = await live(marketing, "all", {"path": "order_count", "op": "=", "value": 0})
    async with marketing.transaction() as tx:
        await tx.fetch("DELETE FROM segment_members WHERE segment_id = $1", UUID(segment.id))
    operation = await marketing.RebuildSegment(pb.RebuildSegmentRequest(id=segment.id))
    await marketing.settled()
    assert operation.id
    assert await members(marketing, segment) == {profile.id for profile in profiles}
    assert (await marketing.ListProfiles(ListProfilesRequest(count=True))).total_size == 2


async def test_who_fitted_before_enters_as_initial_and_who_comes_later_does_not(
    sales: Client, marketing: Client
) -> None:
    await customers(sales, marketing, "王芳")
    segment = await live(marketing, "all", {"path": "order_count", "op": "=", "value": 0})
    await customers(sales, marketing, "李娜")
    change = pb.Segment(id=segment.id, condition=tree({"path": "order_count", "op": "<", "value": 1}))
    await marketing.UpdateSegment(pb.UpdateSegmentRequest(segment=change, update_mask={"paths": ["condition"]}))
    await marketing.settled()
    await customers(sales, marketing, "张伟")
    assert [event.initial for event in await told(marketing, events.SegmentEntered)] == [True, False, False]


async def test_a_cancelled_rebuild_keeps_what_it_judged_and_judges_no_more(marketing: Client) -> None:
    segment = await live(marketing, "all", {})
    ids = sorted(new_id() for _ in range(2 * PIECE + 1))
    async with marketing.transaction() as tx:
        tx.stage(ProfileRow, [{"id": id, "identity_id": id, "party_id": id, "display_name": ""} for id in ids])
    async with marketing.transaction() as tx:
        await tx.hold("segments", [ids[PIECE]])
        operation = await marketing.RebuildSegment(pb.RebuildSegmentRequest(id=segment.id))

        async def first_piece() -> bool:
            now: Operation = await marketing.GetOperation(GetOperationRequest(id=operation.id))
            return now.done_count == PIECE

        await eventually(first_piece)
        await marketing.CancelOperation(CancelOperationRequest(id=operation.id))

    async def cancelled() -> bool:
        now: Operation = await marketing.GetOperation(GetOperationRequest(id=operation.id))
        return now.state == Operation.State.CANCELLED

    await eventually(cancelled)
    counted = await marketing.ListSegmentMembers(pb.ListSegmentMembersRequest(segment_id=segment.id, count=True))
    assert counted.total_size == 2 * PIECE
