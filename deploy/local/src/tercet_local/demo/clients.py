"""Whom the sample company's shops know from before: drawn from the seed, with what they bought and when."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tercet_local.demo.people import step_id

_ZONE = ZoneInfo("Asia/Shanghai")

STORE, CARS, TRADE = "store", "cars", "trade"
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕张孔曹严华金魏陶姜"
_GIVEN = [
    "伟",
    "秀英",
    "敏",
    "静",
    "丽",
    "强",
    "磊",
    "洋",
    "艳",
    "勇",
    "军",
    "杰",
    "娟",
    "涛",
    "明",
    "超",
    "玉兰",
    "霞",
    "平",
    "桂英",
]
_FIRMS = ["餐饮", "连锁超市", "咖啡", "物流", "酒店", "烘焙", "药房", "书店"]
# Product, name, unit of measure, category, price.
GOODS = [
    ("K-10", "挂耳咖啡 Drip coffee", "盒", "coffee", "59.00"),
    ("K-20", "咖啡豆 1kg Coffee beans", "袋", "coffee", "168.00"),
    ("K-30", "手冲壶 Kettle", "个", "coffee", "299.00"),
    ("K-40", "磨豆机 Grinder", "台", "coffee", "458.00"),
]
SUPPLIES = [
    ("P-10", "收银纸 整箱 Receipt paper, a box", "箱", "supplies", "320.00"),
    ("P-20", "扫码枪 Scanner", "台", "supplies", "480.00"),
]
USED_CARS = [
    ("C-10", "二手轿车 Used saloon", "台", "car", "86800.00"),
    ("C-20", "二手SUV Used SUV", "台", "car", "138000.00"),
]
SHELVES = {STORE: GOODS, TRADE: SUPPLIES, CARS: USED_CARS}


@dataclass(frozen=True)
class Client:
    """Somebody with a history. `bought` are the moments of the past purchases; `buys` the days of the week on which
    they come again.
    """

    code: str
    shop: str
    name: str
    mobile: str
    email: str = ""
    birth_date: date | None = None
    firm: str = ""
    bought: list[datetime] = field(default_factory=list)
    buys: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        """The customer's id."""
        return step_id("client", self.code)

    def customer(self, unit_id: str) -> dict[str, Any]:
        """What sales is told of them."""
        return {
            "id": self.id,
            "kind": "COMPANY" if self.firm else "PERSON",
            "full_name": self.name,
            "company_name": self.firm,
            "unit_id": unit_id,
            "phones": [{"number": self.mobile, "primary": True}],
            "emails": [{"address": self.email, "primary": True}] if self.email else [],
            "birth_date": self.birth_date.isoformat() if self.birth_date else "",
            "language_code": "zh-CN",
        }


def name_for(draw: random.Random) -> str:
    """A person's name."""
    return draw.choice(_SURNAMES) + draw.choice(_GIVEN)


def clients(seed: int, opening: datetime, days: int) -> list[Client]:
    """All of them: the same ones for the same seed and beginning."""
    return list(_drawn(random.Random(f"{seed}/clients"), opening, days))


def _drawn(draw: random.Random, opening: datetime, days: int) -> Iterator[Client]:
    def ago(*days_ago: float) -> list[datetime]:
        return sorted(opening - timedelta(days=back, hours=draw.randrange(1, 9)) for back in days_ago)

    def person(code: str, shop: str = STORE, **more: Any) -> Client:
        number = len(numbers)
        numbers.append(number)
        mail = f"{code}@mail.example" if draw.random() < 0.6 else ""
        return Client(code, shop, name_for(draw), f"+861990001{number:04d}", mail, **more)

    numbers: list[int] = []
    for at in range(10):  # eight purchases so far: the ninth comes in the week, some come once more
        day = at % days
        again = (min(day + 2, days - 1),) if at % 2 else ()
        yield person(f"regular-{at}", bought=ago(*(12 + 9 * step for step in range(8))), buys=(day, *again))
    for at in range(14):  # asleep when the week begins; some come back
        come = (draw.randrange(1, days),) if at % 3 == 0 and days > 1 else ()
        yield person(f"sleeper-{at}", bought=ago(95 + 13 * at, 140 + 13 * at), buys=come)
    for at in range(6):  # fall asleep in the week
        yield person(f"drowsy-{at}", bought=[opening + timedelta(days=at % days - 90, hours=1)])
    for at in range(10):  # have their birthday in the week
        today = (opening + timedelta(days=at % days)).astimezone(_ZONE).date()
        # 1960 and its fourth years have every day there is.
        born = today.replace(year=1960 + 4 * draw.randrange(11))
        yield person(f"birthday-{at}", birth_date=born, bought=ago(20 + at, 45 + at))
    for at in range(16):  # the usual
        born = date(draw.randrange(1960, 2006), 1 + (opening.month + 2 + at % 8) % 12, draw.randrange(1, 29))
        yield person(f"usual-{at}", birth_date=born, bought=ago(6 + at, 30 + 2 * at), buys=(at % days,))
    for at in range(6):
        yield person(f"driver-{at}", shop=CARS, bought=ago(15 + 8 * at))
    for at, trade in enumerate(_FIRMS):  # are delivered to every day, and become core customers by it
        yield person(
            f"trade-{at}", shop=TRADE, firm=f"{draw.choice(_SURNAMES)}记{trade}有限公司", buys=tuple(range(days))
        )
