"""Profiles follow many leads and customers at once as they follow them one by one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from support.deals import told
from tercet.leads.v1 import events_pb2 as leads_events
from tercet.leads.v1.lead_service_pb2 import Lead
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1.consent_service_pb2 import CreateDoNotDisturbRequest, DoNotDisturb, GetDoNotDisturbRequest
from tercet.marketing.v1.profile_service_pb2 import AddTagRequest, ListProfilesRequest, Profile
from tercet.sales.v1.events_pb2 import CustomerValueChanged
from tercet_chassis import Event
from tercet_chassis.context import Context, EventMeta
from tercet_chassis.copies import apply_move
from tercet_chassis.ids import new_id
from tercet_chassis.principal import Principal
from tercet_chassis.testing import Client
from tercet_marketing.profiles.consumers import follow_lead, follow_value

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)


def lead_told(marketing: Client, identity: UUID, name: str, kind: Any = leads_events.LeadCreated, **more: Any) -> Any:
    """An event about a lead, as the stream would bring it."""
    lead = Lead(
        **{
            "id": str(new_id()),
            "identity_id": str(identity),
            "party_id": str(identity),
            "full_name": name,
            "state": Lead.OPEN,
            "create_time": MOMENT,
            **more,
        }
    )
    meta = EventMeta(
        id=new_id(),
        subject="tercet.leads.lead.created.v1",
        tenant_id=marketing.tenant_id,
        resource_id=UUID(lead.id),
        version=1,
        origin="live",
        occur_time=MOMENT,
        record_time=MOMENT,
        actor_kind="system",
        actor_id="test",
        headers={"ce-type": kind.DESCRIPTOR.full_name},
    )
    return Event(meta, kind(lead=lead).SerializeToString())


async def follow(marketing: Client, *given: Any) -> None:
    context = Context(principal=Principal.system("marketing", marketing.tenant_id), method="test", audited=False)
    async with marketing.running.runtime.transaction(context) as tx:
        await follow_lead(list(given), tx)


async def profiles(marketing: Client) -> dict[str, Profile]:
    found = await marketing.ListProfiles(ListProfilesRequest(page_size=1000))
    return {profile.identity_id: profile for profile in found.profiles}


async def test_two_leads_of_one_identity_in_a_group_make_one_profile(marketing: Client) -> None:
    one, other = new_id(), new_id()
    later = datetime(2026, 3, 2, tzinfo=UTC)
    second = lead_told(marketing, one, "王小芳", mobile="+8613900000002", create_time=later)
    await follow(
        marketing,
        lead_told(marketing, one, "王芳", mobile="+8613800000001", email="wang@example.com"),
        lead_told(marketing, other, "李雷", mobile="+8613700000003"),
        second,
    )
    found = await profiles(marketing)
    assert set(found) == {str(one), str(other)}
    assert (found[str(one)].display_name, found[str(one)].lead_id) == ("王小芳", second.message.lead.id)
    assert {point.value for point in found[str(one)].contact_points} == {
        "+8613800000001",
        "wang@example.com",
        "+8613900000002",
    }
    assert found[str(one)].first_touch.touch_time.ToDatetime(tzinfo=UTC) == MOMENT
    announced = await told(marketing, events.ProfileUpdated)
    assert sorted(event.profile.identity_id for event in announced) == sorted(found)
    assert {event.profile.identity_id: event.profile for event in announced} == found


async def test_new_and_known_identities_mix(marketing: Client) -> None:
    known = [new_id() for _ in range(3)]
    before = [lead_told(marketing, identity, f"客户{at}") for at, identity in enumerate(known)]
    await follow(marketing, *before)
    tagged = (await profiles(marketing))[str(known[0])]
    await marketing.AddTag(AddTagRequest(id=tagged.id, tag_code="vip"))
    lead = before[0].message.lead
    gone = before[1].message.lead
    await follow(
        marketing,
        lead_told(marketing, known[0], "改名", id=lead.id),
        lead_told(marketing, known[1], gone.full_name, leads_events.LeadDeleted, id=gone.id),
        before[2],
        lead_told(marketing, new_id(), "新人"),
    )
    found = await profiles(marketing)
    assert len(found) == 4
    assert (found[str(known[0])].display_name, list(found[str(known[0])].tag_codes)) == ("改名", ["vip"])
    assert (found[str(known[1])].display_name, found[str(known[1])].lead_id) == ("", "")
    assert found[str(known[2])].display_name == "客户2"
    # The third was told the same again: nothing is announced of it a second time.
    assert len(await told(marketing, events.ProfileUpdated)) == 3 + 3


async def test_words_of_new_and_changed_profiles_are_found(marketing: Client) -> None:
    identity = new_id()
    first = lead_told(marketing, identity, "欧阳娜娜")
    await follow(marketing, first)
    assert [each.identity_id for each in (await marketing.ListProfiles(ListProfilesRequest(q="欧阳"))).profiles] == [
        str(identity)
    ]
    await follow(marketing, lead_told(marketing, identity, "司马相如", id=first.message.lead.id))
    assert not (await marketing.ListProfiles(ListProfilesRequest(q="欧阳"))).profiles
    assert len((await marketing.ListProfiles(ListProfilesRequest(q="司马"))).profiles) == 1


async def test_a_profile_made_after_its_party_moved_belongs_to_the_new_party(marketing: Client) -> None:
    moved, stayed, party = new_id(), new_id(), new_id()
    context = Context(principal=Principal.system("marketing", marketing.tenant_id), method="test")
    async with marketing.running.runtime.transaction(context) as tx:
        await apply_move(tx, moved, party, 1)
    await follow(marketing, lead_told(marketing, moved, "王芳"), lead_told(marketing, stayed, "李雷"))
    found = await profiles(marketing)
    assert (found[str(moved)].party_id, found[str(stayed)].party_id) == (str(party), str(stayed))
    announced = {
        event.profile.identity_id: event.profile.party_id for event in await told(marketing, events.ProfileUpdated)
    }
    assert announced == {str(moved): str(party), str(stayed): str(stayed)}


async def test_who_was_met_before_their_party_was_told_is_one_profile_in_it_with_what_was_kept(
    marketing: Client,
) -> None:
    early, other, party = new_id(), new_id(), new_id()
    wish = DoNotDisturb(identity_id=str(early), source="phone")
    made = await marketing.CreateDoNotDisturb(CreateDoNotDisturbRequest(do_not_disturb=wish))
    assert made.party_id == str(early)
    (supposed,) = (await profiles(marketing)).values()
    lead = lead_told(marketing, early, "王芳", party_id=str(party))
    await follow(marketing, lead, lead_told(marketing, other, "王小芳", party_id=str(party)))
    found = await profiles(marketing)
    assert {id: profile.party_id for id, profile in found.items()} == dict.fromkeys(
        (str(early), str(other)), str(party)
    )
    assert (found[str(early)].id, found[str(early)].display_name) == (supposed.id, "王芳")
    kept = await marketing.GetDoNotDisturb(GetDoNotDisturbRequest(id=made.id))
    assert kept.party_id == str(party)
    # What leads say of a party later is a move, which is told by itself.
    await follow(marketing, lead_told(marketing, early, "王芳", party_id=str(new_id())))
    assert (await profiles(marketing))[str(early)].party_id == str(party)


async def test_a_profile_shows_the_value_that_was_told_before_it_was_made(marketing: Client) -> None:
    identity = new_id()
    lead = lead_told(marketing, identity, "王芳")
    value = CustomerValueChanged(
        customer_value={
            "id": str(new_id()),
            "identity_id": str(identity),
            "party_id": str(identity),
            "unit_id": str(new_id()),
            "period_start_date": "2026-01-01",
            "order_count": 2,
            "total": {"currency_code": "CNY", "amount": "30.50"},
        }
    )
    principal = Principal.system("marketing", marketing.tenant_id)
    context = Context(principal=principal, method="test", event=lead.meta, audited=False)
    async with marketing.running.runtime.transaction(context) as tx:
        await follow_value(value, tx)
    await follow(marketing, lead, lead_told(marketing, new_id(), "李雷"))
    shown = {profile.display_name: profile.values for profile in (await profiles(marketing)).values()}
    assert [(each.order_count, each.total.amount) for each in shown["王芳"]] == [(2, "30.50")]
    assert not shown["李雷"]
