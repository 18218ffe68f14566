"""The request boundary: every call passes here, once, whatever its handler.

identity -> permission -> validation -> idempotency -> transaction -> handler -> events, audit, record -> commit -> masks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tercet_chassis import validation
from tercet_chassis.context import Context
from tercet_chassis.contract import Access, Method
from tercet_chassis.database import NOBODY
from tercet_chassis.entity import Entity
from tercet_chassis.errors import IdempotencyKeyReused, PermissionDenied, PermissionMissing, Refusal, Unauthenticated
from tercet_chassis.masking import mask
from tercet_chassis.transaction import Tx

if TYPE_CHECKING:
    from tercet_chassis.runtime import Runtime

_BEGIN = text(
    "SELECT set_config('app.tenant', :tenant, true), i.request_hash, i.response FROM (SELECT 1) AS one "
    "LEFT JOIN idempotency i ON i.tenant_id = :tenant_id AND i.principal = :principal AND i.method = :method AND i.request_id = :request_id"
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
    """Checks a request's rules. An update is checked as a whole after its patch, since it carries only some fields."""
    if not method.name.startswith("Update"):
        validation.check(request)


async def run_unit(
    runtime: Runtime, method: Method, handler: Callable[[Any, Tx], Awaitable[Any]], request: Message, context: Context
) -> Message:
    """One request, one transaction; the same request id gives the same reply and takes effect once."""
    try:
        return await _once(runtime, method, handler, request, context)
    except _TwinWon:
        return await _once(runtime, method, handler, request, context)
    except Refusal:
        if not context.request_id:
            raise
        # The refusal may be the effect of our own twin (its row is there already): then its reply is ours.
        reply = await _recorded(runtime, method, request, context)
        if reply is None:
            raise
        return reply


async def _once(
    runtime: Runtime, method: Method, handler: Callable[[Any, Tx], Awaitable[Any]], request: Message, context: Context
) -> Message:
    remembers = bool(context.request_id) and not method.reads
    async with runtime.database.session() as session:
        async with session.begin():
            tx = Tx(runtime, session, context)
            if remembers:
                known = await _begin(tx, method, request)
                if known is not None:
                    return known
            else:
                await tx.enter()
            result = await handler(request, tx)
            await tx.finish()
            reply = as_message(tx, result)
            if remembers:
                await _remember(tx, method, request, reply)
        tx.committed()
    return reply


async def _begin(tx: Tx, method: Method, request: Message) -> Message | None:
    key = _key(tx.context, method)
    row = (await tx.session.execute(_BEGIN, {"tenant": str(tx.context.tenant_id or NOBODY), **key})).one()
    if row.response is None:
        return None
    if bytes(row.request_hash) != request_hash(request):
        raise IdempotencyKeyReused
    return method.response.FromString(bytes(row.response))


async def _recorded(runtime: Runtime, method: Method, request: Message, context: Context) -> Message | None:
    if method.reads:
        return None
    async with runtime.database.session() as session, session.begin():
        return await _begin(Tx(runtime, session, context), method, request)


async def _remember(tx: Tx, method: Method, request: Message, reply: Message) -> None:
    values = {**_key(tx.context, method), "hash": request_hash(request), "response": reply.SerializeToString()}
    try:
        await tx.session.execute(_RECORD, values)
    except IntegrityError as twin:
        raise _TwinWon from twin


def _key(context: Context, method: Method) -> dict[str, Any]:
    return {
        "tenant_id": context.tenant_id or NOBODY,
        "principal": context.principal.subject,
        "method": method.full_name,
        "request_id": context.request_id,
    }


def as_message(tx: Tx, result: Any) -> Message:
    """An entity as its message after the flush; a message as it is."""
    if isinstance(result, Entity):
        return tx.render(result)
    if not isinstance(result, Message):
        raise TypeError(
            f"{tx.context.method} answered {type(result).__name__}; a handler answers an entity or a message"
        )
    return result


def show(message: Message, context: Context) -> Message:
    """The reply as the caller may see it."""
    mask(message, context.principal.masks)
    return message
