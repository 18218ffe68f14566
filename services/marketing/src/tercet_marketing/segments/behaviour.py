"""The condition on facts: how many, how much, how lately, in a window, of which kind.

`{"facts": {"kinds": ["order"], "measure": "count", "within": "30d", "where": {...}, "op": "=", "value": 0}}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, literal, not_, select

from tercet_chassis.entity import view
from tercet_conditions import (
    And,
    Check,
    Clock,
    Compare,
    Field,
    FieldType,
    Getter,
    Holds,
    Node,
    Now,
    Op,
    Reason,
    Schema,
    SqlColumn,
    compile_closure,
    compile_sql,
    read_inner,
    to_json,
)
from tercet_conditions.clock import parse_offset
from tercet_conditions.values import offset, plain
from tercet_marketing.facts.model import Fact
from tercet_marketing.facts.rules import KINDS
from tercet_marketing.segments.rules import FACTS

_ORDERED = {"count": FieldType.INTEGER, "last": FieldType.INSTANT, "first": FieldType.INSTANT}
_AMOUNTS = ("sum", "avg", "max", "min")
MEASURES = {**_ORDERED, **dict.fromkeys(_AMOUNTS, FieldType.MONEY)}
INSIDE = Schema(
    {
        "code": Field(FieldType.TEXT),
        "amount": Field(FieldType.MONEY),
        "currency": Field(FieldType.TEXT),
        "product_codes": Field(FieldType.LIST),
    }
)
_KEYS = frozenset({"kinds", "measure", "within", "currency", "where", "op", "value"})
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Share:
    """The parties whose ids lie between two: after one, up to and with the other; None where there is no end."""

    after: UUID | None = None
    last: UUID | None = None

    def of(self, party: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """The same as conditions on a column."""
        ends = [None if self.after is None else party > self.after, None if self.last is None else party <= self.last]
        return [end for end in ends if end is not None]


EVERYBODY = Share()


@dataclass(frozen=True)
class Behaviour(Node):
    """A measure over the facts of some kinds, in a window that ends now, compared with a value."""

    kinds: tuple[str, ...]
    measure: str
    test: Compare
    within: Now | None = None
    """How far back; negative. None: ever."""
    currency: str | None = None
    where: Node | None = None
    also: tuple[Behaviour, ...] = ()
    """More tests of the same facts, all of which must hold; only `joined` puts them here."""

    @property
    def children(self) -> tuple[Node, ...]:
        return () if self.where is None else (self.where,)


class BehaviourKind:
    """How conditions on facts are read, compiled and told. `party` is the column with the party that did it; `share`
    are the parties that are asked about at all, so that only their facts are read; `record` makes the words say what
    was read of one.
    """

    key = "facts"
    node = Behaviour

    def __init__(
        self, party: ColumnElement[Any], record: Any = None, clock: Clock | None = None, share: Share = EVERYBODY
    ) -> None:
        self._party, self._record, self._clock, self._share = party, record, clock, share

    def parse(self, value: Any, check: Check, pointer: str) -> Behaviour | None:
        """Refuses unknown kinds and measures, a sum without its currency, and a value that is not the measure's."""
        if not isinstance(value, Mapping) or value.keys() - _KEYS:
            message = f"facts takes an object with {', '.join(sorted(_KEYS))}: leave the rest out"
            check.refuse(Reason.BAD_SHAPE, message, pointer)
            return None
        kinds = value.get("kinds")
        if not isinstance(kinds, list | tuple) or not kinds or any(kind not in KINDS for kind in kinds):
            check.refuse(Reason.WRONG_VALUE, f"list one or more of {', '.join(KINDS)}", f"{pointer}/kinds")
            return None
        measure = value.get("measure", "count")
        if measure not in MEASURES:
            check.refuse(Reason.WRONG_VALUE, f"choose one of {', '.join(MEASURES)}", f"{pointer}/measure")
            return None
        currency = value.get("currency")
        fits = isinstance(currency, str) and len(currency) == 3 if measure in _AMOUNTS else currency is None
        if not fits:
            what = "amounts of one currency only can be added: name it, such as CNY"
            message = what if measure in _AMOUNTS else f"{measure} asks no amounts: leave the currency out"
            check.refuse(Reason.WRONG_VALUE, message, f"{pointer}/currency")
        within = self._window(value.get("within"), check, f"{pointer}/within")
        where = read_inner(value["where"], check.within(INSIDE), f"{pointer}/where") if "where" in value else None
        test = self._test(value, measure, check, pointer)
        if test is None or not fits or ("where" in value) != (where is not None) or within is False:
            return None
        window = within if isinstance(within, Now) else None
        return Behaviour(tuple(sorted(set(kinds))), measure, test, window, currency, where)

    def _window(self, raw: Any, check: Check, pointer: str) -> Now | bool | None:
        if raw is None:
            return None
        try:
            found = parse_offset(f"-{raw}")
        except ValueError:
            found = Now()
        if not found.amount:
            message = "write how far back as a whole number and a unit s, m, h, d, w, mo or y, such as 30d"
            check.refuse(Reason.WRONG_VALUE, message, pointer)
            return False
        return found

    def _test(self, value: Row, measure: str, check: Check, pointer: str) -> Compare | None:
        name, raw = value.get("op", "="), value.get("value")
        allowed = [op for op in Op if op in (Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE, Op.EXISTS)]
        if name not in allowed or (measure in ("count", "sum") and name == Op.EXISTS):
            check.refuse(Reason.WRONG_OPERATOR, f"use one of {' '.join(allowed)}", f"{pointer}/op")
            return None
        if (raw is None) != (name == Op.EXISTS):
            check.refuse(Reason.BAD_SHAPE, "exists takes no value, every other operator takes one", pointer)
            return None
        at = f"{pointer}/value"
        found = check.within(_schema(measure)).compare("value", Op(name), raw, at, [at])
        return found if isinstance(found, Compare) else None

    def to_json(self, node: Behaviour) -> dict[str, Any]:
        told: dict[str, Any] = {"kinds": list(node.kinds), "measure": node.measure, "op": str(node.test.op)}
        if node.within is not None:
            told["within"] = offset(node.within).lstrip("-")
        if node.currency is not None:
            told["currency"] = node.currency
        if node.where is not None:
            told["where"] = to_json(node.where)
        return told if node.test.op is Op.EXISTS else told | {"value": plain(node.test.value)}

    def json_schema(self) -> Mapping[str, Any]:
        return {
            "type": "object",
            "properties": {
                "kinds": {"type": "array", "items": {"enum": list(KINDS)}, "minItems": 1},
                "measure": {"enum": list(MEASURES)},
                "within": {"type": "string", "pattern": "^[1-9][0-9]{0,9}(s|m|h|d|w|mo|y)$"},
                "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
                "where": {"$ref": "#/$defs/condition"},
                "op": {"enum": ["=", "!=", "<", "<=", ">", ">=", "exists"]},
                "value": {"type": ["string", "number", "object"]},
            },
            "required": ["kinds"],
            "additionalProperties": False,
        }

    def sql(self, node: Behaviour, clock: Clock | None) -> ColumnElement[bool]:
        """Parties are grouped over the window once: so a count over everybody reads the facts once, not once each."""
        clock = _needed(clock)
        facts = view(Fact).alias()
        kind = facts.c.kind == node.kinds[0] if len(node.kinds) == 1 else facts.c.kind.in_(node.kinds)
        rows = [kind, facts.c.voided.is_(False), facts.c.fact_time <= clock.now(), *self._share.of(facts.c.party_id)]
        if node.within is not None:
            rows.append(facts.c.fact_time > clock.moment(node.within))
        if node.where is not None:
            names = {"amount": "amount_amount", "currency": "amount_currency"}
            rows.append(compile_sql(node.where, INSIDE, lambda path: SqlColumn(facts.c[names.get(path, path)])))
        if not node.also:
            rows += _valued(node, facts)
        present = None if node.also else _presence(node.test, node.measure)
        if present is not None:
            # Joined, not grouped: a third of the time over everybody.
            any_such = exists(select(facts.c.id).where(facts.c.party_id == self._party, *rows))
            return any_such if present else not_(any_such)
        tests = (node, *node.also)
        fits = and_(*(_fits(each, facts, clock) for each in tests))
        chosen = select(facts.c.party_id).where(and_(*rows)).group_by(facts.c.party_id)
        # Who did nothing is in no group: when nothing fits the tests, all are in but those whom they do not fit.
        if all(_holds_of_nothing(each, clock) for each in tests):
            return not_(self._party.in_(chosen.having(not_(fits))))
        return self._party.in_(chosen.having(fits))

    def closure(self, node: Behaviour, getter: Getter, clock: Clock | None) -> Holds:
        measured = reading(node, _needed(clock))
        exact = _exact(node)
        test = compile_closure(exact, _schema(node.measure), clock=clock)
        if node.measure != "avg":
            return lambda record: test({"value": measured(record)[0]})
        wanted = _number(node.test)

        def holds(record: Any) -> bool:
            _, total, count = measured(record)
            return test({"value": total - wanted * count if count else None})

        return holds

    def paths(self, node: Behaviour) -> Iterable[str]:
        return [FACTS + kind for kind in node.kinds]

    def words(self, node: Behaviour, schema: Schema) -> str:
        window = "" if node.within is None else f" in the last {offset(node.within).lstrip('-')}"
        money = "" if node.currency is None else f" {node.currency}"
        asked = "exists" if node.test.op is Op.EXISTS else f"{node.test.op} {plain(node.test.value)}{money}"
        read = ""
        if self._record is not None:
            value = reading(node, _needed(self._clock))(self._record)[0]
            read = f" is {'missing' if value is None else plain(value)},"
        return f"{node.measure} of {' or '.join(node.kinds)}{window}{read} {asked}".replace("  ", " ")


def joined(node: Node) -> Node:
    """The same condition, in which tests that must all hold of the same facts are one term: for SQL, which groups those
    facts once then.
    """
    if not isinstance(node, And):
        return node
    groups: dict[Any, list[Behaviour]] = {}
    others: list[Node] = []
    for term in map(joined, node.children):
        if isinstance(term, Behaviour) and _presence(term.test, term.measure) is None:
            groups.setdefault((term.kinds, term.within, term.where), []).append(term)
        else:
            others.append(term)
    return And((*(replace(first, also=tuple(more)) for first, *more in groups.values()), *others))


def matching(node: Behaviour, clock: Clock) -> Callable[[Row], bool]:
    """Whether a fact is of those that count, whenever it was."""
    where = compile_closure(node.where or And(), INSIDE, clock=clock)

    def holds(fact: Row) -> bool:
        return (
            fact["kind"] in node.kinds
            and (node.currency is None or (fact["currency"] == node.currency and fact["amount"] is not None))
            and where(fact)
        )

    return holds


def reading(node: Behaviour, clock: Clock) -> Callable[[Any], tuple[Any, Decimal, int]]:
    """The measure over a record's facts (None of nothing, but for count and sum), their total and their number."""
    counts = matching(node, clock)
    begins: tuple[datetime | None, datetime | None] = (None, None)

    def begin(now: datetime) -> datetime | None:
        # Many are judged at one moment.
        nonlocal begins
        if node.within is not None and begins[0] != now:
            begins = now, clock.moment(node.within)
        return begins[1]

    def read(record: Any) -> tuple[Any, Decimal, int]:
        now = clock.now()
        since = begin(now)
        inside = [
            fact
            for fact in record.facts
            if fact["fact_time"] <= now and (since is None or fact["fact_time"] > since) and counts(fact)
        ]
        if node.measure == "count":
            return len(inside), Decimal(0), len(inside)
        if node.measure in ("last", "first"):
            times = [fact["fact_time"] for fact in inside]
            found = (max if node.measure == "last" else min)(times, default=None)
            return found, Decimal(0), len(inside)
        amounts: list[Decimal] = [fact["amount"] for fact in inside]
        total = sum(amounts, Decimal(0))
        if node.measure == "sum":
            return total, total, len(amounts)
        if not amounts:
            return None, total, 0
        if node.measure == "avg":
            mean = (total / len(amounts)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
            return mean, total, len(amounts)
        return (max if node.measure == "max" else min)(amounts), total, len(amounts)

    return read


def _valued(node: Behaviour, facts: Any) -> list[ColumnElement[bool]]:
    """Only facts with an amount in the currency are added up."""
    if node.currency is None:
        return []
    return [facts.c.amount_currency == node.currency, facts.c.amount_amount.is_not(None)]


def _fits(node: Behaviour, facts: Any, clock: Clock) -> ColumnElement[bool]:
    """The test of a party's facts taken together; one of which nothing counts fits as somebody does who did nothing."""
    valued = _valued(node, facts)

    def over(taken: Any) -> Any:
        return taken.filter(*valued) if valued else taken

    amount, number = facts.c.amount_amount, over(func.count())
    measured: dict[str, Any] = {
        "count": number,
        "sum": over(func.sum(amount)),
        "avg": over(func.sum(amount)) - _number(node.test) * number,
        "max": over(func.max(amount)),
        "min": over(func.min(amount)),
        "last": func.max(facts.c.fact_time),
        "first": func.min(facts.c.fact_time),
    }
    column = SqlColumn(measured[node.measure], nullable=False)
    fits = compile_sql(_exact(node), _schema(node.measure), lambda _: column, clock=clock)
    return func.coalesce(fits.self_group(), literal(_holds_of_nothing(node, clock)))


def _exact(node: Behaviour) -> Compare:
    """The test; of a mean, that of "total less value times number" against nothing: so no quotient is ever rounded."""
    if node.measure == "avg" and node.test.op is not Op.EXISTS:
        return replace(node.test, value=Decimal(0))
    return node.test


def _number(test: Compare) -> Decimal:
    return test.value if isinstance(test.value, Decimal) else Decimal(0)


def _presence(test: Compare, measure: str) -> bool | None:
    """Whether it is enough that there is such a fact (True) or none (False); None when a figure must be known."""
    if test.op is Op.EXISTS:
        return True
    if measure == "count":
        asked = (test.op, test.value)
        if asked in ((Op.GE, 1), (Op.GT, 0), (Op.NE, 0)):
            return True
        if asked in ((Op.EQ, 0), (Op.LT, 1), (Op.LE, 0)):
            return False
    return None


def _holds_of_nothing(node: Behaviour, clock: Clock) -> bool:
    nothing = {"count": 0, "sum": Decimal(0)}.get(node.measure)
    return compile_closure(_exact(node), _schema(node.measure), clock=clock)({"value": nothing})


def _schema(measure: str) -> Schema:
    return Schema({"value": Field(MEASURES[measure])})


def _needed(clock: Clock | None) -> Clock:
    if clock is None:
        raise ValueError("a condition on facts looks back from now: compile it with a clock")
    return clock
