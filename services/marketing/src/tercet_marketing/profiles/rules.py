"""How a profile is put together from what others told of an identity, and how members make a party. Pure.

Everything here is independent of the order of its inputs, so late and repeated events end in the same profile.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tercet_chassis.money import Money

Json = dict[str, Any]
LIFECYCLES = ("LEAD", "PROSPECT", "FIRST_BUYER", "REPEAT_BUYER")


@dataclass(frozen=True, slots=True)
class Purchases:
    """What an identity bought and kept."""

    order_count: int = 0
    first_time: datetime | None = None
    last_time: datetime | None = None
    spent: tuple[Money, ...] = ()


@dataclass(slots=True)
class Facts:
    """What all that was told of an identity amounts to."""

    kind: str | None = None
    display_name: str = ""
    birth_date: str = ""
    contact_points: list[Json] = field(default_factory=list)
    first_touch: Json | None = None
    last_touch: Json | None = None
    lead_id: str | None = None
    lead_state: str = ""
    customer_id: str | None = None
    customer_lifecycle: str = ""
    unit_id: str | None = None
    owner_id: str | None = None
    partner_party_id: str | None = None


def point_key(point: Json) -> tuple[str, str, str]:
    """What makes a contact point the same: kind, platform and value, whatever their letters' case and width."""
    value = unicodedata.normalize("NFKC", point.get("value", "")).strip()
    kind = point.get("kind", "")
    if kind == "PHONE":
        value = "".join(sign for sign in value if sign.isdigit() or sign == "+")
    return kind, point.get("platform", "").lower(), value if kind == "ACCOUNT" else value.lower()


def joined_points(lists: Iterable[Sequence[Json]]) -> list[Json]:
    """All contact points, each once, in the order in which they come."""
    seen: dict[tuple[str, str, str], Json] = {}
    for points in lists:
        for point in points:
            key = point_key(point)
            if key[2]:
                seen.setdefault(key, point)
    return list(seen.values())


def assembled(sources: Sequence[Json]) -> Facts:
    """Puts an identity's leads and customers together: the latest customer speaks before the latest lead."""
    live = [source for source in sources if not source.get("removed")]
    ranked = sorted(live, key=_rank, reverse=True)
    facts = Facts(contact_points=joined_points(source["contact_points"] for source in ranked))
    for source in ranked:
        facts.kind = facts.kind or source.get("kind")
        facts.display_name = facts.display_name or source.get("display_name", "")
        facts.birth_date = facts.birth_date or source.get("birth_date", "")
        for name in ("unit_id", "owner_id", "partner_party_id"):
            setattr(facts, name, getattr(facts, name) or source.get(name))
        if source["type"] == "CUSTOMER" and facts.customer_id is None:
            facts.customer_id, facts.customer_lifecycle = source["id"], source.get("lifecycle_code", "")
        if source["type"] == "LEAD" and facts.lead_id is None:
            facts.lead_id, facts.lead_state = source["id"], source.get("state", "")
    facts.first_touch = earliest(source.get("first_touch") for source in live)
    facts.last_touch = latest(source.get("last_touch") for source in live)
    return facts


def _rank(source: Json) -> tuple[bool, datetime, str]:
    return source["type"] == "CUSTOMER", datetime.fromisoformat(source["time"]), source["id"]


def earliest(touches: Iterable[Json | None]) -> Json | None:
    """The first of the touches."""
    known = [touch for touch in touches if touch]
    return min(known, key=_touch_order, default=None)


def latest(touches: Iterable[Json | None]) -> Json | None:
    """The last of the touches."""
    known = [touch for touch in touches if touch]
    return max(known, key=_touch_order, default=None)


def _touch_order(touch: Json) -> tuple[datetime, str]:
    return datetime.fromisoformat(touch["touch_time"]), touch.get("source_code", "")


def purchases_of(rows: Iterable[tuple[str, datetime, Money]]) -> Purchases:
    """Sums `(sale, sale time, signed amount)`: a sale of which nothing is left does not count.

    Currencies stay apart.
    """
    left: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    times: dict[str, datetime] = {}
    for sale, moment, amount in rows:
        left[sale][amount.currency] += amount.amount
        times[sale] = moment
    kept = [sale for sale, amounts in left.items() if any(amount > 0 for amount in amounts.values())]
    spent: dict[str, Decimal] = defaultdict(Decimal)
    for sale in kept:
        for currency, rest in left[sale].items():
            spent[currency] += rest
    moments = [times[sale] for sale in kept]
    return Purchases(
        len(kept),
        min(moments, default=None),
        max(moments, default=None),
        tuple(Money(spent[code], code) for code in sorted(spent)),
    )


def lifecycle(is_lead: bool, is_customer: bool, order_count: int) -> str | None:
    """How far the relation has come."""
    if order_count:
        return "FIRST_BUYER" if order_count == 1 else "REPEAT_BUYER"
    return "PROSPECT" if is_customer else "LEAD" if is_lead else None


def furthest(lifecycles: Iterable[str | None]) -> str | None:
    """The furthest of several lifecycles."""
    known = [value for value in lifecycles if value]
    return max(known, key=LIFECYCLES.index, default=None)


def summed(amounts: Iterable[Money]) -> list[Money]:
    """One amount a currency; currencies are never added."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for amount in amounts:
        sums[amount.currency] += amount.amount
    return [Money(sums[code], code) for code in sorted(sums)]


def point_digest(point: Json) -> str:
    """A contact point's name in keys and indexes, which tells nobody what it is."""
    return hashlib.sha256("\n".join(point_key(point)).encode()).hexdigest()


def consent_key(consent: Json) -> tuple[tuple[str, str, str], str, str]:
    """What a decision is about."""
    return point_key(consent["contact_point"]), consent["purpose"], consent.get("channel_code", "")


def decided(consents: Sequence[Json], new: Json) -> list[Json] | None:
    """The decisions with a new one in its place; None when it is older than what is known, or says the same."""
    key = consent_key(new)
    known = next((consent for consent in consents if consent_key(consent) == key), None)
    if known is not None:
        before, now = (datetime.fromisoformat(consent["decide_time"]) for consent in (known, new))
        # Of two decisions of one instant the stricter one holds, in whatever order they come.
        if now < before or (now == before and (new["state"] == known["state"] or known["state"] == "DENIED")):
            return None
    return [consent for consent in consents if consent_key(consent) != key] + [new]


def strictest(consents: Iterable[Json]) -> list[Json]:
    """One decision for each contact point and purpose: a refusal of any member holds for all, otherwise the latest."""
    best: dict[tuple[tuple[str, str, str], str, str], Json] = {}
    for consent in consents:
        key = consent_key(consent)
        current = best.get(key)
        if current is None or _strictness(consent) > _strictness(current):
            best[key] = consent
    return [best[key] for key in sorted(best)]


def _strictness(consent: Json) -> tuple[bool, datetime]:
    return consent["state"] == "DENIED", datetime.fromisoformat(consent["decide_time"])


def with_tag(tags: Sequence[Json], tag: Json) -> list[Json]:
    """The tags with one put on; one that is there keeps the time when it was first put on."""
    before = next((each for each in tags if each["tag_code"] == tag["tag_code"]), None)
    kept = [each for each in tags if each["tag_code"] != tag["tag_code"]]
    added = tag if before is None else {**tag, "add_time": before["add_time"]}
    return sorted([*kept, added], key=lambda each: str(each["tag_code"]))


def without_tag(tags: Sequence[Json], tag_code: str) -> list[Json]:
    """The tags without one."""
    return [tag for tag in tags if tag["tag_code"] != tag_code]


def value_figures(order_count: int, total: Money, start: date, end: date) -> Json:
    """Total, average order and orders a quarter of a period of whole months, to be shown and filtered by."""
    months = max((end.year - start.year) * 12 + end.month - start.month + 1, 1)
    average = Money(total.amount / order_count, total.currency).rounded() if order_count else total
    a_quarter = (Decimal(order_count) * 3 / months).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return {
        "total": {"currency_code": total.currency, "amount": total.text()},
        "average": {"currency_code": average.currency, "amount": average.text()},
        "orders_per_quarter": f"{a_quarter:f}",
    }


def latest_values(rows: Iterable[Json]) -> list[Json]:
    """The value to each unit in its latest period; of two of one period the one that was told last."""
    best: dict[str, Json] = {}
    for row in rows:
        current = best.get(row["unit_id"])
        if current is None or _told(row) > _told(current):
            best[row["unit_id"]] = row
    return [{name: value for name, value in best[unit].items() if name != "told"} for unit in sorted(best)]


def _told(row: Json) -> tuple[str, datetime]:
    return row["period_start_date"], datetime.fromisoformat(row["told"])
