"""One customer has one story: what marketing and the desk did stands beside leads and sales, each by its permission."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from support.benefits import grant, policy
from support.loyalty import member, programme
from support.sending import SERVICE, decides, email, ended, message
from support.services import away
from tercet.gateway.v1.party_view_service_pb2 import GetPartyOverviewRequest, ListPartyTimelineRequest
from tercet.leads.v1.identity_service_pb2 import MergePartiesRequest, UnmergePartiesRequest
from tercet.leads.v1.lead_service_pb2 import CreateLeadRequest, Lead
from tercet.marketing.v1.membership_service_pb2 import EarnPointsRequest
from tercet.sales.v1.promise_service_pb2 import CreatePromiseRequest, Promise
from tercet.servicedesk.v1.ticket_service_pb2 import AddTicketNoteRequest, CreateTicketRequest, Ticket
from tercet_chassis.testing import Client, Together


async def known(leads: Client, name: str, address: str, mobile: str) -> Lead:
    """Somebody whom every service knows."""
    lead = Lead(full_name=name, email=address, mobile=mobile)
    made: Lead = await leads.CreateLead(CreateLeadRequest(lead=lead))
    await leads.settled()
    return made


async def promised(sales: Client, lead: Lead, text: str = "送首次保养") -> Promise:
    """What a salesperson promised."""
    wanted = Promise(text=text, identity_id=lead.identity_id, party_id=lead.party_id)
    made: Promise = await sales.CreatePromise(CreatePromiseRequest(promise=wanted))
    return made


async def story(marketing: Client, service_desk: Client, lead: Lead) -> None:
    """Consent, a message, points, a coupon, a ticket and what was said about it."""
    point = email(lead.email)
    await decides(marketing, lead.identity_id, point)  # type: ignore[arg-type]
    sent = await marketing.SendMessage(message(lead.identity_id, "email", purpose=SERVICE))  # type: ignore[arg-type]
    await ended(marketing, sent)
    one = await member(marketing, identity_id=lead.identity_id)
    await marketing.EarnPoints(EarnPointsRequest(id=one.id, points="30", key=f"gift-{lead.id}", reason="BIRTHDAY"))
    await grant(marketing, lead.identity_id, "coupon", "ten-off")
    ticket = Ticket(subject="刹车异响", identity_id=lead.identity_id, party_id=lead.party_id)
    opened = await service_desk.CreateTicket(CreateTicketRequest(ticket=ticket))
    await service_desk.AddTicketNote(AddTicketNoteRequest(id=opened.id, body="先看刹车片"))


async def told(gateway: Client, party_id: str, **more: Any) -> list[str]:
    """The kinds of all that happened, newest first, page by page."""
    kinds: list[str] = []
    token = ""
    while True:
        page = await gateway.ListPartyTimeline(
            ListPartyTimelineRequest(party_id=party_id, page_size=4, page_token=token, **more)
        )
        assert [(part.part, part.reason) for part in page.missing] == []
        kinds += [item.kind for item in page.items]
        token = page.next_page_token
        if not token:
            return kinds


MARKETED = {"consent.decided", "message.sent", "membership.joined", "points.booked", "benefit.issued"}
SERVED = {"ticket.opened", "ticket.entry"}


async def test_everything_stands_in_one_timeline_and_merged_parties_share_theirs(
    gateway: Client, leads: Client, sales: Client, marketing: Client, service_desk: Client
) -> None:
    await programme(marketing)
    await policy(marketing, "ten-off", {"off": "10"})
    first = await known(leads, "王芳", "wang.fang@shangqi.example", "13812345678")
    second = await known(leads, "王芬", "wang.fen@shangqi.example", "13912345679")
    for lead in (first, second):
        await story(marketing, service_desk, lead)
        await promised(sales, lead)
    before = {lead.id: await told(gateway, lead.party_id) for lead in (first, second)}
    for kinds in before.values():
        assert set(kinds) >= MARKETED | SERVED | {"lead.created", "touch.received", "promise.made"}
        assert len(kinds) == len(before[first.id]), "both have lived the same"
    assert set(await told(gateway, first.party_id, services=["service-desk"])) == SERVED
    assert set(await told(gateway, first.party_id, kinds=["points.booked", "ticket.entry"])) == {
        "points.booked",
        "ticket.entry",
    }
    overview = await gateway.GetPartyOverview(GetPartyOverviewRequest(party_id=first.party_id))
    assert [one.points for one in overview.memberships] == ["30.0000"]
    assert len(overview.sends) == len(overview.grants) == len(overview.tickets) == 1
    assert len(overview.touches) == len(overview.promises) == 1
    assert not overview.missing

    merged = await leads.MergeParties(
        MergePartiesRequest(id=first.party_id, other_party_ids=[second.party_id], reason="同一人")
    )
    await leads.settled()
    together = await told(gateway, first.party_id)
    assert sorted(together) == sorted(before[first.id] + before[second.id])
    assert await told(gateway, second.party_id) == []
    await leads.UnmergeParties(UnmergePartiesRequest(id=first.party_id, decision_id=merged.id, reason="看错了"))
    await leads.settled()
    assert {lead.id: await told(gateway, lead.party_id) for lead in (first, second)} == before


async def test_what_one_may_not_read_is_left_out_and_named(
    gateway: Client, leads: Client, marketing: Client, service_desk: Client, sales: Client
) -> None:
    await programme(marketing)
    await policy(marketing, "ten-off", {"off": "10"})
    lead = await known(leads, "李娜", "li.na@shangqi.example", "13812345671")
    await story(marketing, service_desk, lead)
    agent = gateway.as_(permissions={"leads.*": "all", "service-desk.*": "all", "servicedesk.*": "all"})
    page = await agent.ListPartyTimeline(ListPartyTimelineRequest(party_id=lead.party_id))
    kinds = {item.kind for item in page.items}
    assert kinds >= SERVED
    assert not kinds & MARKETED
    assert {part.reason for part in page.missing} == {"PERMISSION_MISSING"}
    assert {part.part for part in page.missing} >= MARKETED
    stranger = gateway.as_(permissions={"*": "own"})
    page = await stranger.ListPartyTimeline(ListPartyTimelineRequest(party_id=lead.party_id))
    assert not {item.kind for item in page.items} & (MARKETED | SERVED)
    masked = gateway.as_(masks=["FREE_TEXT", "EMAIL", "NAME"])
    page = await masked.ListPartyTimeline(ListPartyTimelineRequest(party_id=lead.party_id))
    assert {item.kind for item in page.items} >= MARKETED | SERVED
    assert "刹车" not in str(page)
    assert "li.na@" not in str(page)


async def test_what_any_service_commits_is_told_at_once(
    gateway: Client, leads: Client, sales: Client, marketing: Client, service_desk: Client
) -> None:
    lead = await known(leads, "赵敏", "zhao.min@shangqi.example", "13812345672")
    await programme(marketing)
    again = CreateLeadRequest(lead=Lead(full_name="赵敏", mobile="13812345672"))

    async def open_ticket() -> None:
        ticket = Ticket(subject="漏油", identity_id=lead.identity_id, party_id=lead.party_id)
        await service_desk.CreateTicket(CreateTicketRequest(ticket=ticket))

    # Nothing is waited for between an answer and the page.
    for kind, happens in (
        ("touch.received", lambda: leads.CreateLead(again)),
        ("promise.made", lambda: promised(sales, lead)),
        ("membership.joined", lambda: member(marketing, identity_id=lead.identity_id)),
        ("ticket.opened", open_ticket),
    ):
        await happens()
        newest = await gateway.ListPartyTimeline(ListPartyTimelineRequest(party_id=lead.party_id, page_size=1))
        assert [item.kind for item in newest.items] == [kind]


async def test_a_timeline_may_begin_and_end_anywhere(gateway: Client, leads: Client, sales: Client) -> None:
    lead = await known(leads, "孙悦", "sun.yue@shangqi.example", "13812345673")
    made = [await promised(sales, lead, text) for text in ("一", "二", "三")]
    times = [one.create_time for one in made]

    async def titles(**span: Any) -> list[str]:
        ask = ListPartyTimelineRequest(party_id=lead.party_id, page_size=1, kinds=["promise.made"], **span)
        found: list[str] = []
        while True:
            page = await gateway.ListPartyTimeline(ask)
            found += [item.title for item in page.items]
            ask.page_token = page.next_page_token
            if not page.next_page_token:
                return found

    assert await titles() == ["三", "二", "一"]
    assert await titles(from_time=times[1]) == ["三", "二"]
    assert await titles(to_time=times[1]) == ["二", "一"]
    assert await titles(from_time=times[1], to_time=times[1]) == ["二"]
    future = Timestamp()
    future.FromDatetime(datetime.now(UTC) + timedelta(days=1))
    assert await titles(from_time=future) == []


async def test_without_the_desk_the_rest_is_told_and_nothing_is_lost(
    gateway: Client, leads: Client, sales: Client, service_desk: Client, together: Together
) -> None:
    lead = await known(leads, "周杰", "zhou.jie@shangqi.example", "13812345674")
    await promised(sales, lead)
    ticket = Ticket(subject="漏油", identity_id=lead.identity_id, party_id=lead.party_id)
    await service_desk.CreateTicket(CreateTicketRequest(ticket=ticket))
    ask = ListPartyTimelineRequest(party_id=lead.party_id, services=["leads", "sales", "service-desk"], page_size=1)
    async with away(together, "service-desk"):
        page = await gateway.ListPartyTimeline(ask)
        assert [item.kind for item in page.items] == ["promise.made"]
        assert {part.service for part in page.missing} == {"service-desk"}
        assert {part.reason for part in page.missing} <= {"SERVICE_UNAVAILABLE", "DEADLINE_SPENT"}
        assert {part.part for part in page.missing} >= SERVED
    kinds: list[str] = []
    while page.next_page_token:
        ask.page_token = page.next_page_token
        page = await gateway.ListPartyTimeline(ask)
        kinds += [item.kind for item in page.items]
    assert "ticket.opened" in kinds, "the desk is back, and what it holds comes with the page after"
