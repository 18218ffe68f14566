"""What is due is looked at together: may it go, through what, in which words. Everything here is read in a handful of
statements a batch, in the transaction that marks what goes as on its way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Refusal, Tx
from tercet_marketing.channels.accounts import Carrier, Carriers, carriers
from tercet_marketing.channels.contract import Ability, AddressKind, Channel, Message, Recipient
from tercet_marketing.consent import store as consent
from tercet_marketing.consent.links import made_token
from tercet_marketing.consent.rules import Ask
from tercet_marketing.profiles.model import Profile
from tercet_marketing.profiles.rules import point_digest
from tercet_marketing.sends import rules, store
from tercet_marketing.sends.accepting import values_for
from tercet_marketing.sends.attaching import attachments
from tercet_marketing.sends.model import LEASE, Send
from tercet_marketing.sends.openings import point_of
from tercet_marketing.sends.rules import Cap, Json, Reached, Window
from tercet_marketing.templates import store as templates
from tercet_marketing.templates.rules import Source, Texts, plain_of, safe_html


@dataclass(frozen=True, slots=True)
class Handover:
    """A message that was marked as on its way, and who carries it."""

    send_id: UUID
    message: Message
    carrier: Carrier
    lease_until: datetime
    attempt: int


@dataclass(slots=True)
class _Look:
    """What a batch is judged by."""

    carriers: Carriers
    standing: consent.Standing
    profiles: dict[UUID, Profile]
    preferences: dict[UUID, tuple[str, str]]
    zones: dict[UUID | None, str]
    windows: Sequence[Window]
    caps: Sequence[Cap]
    reached: dict[UUID, list[Reached]]
    sources: dict[tuple[str, int], Source]
    link_base: str


async def plan(tx: Tx, batch: Sequence[Send]) -> list[Handover]:
    """Marks each send of the batch as on its way, withheld, or to be looked at later; gives those on their way."""
    look = await _look(tx, batch)
    going = []
    for send in batch:
        handover = _judge(tx, send, look)
        if handover is not None:
            going.append(handover)
        elif send.state == rules.WITHHELD:
            tx.emit(events.MessageWithheld, send)
    return going


async def _look(tx: Tx, batch: Sequence[Send]) -> _Look:
    caps = await store.caps(tx)
    parties = {send.party_id for send in batch}
    if caps:
        # Whoever else is about to reach one of them waits, so that a cap holds however many workers there are.
        await tx.hold("reach", parties)
    carried = await carriers(tx)
    profiles = await store.profiles_of(tx, {send.identity_id for send in batch})
    points = {point_digest(point) for send in batch for point in _points(send, profiles.get(send.identity_id))}
    longest = max((cap.period for cap in caps), default=None)
    units = {send.unit_id for send in batch}
    return _Look(
        carriers=carried,
        standing=await consent.standing(tx, parties, points),
        profiles=profiles,
        preferences=await consent.preferences(tx, parties),
        zones={unit: (await tx.known.zone_and_currency(unit))[0] for unit in units},
        windows=await store.windows(tx),
        caps=caps,
        reached=await store.reached(tx, parties, longest) if longest else {},
        sources=await templates.sources(tx, ((s.template_code, s.template_version) for s in batch if s.template_code)),
        link_base=await _link_base(tx),
    )


async def _link_base(tx: Tx) -> str:
    base = tx.runtime.settings.public_url.rstrip("/")
    return f"{base}/u/{quote(await tx.known.tenant_code())}" if base else ""


def _points(send: Send, profile: Profile | None) -> Iterable[Json]:
    if send.given_address:
        yield send.given_address
    yield from profile.contact_points if profile else ()
    yield {"kind": AddressKind.CUSTOMER.value, "value": str(send.identity_id)}


def _judge(tx: Tx, send: Send, look: _Look) -> Handover | None:
    profile = look.profiles.get(send.identity_id)
    first = ""
    for number in range(send.channel_index or 0, len(send.channel_codes)):
        code = send.channel_codes[number]
        carrier = look.carriers.carrier(code)
        channel = look.carriers.channel_of(code)
        point = None if carrier is None else _point(send, profile, carrier)
        reason = _against(send, channel, carrier, point, look)
        if not reason and carrier is not None and point is not None:
            zone = _zone(send, look)
            until = rules.quiet_until(look.windows, send.purpose, channel, zone, tx.now())
            if until is not None:
                send.postpone(until)
                return None
            made = _made(tx, send, profile, carrier, point, look)
            if isinstance(made, Message):
                return _go(tx, send, number, channel, carrier, point, made, look)
            reason = made
        send.note(channel, reason, tx.now())
        first = first or reason
        if rules.stops_all(reason):
            break
    send.withhold(first)
    return None


def _against(send: Send, channel: str, carrier: Carrier | None, point: Json | None, look: _Look) -> str:
    if carrier is None:
        return rules.NO_ACCOUNT
    if point is None:
        return rules.NO_ADDRESS
    if send.files and Ability.FILES not in carrier.channel.abilities:
        return rules.FILES_NOT_CARRIED
    reason = look.standing.against(Ask(send.party_id, point_digest(point), channel, send.purpose))
    if reason:
        return reason
    reached = look.reached.get(send.party_id, ())
    return rules.FREQUENCY_CAP if rules.cap_hit(look.caps, reached, send.purpose, channel, look.standing.now) else ""


def _point(send: Send, profile: Profile | None, carrier: Carrier) -> Json | None:
    if send.given_address and _fits(send.given_address, carrier.channel):
        return send.given_address
    return point_of(profile, send.identity_id, carrier)


def _fits(point: Json, channel: Channel) -> bool:
    return rules.chosen_point([point], channel.address_kind.value, channel.platform) is not None


def _zone(send: Send, look: _Look) -> ZoneInfo:
    named = look.preferences.get(send.party_id, ("", ""))[1] or look.zones.get(send.unit_id) or "UTC"
    try:
        return ZoneInfo(named)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _made(tx: Tx, send: Send, profile: Profile | None, carrier: Carrier, point: Json, look: _Look) -> Message | str:
    """The message in its words; a reason when there are none for this channel."""
    language = send.language or look.preferences.get(send.party_id, ("", ""))[0]
    link = f"{look.link_base}/{made_token(tx, send.identity_id, point)}" if look.link_base else ""
    if send.template_code:
        source = look.sources[send.template_code, send.template_version]
        try:
            texts = source.render(carrier.channel.code, language, values_for(send.variables, profile, language, link))
        except Refusal as refusal:
            return refusal.reason
    else:
        html = safe_html(send.html) if send.html else ""
        texts = Texts(language, send.subject, send.text or plain_of(html), html, send.short_text)
    if not (texts.text or texts.html or texts.short_text):
        return rules.NO_CONTENT
    return Message(
        id=send.id,
        to=Recipient(
            kind=AddressKind(point["kind"]),
            value=point["value"],
            platform=point.get("platform", ""),
            name=profile.display_name if profile else "",
            identity_id=send.identity_id,
            party_id=send.party_id,
            owner_id=send.owner_id,
            unit_id=send.unit_id,
            partner_party_id=send.partner_party_id,
        ),
        purpose=send.purpose,
        subject=texts.subject,
        text=texts.text,
        html=texts.html,
        short_text=texts.short_text,
        language=texts.language,
        in_reply_to=send.in_reply_to,
        unsubscribe_url=link if send.purpose == rules.MARKETING else "",
        write_time=tx.now(),
        # What a template says, no person wrote.
        automatic=bool(send.template_code or send.strategy_id or send.campaign_id),
        files=attachments(send),
    )


def _go(
    tx: Tx, send: Send, number: int, channel: str, carrier: Carrier, point: Json, message: Message, look: _Look
) -> Handover:
    now = tx.now()
    send.hand_over(number, channel, carrier.account.code, point, point_digest(point), now)
    # Leases are machine time: how fast a business day passes changes nothing about who is alive.
    send.lease_until = datetime.now(UTC) + LEASE
    send.language, send.subject, send.text = message.language or send.language, message.subject, message.text
    send.html, send.short_text = message.html, message.short_text
    if look.caps:
        look.reached.setdefault(send.party_id, []).append(Reached(send.party_id, channel, send.purpose, now))
    return Handover(send.id, message, carrier, send.lease_until, send.attempts)
