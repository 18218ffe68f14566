"""What providers report: what customers wrote, and what became of messages. Each is taken once, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Tx
from tercet_marketing.channels.contract import Arrival, ArrivedFile, Channel, Fate, Status
from tercet_marketing.profiles.rules import point_digest
from tercet_marketing.sends import rules, store
from tercet_marketing.sends.attaching import message_file
from tercet_marketing.sends.delivering import Wake, failed, taken
from tercet_marketing.sends.model import ReceivedMessage, Send
from tercet_marketing.sends.owners import owner_of
from tercet_marketing.sends.rules import Json
from tercet_marketing.sends.suppressing import suppress
from tercet_marketing.templates.rules import plain_of, safe_html


@dataclass(slots=True)
class Count:
    """How much of a report was new."""

    received: int = 0
    reported: int = 0


async def take_report(
    tx: Tx, channel: Channel, account_code: str, items: Sequence[Arrival | Status], wake: Wake
) -> Count:
    """Takes what a provider reported through one account."""
    count = Count()
    arrivals = [item for item in items if isinstance(item, Arrival) and item.provider_id and item.sender]
    statuses = [item for item in items if isinstance(item, Status)]
    if arrivals:
        count.received = await _receive(tx, channel, account_code, arrivals)
    if statuses:
        count.reported = await _report(tx, account_code, statuses, wake)
    return count


async def _receive(tx: Tx, channel: Channel, account_code: str, arrivals: Sequence[Arrival]) -> int:
    await tx.hold(f"received:{account_code}", [arrival.provider_id for arrival in arrivals])
    known = await store.known_arrivals(tx, account_code, [arrival.provider_id for arrival in arrivals])
    named = [name for arrival in arrivals for name in (arrival.in_reply_to, *arrival.references)]
    ours = await store.by_provider_ids(tx, named)
    by_id = [id for arrival in arrivals for id in arrival.message_ids]
    sends = await store.sends_by_ids(tx, [*ours.values(), *by_id])
    new = 0
    for arrival in arrivals:
        if arrival.provider_id in known:
            continue
        known.add(arrival.provider_id)
        followed = [arrival.in_reply_to, *reversed(arrival.references)]
        answered = [*(ours[name] for name in followed if name in ours), *arrival.message_ids]
        send = next((sends[id] for id in answered if id in sends), None)
        message = await _message(tx, channel, account_code, arrival, send)
        message.files = [await _kept(tx, file) for file in arrival.files]
        tx.add(message)
        tx.emit(events.MessageReceived, message, occur_time=arrival.write_time)
        new += 1
    return new


async def _message(tx: Tx, channel: Channel, account_code: str, arrival: Arrival, send: Send | None) -> ReceivedMessage:
    point: Json = {"kind": arrival.kind.value, "value": arrival.sender}
    if arrival.platform:
        point["platform"] = arrival.platform
    key = point_digest(point)
    identity_id, party_id = await _writer(tx, key, send)
    profile = (await store.profiles_of(tx, [identity_id])).get(identity_id)
    html = safe_html(arrival.html) if arrival.html else ""
    made = ReceivedMessage(
        identity_id=identity_id,
        party_id=profile.party_id if profile else party_id,
        channel_code=channel.code,
        account_code=account_code,
        provider_id=arrival.provider_id[:1000],
        address=point,
        subject=arrival.subject[:1000],
        text=(arrival.text or plain_of(html))[:100_000],
        html=html[:200_000],
        quoted_text=arrival.quoted_text[:100_000],
        in_reply_to=arrival.in_reply_to[:1000],
        send_id=send.id if send else None,
        ticket_id=send.ticket_id if send else None,
        automatic=arrival.automatic,
        write_time=min(arrival.write_time, tx.now()) if arrival.write_time else tx.now(),
    )
    if profile is not None:
        made.owner_id, made.unit_id = profile.owner_id, profile.unit_id
        made.partner_party_id = profile.partner_party_id
    return made


async def _kept(tx: Tx, file: ArrivedFile) -> Json:
    id = None if file.content is None else await tx.known.keep_file(file.name, file.content_type, file.content)
    return message_file(file.name, file.content_type, file.byte_count, id)


async def _writer(tx: Tx, point_key: str, send: Send | None) -> tuple[UUID, UUID]:
    """Who wrote: whom we wrote to where it answers, otherwise whoever the address is known to belong to."""
    if send is not None and send.point_key == point_key:
        return send.identity_id, send.party_id
    return await owner_of(tx, point_key)


async def _report(tx: Tx, account_code: str, statuses: Sequence[Status], wake: Wake) -> int:
    named = await store.by_provider_ids(tx, [status.provider_id for status in statuses if status.message_id is None])
    ids = {id for status in statuses if (id := status.message_id or named.get(status.provider_id)) is not None}
    sends, new = await store.locked(tx, ids), 0
    for status in statuses:
        send = sends.get(status.message_id or named.get(status.provider_id) or tx.tenant_id)
        # A provider speaks of what went through its own account, and of nothing else.
        if send is None or send.account_code != account_code:
            continue
        new += await _take_status(tx, send, status)
    wake(tx, *(send.next_time for send in sends.values() if send.state == rules.QUEUED and send.next_time is not None))
    return new


async def _take_status(tx: Tx, send: Send, status: Status) -> bool:
    if status.complained and send.address:
        await suppress(tx, send.address, "COMPLAINT", status.detail)
    before = send.state
    if status.cost is not None:
        send.cost = status.cost
    if before in (rules.SENDING, rules.UNCERTAIN) and status.fate in (Fate.SENT, Fate.DELIVERED):
        taken(tx, send, status.provider_id, status.cost, delivered=status.fate == Fate.DELIVERED)
    elif before == rules.SENT and status.fate == Fate.DELIVERED:
        send.arrive(tx.now())
        tx.emit(events.MessageDelivered, send)
    elif before in (rules.SENDING, rules.UNCERTAIN, rules.SENT) and status.fate == Fate.FAILED:
        await failed(tx, send, rules.REFUSED, status.detail, bounced=status.bounced)
    return send.state != before
