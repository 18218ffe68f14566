"""What marketing and service did in the week, counted through the public API."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from tercet_local.demo import offers
from tercet_local.demo.people import Person
from tercet_local.demo.report import Rows

Sums = dict[str, Decimal]
_PAGE = 500


async def rows(admin: Person, opening: datetime) -> Rows:
    """A row for each strategy, then points, tickets and satisfaction."""
    return [*await _strategies(admin), *await _points(admin), *await _desk(admin, opening)]


async def _strategies(admin: Person) -> Rows:
    names = {strategy["code"]: strategy["display_name"] for strategy in offers.STRATEGIES}
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    why: dict[str, Counter[str]] = defaultdict(Counter)
    async for decision in admin.pages("/v1/strategy-decisions", "strategy_decisions", page_size=_PAGE):
        code = decision["strategy_code"]
        outcomes[code]["wanted"] += 1
        outcomes[code][decision["outcome"]] += 1
        if decision["outcome"] in ("WITHHELD", "HELD_OUT", "DEFERRED"):
            why[code][_reason(decision)] += 1
    strategies = {one["id"]: one["code"] async for one in admin.pages("/v1/strategies", "strategies", page_size=_PAGE)}
    cost: dict[str, Sums] = defaultdict(lambda: defaultdict(Decimal))
    async for send in admin.pages("/v1/sends", "sends", filter="strategy_id:*", page_size=_PAGE):
        code = strategies[send["strategy_id"]]
        if send["state"] in ("SENT", "DELIVERED"):
            outcomes[code]["sent"] += 1
            _add(cost[code], send.get("cost"))
        elif send["state"] in ("QUEUED", "SENDING"):
            outcomes[code]["waiting"] += 1
        else:
            why[code][f"at the door {send['state_code'] or send['state']}"] += 1
    async for grant in admin.pages("/v1/grants", "grants", filter="origin = STRATEGY", page_size=_PAGE):
        code = grant["strategy_code"]
        # Points are booked when they are given, so only what somebody came back with counts as redeemed.
        outcomes[code]["redeemed"] += bool(grant["redeem_time"]) and grant["tool_code"] != "points"
        # A red packet is spent when it is given, a coupon when it is used.
        _add(cost[code], grant.get("face") if grant["tool_code"] == "red_packet" else grant.get("amount"))
    return [(f"· {names[code]}", _told(outcomes[code], why[code], cost[code])) for code in names]


def _reason(decision: dict[str, Any]) -> str:
    """The cause where the check that decided knows several, else the check."""
    made = decision.get("checks") or [{}]
    return str(made[-1].get("cause") or decision["reason"])


def _told(count: Counter[str], why: Counter[str], cost: Sums) -> str:
    words = [f"{count['wanted']} wanted", f"{count['CHOSEN']} chosen", f"{count['sent']} sent"]
    words += [f"{count['waiting']} waiting"] if count["waiting"] else []
    words += [f"{count['redeemed']} redeemed"] if count["redeemed"] else []
    withheld = sum(why.values())
    if withheld:
        reasons = ", ".join(f"{reason} {number}" for reason, number in why.most_common())
        words.append(f"{withheld} withheld ({reasons})")
    words += [f"cost {_amounts(cost)}"] if cost else []
    return "; ".join(words)


async def _points(admin: Person) -> Rows:
    total = Decimal(0)
    tiers: Counter[str] = Counter()
    async for membership in admin.pages("/v1/memberships", "memberships", page_size=_PAGE):
        total += Decimal(membership["points"] or 0)  # nothing is burned in the week
        tiers[membership["tier_code"]] += 1
    steps = offers.PROGRAMME["tier_rule"]["tiers"]
    shown = "  ".join(f"{tier['display_name']} {tiers[tier['code']]}" for tier in steps)
    return [("Points", f"{total:,.0f} earned by {sum(tiers.values())} members: {shown}")]


async def _desk(admin: Person, opening: datetime) -> Rows:
    states: Counter[str] = Counter()
    clocks: Counter[str] = Counter()
    escalated = 0
    async for ticket in admin.pages("/v1/tickets", "tickets", page_size=_PAGE):
        states[ticket["state"]] += 1
        escalated += ticket["escalation_count"]
        clocks.update(clock["state"] for clock in ticket["clocks"])
    ended = clocks["MET"] + clocks["BREACHED"]
    share = f"{100 * clocks['MET'] / ended:.0f} %" if ended else "none ended"
    figures = (await admin.get("/v1/surveys:figures", from_time=opening.isoformat()))["total"]
    return [
        ("Tickets", "  ".join(f"{state.lower()} {number}" for state, number in sorted(states.items()))),
        (
            "Service level",
            f"{share} of promises kept, {clocks['BREACHED']} broken, {escalated} escalation steps taken",
        ),
        (
            "Satisfaction",
            f"{figures['mean_score']:.1f} of 5 in {figures['answer_count']} answers to "
            f"{figures['survey_count']} surveys, {figures['complaint_count']} complaints",
        ),
    ]


def _add(sums: Sums, money: dict[str, Any] | None) -> None:
    if money and money["currency_code"]:
        sums[money["currency_code"]] += Decimal(money["amount"])


def _amounts(sums: Sums) -> str:
    kept: Iterable[tuple[str, Decimal]] = sorted(sums.items())
    return " + ".join(f"{amount:,.2f} {currency}" for currency, amount in kept)
