"""The sample company's shops: who bought there before, and who buys in the week, with what they were given."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from tercet_local.demo import company
from tercet_local.demo.clients import CARS, GOODS, SHELVES, STORE, TRADE, Client, clients, name_for
from tercet_local.demo.people import Person, once, step_id

NEWCOMERS_A_DAY = 4
_AT_ONCE = 8
_PRICES = {code: price for shelf in SHELVES.values() for code, *_, price in shelf}
Json = dict[str, Any]
T = TypeVar("T")
R = TypeVar("R")


class Shops:
    """The shops in one run: `manager` keeps the tills."""

    def __init__(self, manager: Person, seed: int, opening: datetime, days: int) -> None:
        self.manager, self.seed, self.opening, self.days = manager, seed, opening, days
        self.known = clients(seed, opening, days)

    async def open(self, admin: Person) -> None:
        """The shops, their goods, their customers and what those bought so far. Running it again changes nothing."""
        for unit in company.SHOPS:
            body = {**{key: value for key, value in unit.items() if key != "parent"}, "parent_id": admin.unit_id}
            await once(admin, "/v1/units", body, unit["code"])
        for code, name, measure, category, _ in (row for shelf in SHELVES.values() for row in shelf):
            body = {"code": code, "name": name, "unit_of_measure": measure, "category_code": category, "active": True}
            await once(admin, "/v1/products", body, code)
        await once(admin, "/v1/value-policies", company.VALUE_POLICY, "all")
        buyers = await self._buyers()
        await self._record(
            [
                self._receipt(client, buyers[client.code], self._lines(client, moment), moment, f"past-{at}")
                for client in self.known
                for at, moment in enumerate(client.bought)
            ]
        )

    async def _buyers(self) -> dict[str, str]:
        """The identity of each client; who is not a customer yet becomes one."""

        async def one(client: Client) -> tuple[str, str]:
            customer = client.customer(_unit(client.shop))
            made = await self.manager.post("/v1/customers", customer, client.code)
            return client.code, made["identity_id"]

        return dict(await _each(self.known, one))

    async def ask_consent(self) -> None:
        """Writes down what customers said of being written to: most agreed, some refused, some were not asked, and a
        few wish to be left alone altogether.
        """
        ours = {client.id: client for client in self.known}
        found = {}
        for unit in company.SHOPS:
            async for profile in self.manager.pages(
                "/v1/profiles", "profiles", filter=f'unit_id = "{unit["id"]}"', page_size=500
            ):
                if profile["customer_id"] in ours:
                    found[profile["customer_id"]] = profile
        await _each(found.values(), lambda profile: self._ask(profile, ours[profile["customer_id"]].code))

    async def _ask(self, profile: Json, code: str) -> None:
        draw = random.Random(f"{self.seed}/consent/{code}")
        luck = draw.random()
        if luck < 0.06:
            wish = {"identity_id": profile["identity_id"], "source": "phone", "note": "请勿打扰 Leave me alone"}
            await once(self.manager, "/v1/do-not-disturbs", wish, code)
        await decide(self.manager, profile, luck, code)

    async def morning(self, day: int) -> Counter[str]:
        """Purchases with what the buyers hold, and newcomers who leave their number."""
        did: Counter[str] = Counter()
        coming = [(client, client.id) for client in self.known if day in client.buys]
        coming += [await self._newcomer_again(day - 1, at) for at in range(0, NEWCOMERS_A_DAY, 2) if day]
        await _each(coming, lambda buyer: self.sell(*buyer, day, did))
        for at in range(NEWCOMERS_A_DAY):
            await self.manager.post("/v1/leads", self._newcomer(day, at), day, at)
        return did

    async def afternoon(self, day: int) -> Counter[str]:
        """The morning's newcomers say whether they may be written to and become customers."""
        for at in range(NEWCOMERS_A_DAY):
            lead = await self.manager.post("/v1/leads", self._newcomer(day, at), day, at)
            found = await self.manager.get("/v1/profiles", filter=f'identity_id = "{lead["identity_id"]}"')
            for profile in found["profiles"]:
                await decide(self.manager, profile, random.Random(f"{self.seed}/{day}/{at}").random(), day, at)
            customer = {
                "id": step_id("newcomer", day, at),
                "kind": "PERSON",
                "full_name": lead["full_name"],
                "unit_id": _unit(STORE),
                "identity_id": lead["identity_id"],
                "party_id": lead["party_id"],
                "lead_id": lead["id"],
                "phones": [{"number": lead["mobile"], "primary": True}],
            }
            await self.manager.post("/v1/customers", customer, day, at)
        return Counter(newcomers=NEWCOMERS_A_DAY)

    def _newcomer(self, day: int, at: int) -> Json:
        draw = random.Random(f"{self.seed}/newcomer/{day}/{at}")
        return {
            "kind": "PERSON",
            "full_name": name_for(draw),
            "mobile": f"+861990002{day:02d}{at:02d}",
            "city": "上海",
            "source_code": "微信小程序",
        }

    async def _newcomer_again(self, day: int, at: int) -> tuple[Client, str]:
        lead = await self.manager.post("/v1/leads", self._newcomer(day, at), day, at)
        client = Client(f"new-{day}-{at}", STORE, lead["full_name"], lead["mobile"])
        return client, step_id("newcomer", day, at)

    async def sell(self, client: Client, customer_id: str, day: int, did: Counter[str]) -> None:
        """An order that asks for whatever of the buyer's gives most, confirmed at the till like any other. Whoever
        begins again meets the same order.
        """
        key = f"{company.TILL}:{client.code}:{day}"
        lines = [
            {
                "product_code": line["product_code"],
                "quantity": line["quantity"],
                "unit_price": {"currency_code": "CNY", "amount": _PRICES[line["product_code"]]},
            }
            for line in self._lines(client, day)
        ]
        body = {"customer_id": customer_id, "currency_code": "CNY", "lines": lines, "auto_benefits": True}
        order = await self.manager.post("/v1/orders", body, key)
        while order["state"] != "CONFIRMED":
            # What takes longer than a call may last goes on without us; the same key asks how it went.
            order = await self.manager.post(f"/v1/orders/{order['id']}:confirm", {}, key)
        did["shop_sales"] += 1
        did["benefits_used"] += len(order["benefits"])

    def _lines(self, client: Client, occasion: object) -> list[Json]:
        draw = random.Random(f"{self.seed}/{client.code}/{occasion}")
        shelf = SHELVES[client.shop]
        few = {STORE: 2, TRADE: 2, CARS: 1}[client.shop]
        most = {STORE: 3, TRADE: 9, CARS: 1}[client.shop]
        chosen = (
            draw.sample(shelf, k=draw.randrange(1, few + 1)) if shelf is not GOODS else draw.sample(shelf[1:], k=few)
        )
        lines = []
        for code, *_, price in chosen:
            count = draw.randrange(2 if client.shop == TRADE else 1, most + 1)
            amount = {"currency_code": "CNY", "amount": str(Decimal(price) * count)}
            lines.append({"product_code": code, "quantity": str(count), "amount": amount})
        return lines

    def _receipt(self, client: Client, identity_id: str, lines: list[Json], moment: datetime, name: str) -> Json:
        total = sum((Decimal(line["amount"]["amount"]) for line in lines), Decimal(0))
        return {
            "external_ref": {"system": company.TILL, "id": f"{client.code}-{name}"},
            "customer_id": client.id,
            "identity_id": identity_id,
            "occur_time": moment.isoformat(),
            "amount": {"currency_code": "CNY", "amount": str(total)},
            "lines": lines,
        }

    async def _record(self, receipts: list[Json]) -> None:
        """Hands receipts in, in the order in which they happened."""
        receipts.sort(key=lambda receipt: (receipt["occur_time"], receipt["external_ref"]["id"]))
        for at in range(0, len(receipts), 400):
            answer = await self.manager.post("/v1/transactions:importReceipts", {"receipts": receipts[at : at + 400]})
            wrong = [result for result in answer["results"] if result["reason"]]
            if wrong:
                raise RuntimeError(f"the till's receipts are refused: {wrong[0]['message']}")


async def decide(person: Person, profile: Json, luck: float, *key: object) -> None:
    """Writes down what somebody said of being written to, at each of their contact points; nothing when they were not
    asked.
    """
    if luck >= 0.85:
        return
    for at, point in enumerate(profile["contact_points"]):
        consent = {
            "contact_point": point,
            "purpose": "MARKETING",
            "state": "GRANTED" if luck < 0.72 else "DENIED",
            "source": "counter",
        }
        body = {"consent": consent, "evidence": {"wording": "我同意接收优惠信息 I agree to receive offers"}}
        await once(person, f"/v1/profiles/{profile['id']}:setConsent", body, *key, at)


def _unit(code: str) -> str:
    return step_id("unit", code)


async def _each(items: Iterable[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
    """Does the same for all, a few at a time, and answers in their order."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(item: T) -> R:
        async with room:
            return await work(item)

    return list(await asyncio.gather(*(one(item) for item in items)))
