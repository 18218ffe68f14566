"""What the database says when a transaction fails, as refusals: taken keys, lost races, a database that is away.

A lost race and a connection that was dead from the start leave nothing behind, so the work is simply done again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import InvalidOperation
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError

from tercet_chassis.errors import Aborted, InvalidArgument, Refusal, ResourceAlreadyExists, Unavailable, Violation

T = TypeVar("T")
UniqueKeys = Mapping[str, tuple[str, str]]
MOST_RUNS = 4
_RACES = frozenset({"40001", "40P01", "55P03"})
_UNIQUE, _MISSING = "23505", "23502"
# Too long, out of range, not to be written in UTF-8, no time of the calendar; 22000 is what the driver refuses to send;
# 54000 is text beyond what an index or the search words hold.
_UNSTORABLE = frozenset({"22000", "22001", "22003", "22008", "22021", "22P05", "54000"})
# What Python says when a time leaves the calendar or an amount the digits that are kept.
_BEYOND = (OverflowError, InvalidOperation)
# Shutting down, starting up, out of connections.
_AWAY = ("57P", "08", "53300")


class ChangedMeanwhile(Aborted):
    """Another transaction changed the row first."""

    text = "Somebody else changed this at the same moment; read it again and repeat."


class ValueMissing(InvalidArgument):
    """A value that every resource of the kind must have was left out or cleared."""

    text = "{column} must have a value."


class ValueNotStorable(InvalidArgument):
    """A number that is too large, text with a zero character, or text too long for a key."""

    text = (
        "The request has a number that is too large, a text that is too long, or a character that cannot be stored; "
        "make it smaller or leave it out."
    )


class DatabaseAway(Unavailable):
    """The database does not answer, or all connections are in use."""

    text = "The service cannot reach its data just now; try again in a moment."


class ConnectionDead(DatabaseAway):
    """A pooled connection was dead before the transaction began."""


def _state(error: BaseException) -> str:
    return str(getattr(_cause(error), "sqlstate", "") or "")


def _cause(error: BaseException) -> Any:
    original = getattr(error, "orig", None)
    return getattr(original, "__cause__", None) or original or error


def constraint_of(error: BaseException) -> str:
    """The constraint that an error names, if any."""
    return str(getattr(_cause(error), "constraint_name", None) or "")


def refusal_of(error: BaseException, keys: UniqueKeys) -> Refusal | None:
    """The refusal that a database error is; None when it is a fault of ours."""
    if isinstance(error, StaleDataError) or _state(error) in _RACES:
        return ChangedMeanwhile()
    if _state(error) in _UNSTORABLE or isinstance(error, _BEYOND):
        return ValueNotStorable()
    if isinstance(error, IntegrityError):
        column = str(getattr(_cause(error), "column_name", None) or "")
        if _state(error) == _MISSING:
            return ValueMissing(column=column, violations=[Violation(column, "VALUE_MISSING", "Give a value.")])
        return _taken(error, keys) if _state(error) == _UNIQUE else None
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if lost or isinstance(error, PoolTimeout | ConnectionError) or _state(error).startswith(_AWAY):
        return DatabaseAway(retry_after=1.0)
    return None


def _taken(error: IntegrityError, keys: UniqueKeys) -> ResourceAlreadyExists:
    cause = _cause(error)
    field, type_name = keys.get(str(cause.constraint_name), ("id", str(cause.table_name)))
    text = f"Another {type_name} has this {field}; choose another value."
    return ResourceAlreadyExists(type=type_name, fields=field, violations=[Violation(field, "ALREADY_EXISTS", text)])


@contextmanager
def as_refusals(keys: UniqueKeys) -> Iterator[None]:
    """Turns the database's errors into refusals, wherever in the transaction they come up."""
    try:
        yield
    except Refusal:
        raise
    except Exception as error:
        refusal = refusal_of(error, keys)
        if refusal is None:
            raise
        raise refusal from error


@contextmanager
def first_statement() -> Iterator[None]:
    """Around a transaction's first statement: when the connection proves dead, nothing has been done yet."""
    try:
        yield
    except DBAPIError as error:
        if error.connection_invalidated:
            raise ConnectionDead(retry_after=1.0) from error
        raise


async def again_after_races(work: Callable[[], Awaitable[T]]) -> T:
    """Does the work, and does it again when it lost a race; refuses after four times."""
    for run in range(1, MOST_RUNS):
        try:
            return await work()
        except (ChangedMeanwhile, ConnectionDead):
            await asyncio.sleep(random.uniform(0.002, 0.02) * run)
    return await work()
