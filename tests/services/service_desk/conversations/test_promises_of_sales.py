"""What sales promised keeps tickets from being solved until it is done, on both real services."""

from __future__ import annotations

from typing import Any

from support.mail_desk import ticket
from tercet.sales.v1 import promise_service_pb2 as promises
from tercet.servicedesk.v1 import ticket_promise_service_pb2 as pb
from tercet.servicedesk.v1 import ticket_service_pb2 as tickets
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused


async def promised(sales: Client, party: str, text: str, **values: Any) -> promises.Promise:
    wanted = promises.Promise(text=text, identity_id=party, party_id=party, **values)
    made: promises.Promise = await sales.CreatePromise(promises.CreatePromiseRequest(promise=wanted))
    await sales.settled()
    return made


async def opened(desk: Client, party: str, **values: Any) -> tickets.Ticket:
    wanted = tickets.Ticket(subject="保养", identity_id=party, party_id=party, **values)
    made: tickets.Ticket = await desk.CreateTicket(tickets.CreateTicketRequest(ticket=wanted))
    return made


async def test_a_ticket_is_not_done_before_what_was_promised_is(service_desk: Client, sales: Client) -> None:
    party = str(new_id())
    made = await opened(service_desk, party)
    mats = await promised(sales, party, "送全车脚垫", due_date="2026-12-01")
    film = await promised(sales, party, "贴膜")
    lines = (await service_desk.ListTicketPromises(pb.ListTicketPromisesRequest(ticket_id=made.id))).promises
    assert [(line.text, line.due_date, line.carried) for line in lines] == [
        ("送全车脚垫", "2026-12-01", True),
        ("贴膜", "", True),
    ]
    solve = tickets.SolveTicketRequest(id=made.id)
    with refused("PROMISE_OPEN", "id"):
        await service_desk.SolveTicket(solve)
    await service_desk.KeepTicketPromise(pb.KeepTicketPromiseRequest(ticket_id=made.id, promise_id=mats.id))
    with refused("PROMISE_NOT_ON_TICKET", "promise_id"):
        await service_desk.KeepTicketPromise(pb.KeepTicketPromiseRequest(ticket_id=made.id, promise_id=mats.id))
    with refused("PROMISE_OPEN"):
        await service_desk.SolveTicket(solve)
    line = await service_desk.SetTicketPromiseAside(
        pb.SetTicketPromiseAsideRequest(ticket_id=made.id, promise_id=film.id)
    )
    assert (line.kept, line.carried) == (False, False)
    await service_desk.SolveTicket(solve)
    await service_desk.settled()
    kept = await sales.GetPromise(promises.GetPromiseRequest(id=mats.id))
    assert (kept.state, kept.ticket_id) == (promises.Promise.KEPT, made.id)
    other = await opened(service_desk, party)
    with refused("PROMISE_OPEN"):
        await service_desk.SolveTicket(tickets.SolveTicketRequest(id=other.id))
    await sales.WithdrawPromise(promises.WithdrawPromiseRequest(id=film.id))
    await sales.settled()
    await service_desk.SolveTicket(tickets.SolveTicketRequest(id=other.id))
    late = await promised(sales, party, "再送一次保养")
    with refused("PROMISE_OPEN"):
        await service_desk.CloseTicket(tickets.CloseTicketRequest(id=other.id))
    await sales.KeepPromise(promises.KeepPromiseRequest(id=late.id))
    await sales.settled()
    await service_desk.CloseTicket(tickets.CloseTicketRequest(id=other.id))
    assert (await ticket(service_desk, other)).state == tickets.Ticket.State.CLOSED
    with refused("PROMISE_OVER", "id"):
        await sales.KeepPromise(promises.KeepPromiseRequest(id=late.id))


async def test_a_promise_with_an_order_concerns_tickets_about_it_or_about_none(
    service_desk: Client, sales: Client
) -> None:
    party = str(new_id())
    with refused("PROMISE_HAS_NO_PARTY", "promise.identity_id"):
        await sales.CreatePromise(promises.CreatePromiseRequest(promise=promises.Promise(text="x")))
    with refused("RESOURCE_NOT_FOUND"):
        await promised(sales, party, "x", order_id=str(new_id()))
    await promised(sales, party, "随单赠品")
    elsewhere = await opened(service_desk, str(new_id()))
    await service_desk.SolveTicket(tickets.SolveTicketRequest(id=elsewhere.id))
    about = await opened(service_desk, party, order_id=str(new_id()))
    with refused("PROMISE_OPEN"):
        await service_desk.SolveTicket(tickets.SolveTicketRequest(id=about.id))
