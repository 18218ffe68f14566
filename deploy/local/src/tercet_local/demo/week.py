"""The past week at the sample company, day by day on the virtual clock: every seller follows leads up, converts,
quotes, sells and is paid.

What happens is drawn from the seed and from ids alone, so a run that was killed goes on where it stopped and does
nothing twice.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from tercet_local.cli.api import ApiRefused
from tercet_local.demo import company
from tercet_local.demo.people import Person
from tercet_local.demo.shop import decide

DAYS = 7
LEADS_A_DAY = 8
CLAIMS_A_DAY = 2


class Day:
    """One seller's day."""

    def __init__(self, seller: Person, unit: dict[str, Any], number: int, seed: int, now: datetime) -> None:
        self.seller, self.unit, self.number, self.now = seller, unit, number, now
        self._seed = seed
        self.draw = random.Random(f"{seed}/{number}/{seller.email}")
        self.did: Counter[str] = Counter()

    async def work(self) -> Counter[str]:
        """Follow-ups first, then new leads, then deals."""
        await self._claim()
        await self._leads()
        await self._deals()
        return self.did

    def _key(self, *parts: object) -> tuple[object, ...]:
        return (self.number, self.seller.email, *parts)

    def _draw_for(self, id: str) -> None:
        # The same thing befalls a lead or deal on the same day, also when a killed day is begun again.
        self.draw = random.Random(f"{self._seed}/{self.number}/{id}")

    async def _claim(self) -> None:
        waiting = f'pool_code = "pool-{self.unit["code"]}" AND state = OPEN AND NOT owner_id:*'
        found = await self.seller.get("/v1/leads", filter=waiting, page_size=CLAIMS_A_DAY, order_by="score desc")
        for lead in found["leads"]:
            if await self._try("claimed", f"/v1/leads/{lead['id']}:claim", {}, lead["id"]):
                self.did["claimed"] += 1

    async def _leads(self) -> None:
        mine = f'owner_id = "{self.seller.user_id}" AND state = OPEN'
        found = await self.seller.get("/v1/leads", filter=mine, page_size=LEADS_A_DAY, order_by="score desc")
        profiles = await self._profiles(found["leads"])
        for lead in found["leads"]:
            await self._lead(lead, profiles.get(lead["identity_id"]))

    async def _profiles(self, leads: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        if not leads:
            return {}
        anybody = " OR ".join(f'identity_id = "{lead["identity_id"]}"' for lead in leads)
        found = await self.seller.get("/v1/profiles", filter=anybody, page_size=LEADS_A_DAY)
        return {profile["identity_id"]: profile for profile in found["profiles"]}

    async def _lead(self, lead: dict[str, Any], profile: dict[str, Any] | None) -> None:
        self._draw_for(lead["id"])
        path = f"/v1/leads/{lead['id']}"
        if not await self._try("contacted", f"{path}:recordContact", {}, lead["id"]):
            return
        self.did["contacted"] += 1
        luck = self.draw.random()
        if luck < 0.15:
            await self._try("disqualified", f"{path}:disqualify", {"reason": "没有需求 No need"}, lead["id"])
            self.did["disqualified"] += 1
        elif luck < 0.75 and await self._try(
            "qualified", f"{path}:qualify", {"reason": "有需求 Has a need"}, lead["id"]
        ):
            self.did["qualified"] += 1
            named = lead["full_name"] or lead["company_name"]
            if named and (luck < 0.5 or lead["country_code"] not in ("", "CN")):
                # Whoever becomes a customer is asked first whether they may be written to.
                if profile is not None:
                    await decide(self.seller, profile, self.draw.random(), *self._key(lead["id"]))
                await self._convert(lead)

    async def _convert(self, lead: dict[str, Any]) -> None:
        amount = str(self.draw.randrange(5, 400) * 100)
        body = {
            "opportunity_name": f"{lead['company_name'] or lead['full_name'] or 'New customer'} 终端 terminals",
            "pipeline_code": company.PIPELINE,
            "expected_amount": {"currency_code": self._currency(), "amount": amount},
            "expected_close_date": (self.now + timedelta(days=self.draw.randrange(3, 40))).date().isoformat(),
        }
        if await self._try("converted", f"/v1/leads/{lead['id']}:convert", body, lead["id"]):
            self.did["converted"] += 1

    async def _deals(self) -> None:
        mine = f'owner_id = "{self.seller.user_id}" AND state = OPEN'
        async for deal in self.seller.pages("/v1/opportunities", "opportunities", filter=mine, page_size=100):
            self._draw_for(deal["id"])
            if self.draw.random() < 0.85:
                await self._advance(deal)

    async def _advance(self, deal: dict[str, Any]) -> None:
        stages = [code for code, _, category, _ in company.STAGES if category == "OPEN"]
        at = stages.index(deal["stage_code"]) if deal["stage_code"] in stages else 0
        await self._follow_up(deal)
        if self.draw.random() < 0.08:
            await self._try(
                "lost",
                f"/v1/opportunities/{deal['id']}:lose",
                {"reason_code": "price", "remark": "价格 Price"},
                deal["id"],
            )
            self.did["lost"] += 1
        elif at + 1 < len(stages):
            if await self._try(
                "moved",
                f"/v1/opportunities/{deal['id']}:moveStage",
                {"stage_code": stages[at + 1]},
                deal["id"],
                stages[at + 1],
            ):
                self.did["moved"] += 1
            if stages[at + 1] == "offer":
                await self._quote(deal)
        else:
            await self._sell(deal)

    async def _follow_up(self, deal: dict[str, Any]) -> None:
        body = {
            "kind": self.draw.choice(["CALL", "VISIT", "MEETING"]),
            "title": "跟进 Follow-up",
            "text": "客户反馈良好 The customer is interested",
            "subject": {"service": "sales", "type": "opportunity", "id": deal["id"]},
            "due_time": self.now.isoformat(),
        }
        made = await self._try("followed_up", "/v1/activities", body, deal["id"])
        if made:
            await self._try(
                "done", f"/v1/activities/{made['id']}:complete", {"outcome_code": "reached"}, deal["id"], "done"
            )
            self.did["follow_ups"] += 1

    def _currency(self) -> str:
        return "EUR" if self.unit["code"] == "overseas" else "CNY"

    def _lines(self) -> list[dict[str, Any]]:
        chosen = self.draw.sample(company.PRODUCTS, k=self.draw.randrange(1, 4))
        return [{"product_code": code, "quantity": str(self.draw.randrange(1, 9))} for code, *_ in chosen]

    async def _quote(self, deal: dict[str, Any]) -> None:
        body = {
            "title": deal["title"],
            "customer_id": deal["customer_id"],
            "opportunity_id": deal["id"],
            "currency_code": self._currency(),
            "lines": self._lines(),
            "valid_until_date": (self.now + timedelta(days=30)).date().isoformat(),
        }
        quote = await self._try("quoted", "/v1/quotes", body, deal["id"])
        if quote and await self._try("sent", f"/v1/quotes/{quote['id']}:send", {}, deal["id"]):
            self.did["quotes"] += 1

    async def _sell(self, deal: dict[str, Any]) -> None:
        quotes = await self.seller.get(
            "/v1/quotes", filter=f'opportunity_id = "{deal["id"]}" AND state = SENT', page_size=1
        )
        lines: list[dict[str, Any]] = self._lines()
        body: dict[str, Any] = {
            "customer_id": deal["customer_id"],
            "opportunity_id": deal["id"],
            "currency_code": self._currency(),
        }
        if quotes["quotes"]:
            quote = quotes["quotes"][0]
            await self._try("accepted", f"/v1/quotes/{quote['id']}:accept", {}, deal["id"])
            body["quote_id"] = quote["id"]
            lines = [
                {"product_code": line["product_code"], "quantity": line["quantity"], "unit_price": line["unit_price"]}
                for line in quote["lines"]
            ]
        order = await self._try("ordered", "/v1/orders", {**body, "lines": lines}, deal["id"])
        if not order or not (
            order := await self._try("confirmed", f"/v1/orders/{order['id']}:confirm", {}, deal["id"])
        ):
            return
        self.did["orders"] += 1
        await self._try("won", f"/v1/opportunities/{deal['id']}:win", {}, deal["id"])
        if self.draw.random() < 0.8:
            body = {
                "order_id": order["id"],
                "amount": order["total"],
                "method_code": self.draw.choice(["bank", "wechat", "alipay"]),
            }
            if await self._try("paid", "/v1/payments", body, deal["id"]):
                self.did["payments"] += 1

    async def _try(self, what: str, path: str, body: dict[str, Any], *key: object) -> dict[str, Any] | None:
        """Does a step; what life refuses is counted and passed over, anything else ends the week."""
        try:
            return await self.seller.post(path, body, *self._key(what, *key))
        except ApiRefused as refused:
            if refused.reason == "IDEMPOTENCY_KEY_REUSED":
                return None  # done on this day before the run was killed
            if refused.status not in (409, 429):
                raise
            self.did[f"refused:{refused.reason}"] += 1
            return None


async def play(sellers: list[Person], seed: int, day: int, now: datetime) -> Counter[str]:
    """One day of all sellers, side by side."""
    units = {unit["id"]: unit for unit in company.UNITS}
    days = [Day(seller, units[seller.unit_id], day, seed, now) for seller in sellers]
    return sum(await asyncio.gather(*(one.work() for one in days)), Counter())
