"""Profiles on the real services: fed by leads and sales, seen by party, tagged, with consent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from support.deals import catalogue, cny, confirmed, line, new_customer, stamp, told
from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet.leads.v1.identity_service_pb2 import PartyMove
from tercet.leads.v1.lead_service_pb2 import CreateLeadRequest, Lead
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1.profile_service_pb2 import (
    AddTagRequest,
    ConsentDecision,
    GetPartyProfileRequest,
    GetProfileRequest,
    ListProfilesRequest,
    ListTagHistoryRequest,
    Profile,
    ProfileContactPoint,
    RemoveTagRequest,
    SetConsentRequest,
    TagChange,
)
from tercet.sales.v1 import events_pb2 as sales_events
from tercet.sales.v1.customer_service_pb2 import Customer, UpdateCustomerRequest
from tercet.sales.v1.order_service_pb2 import CancelOrderRequest
from tercet.sales.v1.transaction_service_pb2 import ImportReceiptsRequest, Receipt
from tercet.sales.v1.value_service_pb2 import CreateValuePolicyRequest, CustomerValue, ValuePolicy
from tercet_chassis.context import Context
from tercet_chassis.ids import new_id
from tercet_chassis.principal import Principal
from tercet_chassis.testing import Client, eventually, refused
from tercet_marketing.profiles.consumers import follow_transaction
from tercet_marketing.profiles.jobs import expire_tag

PHONE = ProfileContactPoint(kind=ProfileContactPoint.PHONE, value="+8613800138000")


async def profile_of(marketing: Client, identity_id: str) -> Profile:
    found = await marketing.ListProfiles(ListProfilesRequest(filter=f'identity_id = "{identity_id}"'))
    assert len(found.profiles) == 1
    profile: Profile = found.profiles[0]
    return profile


async def some_profile(sales: Client, marketing: Client, name: str = "王芳") -> Profile:
    customer = await new_customer(sales, name, phones=[{"number": "13800138000", "primary": True}])
    await sales.settled()
    return await profile_of(marketing, customer.identity_id)


async def test_a_lead_makes_a_profile_with_its_touches(leads: Client, marketing: Client) -> None:
    lead = await leads.CreateLead(
        CreateLeadRequest(lead=Lead(full_name="李雷", mobile="13900139000", email="lilei@example.com"))
    )
    await leads.settled()
    profile = await profile_of(marketing, lead.identity_id)
    assert (profile.display_name, profile.lead_id, profile.lifecycle) == ("李雷", lead.id, Profile.LEAD)
    assert {(point.kind, point.value) for point in profile.contact_points} == {
        (ProfileContactPoint.PHONE, lead.mobile),
        (ProfileContactPoint.EMAIL, "lilei@example.com"),
    }
    assert profile.first_touch.source_code == lead.source_code
    assert profile.first_touch.HasField("touch_time")


async def test_profile_follows_a_customer_through_orders_and_cancellation(sales: Client, marketing: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    policy = ValuePolicy(
        period=ValuePolicy.YEAR, method=ValuePolicy.FIXED, average_threshold=cny("100"), count_threshold=2
    )
    await sales.CreateValuePolicy(CreateValuePolicyRequest(value_policy=policy))
    customer = await new_customer(sales, phones=[{"number": "13800138000", "primary": True}])
    await sales.settled()
    profile = await profile_of(marketing, customer.identity_id)
    assert (profile.lifecycle, profile.lifecycle_code, profile.order_count) == (Profile.PROSPECT, "prospect", 0)
    assert (profile.customer_id, profile.unit_id, profile.party_id) == (
        customer.id,
        customer.unit_id,
        customer.party_id,
    )
    first = await confirmed(sales, customer, line("F1"))
    second = await confirmed(sales, customer, line("F1", "2"))
    await sales.settled()
    profile = await profile_of(marketing, customer.identity_id)
    assert (profile.lifecycle, profile.order_count) == (Profile.REPEAT_BUYER, 2)
    assert (profile.first_order_time, profile.last_order_time) == (first.confirm_time, second.confirm_time)
    assert [(amount.currency_code, amount.amount) for amount in profile.spent] == [("CNY", "339.00")]
    assert [(value.unit_id, value.quadrant) for value in profile.values] == [
        (customer.unit_id, CustomerValue.Quadrant.Name(CustomerValue.CORE))
    ]
    await sales.CancelOrder(CancelOrderRequest(id=first.id))
    await sales.settled()
    profile = await profile_of(marketing, customer.identity_id)
    assert (profile.lifecycle, profile.order_count, profile.first_order_time) == (
        Profile.FIRST_BUYER,
        1,
        second.confirm_time,
    )
    assert [(amount.currency_code, amount.amount) for amount in profile.spent] == [("CNY", "226.00")]
    assert profile.values[0].order_count == 1


async def test_profile_takes_a_new_name_and_is_found_by_it(sales: Client, marketing: Client) -> None:
    customer = await new_customer(sales, "王芳")
    change = Customer(id=customer.id, full_name="欧阳娜娜", lifecycle_code="vip")
    await sales.UpdateCustomer(
        UpdateCustomerRequest(customer=change, update_mask={"paths": ["full_name", "lifecycle_code"]})
    )
    await sales.settled()
    found = await marketing.ListProfiles(ListProfilesRequest(q="欧阳"))
    assert [(profile.identity_id, profile.lifecycle_code) for profile in found.profiles] == [
        (customer.identity_id, "vip")
    ]
    assert not (await marketing.ListProfiles(ListProfilesRequest(q="王芳"))).profiles


async def test_nothing_changed_tells_nothing(sales: Client, marketing: Client) -> None:
    customer = await new_customer(sales, "王芳")
    await sales.settled()
    before = len(await told(marketing, events.ProfileUpdated))
    change = Customer(id=customer.id, remark="喜欢蓝色")
    await sales.UpdateCustomer(UpdateCustomerRequest(customer=change, update_mask={"paths": ["remark"]}))
    await sales.settled()
    assert len(await told(marketing, events.ProfileUpdated)) == before


async def test_party_sums_its_members_and_comes_apart_again(leads: Client, sales: Client, marketing: Client) -> None:
    one, two = new_id(), new_id()
    when = datetime(2026, 3, 1, tzinfo=UTC)

    def receipt(id: str, identity: UUID, currency: str, amount: str) -> Receipt:
        return Receipt(
            external_ref={"system": "pos", "id": id},
            identity_id=str(identity),
            amount={"currency_code": currency, "amount": amount},
            occur_time=stamp(when),
        )

    answer = await sales.ImportReceipts(
        ImportReceiptsRequest(receipts=[receipt("1", one, "CNY", "10"), receipt("2", two, "CNY", "20.50")])
    )
    assert not answer.refused
    await sales.settled()
    for identity, state in ((one, ConsentDecision.GRANTED), (two, ConsentDecision.DENIED)):
        profile = await profile_of(marketing, str(identity))
        decision = ConsentDecision(contact_point=PHONE, purpose=ConsentDecision.MARKETING, state=state)
        await marketing.SetConsent(SetConsentRequest(id=profile.id, consent=decision))
    before = [await profile_of(marketing, str(identity)) for identity in (one, two)]

    async def move(source: UUID, target: UUID, version: int) -> None:
        made = PartyMove(identity_id=str(two), from_party_id=str(source), to_party_id=str(target), version=version)
        async with leads.transaction() as tx:
            tx.emit(PartyMembersMoved, None, moves=[made])
        await leads.settled()

    await move(two, one, 1)
    party = await marketing.GetPartyProfile(GetPartyProfileRequest(party_id=str(one)))
    assert len(party.members) == 2
    assert (party.order_count, [amount.amount for amount in party.spent]) == (2, ["30.50"])
    assert [decision.state for decision in party.consents] == [ConsentDecision.DENIED]
    with refused("PARTY_PROFILE_NOT_FOUND"):
        await marketing.GetPartyProfile(GetPartyProfileRequest(party_id=str(two)))
    await move(one, two, 2)
    for old in before:
        new = await profile_of(marketing, old.identity_id)
        for name in ("party_id", "order_count", "spent", "consents", "values", "lifecycle"):
            assert getattr(new, name) == getattr(old, name)
    alone = await marketing.GetPartyProfile(GetPartyProfileRequest(party_id=str(one)))
    assert [decision.state for decision in alone.consents] == [ConsentDecision.GRANTED]


async def test_tags_are_put_on_taken_off_and_remembered(sales: Client, marketing: Client) -> None:
    profile = await some_profile(sales, marketing)
    tagged = await marketing.AddTag(AddTagRequest(id=profile.id, tag_code="vip"))
    again = await marketing.AddTag(AddTagRequest(id=profile.id, tag_code="vip", source="rule"))
    assert [(tag.tag_code, tag.source, tag.add_time) for tag in again.tags] == [
        ("vip", "rule", tagged.tags[0].add_time)
    ]
    found = await marketing.ListProfiles(ListProfilesRequest(filter='tag_codes:"vip"'))
    assert [each.id for each in found.profiles] == [profile.id]
    assert not (await marketing.RemoveTag(RemoveTagRequest(id=profile.id, tag_code="vip"))).tags
    with refused("TAG_NOT_FOUND", "tag_code"):
        await marketing.RemoveTag(RemoveTagRequest(id=profile.id, tag_code="vip"))
    with refused("TAG_EXPIRED_ALREADY", "expire_time"):
        past = stamp(datetime(2020, 1, 1, tzinfo=UTC))
        await marketing.AddTag(AddTagRequest(id=profile.id, tag_code="late", expire_time=past))
    history = (await marketing.ListTagHistory(ListTagHistoryRequest(id=profile.id))).changes
    assert [(change.action, change.source) for change in history] == [
        (TagChange.REMOVED, "manual"),
        (TagChange.ADDED, "rule"),
        (TagChange.ADDED, "manual"),
    ]
    assert all(change.user_id == str(marketing.principal.user_id) for change in history)
    assert [len(await told(marketing, event)) for event in (events.TagAdded, events.TagRemoved)] == [2, 1]


async def test_a_tag_falls_off_at_its_time_unless_it_was_lengthened(sales: Client, marketing: Client) -> None:
    profile = await some_profile(sales, marketing)
    soon = datetime.now(UTC) + timedelta(seconds=1)
    await marketing.AddTag(AddTagRequest(id=profile.id, tag_code="campaign-618", expire_time=stamp(soon)))
    await marketing.AddTag(AddTagRequest(id=profile.id, tag_code="keeps", expire_time=stamp(soon + timedelta(days=9))))
    async with marketing.transaction() as tx:
        await expire_tag(tx, profile_id=profile.id, tag_code="keeps")

    async def fallen() -> bool:
        tags = (await marketing.GetProfile(GetProfileRequest(id=profile.id))).tag_codes
        return list(tags) == ["keeps"]

    await eventually(fallen)
    assert [(event.tag_code, event.expired) for event in await told(marketing, events.TagRemoved)] == [
        ("campaign-618", True)
    ]


async def test_consent_keeps_the_newest_decision(sales: Client, marketing: Client) -> None:
    profile = await some_profile(sales, marketing)

    def decision(state: ConsentDecision.State, day: int) -> SetConsentRequest:
        moment = stamp(datetime(2026, 1, day, tzinfo=UTC))
        consent = ConsentDecision(
            contact_point=PHONE, purpose=ConsentDecision.MARKETING, state=state, decide_time=moment, source="web_form"
        )
        return SetConsentRequest(id=profile.id, consent=consent)

    await marketing.SetConsent(decision(ConsentDecision.DENIED, 5))
    late = await marketing.SetConsent(decision(ConsentDecision.GRANTED, 4))
    assert [each.state for each in late.consents] == [ConsentDecision.DENIED]
    newer = await marketing.SetConsent(decision(ConsentDecision.GRANTED, 6))
    assert [each.state for each in newer.consents] == [ConsentDecision.GRANTED]
    assert len(await told(marketing, events.ConsentChanged)) == 2
    account = ProfileContactPoint(kind=ProfileContactPoint.ACCOUNT, value="wxid_1")
    bad = ConsentDecision(contact_point=account, purpose=ConsentDecision.SERVICE, state=ConsentDecision.GRANTED)
    with refused("CONTACT_POINT_INVALID", "consent.contact_point"):
        await marketing.SetConsent(SetConsentRequest(id=profile.id, consent=bad))


async def test_events_twice_and_late_end_in_the_same_profile(sales: Client, marketing: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales)
    order = await confirmed(sales, customer, line("F1"))
    await sales.settled()
    before = await profile_of(marketing, customer.identity_id)
    recorded = (await told(sales, sales_events.TransactionRecorded))[0]
    assert recorded.transaction.order_id == order.id
    context = Context(principal=Principal.system("marketing", marketing.tenant_id), method="test")
    async with marketing.running.runtime.transaction(context) as tx:
        await follow_transaction(recorded, tx)
    after = await profile_of(marketing, customer.identity_id)
    assert (after.order_count, after.spent, after.etag) == (before.order_count, before.spent, before.etag)


async def test_profiles_obey_permissions_and_reach(sales: Client, marketing: Client) -> None:
    profile = await some_profile(sales, marketing)
    stranger = marketing.as_(permissions={"marketing.profile.*": "unit"}, unit_id=new_id())
    with refused("RESOURCE_NOT_FOUND"):
        await stranger.GetProfile(GetProfileRequest(id=profile.id))
    with refused("PARTY_PROFILE_NOT_FOUND"):
        await stranger.GetPartyProfile(GetPartyProfileRequest(party_id=profile.party_id))
    with refused("RESOURCE_NOT_FOUND"):
        await stranger.AddTag(AddTagRequest(id=profile.id, tag_code="vip"))
    assert not (await stranger.ListProfiles(ListProfilesRequest())).profiles
    reader = marketing.as_(permissions={"marketing.profile.read": "unit"}, unit_id=UUID(profile.unit_id))
    assert (await reader.GetProfile(GetProfileRequest(id=profile.id))).display_name == profile.display_name
    with refused("PERMISSION_MISSING"):
        await reader.AddTag(AddTagRequest(id=profile.id, tag_code="vip"))
    masked = marketing.as_(permissions={"marketing.profile.read": "all"}, masks=["NAME", "PHONE"])
    seen = await masked.GetProfile(GetProfileRequest(id=profile.id))
    assert seen.display_name != profile.display_name
    assert all(point.value != "+8613800138000" for point in seen.contact_points)


@pytest.mark.parametrize("code", ["", "VIP", "带空格 的", "x" * 61])
async def test_a_tag_code_is_plain(marketing: Client, code: str) -> None:
    with refused("REQUEST_INVALID", "tag_code"):
        await marketing.AddTag(AddTagRequest(id=str(new_id()), tag_code=code))
