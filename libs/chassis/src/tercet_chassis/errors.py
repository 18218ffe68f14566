"""Refusals: exceptions that say what is wrong, where, and what to do. The class name is the fact and gives the reason.

Anything else that escapes a handler is a fault of ours: it is logged with its trace and shown without its inside.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from string import Formatter
from typing import TYPE_CHECKING, Any, ClassVar

from google.rpc import code_pb2

if TYPE_CHECKING:
    from tercet_conditions import ConditionError


@cache
def reason_of(name: str) -> str:
    """`LeadAlreadyConverted` -> `LEAD_ALREADY_CONVERTED`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).upper()


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that is wrong: its path in the request, why, and a sentence that tells what to do."""

    field: str
    reason: str
    message: str


_PASSING = frozenset({code_pb2.DEADLINE_EXCEEDED, code_pb2.RESOURCE_EXHAUSTED, code_pb2.UNAVAILABLE})


class _Plain(Formatter):
    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Any) -> Any:
        return kwargs.get(key, "?")


class Refusal(Exception):
    """A request that cannot be done as it stands. `text` is a sentence with `{arguments}`, which become metadata."""

    code: ClassVar[int] = code_pb2.FAILED_PRECONDITION
    text: ClassVar[str] = ""
    field: ClassVar[str | None] = None

    metadata: dict[str, str]
    violations: tuple[Violation, ...]
    retry_after: float | None

    def __init__(
        self, *, violations: Sequence[Violation] = (), retry_after: float | None = None, **arguments: Any
    ) -> None:
        self.metadata = {key: str(value) for key, value in arguments.items() if value is not None}
        self.retry_after = retry_after
        own = () if self.field is None else (Violation(self.field, self.reason, self.message),)
        self.violations = tuple(violations) or own
        super().__init__(self.message)

    @property
    def reason(self) -> str:
        """The machine-readable fact."""
        return reason_of(type(self).__name__)

    @property
    def message(self) -> str:
        """The sentence for people."""
        return _Plain().vformat(self.text, (), self.metadata)

    def __str__(self) -> str:
        return self.message

    @property
    def status_code(self) -> int:
        """The `google.rpc.Code` of this refusal."""
        return self.code

    @property
    def passing(self) -> bool:
        """Whether the same request may go well a little later: a spent deadline, a limit, silence, a lost race."""
        return self.status_code in _PASSING or self.reason == "CHANGED_MEANWHILE"


class InvalidArgument(Refusal):
    """The request is wrong whatever the state (422)."""

    code = code_pb2.INVALID_ARGUMENT


class NotFound(Refusal):
    """There is no such thing, or the caller may not know of it (404)."""

    code = code_pb2.NOT_FOUND


class AlreadyExists(Refusal):
    """What should be made is there (409)."""

    code = code_pb2.ALREADY_EXISTS


class FailedPrecondition(Refusal):
    """The state does not allow it (409)."""

    code = code_pb2.FAILED_PRECONDITION


class Aborted(Refusal):
    """Somebody else was first; read again and repeat (409)."""

    code = code_pb2.ABORTED


class PermissionDenied(Refusal):
    """Known caller, not allowed (403)."""

    code = code_pb2.PERMISSION_DENIED


class Unauthenticated(Refusal):
    """Unknown caller (401)."""

    code = code_pb2.UNAUTHENTICATED


class ResourceExhausted(Refusal):
    """A limit is reached (429)."""

    code = code_pb2.RESOURCE_EXHAUSTED


class Unavailable(Refusal):
    """Cannot be done just now (503)."""

    code = code_pb2.UNAVAILABLE


class RemoteRefusal(Refusal):
    """Another service refused; its reason, sentence and fields are passed on unchanged."""

    def __init__(
        self, code: int, reason: str, message: str, metadata: dict[str, str], violations: Sequence[Violation]
    ) -> None:
        self.remote_code, self.remote_reason, self.remote_message = code, reason, message
        super().__init__(violations=violations)
        self.metadata = dict(metadata)

    @property
    def reason(self) -> str:
        return self.remote_reason

    @property
    def status_code(self) -> int:
        return self.remote_code

    @property
    def message(self) -> str:
        return self.remote_message


class NotYet(Exception):
    """An event came before what it builds on; the consumer is called again later."""


class RequestInvalid(InvalidArgument):
    """The request breaks rules of its fields."""

    text = "The request has fields that are not valid; see the violations."


class ResourceNotFound(NotFound):
    """No such resource in the caller's reach."""

    text = "There is no {type} {id}, or it is outside your reach."


class EtagMismatch(Aborted):
    """The resource changed since the caller read it."""

    text = "The {type} has changed since you read it (your etag {given}, now {current}); read it again and repeat."
    field = "etag"


class ResourceAlreadyExists(AlreadyExists):
    """A unique value is taken."""

    text = "There is already a {type} with this {fields}."


class PermissionMissing(PermissionDenied):
    """The caller's roles lack the permission."""

    text = "You need the permission {permission} for this; ask an administrator for a role that has it."


class TokenInvalid(Unauthenticated):
    """No token, an expired one, or one that we did not sign."""

    text = "The access token is missing, expired or not valid ({cause}); sign in again."


class IdempotencyKeyReused(InvalidArgument):
    """The same key came with another request."""

    text = "This Idempotency-Key was used for another request; use a new key for a new request."
    field = "Idempotency-Key"


class DeadlineSpent(Refusal):
    """The caller's time ran out before the work was done."""

    code = code_pb2.DEADLINE_EXCEEDED
    text = "The time given for this request ran out; repeat it with the same Idempotency-Key."


class Cancelled(Refusal):
    """The operation was cancelled by a person."""

    code = code_pb2.CANCELLED
    text = "The operation was cancelled."


class ConditionInvalid(InvalidArgument):
    """A filter, order or condition does not parse or names what it may not."""

    text = "{detail}"
    field = "filter"

    @classmethod
    def at(cls, field: str, wrong: ConditionError) -> ConditionInvalid:
        """The refusal of a condition that stands in `field`, with every fault."""
        faults = [Violation(field, str(problem.reason), str(problem)) for problem in wrong.problems]
        return cls(detail=str(wrong), violations=faults)


class PageTokenInvalid(InvalidArgument):
    """A page token that belongs to another query or is damaged."""

    text = "The page token belongs to another query; start again without it."
    field = "page_token"


class InSteps(Exception):
    """A unit cannot answer alone, others must be asked: what it did is undone and its steps answer the call."""


class CallInsideTransaction(RuntimeError):
    """A unit tried to call another service; only processes and views may."""
