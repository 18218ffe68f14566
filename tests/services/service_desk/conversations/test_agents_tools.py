"""What agents work with: macros, splitting, who else is at a ticket, and what they are told."""

from __future__ import annotations

from typing import Any

import pytest

from support.mail_desk import entries, ticket, tickets
from tercet.chassis.v1 import maintenance_service_pb2 as checking
from tercet.gateway.v1 import events_pb2 as gateway_events
from tercet.gateway.v1.user_service_pb2 import User
from tercet.servicedesk.v1 import macro_service_pb2 as macros
from tercet.servicedesk.v1 import notification_service_pb2 as notices
from tercet.servicedesk.v1 import service_level_service_pb2 as levels
from tercet.servicedesk.v1 import ticket_service_pb2 as pb
from tercet.servicedesk.v1 import ticket_time_service_pb2 as times
from tercet.servicedesk.v1 import ticket_viewer_service_pb2 as viewers
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_service_desk.notifications.consumers import follow_users
from tercet_service_desk.viewers import store as viewing

State = pb.Ticket.State


async def opened(desk: Client, **values: Any) -> pb.Ticket:
    wanted = pb.Ticket(subject="空调不制冷", requester_name="王芳", **values)
    made: pb.Ticket = await desk.CreateTicket(pb.CreateTicketRequest(ticket=wanted))
    return made


async def macro(desk: Client, code: str, **values: Any) -> macros.Macro:
    wanted = macros.Macro(code=code, display_name=code, **values)
    made: macros.Macro = await desk.CreateMacro(macros.CreateMacroRequest(macro=wanted))
    return made


async def test_a_macro_does_all_it_says_or_nothing(service_desk: Client) -> None:
    made = await opened(service_desk)
    agent = service_desk.as_(user_id=new_id())
    await macro(
        service_desk,
        "done",
        reply_text="{{ticket.requester_name}}, 工单 {{ ticket.number }} 已处理",
        note_text="{{ticket.custom.model}}ok",
        priority="LOW",
        assign_to_me=True,
        solve=True,
        resolution="远程解决",
    )
    asked = macros.PreviewMacroRequest(ticket_id=made.id, macro_code="done")
    shown = await agent.PreviewMacro(asked)
    assert (shown.reply_text, shown.note_text) == (f"王芳, 工单 {made.number} 已处理", "ok")
    assert list(shown.steps) == ["assign", "priority", "note", "reply", "solve"]
    assert (await ticket(service_desk, made)).etag == made.etag
    weak = service_desk.as_(
        permissions={"service-desk.ticket.apply_macro": "all", "service-desk.ticket.reply": "all"}, user_id=new_id()
    )
    assert list((await weak.PreviewMacro(asked)).forbidden_steps) == ["assign", "priority", "note", "solve"]
    with refused("MACRO_NOT_ALLOWED"):
        await weak.ApplyMacro(macros.ApplyMacroRequest(ticket_id=made.id, macro_code="done"))
    done = await agent.ApplyMacro(macros.ApplyMacroRequest(ticket_id=made.id, etag=made.etag, macro_code="done"))
    assert (done.state, done.priority, done.resolution) == (State.SOLVED, pb.Ticket.Priority.LOW, "远程解决")
    assert done.owner_id == str(agent.principal.user_id)
    assert [each.body for each in await entries(service_desk, made)] == ["ok", f"王芳, 工单 {made.number} 已处理"]
    with refused("TICKET_ALREADY_SOLVED"):
        await agent.ApplyMacro(macros.ApplyMacroRequest(ticket_id=made.id, macro_code="done"))
    assert len(await entries(service_desk, made)) == 2


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"reply_text": "{{ticket.phone}}"}, "macro.reply_text"),
        ({"note_text": "{{number}}"}, "macro.note_text"),
        ({}, "macro"),
        ({"note_text": "x", "pending": True}, "macro.pending"),
        ({"solve": True, "stage_code": "parts"}, "macro.solve"),
    ],
)
async def test_a_macro_that_cannot_work_is_refused_by_its_field(
    service_desk: Client, values: dict[str, Any], field: str
) -> None:
    with refused("MACRO_INVALID", field):
        await macro(service_desk, "wrong", **values)


async def test_a_message_and_what_follows_become_a_ticket_of_their_own(service_desk: Client) -> None:
    made = await opened(service_desk, type_code="repair")
    said = [
        await service_desk.ReplyToTicket(pb.ReplyToTicketRequest(id=made.id, body=body, from_requester=from_requester))
        for body, from_requester in (("一", True), ("二", False), ("发票也错了", True), ("三", False))
    ]
    taken = await service_desk.SplitTicket(pb.SplitTicketRequest(id=made.id, entry_id=said[2].id, subject="发票"))
    assert (taken.subject, taken.description, taken.type_code) == ("发票", "发票也错了", "repair")
    assert (taken.party_id, taken.entry_count, taken.state) == (made.party_id, 2, State.NEW)
    assert [each.body for each in await entries(service_desk, taken)] == ["发票也错了", "三"]
    assert [each.body for each in await entries(service_desk, made)] == ["一", "二"]
    assert (await ticket(service_desk, made)).entry_count == 2
    (link,) = (await service_desk.ListTicketLinks(pb.ListTicketLinksRequest(ticket_id=made.id))).ticket_links
    assert (link.ticket_id, link.other_id, link.kind) == (taken.id, made.id, pb.TicketLink.Kind.SPLIT_FROM)
    with refused("TICKET_ENTRY_UNKNOWN", "entry_id"):
        await service_desk.SplitTicket(pb.SplitTicketRequest(id=made.id, entry_id=said[2].id))
    assert len(await tickets(service_desk)) == 2


async def test_agents_see_who_else_is_at_a_ticket_while_they_are(service_desk: Client) -> None:
    made = await opened(service_desk)
    first, second = (service_desk.as_(user_id=new_id()) for _ in range(2))
    await first.ViewTicket(viewers.ViewTicketRequest(ticket_id=made.id))
    seen = await second.ViewTicket(viewers.ViewTicketRequest(ticket_id=made.id, editing=True))
    people = [str(each.principal.user_id) for each in (first, second)]
    assert [(each.user_id, each.editing) for each in seen.viewers] == [(people[0], False), (people[1], True)]
    await first.ViewTicket(viewers.ViewTicketRequest(ticket_id=made.id, editing=True))
    seen = await first.ListTicketViewers(viewers.ListTicketViewersRequest(ticket_id=made.id))
    assert [(each.user_id, each.editing) for each in seen.viewers] == [(people[0], True), (people[1], True)]
    seen = await first.LeaveTicket(viewers.LeaveTicketRequest(ticket_id=made.id))
    assert [each.user_id for each in seen.viewers] == [people[1]]
    async with service_desk.transaction() as tx:
        await tx.fetch("UPDATE ticket_views SET seen_time = seen_time - interval '31 seconds'")
    assert not (await first.ListTicketViewers(viewers.ListTicketViewersRequest(ticket_id=made.id))).viewers
    async with service_desk.transaction() as tx:
        await viewing.forget(tx)
        assert not await tx.fetch("SELECT 1 FROM fenced.ticket_views")
    stranger = service_desk.as_(permissions={"service-desk.ticket.read": "own"})
    with refused("RESOURCE_NOT_FOUND"):
        await stranger.ViewTicket(viewers.ViewTicketRequest(ticket_id=made.id))


async def test_steps_of_levels_reach_owners_and_holders_of_roles_on_their_screens(service_desk: Client) -> None:
    clock = service_desk.running.runtime.clock
    unit, owner, leader, elsewhere, gone = (new_id() for _ in range(5))
    async with service_desk.transaction() as tx:
        for user_id, unit_id, state in (
            (leader, unit, "ACTIVE"),
            (elsewhere, new_id(), "ACTIVE"),
            (gone, unit, "DISABLED"),
        ):
            user = User(id=str(user_id), state=state, unit_id=str(unit_id))
            user.roles.add(role_code="service_supervisor")
            await follow_users(gateway_events.UserUpdated(user=user), tx)
    action, kind = levels.EscalationStep, pb.TicketClock
    step = {"clock": kind.FIRST_REPLY, "minutes": -5}
    level = levels.ServiceLevel(code="gold", display_name="gold", active=True)
    level.targets.add(clock=kind.FIRST_REPLY, minutes=10)
    level.steps.add(action=action.NOTIFY_OWNER, **step)
    level.steps.add(action=action.NOTIFY_ROLE, role_codes=["service_supervisor"], **step)
    await service_desk.CreateServiceLevel(levels.CreateServiceLevelRequest(service_level=level))
    clock.advance(clock.now())
    try:
        made = await opened(service_desk, owner_id=str(owner), unit_id=str(unit))
        clock.advance(
            clock.now().replace(microsecond=0)
            + (made.first_reply_due_time.ToDatetime(tzinfo=clock.now().tzinfo) - clock.now())
        )
        await service_desk.settled()
    finally:
        clock.release()
    for user_id, count in ((owner, 1), (leader, 1), (elsewhere, 0), (gone, 0)):
        seen_by = service_desk.as_(user_id=user_id)
        listed = (await seen_by.ListNotifications(notices.ListNotificationsRequest())).notifications
        assert [(each.ticket_id, each.reason_code) for each in listed] == [(made.id, "gold")] * count
    mine = service_desk.as_(user_id=owner)
    (notice,) = (await mine.ListNotifications(notices.ListNotificationsRequest())).notifications
    stranger = service_desk.as_(user_id=leader)
    assert (await stranger.ReadNotifications(notices.ReadNotificationsRequest(ids=[notice.id]))).read_count == 0
    assert (await mine.ReadNotifications(notices.ReadNotificationsRequest())).read_count == 1
    unread = notices.ListNotificationsRequest(filter="NOT read_time:*", count=True)
    assert (await mine.ListNotifications(unread)).total_size == 0


async def test_time_that_was_spent_adds_up(service_desk: Client) -> None:
    made = await opened(service_desk)
    agent = service_desk.as_(user_id=new_id())
    for minutes, note in ((25, "电话"), (10, ""), (-5, "记多了")):
        await agent.RecordTicketTime(times.RecordTicketTimeRequest(ticket_id=made.id, minutes=minutes, note=note))
    assert (await ticket(service_desk, made)).spent_minutes == 30
    listed = (await service_desk.ListTicketTimes(times.ListTicketTimesRequest(ticket_id=made.id))).ticket_times
    assert sum(each.minutes for each in listed) == 30
    assert {each.user_id for each in listed} == {str(agent.principal.user_id)}
    with refused("TIME_BELOW_ZERO", "minutes"):
        await agent.RecordTicketTime(times.RecordTicketTimeRequest(ticket_id=made.id, minutes=-31))
    found = await service_desk.CheckInvariants(checking.CheckInvariantsRequest())
    assert all(each.holds for each in found.findings if each.invariant == "times.add_up")
