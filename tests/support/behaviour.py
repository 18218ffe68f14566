"""Random conditions and facts, and the plainest way to read them: what is right, however else it is worked out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tercet_conditions import Now, Unit
from tercet_conditions.clock import shift

START = datetime(2026, 3, 27, 8, 30, tzinfo=UTC)
ZONE = "Europe/Berlin"
KINDS = ("touch", "order", "visit")
WINDOWS = ("6h", "1d", "2w", "1mo")

moments = st.integers(-60 * 24, 10 * 24).map(lambda hours: START + timedelta(hours=hours))
facts = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "fact_time": moments,
        "code": st.sampled_from(("web", "shop")),
        "amount": st.none() | st.integers(-5, 20).map(lambda n: (Decimal(n) / 3).quantize(Decimal("0.01"))),
    }
)
operators = st.sampled_from(("=", "!=", "<", "<=", ">", ">="))
counted = st.fixed_dictionaries(
    {
        "kinds": st.lists(st.sampled_from(KINDS), min_size=1, max_size=2, unique=True),
        "op": operators,
        "value": st.integers(0, 3),
    },
    optional={"within": st.sampled_from(WINDOWS), "where": st.just({"path": "code", "value": "web"})},
)
summed = st.fixed_dictionaries(
    {
        "kinds": st.just(["order"]),
        "measure": st.sampled_from(("sum", "avg", "max", "min")),
        "currency": st.just("CNY"),
        "op": operators,
        "value": st.sampled_from((0, 2, "3.33")),
    },
    optional={"within": st.sampled_from(WINDOWS)},
)
latest = st.fixed_dictionaries(
    {
        "kinds": st.lists(st.sampled_from(KINDS), min_size=1, max_size=2, unique=True),
        "measure": st.sampled_from(("last", "first")),
        "op": operators,
        "value": st.sampled_from(({"now": "-1d"}, {"now": "-1mo"}, {"now": "-2w"})),
    }
)
leaves = st.one_of(
    (counted | summed | latest).map(lambda inner: {"facts": inner}),
    st.fixed_dictionaries(
        {
            "path": st.just("last_order_time"),
            "op": operators,
            "value": st.sampled_from(({"now": "-1d"}, {"now": "-1mo"})),
        }
    ),
    st.fixed_dictionaries({"path": st.just("order_count"), "op": operators, "value": st.integers(0, 3)}),
    st.just({"path": "tag_codes", "op": ":", "value": "vip"}),
    st.just({"some": {"of": "values", "where": {"path": "average.amount", "op": ">", "value": 5}}}),
    st.sampled_from((0, 1, 9)).map(lambda days: {"anniversary": {"of": "birth_date", "within": f"{days}d"}}),
)
born = (None, date(1992, 2, 29), date(1990, 3, 28), date(1985, 4, 3), date(2001, 4, 12), date(2026, 4, 5))
# Several tests of the same facts, such as their average and their number.
of_the_same = st.tuples(st.lists(counted | summed, min_size=2, max_size=3), st.sampled_from(WINDOWS)).map(
    lambda drawn: {
        "all": [
            {
                "facts": {key: value for key, value in inner.items() if key != "where"}
                | {"kinds": ["order"], "within": drawn[1]}
            }
            for inner in drawn[0]
        ]
    }
)
conditions = st.recursive(
    leaves | of_the_same,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda terms: {"all": terms})
        | st.lists(inner, min_size=1, max_size=3).map(lambda terms: {"any": terms})
        | inner.map(lambda term: {"not": term})
    ),
    max_leaves=5,
)


class Oracle:
    """Reads a condition from its JSON alone, in the plainest way there is."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def holds(self, condition: Any, row: Mapping[str, Any], done: list[dict[str, Any]], inside: set[str]) -> bool:
        match condition:
            case {"all": terms}:
                return all(self.holds(term, row, done, inside) for term in terms)
            case {"any": terms}:
                return any(self.holds(term, row, done, inside) for term in terms)
            case {"not": term}:
                return not self.holds(term, row, done, inside)
            case {"member_of": code}:
                return code in inside
            case {"some": {"where": where}}:
                return any(Decimal(each["average"]["amount"]) > where["value"] for each in row["values"])
            case {"anniversary": {"within": within}}:
                return self.comes_round(row["birth_date"], int(within.removesuffix("d")))
            case {"facts": asked}:
                return self.compared(self.measured(asked, done), asked["op"], asked["value"])
        if condition["path"] == "tag_codes":
            return "vip" in row["tag_codes"]
        return self.compared(row[condition["path"]], condition["op"], condition["value"])

    def comes_round(self, day: date | None, days: int) -> bool:
        today = self.now.astimezone(ZoneInfo(ZONE)).date()
        ahead = [today + timedelta(days=number) for number in range(days + 1)]
        return day is not None and any((at.month, at.day) == (day.month, day.day) and at >= day for at in ahead)

    def measured(self, asked: Mapping[str, Any], done: list[dict[str, Any]]) -> Any:
        since = self.ago("-" + asked["within"]) if "within" in asked else datetime.min.replace(tzinfo=UTC)
        mine = [fact for fact in done if fact["kind"] in asked["kinds"] and since < fact["fact_time"] <= self.now]
        mine = [fact for fact in mine if "where" not in asked or fact["code"] == "web"]
        measure = asked.get("measure", "count")
        if measure == "count":
            return len(mine)
        if measure in ("last", "first"):
            return (max if measure == "last" else min)((fact["fact_time"] for fact in mine), default=None)
        amounts = [fact["amount"] for fact in mine if fact["amount"] is not None]
        if measure == "sum":
            return sum(amounts, Decimal(0))
        if not amounts:
            return None
        return {"avg": sum(amounts) / len(amounts), "max": max(amounts), "min": min(amounts)}[measure]

    def compared(self, found: Any, op: str, value: Any) -> bool:
        if found is None:
            return op == "!="
        wanted = self.ago(value["now"]) if isinstance(value, dict) else Decimal(value)
        return bool(
            {"=": found == wanted, "!=": found != wanted, "<": found < wanted, "<=": found <= wanted}.get(op)
            or (op == ">" and found > wanted)
            or (op == ">=" and found >= wanted)
        )

    def ago(self, text: str) -> datetime:
        unit = text.lstrip("-0123456789")
        return shift(self.now, Now(int(text.removesuffix(unit)), Unit(unit)), ZoneInfo(ZONE))
