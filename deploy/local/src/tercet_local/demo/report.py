"""What happened, counted through the public API."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any

from tercet_local.demo import company
from tercet_local.demo.people import Person

Rows = list[tuple[str, str]]


async def count(person: Person, path: str, condition: str = "") -> str:
    """How many resources a list has; lists count up to 10,000 and say so."""
    answer = await person.get(path, filter=condition, page_size=1, count="true")
    number = int(answer.get("total_size") or 0)
    return f"{number:,}" + ("+" if number >= 10_000 else "")


async def rows(admin: Person, imported: dict[str, Any], seconds: float, week: Counter[str]) -> Rows:
    """The table: from leads in to first orders."""
    names = {person["id"]: person["name"] for person in company.PEOPLE}
    grades = ["A", "B", "C", "D"]
    counted = await asyncio.gather(
        count(admin, "/v1/parties", "kind = PERSON AND state = ACTIVE"),
        count(admin, "/v1/parties", "kind = COMPANY AND state = ACTIVE"),
        *(count(admin, "/v1/leads", f'grade = "{grade}"') for grade in grades),
        *(count(admin, "/v1/leads", f'owner_id = "{person["id"]}"') for person in company.SELLERS),
    )
    persons, companies, *rest = counted
    by_grade, by_owner = rest[: len(grades)], rest[len(grades) :]
    table: Rows = [
        (
            "Leads in",
            f"{imported['row']:,} rows: {imported['created']:,} leads, {imported['touched']:,} duplicates found, "
            f"{imported['junk']:,} junk, {imported['error']:,} refused",
        ),
        ("Import", f"{seconds:,.1f} s, {imported['row'] / max(seconds, 0.001):,.0f} rows/s"),
        ("Parties", f"{persons} persons and {companies} companies"),
        ("Grades", "  ".join(f"{grade} {number}" for grade, number in zip(grades, by_grade, strict=True))),
        (
            "Assigned to",
            "  ".join(f"{names[p['id']]} {n}" for p, n in zip(company.SELLERS, by_owner, strict=True) if n != "0"),
        ),
        (
            "In the week",
            f"{week['contacted']} contacted, {week['claimed']} claimed, {week['qualified']} qualified, "
            f"{week['disqualified']} disqualified",
        ),
        ("Converted", f"{week['converted']} leads into customers with an opportunity"),
    ]
    stages = await asyncio.gather(
        *(count(admin, "/v1/opportunities", f'stage_code = "{code}"') for code, *_ in company.STAGES)
    )
    table.append(
        (
            "Opportunities",
            "  ".join(f"{name.split()[0]} {n}" for (_, name, *_), n in zip(company.STAGES, stages, strict=True)),
        )
    )
    table += await _money(admin)
    refused = {key.removeprefix("refused:"): n for key, n in week.items() if key.startswith("refused:")}
    if refused:
        table.append(("Refused", "  ".join(f"{reason} {n}" for reason, n in sorted(refused.items()))))
    return table


async def _money(admin: Person) -> Rows:
    totals: dict[str, Decimal] = {}
    paid: dict[str, Decimal] = {}
    orders = 0
    customers: set[str] = set()
    async for order in admin.pages(
        "/v1/orders", "orders", filter="state = CONFIRMED OR state = FULFILLED", page_size=200
    ):
        orders += 1
        customers.add(order["party_id"])
        for sums, money in ((totals, order["total"]), (paid, order["paid_total"])):
            if money:
                sums[money["currency_code"]] = sums.get(money["currency_code"], Decimal(0)) + Decimal(money["amount"])

    def shown(sums: dict[str, Decimal]) -> str:
        return "  ".join(f"{amount:,.2f} {currency}" for currency, amount in sorted(sums.items())) or "none"

    return [("Orders", f"{orders}: {shown(totals)}"), ("Paid", shown(paid)), ("First orders", f"{len(customers)}")]
