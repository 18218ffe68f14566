"""What tests of the desk's conversations begin with: a mailbox, and people who write to it."""

from __future__ import annotations

from typing import Any

from tercet.marketing.v1 import channel_service_pb2 as channels
from tercet.servicedesk.v1 import ticket_service_pb2 as pb
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, eventually
from tercet_marketing.channels.contract import AddressKind, Arrival
from tercet_marketing.channels.registry import installed
from tercet_marketing.sends.jobs import wake
from tercet_marketing.sends.receiving import take_report

MAILBOX = "support"
WANG = "wang.fang@example.com"


async def mailbox(marketing: Client, code: str = MAILBOX) -> str:
    """A mailbox whose mails the console takes."""
    settings = {"host": "mail.example.com"}
    account = channels.ChannelAccount(code=code, channel_code="email", display_name=code, sender="help@example.com")
    account.settings.update(settings)
    await marketing.CreateChannelAccount(channels.CreateChannelAccountRequest(channel_account=account))
    return code


async def writes(
    marketing: Client, text: str = "你好", *, sender: str = WANG, account: str = MAILBOX, **more: Any
) -> str:
    """Somebody writes to a mailbox; gives the message's name; the same name again is the same message."""
    values = {"provider_id": f"<{new_id()}@example.com>", "subject": "空调不制冷 No cooling", **more}
    async with marketing.transaction() as tx:
        arrival = Arrival(kind=AddressKind.EMAIL, sender=sender, text=text, **values)
        await take_report(tx, installed()["email"], account, [arrival], wake)
    await marketing.settled()
    return str(values["provider_id"])


async def tickets(desk: Client, **more: Any) -> list[pb.Ticket]:
    """All tickets, oldest first."""
    return list((await desk.ListTickets(pb.ListTicketsRequest(order_by="create_time", **more))).tickets)


async def entries(desk: Client, ticket: pb.Ticket, **more: Any) -> list[pb.TicketEntry]:
    """The conversation of a ticket."""
    asked = pb.ListTicketEntriesRequest(ticket_id=ticket.id, order_by="entry_time", **more)
    return list((await desk.ListTicketEntries(asked)).ticket_entries)


async def ticket(desk: Client, known: pb.Ticket) -> pb.Ticket:
    """A ticket as it is now."""
    found: pb.Ticket = await desk.GetTicket(pb.GetTicketRequest(id=known.id))
    return found


async def reply(desk: Client, known: pb.Ticket, body: str, **more: Any) -> pb.TicketEntry:
    """An agent answers."""
    made: pb.TicketEntry = await desk.ReplyToTicket(pb.ReplyToTicketRequest(id=known.id, body=body, **more))
    return made


async def fate(desk: Client, known: pb.Ticket, entry: pb.TicketEntry, *states: Any) -> pb.TicketEntry:
    """An answer when one of these states has come."""

    async def there() -> Any:
        found = next(each for each in await entries(desk, known) if each.id == entry.id)
        return found if found.send_state in states else None

    found: pb.TicketEntry = await eventually(there, hint="nothing became of the answer")
    return found
