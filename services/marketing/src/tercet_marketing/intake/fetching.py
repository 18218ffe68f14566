"""Looking into a mailbox: outside of any transaction; what was found is taken in one that sets the mark too. Whoever
dies in between has taken nothing, and what is taken a second time is known by its name.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from tercet_chassis import Outside, Refusal, Tx
from tercet_marketing.channels.accounts import Carrier, carrier_of_account
from tercet_marketing.channels.contract import Arrival, Catch, Caught, Later, Refused, Status, Unreadable
from tercet_marketing.channels.mime import clean
from tercet_marketing.intake import store
from tercet_marketing.intake.model import ChannelIntake, QuarantinedMessage
from tercet_marketing.sends.jobs import wake
from tercet_marketing.sends.receiving import take_report

log = structlog.get_logger(__name__)

_EXCERPT = 4_000
# More looks at once would only wait for each other.
_slots = asyncio.Semaphore(4)
_MINUTE = timedelta(minutes=1)


class LookLost(Exception):
    """Somebody else looks by now: what was fetched is theirs to take."""


@dataclass(frozen=True, slots=True)
class Understood:
    """One message with what it says; `cause` says why that is nothing."""

    caught: Caught
    items: Sequence[Arrival | Status] = ()
    cause: str = ""


async def look(house: Outside, account_code: str, lease_id: UUID) -> None:
    """Looks into one mailbox until there is no more."""
    looking = _Look(house, account_code, lease_id)
    async with _slots:
        try:
            while await looking.once():
                pass
        except LookLost:
            log.warning("intake.look_lost", account=account_code)
        # A database that is away, or an adapter that fails in a way of its own: the lease ends, and somebody looks
        # again.
        except Exception as fault:
            log.exception("intake.look_failed", account=account_code, cause=type(fault).__name__)


class _Look:
    """One look into one mailbox."""

    def __init__(self, house: Outside, account_code: str, lease_id: UUID) -> None:
        self._house, self.account_code, self._lease_id = house, account_code, lease_id

    async def once(self) -> bool:
        """Fetches and takes as much as one transaction holds; whether there is more."""
        async with self._house.transaction() as tx:
            carrier, mark = await carrier_of_account(tx, self.account_code), (await self._held(tx)).mark
        interval = None if carrier is None else carrier.channel.look_interval(carrier.account)
        if carrier is None or interval is None:
            await self._failed("the account is gone, or does not say any more where to fetch", _MINUTE)
            return False
        try:
            catch = await carrier.channel.fetch(carrier.account, self._house, mark)
        except (Later, Refused) as fault:
            await self._failed(fault.detail, interval)
            return False
        messages = [await asyncio.to_thread(understood, carrier, caught) for caught in catch.caught]
        try:
            async with self._house.transaction() as tx:
                await self._take(tx, carrier, messages, catch)
        except Refusal as refusal:
            if refusal.passing:
                raise
            await self._take_each(carrier, messages, catch)
        return catch.more

    async def _take(self, tx: Tx, carrier: Carrier, messages: Sequence[Understood], catch: Catch) -> None:
        intake = await self._held(tx)
        await _taken(tx, intake, carrier, messages)
        self._advance(intake, carrier, catch)

    async def _take_each(self, carrier: Carrier, messages: Sequence[Understood], catch: Catch) -> None:
        """One of them cannot be kept: each by itself, so that it alone is set aside."""
        for message in messages:
            try:
                async with self._house.transaction() as tx:
                    await _taken(tx, await self._held(tx), carrier, [message])
            except Refusal as refusal:
                if refusal.passing:
                    raise
                async with self._house.transaction() as tx:
                    spoilt = Understood(message.caught, cause=f"it cannot be kept: {refusal.message}")
                    await _taken(tx, await self._held(tx), carrier, [spoilt])
        async with self._house.transaction() as tx:
            self._advance(await self._held(tx), carrier, catch)

    def _advance(self, intake: ChannelIntake, carrier: Carrier, catch: Catch) -> None:
        now = datetime.now(UTC)
        intake.advance(catch.mark, now)
        if not catch.more:
            intake.end(now, carrier.channel.look_interval(carrier.account) or _MINUTE)

    async def _failed(self, detail: str, interval: timedelta) -> None:
        log.warning("intake.not_fetched", account=self.account_code, cause=detail)
        async with self._house.transaction() as tx:
            (await self._held(tx)).fail(detail, datetime.now(UTC), interval)

    async def _held(self, tx: Tx) -> ChannelIntake:
        found = await store.intake_under(tx, self.account_code, self._lease_id)
        if found is None:
            raise LookLost
        return found


def understood(carrier: Carrier, caught: Caught) -> Understood:
    """What a message says, or why that is not known."""
    if caught.cause:
        return Understood(caught, cause=caught.cause)
    try:
        return Understood(caught, carrier.channel.read(caught.raw, carrier.account))
    except Unreadable as fault:
        return Understood(caught, cause=fault.detail)
    # Whatever a message makes a reader do, the others behind it are read.
    except Exception as fault:
        log.exception("intake.reader_failed", channel=carrier.channel.code)
        return Understood(caught, cause=f"{type(fault).__name__}: {fault}")


async def _taken(tx: Tx, intake: ChannelIntake, carrier: Carrier, messages: Sequence[Understood]) -> None:
    items = [item for message in messages for item in message.items if not message.cause]
    count = await take_report(tx, carrier.channel, carrier.account.code, items, wake)
    intake.received_count = (intake.received_count or 0) + count.received
    intake.reported_count = (intake.reported_count or 0) + count.reported
    for message in messages:
        if message.cause and await _set_aside(tx, carrier.account.code, message):
            intake.quarantined_count = (intake.quarantined_count or 0) + 1
    await tx.flush()


async def _set_aside(tx: Tx, account_code: str, message: Understood) -> bool:
    raw = message.caught.raw
    digest = hashlib.sha256(raw).hexdigest()
    if await store.quarantined(tx, account_code, digest):
        return False
    made = QuarantinedMessage(
        account_code=account_code,
        digest=digest,
        place=message.caught.place[:200],
        cause=clean(message.cause)[:500],
        byte_count=len(raw),
        file_id=await tx.known.keep_file("message.eml", "message/rfc822", raw),
        excerpt=clean(raw[:_EXCERPT].decode("utf-8", "replace")),
    )
    tx.add(made)
    # Two of one source may come together.
    await tx.flush()
    return True
