"""A segment's condition, read once: whether it holds, when time may change that, its SQL and its reasons."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_

from tercet_conditions import (
    Clock,
    Compare,
    Explanation,
    Field,
    Getter,
    Holds,
    Kinds,
    Node,
    Now,
    Schema,
    compile_closure,
    compile_sql,
    explain,
    mapping_getter,
    parse_json,
    paths,
)
from tercet_conditions.clock import shift
from tercet_conditions.closure import reader
from tercet_marketing.segments import timing
from tercet_marketing.segments.anniversary import Anniversary, AnniversaryKind, turns
from tercet_marketing.segments.behaviour import EVERYBODY, Behaviour, BehaviourKind, Share, joined, matching
from tercet_marketing.segments.entries import MemberOfKind, Some, SomeKind
from tercet_marketing.segments.subjects import CUSTOM, Subject, subjects

Fields = tuple[tuple[str, Field], ...]


@dataclass(slots=True)
class Record:
    """One subject with what conditions ask beside its row. `segments` are the codes it is in now."""

    id: UUID
    identity_id: UUID
    party_id: UUID
    values: Mapping[str, Any]
    create_time: datetime
    facts: list[Mapping[str, Any]] = field(default_factory=list)
    segments: set[str] = field(default_factory=set)


def read_value(path: str) -> Callable[[Record], Any]:
    """The accessor of a path of a record's row."""
    inside = mapping_getter(path)
    return lambda record: inside(record.values)


def schema_of(subject: Subject, custom: Fields = (), hidden: Collection[str] = ()) -> Schema:
    """What conditions may ask of a subject by somebody from whom the `hidden` paths are masked."""
    own = dict(custom)
    fields = {
        path: replace(known, filterable=False) if path in hidden else known for path, known in subject.fields.items()
    }
    return Schema(fields, custom=own.get)


def kinds_of(
    subject: Subject,
    codes: Collection[str] | None = None,
    record: Record | None = None,
    clock: Clock | None = None,
    share: Share = EVERYBODY,
) -> Kinds:
    """The kinds of terms beyond comparisons. `codes` are the segments that may be asked, None when all may."""
    return Kinds(
        BehaviourKind(subject.table.c.party_id, record, clock, share),
        SomeKind(subject.lists, subject.list_columns(), record, clock),
        MemberOfKind(subject.table.c.id, codes),
        AnniversaryKind(subject.date_columns(), record),
    )


class Judgement:
    """A condition ready to judge. Its clock stands where `at` puts it, so one reading serves many moments."""

    def __init__(self, subject: Subject, tree: Node, schema: Schema, zone: ZoneInfo) -> None:
        self.subject, self.tree, self.schema, self.zone = subject, tree, schema, zone
        self._now: datetime | None = None
        self.clock = Clock(self._moment, zone)
        kinds = kinds_of(subject)
        self.reads = paths(tree, kinds=kinds)
        self.holds: Holds = compile_closure(tree, schema, getter=read_value, clock=self.clock, kinds=kinds)
        self.timed = _timed(tree)
        # Which facts count for each condition on facts, and by which "now" it compares their times: read once.
        self._counted = {id(node): (matching(node, self.clock), _nows(node.test)) for node in _behaviours(tree)}
        self._begins: dict[Now, datetime] = {}

    def _moment(self) -> datetime:
        if self._now is None:
            raise RuntimeError("put the clock somewhere first")
        return self._now

    def at(self, now: datetime) -> Judgement:
        """The same at a moment; whoever puts the clock judges before anybody else runs."""
        if now != self._now:
            self._now, self._begins = now, {}
        return self

    def due(self, record: Record) -> datetime | None:
        """The next moment at which time alone may change the answer."""
        if not self.timed:
            return None
        return timing.earliest(self._candidates(self.tree, self.schema, read_value, record), self._moment())

    def sql(self, share: Share = EVERYBODY) -> ColumnElement[bool]:
        """The same as a predicate on the subject's view, at the moment of the clock, for the parties of a share."""
        kinds = kinds_of(self.subject, share=share)
        fits = compile_sql(joined(self.tree), self.schema, self.subject.resolve, clock=self.clock, kinds=kinds)
        return and_(fits, *share.of(self.subject.table.c.party_id))

    def explained(self, record: Record) -> Explanation:
        """Why a record is in or out, with the values that were read."""
        kinds = kinds_of(self.subject, record=record, clock=self.clock)
        return explain(self.tree, record, self.schema, getter=read_value, clock=self.clock, kinds=kinds)

    def _candidates(self, node: Node, schema: Schema, getter: Getter, record: Any) -> Iterator[datetime]:
        match node:
            case Compare(path):
                moved = _nows(node)
                found: Any = reader(path, schema[path], getter)(record) if moved else None
                for by in moved if found is not None else ():
                    yield from timing.crossings(found, by, self.zone)
            case Behaviour():
                yield from self._of_facts(node, record)
            case Anniversary(of, days):
                day = getter(of)(record)
                if day is not None:
                    yield from turns(day, self._moment(), days, self.zone)
            case Some(of, where):
                for entry in getter(of)(record) or ():
                    yield from self._candidates(where, self.subject.lists[of], mapping_getter, entry)
            case _:
                for child in node.children:
                    yield from self._candidates(child, schema, getter, record)

    def _of_facts(self, node: Behaviour, record: Record) -> Iterator[datetime]:
        """Facts come into the window when they happen, go out at its far end, and the time of one may be compared."""
        (counts, moved), now = self._counted[id(node)], self._moment()
        over = None if node.within is None or moved else self._long_out(node.within)
        for fact in record.facts:
            when = fact["fact_time"]
            ahead = when > now
            gone = not ahead and not moved and (over is None or when < over)
            if gone or not counts(fact):
                continue
            if ahead:
                yield when
            if node.within is not None:
                yield from timing.turning_points(when, node.within, self.zone)
            for by in moved:
                yield from timing.turning_points(when, by, self.zone)

    def _long_out(self, within: Now) -> datetime:
        """Facts from before have left a window for good."""
        found = self._begins.get(within)
        if found is None:
            found = self._begins[within] = shift(self._moment(), within, self.zone) - timing.LONGEST_JUMP
        return found


def _nows(term: Compare) -> list[Now]:
    values = term.value if isinstance(term.value, tuple) else (term.value,)
    return [value for value in values if isinstance(value, Now)]


def _behaviours(node: Node) -> Iterator[Behaviour]:
    if isinstance(node, Behaviour):
        yield node
    else:
        for child in node.children:
            yield from _behaviours(child)


def _timed(node: Node) -> bool:
    if isinstance(node, Compare):
        return bool(_nows(node))
    return isinstance(node, Behaviour | Anniversary) or any(_timed(child) for child in node.children)


def judgement(subject: Subject, condition: Mapping[str, Any], zone: str, custom: Fields) -> Judgement:
    """A stored condition, read. Refuses (ConditionError) one that asks what there is no more."""
    text = json.dumps(condition, sort_keys=True, ensure_ascii=False)
    return _judgement(subject.code, text, zone, tuple((key, known) for key, known in custom if CUSTOM + key in text))


@lru_cache(maxsize=2_000)
def _judgement(subject_code: str, condition: str, zone: str, custom: Fields) -> Judgement:
    subject = subjects()[subject_code]
    schema = schema_of(subject, custom)
    tree = parse_json(json.loads(condition) or {"all": []}, schema, kinds=kinds_of(subject))
    return Judgement(subject, tree, schema, ZoneInfo(zone))
