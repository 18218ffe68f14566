"""The request boundary: every call passes here, once, whatever its handler.

identity -> permission -> validation -> idempotency -> transaction -> handler -> events, audit, record -> commit ->
masks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from google.protobuf.message import Message
from sqlalchemy.exc import IntegrityError

from tercet.options.v1.options_pb2 import RateClass
from tercet_chassis import validation, wellformed
from tercet_chassis.bulk import way_of
from tercet_chassis.context import Context
from tercet_chassis.contract import Access, Method
from tercet_chassis.database import NOBODY
from tercet_chassis.entity import Entity, entity_of
from tercet_chassis.errors import IdempotencyKeyReused, PermissionDenied, PermissionMissing, Refusal, Unauthenticated
from tercet_chassis.faults import again_after_races, constraint_of, first_statement
from tercet_chassis.tables import idempotency
from tercet_chassis.transaction import Running, Tx

Unit = Callable[[Any, Tx], Awaitable[Any]]
_KNOWN = (
    "SELECT request_id, request_hash, response FROM idempotency "
    "WHERE tenant_id = $1 AND principal = $2 AND method = $3 AND request_id = ANY($4::text[])"
)
# An enum's names are looked up anew each time.
_ANYONE, _SYSTEM, _PERMISSION = Access.ANYONE, Access.SYSTEM, Access.PERMISSION
# By method: what a patch carries only in part.
_SKIPPED: dict[str, tuple[str, ...]] = {}
_RECORD = way_of(idempotency, leave=("create_time",))


class SignInNeeded(Unauthenticated):
    """An anonymous caller asked for what needs a sign-in."""

    text = "Sign in first: this needs an access token or an API key."


class ForServicesOnly(PermissionDenied):
    """A person or key called an RPC that is for services only."""

    text = "This is for services of Tercet only."


class _TwinWon(Exception):
    """A concurrent request with the same id committed first; its reply is ours."""


def authorize(method: Method, context: Context) -> None:
    """Refuses a caller whom the method's rule does not let in."""
    principal, access = context.principal, method.access
    if access == _ANYONE or principal.is_system:
        return
    if access == _SYSTEM:
        raise ForServicesOnly
    if principal.kind == "anonymous":
        raise SignInNeeded
    if access == _PERMISSION and not principal.scopes(method.permission):
        raise PermissionMissing(permission=method.permission)


def request_hash(request: Message) -> bytes:
    """What tells whether two requests are the same."""
    return hashlib.sha256(request.SerializeToString(deterministic=True)).digest()


def validated(method: Method, request: Message) -> None:
    """Checks a request's rules. A patched resource is checked as a whole after its patch: it carries only some
    fields.
    """
    wellformed.check(request)
    validation.check(request, skipped=_skipped(method))


def _skipped(method: Method) -> tuple[str, ...]:
    skipped = _SKIPPED.get(method.full_name)
    if skipped is None:
        fields, resource = method.request.DESCRIPTOR.fields_by_name, method.response.DESCRIPTOR
        patches = method.name.startswith("Update") and "update_mask" in fields
        held = (field.name for field in fields.values() if field.message_type is resource)
        skipped = _SKIPPED[method.full_name] = tuple(held) if patches else ()
    return skipped


async def run_unit(runtime: Running, method: Method, handler: Unit, request: Message, context: Context) -> Message:
    """One request, one transaction; the same request id gives the same reply and takes effect once."""
    given = request.SerializeToString(deterministic=True)
    # Sign-ins are not remembered: their replies are secrets, and signing in twice harms nobody.
    remembers = bool(context.request_id) and not method.reads and method.rule.rate_class != RateClass.SIGN_IN
    record = _Record(method, context, hashlib.sha256(given).digest()) if remembers else None

    async def once() -> Message:
        # A handler may change the request it was given, so each run gets its own.
        return await _once(runtime, handler, method.request.FromString(given), context, record)

    try:
        return await again_after_races(once)
    except _TwinWon:
        return await once()
    except Refusal:
        # The refusal may be the effect of our own twin (its row is there already): then its reply is ours.
        reply = await _recorded(runtime, record) if record is not None else None
        if reply is None:
            raise
        return reply


async def _once(runtime: Running, handler: Unit, request: Message, context: Context, record: _Record | None) -> Message:
    async with runtime.begun(context) as tx:
        if record is not None and (known := await record.known(tx)) is not None:
            return known
        result = await handler(request, tx)
        await tx.settle()
        reply = as_message(tx, result)
        if record is not None:
            record.remember(tx, reply)
        try:
            await tx.finish()
        except IntegrityError as taken:
            if record is not None and constraint_of(taken) == "idempotency_pkey":
                raise _TwinWon from taken
            raise
    return reply


async def _recorded(runtime: Running, record: _Record) -> Message | None:
    async with runtime.begun(record.context) as tx:
        return await record.known(tx)


class _Record:
    """What is remembered of one request, under its request id."""

    def __init__(self, method: Method, context: Context, digest: bytes) -> None:
        self.method, self.context, self.digest = method, context, digest

    async def known(self, tx: Tx) -> Message | None:
        """The reply of an earlier run; refuses another request."""
        found = (await known(tx, self.method, [self.context.request_id])).get(self.context.request_id)
        return None if found is None else self.method.response.FromString(same(found, self.digest))

    def remember(self, tx: Tx, reply: Message) -> None:
        """Writes the reply down in the transaction of the effect."""
        remember(tx, self.method, [(self.context.request_id, self.digest, reply.SerializeToString())])


async def known(tx: Tx, method: Method, request_ids: Sequence[str]) -> dict[str, tuple[bytes, bytes]]:
    """What these requests of the caller were answered before: hash and reply of each that was."""
    named = (tx.context.tenant_id or NOBODY, tx.principal.subject, method.full_name)
    with first_statement():
        return {row[0]: (row[1], row[2]) for row in await tx.fetch(_KNOWN, *named, request_ids)}


def same(found: tuple[bytes, bytes], digest: bytes) -> bytes:
    """The reply that was given; refuses when the request was another."""
    if found[0] != digest:
        raise IdempotencyKeyReused
    return found[1]


def remember(tx: Tx, method: Method, replies: Sequence[tuple[str, bytes, bytes]]) -> None:
    """Keeps replies with the effect: request id, hash of the request, reply."""
    named = {
        "tenant_id": tx.context.tenant_id or NOBODY,
        "principal": tx.principal.subject,
        "method": method.full_name,
    }
    tx.stage_rows(
        _RECORD, [{**named, "request_id": id, "request_hash": hash, "response": reply} for id, hash, reply in replies]
    )


def as_message(tx: Tx, result: Any) -> Message:
    """An entity as its message after the flush; a message as it is."""
    if isinstance(result, Message):
        return result
    if not issubclass(entity_of(result), Entity):
        raise TypeError(
            f"{tx.context.method} answered {type(result).__name__}; a handler answers an entity or a message"
        )
    return tx.render(result)
