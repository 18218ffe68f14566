"""Handing over: outside of any transaction, and its outcome recorded in one. Whoever dies in between leaves a send that
is on its way; after its lease somebody asks the provider, and where it cannot tell, a person decides.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Outside, Refusal, Tx
from tercet_chassis.money import Money
from tercet_marketing.channels.accounts import Carrier
from tercet_marketing.channels.contract import Ability, Fate, Later, Receipt, Refused, Status, Unclear
from tercet_marketing.sends import rules, store
from tercet_marketing.sends.model import Send
from tercet_marketing.sends.planning import Handover
from tercet_marketing.sends.suppressing import suppress

log = structlog.get_logger(__name__)

AT_ONCE_EACH = 16
# A handing-over may last this long at most; with less of its lease left, it is not begun.
LONGEST = timedelta(seconds=90)
# How often a provider is asked what became of a message before a person is.
MOST_ASKED = 5
# Beyond so many under way in this process no more are claimed.
MOST_UNDER_WAY = 400

Wake = Callable[..., None]  # (tx, *moments)


@dataclass(frozen=True, slots=True)
class NotBegun:
    """Too little was left of the lease: certainly nothing went."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one handing-over, or one question after it, ended."""

    send_id: UUID
    result: Receipt | Status | Refused | Later | Unclear | NotBegun
    abilities: frozenset[Ability] = frozenset()


class _Pace:
    """Keeps to so many messages a second through one account, in this process."""

    def __init__(self) -> None:
        self.slots = asyncio.Semaphore(AT_ONCE_EACH)
        self._next = 0.0

    async def wait(self, per_second: int) -> None:
        """Waits for the next turn."""
        if per_second > 0:
            now = time.monotonic()
            turn = max(self._next, now)
            self._next = turn + 1 / per_second
            if turn > now:
                await asyncio.sleep(turn - now)


class Deliverer:
    """Hands over what was planned and records what came of it. One a process."""

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
        self._paces: defaultdict[tuple[UUID | None, str], _Pace] = defaultdict(_Pace)
        self.under_way = 0

    async def hand_over(self, house: Outside, handovers: Sequence[Handover]) -> None:
        """Hands over and records what came of it."""
        await self._run(house, [self._hand_over(each, house) for each in handovers])

    async def ask(self, house: Outside, lost: Sequence[tuple[UUID, str, bool, Carrier | None]]) -> None:
        """Asks providers what became of messages, and records it."""
        await self._run(house, [_asked(*each, house) for each in lost])

    async def _run(self, house: Outside, work: Sequence[Coroutine[Any, Any, Outcome]]) -> None:
        self.under_way += len(work)
        pending = {asyncio.create_task(each) for each in work}
        try:
            while pending:
                # What has ended by now is recorded together; meanwhile the next ones end.
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                self.under_way -= len(done)
                await self._record(house, [task.result() for task in done])
        finally:
            # Given up while the service stops: they stay on their way, and after the lease providers are asked.
            self.under_way -= len(pending)
            for task in pending:
                task.cancel()

    async def _record(self, house: Outside, outcomes: Sequence[Outcome]) -> None:
        try:
            async with house.transaction() as tx:
                await record(tx, outcomes, self._wake)
        except (Refusal, SQLAlchemyError, OSError) as fault:
            # They stay on their way; after the lease, providers are asked.
            log.warning("sends.outcomes_lost", count=len(outcomes), cause=type(fault).__name__)

    async def _hand_over(self, handover: Handover, house: Outside) -> Outcome:
        carrier = handover.carrier
        pace = self._paces[house.tenant_id, carrier.account.code]
        async with pace.slots:
            await pace.wait(carrier.rate_per_second)
            if handover.lease_until - datetime.now(UTC) < LONGEST or not await _begun(handover, house):
                return Outcome(handover.send_id, NotBegun())
            try:
                async with asyncio.timeout(LONGEST.total_seconds() - 10):
                    result: Any = await carrier.channel.send(handover.message, carrier.account, house)
            except (Refused, Later, Unclear) as told:
                result = told
            # An adapter from outside may fail in any way; then nobody knows whether the message went.
            except Exception as fault:
                log.exception("sends.channel_failed", channel=carrier.channel.code)
                result = Unclear(f"{type(fault).__name__}: {fault}"[:500])
            return Outcome(handover.send_id, result, carrier.channel.abilities)


async def _begun(handover: Handover, house: Outside) -> bool:
    """Notes that something may reach the provider from now on: only what is noted so is ever in doubt. A provider that
    takes an id once, or can tell, needs no note.
    """
    if handover.carrier.channel.abilities & {Ability.STATUS, Ability.ONCE}:
        return True
    try:
        async with house.transaction() as tx:
            return await store.begin(tx, handover.send_id, handover.attempt)
    except (Refusal, SQLAlchemyError, OSError) as fault:
        log.warning("sends.not_begun", cause=type(fault).__name__)
        return False


async def _asked(send_id: UUID, provider_id: str, begun: bool, carrier: Carrier | None, house: Outside) -> Outcome:
    if carrier is None:
        return Outcome(send_id, Status(Fate.UNKNOWN, send_id, detail="its account is gone"))
    if not carrier.channel.abilities & {Ability.STATUS, Ability.ONCE} and not begun:
        return Outcome(send_id, NotBegun())
    try:
        async with asyncio.timeout(LONGEST.total_seconds()):
            told = await carrier.channel.status(send_id, provider_id, carrier.account, house)
    except (Refused, Later, Unclear) as fault:
        return Outcome(send_id, Later(fault.detail), carrier.channel.abilities | {Ability.STATUS})
    # As above; the question is asked again.
    except Exception as fault:
        log.exception("sends.channel_failed", channel=carrier.channel.code)
        return Outcome(send_id, Later(type(fault).__name__), carrier.channel.abilities | {Ability.STATUS})
    return Outcome(send_id, told, carrier.channel.abilities)


async def record(tx: Tx, outcomes: Sequence[Outcome], wake: Wake) -> None:
    """Writes down how sends ended, those that were on their way still; what is tried again is woken for."""
    found = await store.locked(tx, [outcome.send_id for outcome in outcomes])
    now = tx.now()
    for outcome in outcomes:
        send = found.get(outcome.send_id)
        if send is None or send.state != rules.SENDING:
            continue
        match outcome.result:
            case Receipt() as receipt:
                taken(tx, send, receipt.provider_id, receipt.cost, delivered=receipt.delivered)
            case Status() as status:
                await _settled(tx, send, status, outcome.abilities)
            case Refused() as refused:
                await failed(tx, send, rules.REFUSED, refused.detail, bounced=refused.bounced)
            case NotBegun():
                send.give_back(now)
            case Later() as later if send.asked:
                _ask_later(tx, send, later.detail)
            case Later() as later:
                if send.wait(later.detail, later.seconds, now):
                    tx.emit(events.MessageFailed, send)
            case Unclear() as unclear:
                _unclear(tx, send, unclear.detail, outcome.abilities)
    wake(tx, *(send.next_time for send in found.values() if send.state == rules.QUEUED and send.next_time is not None))


def taken(tx: Tx, send: Send, provider_id: str, cost: Money | None, *, delivered: bool) -> None:
    """The provider has it."""
    send.take(provider_id, cost, tx.now(), delivered=delivered)
    tx.emit(events.MessageSent, send)
    if delivered:
        tx.emit(events.MessageDelivered, send)


async def failed(tx: Tx, send: Send, code: str, detail: str, *, bounced: bool) -> None:
    """This channel did not take it: the next is tried, or it has failed. A dead address is suppressed."""
    if bounced and send.address:
        await suppress(tx, send.address, "BOUNCE", detail)
    if send.refuse(code, detail, tx.now()):
        tx.emit(events.MessageFailed, send)


async def _settled(tx: Tx, send: Send, status: Status, abilities: frozenset[Ability]) -> None:
    """What the provider said of a message whose sender had died."""
    match status.fate:
        case Fate.SENT | Fate.DELIVERED:
            taken(tx, send, status.provider_id, status.cost, delivered=status.fate == Fate.DELIVERED)
        case Fate.FAILED:
            await failed(tx, send, rules.REFUSED, status.detail, bounced=status.bounced)
        case Fate.ABSENT:
            send.give_back(tx.now())
        case Fate.UNKNOWN if Ability.ONCE in abilities:
            # Whatever became of it, the provider takes it once only.
            send.give_back(tx.now())
        case Fate.UNKNOWN:
            send.doubt(status.detail or "whoever sent it died, and the provider cannot tell", tx.now())
            tx.emit(events.MessageDoubted, send)


def _unclear(tx: Tx, send: Send, detail: str, abilities: frozenset[Ability]) -> None:
    if abilities & {Ability.STATUS, Ability.ONCE}:
        # Somebody asks in a moment, as after a death.
        send.lease_until = datetime.now(UTC)
        send.detail = detail[:500]
        return
    send.doubt(detail, tx.now())
    tx.emit(events.MessageDoubted, send)


def _ask_later(tx: Tx, send: Send, detail: str) -> None:
    if send.asked >= MOST_ASKED:
        send.doubt(detail, tx.now())
        tx.emit(events.MessageDoubted, send)
