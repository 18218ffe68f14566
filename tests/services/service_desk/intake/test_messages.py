"""Messages of requesters and answers to them, on the real marketing and the real desk."""

from __future__ import annotations

from typing import Any

import pytest

from support.mail_desk import WANG, entries, fate, mailbox, reply, ticket, tickets, writes
from support.sending import DENIED, SERVICE, decides, email, ended, idle, somebody
from tercet.chassis.v1 import maintenance_service_pb2 as checking
from tercet.marketing.v1 import channel_service_pb2 as channels
from tercet.marketing.v1 import send_service_pb2 as sends
from tercet.servicedesk.v1 import intake_rule_service_pb2 as rules_pb
from tercet.servicedesk.v1 import ticket_form_service_pb2 as forms
from tercet.servicedesk.v1 import ticket_service_pb2 as pb
from tercet.servicedesk.v1 import ticket_type_service_pb2 as types
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_service_desk.types.rules import STATES

State, Fate = pb.Ticket.State, pb.TicketEntry.SendState


@pytest.fixture
async def both(marketing: Client, service_desk: Client) -> tuple[Client, Client]:
    """Marketing with a mailbox, and the desk."""
    await mailbox(marketing)
    return marketing, service_desk


async def rule(desk: Client, **values: Any) -> None:
    await desk.CreateIntakeRule(rules_pb.CreateIntakeRuleRequest(intake_rule=rules_pb.IntakeRule(**values)))


async def test_a_mail_becomes_a_ticket_and_its_answer_goes_out_once_and_comes_back_to_it(
    both: tuple[Client, Client],
) -> None:
    marketing, desk = both
    unit = str(new_id())
    await rule(desk, account_code="support", type_code="repair", priority="HIGH", unit_id=unit)
    first = await writes(marketing, "客厅的空调开了半小时还是热风")
    (opened,) = await tickets(desk)
    assert (opened.subject, opened.type_code, opened.unit_id) == ("空调不制冷 No cooling", "repair", unit)
    assert (opened.priority, opened.arrival) == (pb.Ticket.Priority.HIGH, pb.Ticket.Arrival.EMAIL)
    assert (opened.account_code, opened.reply_address.value) == ("support", WANG)
    note = await desk.AddTicketNote(pb.AddTicketNoteRequest(id=opened.id, body="老客户, 小心"))
    entry = await reply(desk, opened, "请问型号?", pending=True)
    answered = await fate(desk, opened, entry, Fate.DELIVERED)
    assert answered.address.value == WANG
    (console,) = (await marketing.ListConsoleMessages(channels.ListConsoleMessagesRequest())).console_messages
    assert (console.text, opened.number in console.subject) == ("请问型号?", True)
    (send,) = (await marketing.ListSends(sends.ListSendsRequest())).sends
    assert (send.id, send.ticket_id, send.in_reply_to) == (entry.id, opened.id, first)
    await writes(marketing, "T-100", in_reply_to=send.provider_id, subject="另一件事")
    now = await ticket(desk, opened)
    assert (len(await tickets(desk)), now.state, now.entry_count) == (1, State.OPEN, 4)
    assert now.HasField("first_reply_time")
    said = await entries(desk, opened)
    assert [each.body for each in said] == ["客厅的空调开了半小时还是热风", note.body, "请问型号?", "T-100"]
    assert [each.from_requester for each in said] == [True, False, False, True]
    found = await desk.CheckInvariants(checking.CheckInvariantsRequest())
    assert all(each.holds for each in found.findings if each.invariant.startswith("tickets.")), found


async def test_messages_go_where_they_belong_and_each_once(both: tuple[Client, Client]) -> None:
    marketing, desk = both
    first = await writes(marketing, "第一句")
    assert await writes(marketing, "第一句", provider_id=first) == first
    (opened,) = await tickets(desk)
    await writes(marketing, "同一个人, 没说是哪件事", subject="")
    await writes(marketing, "同事回答", sender="li@example.com", subject=f"Fwd: [{opened.number}] 空调")
    await writes(marketing, "回答自己写的", in_reply_to=first, subject="x")
    assert [each.body for each in await entries(desk, opened)][1:] == [
        "同一个人, 没说是哪件事",
        "同事回答",
        "回答自己写的",
    ]
    await writes(marketing, "别人", sender="zhao@example.com")
    assert len(await tickets(desk)) == 2
    other = await desk.CreateTicket(pb.CreateTicketRequest(ticket=pb.Ticket(subject="总的")))
    await desk.MergeTicket(pb.MergeTicketRequest(id=opened.id, into_id=other.id))
    await writes(marketing, "合并之后", subject=f"Re: [{opened.number}]", sender="li@example.com")
    assert "合并之后" in [each.body for each in await entries(desk, other)]
    assert (await ticket(desk, other)).entry_count == 1
    for text in ("同一", "回答自己"):
        found = await entries(desk, opened, q=text)
        assert len(found) == 1


async def test_an_answer_opens_a_solved_ticket_again_for_some_days_and_later_opens_one_that_follows_up(
    both: tuple[Client, Client],
) -> None:
    marketing, desk = both
    await rule(desk, join_days=0, reopen_days=3)
    first = await writes(marketing, "坏了")
    (opened,) = await tickets(desk)
    await desk.SolveTicket(pb.SolveTicketRequest(id=opened.id))
    await writes(marketing, "还是坏的", in_reply_to=first)
    again = await ticket(desk, opened)
    assert (again.state, again.reopen_count) == (State.OPEN, 1)
    await desk.SolveTicket(pb.SolveTicketRequest(id=opened.id))
    await desk.CloseTicket(pb.CloseTicketRequest(id=opened.id))
    await writes(marketing, "又坏了", in_reply_to=first)
    await writes(marketing, "怎么没人回答", in_reply_to=first)
    _, follow_up = await tickets(desk)
    assert (follow_up.state, follow_up.entry_count) == (State.NEW, 2)
    assert (await ticket(desk, opened)).state == State.CLOSED
    (link,) = (await desk.ListTicketLinks(pb.ListTicketLinksRequest(ticket_id=opened.id))).ticket_links
    assert (link.ticket_id, link.kind) == (follow_up.id, pb.TicketLink.Kind.FOLLOW_UP_OF)
    await writes(marketing, "另一件事")
    assert len(await tickets(desk)) == 3


async def test_machines_and_floods_are_kept_and_move_nothing(both: tuple[Client, Client]) -> None:
    marketing, desk = both
    await rule(desk, join_days=0, most_per_hour=3)
    await writes(marketing, "我在休假", automatic=True)
    assert not await tickets(desk)
    first = await writes(marketing, "坏了")
    (opened,) = await tickets(desk)
    await desk.SolveTicket(pb.SolveTicketRequest(id=opened.id))
    await writes(marketing, "我在休假", automatic=True, in_reply_to=first)
    assert ((await ticket(desk, opened)).state, (await entries(desk, opened))[-1].automatic) == (State.SOLVED, True)
    for number in range(4):
        await writes(marketing, f"机器人 {number}")
    assert len(await tickets(desk)) == 2
    newest = (await tickets(desk))[-1]
    assert [each.automatic for each in await entries(desk, newest)] == [False, True, True, True]


async def test_accounts_may_take_answers_only(both: tuple[Client, Client]) -> None:
    marketing, desk = both
    await rule(desk, account_code="support", answers_only=True)
    await writes(marketing, "不要再发了")
    assert not await tickets(desk)
    made = await desk.CreateTicket(pb.CreateTicketRequest(ticket=pb.Ticket(subject="电话")))
    await writes(marketing, "照片", subject=f"[{made.number}]")
    assert [each.body for each in await entries(desk, made)] == ["照片"]
    with refused("RESOURCE_ALREADY_EXISTS", "intake_rule.account_code"):
        await rule(desk, account_code="support")


async def test_whoever_wants_nothing_gets_nothing_and_the_agent_sees_why(both: tuple[Client, Client]) -> None:
    marketing, desk = both
    fang = await somebody(marketing, "王芳", email(WANG))
    await decides(marketing, fang, email(WANG), DENIED, SERVICE)
    made = await desk.CreateTicket(
        pb.CreateTicketRequest(ticket=pb.Ticket(subject="电话里说的", identity_id=str(fang), party_id=str(fang)))
    )
    kept = await reply(desk, made, "电话里已回答")
    assert kept.send_state == Fate.SEND_STATE_UNSPECIFIED
    entry = await reply(desk, made, "补充一点", channel_code="support")
    withheld = await fate(desk, made, entry, Fate.WITHHELD)
    assert withheld.send_code == "NO_CONSENT" or withheld.send_code
    entry = await reply(desk, made, "第三次", channel_code="no_such_account")
    failed = await fate(desk, made, entry, Fate.FAILED)
    assert failed.send_code == "CHANNEL_UNKNOWN"
    entry = await reply(desk, made, "电话里又说了", channel_code="support", recorded_only=True)
    assert entry.send_state == Fate.SEND_STATE_UNSPECIFIED
    await idle(marketing)
    await ended(marketing, (await marketing.ListSends(sends.ListSendsRequest())).sends[0])
    assert len((await marketing.ListSends(sends.ListSendsRequest())).sends) == 1


async def test_a_type_that_is_no_more_keeps_nobody_out(both: tuple[Client, Client]) -> None:
    marketing, desk = both
    await rule(desk, account_code="support", type_code="repair")
    form = forms.TicketForm(code="help", display_name="售后", type_code="repair")
    await desk.CreateTicketForm(forms.CreateTicketFormRequest(ticket_form=form))
    stages = [types.TicketStage(code=state.lower(), display_name=state, state=state) for state in STATES]
    kind = types.TicketType(code="question", display_name="咨询", stages=stages)
    await desk.CreateTicketType(types.CreateTicketTypeRequest(ticket_type=kind))
    await writes(marketing, "坏了")
    asked = forms.SubmitTicketFormRequest(code="help", subject="也坏了", description="门", email="li@example.com")
    await desk.as_(permissions={"none": "all"}, kind="anonymous").SubmitTicketForm(asked)
    assert [(each.subject, each.type_code) for each in await tickets(desk)] == [
        ("空调不制冷 No cooling", ""),
        ("也坏了", ""),
    ]


async def test_files_do_not_get_lost_with_an_answer_that_goes_nowhere(both: tuple[Client, Client]) -> None:
    _, desk = both
    made = await desk.CreateTicket(pb.CreateTicketRequest(ticket=pb.Ticket(subject="电话")))
    files = [str(new_id())]
    for values in ({}, {"channel_code": "support", "recorded_only": True}, {"from_requester": True}):
        with refused("TICKET_FILES_NOT_SENT", "file_ids"):
            await reply(desk, made, "见附件", file_ids=files, **values)
    assert not await entries(desk, made)
