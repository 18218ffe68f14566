"""Dead letters of a service: list, retry, discard."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, false, select, update

from tercet.chassis.v1.dead_letter_service_pb2 import (
    DeadLetter,
    DiscardDeadLetterRequest,
    ListDeadLettersRequest,
    ListDeadLettersResponse,
    RetryDeadLetterRequest,
)
from tercet_chassis.errors import FailedPrecondition, ResourceNotFound
from tercet_chassis.handlers import Handlers
from tercet_chassis.outbox import timestamp
from tercet_chassis.served.paging import newest_first
from tercet_chassis.tables import dead_letters
from tercet_chassis.transaction import Tx


class DeadLetterSettled(FailedPrecondition):
    """The dead letter was retried or discarded already."""

    text = "This dead letter is {state}; only an open one can be retried or discarded."


class ConsumerGone(FailedPrecondition):
    """The consumer does not exist any more."""

    text = "The consumer {consumer} does not exist any more; discard the dead letter."


class DeadLetterService(Handlers):
    """Serves tercet.chassis.v1.DeadLetterService."""

    async def ListDeadLetters(self, request: ListDeadLettersRequest, tx: Tx) -> ListDeadLettersResponse:
        state = DeadLetter.State.Name(request.state) if request.state else "OPEN"
        query = select(dead_letters).where(_seen(tx), dead_letters.c.state == state)
        rows, token = await newest_first(tx, query, dead_letters.c.id, request.page_size, request.page_token)
        return ListDeadLettersResponse(dead_letters=[_message(row) for row in rows], next_page_token=token)

    async def RetryDeadLetter(self, request: RetryDeadLetterRequest, tx: Tx) -> DeadLetter:
        row = await _open(tx, request.id)
        consumer = tx.runtime.dispatcher.named(row.consumer)
        if consumer is None:
            raise ConsumerGone(consumer=row.consumer)
        # What the handler does and the letter's new state commit together.
        await tx.runtime.dispatcher.retry(consumer, row.headers, row.subject, bytes(row.payload), tx)
        return await _settle(tx, row.id, "RETRIED")

    async def DiscardDeadLetter(self, request: DiscardDeadLetterRequest, tx: Tx) -> DeadLetter:
        row = await _open(tx, request.id)
        return await _settle(tx, row.id, "DISCARDED")


def _seen(tx: Tx) -> ColumnElement[bool]:
    # An event is of no unit that we could compare: less than everything sees none.
    everything = "all" in tx.principal.scopes(tx.context.permission)
    return dead_letters.c.tenant_id == tx.tenant_id if everything else false()


async def _open(tx: Tx, id: str) -> Any:
    query = select(dead_letters).where(_seen(tx), dead_letters.c.id == UUID(id)).with_for_update()
    row = (await tx.session.execute(query)).first()
    if row is None:
        raise ResourceNotFound(type="DeadLetter", id=id)
    if row.state != "OPEN":
        raise DeadLetterSettled(state=row.state)
    return row


async def _settle(tx: Tx, id: UUID, state: str) -> DeadLetter:
    query = update(dead_letters).where(dead_letters.c.id == id).values(state=state).returning(dead_letters)
    return _message((await tx.session.execute(query)).one())


def _message(row: Any) -> DeadLetter:
    return DeadLetter(
        id=str(row.id),
        consumer=row.consumer,
        event_id=str(row.event_id),
        subject=row.subject,
        reason=row.reason,
        message=row.message,
        attempts=row.attempts,
        state=row.state,
        create_time=timestamp(row.create_time),
    )
