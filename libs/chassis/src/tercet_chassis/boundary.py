"""The request boundary: every call passes here, once, whatever its handler.

identity -> permission -> validation -> idempotency -> transaction -> handler -> events, audit, record -> commit ->
masks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tercet.options.v1.options_pb2 import RateClass
from tercet_chassis import validation, wellformed
from tercet_chassis.context import Context
from tercet_chassis.contract import Access, Method
from tercet_chassis.database import NOBODY
from tercet_chassis.entity import Entity
from tercet_chassis.errors import IdempotencyKeyReused, PermissionDenied, PermissionMissing, Refusal, Unauthenticated
from tercet_chassis.faults import again_after_races, first_statement
from tercet_chassis.transaction import Tx

if TYPE_CHECKING:
    from tercet_chassis.runtime import Runtime

Unit = Callable[[Any, Tx], Awaitable[Any]]
_BEGIN = text(
    "SELECT set_config('app.tenant', :tenant, true), i.request_hash, i.response FROM (SELECT 1) AS one "
    "LEFT JOIN idempotency i ON i.tenant_id = :tenant_id AND i.principal = :principal AND i.method = :method "
    "AND i.request_id = :request_id"
)
_RECORD = text(
    "INSERT INTO idempotency (tenant_id, principal, method, request_id, request_hash, response) "
    "VALUES (:tenant_id, :principal, :method, :request_id, :hash, :response)"
)


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
    principal, rule = context.principal, method.rule
    if rule.access == Access.ANYONE or principal.is_system:
        return
    if rule.access == Access.SYSTEM:
        raise ForServicesOnly
    if principal.kind == "anonymous":
        raise SignInNeeded
    if rule.access == Access.PERMISSION and not principal.scopes(rule.permission):
        raise PermissionMissing(permission=rule.permission)


def request_hash(request: Message) -> bytes:
    """What tells whether two requests are the same."""
    return hashlib.sha256(request.SerializeToString(deterministic=True)).digest()


def validated(method: Method, request: Message) -> None:
    """Checks a request's rules. A patched resource is checked as a whole after its patch: it carries only some
    fields.
    """
    wellformed.check(request)
    names = method.request.DESCRIPTOR.fields_by_name
    patches = method.name.startswith("Update") and "update_mask" in names
    resource = method.response.DESCRIPTOR.full_name
    held = [f.name for f in names.values() if f.message_type is not None and f.message_type.full_name == resource]
    skipped = held if patches else []
    validation.check(request, skipped=skipped)


async def run_unit(runtime: Runtime, method: Method, handler: Unit, request: Message, context: Context) -> Message:
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


async def _once(runtime: Runtime, handler: Unit, request: Message, context: Context, record: _Record | None) -> Message:
    async with runtime.begun(context) as tx:
        if record is not None:
            known = await record.begin(tx)
            if known is not None:
                return known
        else:
            await tx.enter()
        result = await handler(request, tx)
        await tx.finish()
        reply = as_message(tx, result)
        if record is not None:
            await record.remember(tx, reply)
    return reply


async def _recorded(runtime: Runtime, record: _Record) -> Message | None:
    async with runtime.begun(record.context) as tx:
        return await record.begin(tx)


class _Record:
    """What is remembered of one request, under its request id."""

    def __init__(self, method: Method, context: Context, digest: bytes) -> None:
        self.method, self.context, self.digest = method, context, digest
        self._key = {
            "tenant_id": context.tenant_id or NOBODY,
            "principal": context.principal.subject,
            "method": method.full_name,
            "request_id": context.request_id,
        }

    async def begin(self, tx: Tx) -> Message | None:
        """Puts the tenant on the transaction and gives the reply of an earlier run; refuses another request."""
        with first_statement():
            row = (await tx.session.execute(_BEGIN, {"tenant": str(self._key["tenant_id"]), **self._key})).one()
        if row.response is None:
            return None
        if bytes(row.request_hash) != self.digest:
            raise IdempotencyKeyReused
        return self.method.response.FromString(bytes(row.response))

    async def remember(self, tx: Tx, reply: Message) -> None:
        """Writes the reply down in the transaction of the effect."""
        try:
            await tx.session.execute(_RECORD, {**self._key, "hash": self.digest, "response": reply.SerializeToString()})
        except IntegrityError as twin:
            raise _TwinWon from twin


def as_message(tx: Tx, result: Any) -> Message:
    """An entity as its message after the flush; a message as it is."""
    if isinstance(result, Entity):
        return tx.render(result)
    if not isinstance(result, Message):
        raise TypeError(
            f"{tx.context.method} answered {type(result).__name__}; a handler answers an entity or a message"
        )
    return result
