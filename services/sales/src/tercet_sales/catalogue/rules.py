"""Which price holds: the same answer for the same question, with the reason for every price that was looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from tercet_chassis.money import Money


@dataclass(frozen=True, slots=True)
class PriceAsk:
    """A product and how many of it."""

    product_code: str
    quantity: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Buyer:
    """For whom a price is sought. `unit_line` is the selling unit and those above it, nearest first."""

    party_id: UUID | None = None
    grade_code: str | None = None
    unit_line: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class BookFacts:
    """What a price book says of itself."""

    code: str
    currency: str
    active: bool = True
    served_unit_id: UUID | None = None
    served_party_id: UUID | None = None
    served_grade_code: str | None = None
    priority: int = 0
    start_date: date | None = None
    end_date: date | None = None


@dataclass(frozen=True, slots=True)
class PriceFacts:
    """One price in its book."""

    id: UUID
    product_code: str
    book: BookFacts
    unit_price: Money
    min_quantity: Decimal = Decimal(0)
    start_date: date | None = None
    end_date: date | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A price that was looked at, and what became of it."""

    price: PriceFacts
    won: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """The price that holds, if any, and every one that was looked at, the winner first."""

    ask: PriceAsk
    price: PriceFacts | None
    candidates: tuple[Candidate, ...]

    @property
    def explanation(self) -> str:
        """Why, in a sentence."""
        if self.price is None:
            return (
                "no price book has a price that holds"
                if self.candidates
                else "no price book has this product in this currency"
            )
        return f"price book {self.price.book.code} applies: {self.candidates[0].reason}"


def within(day: date, start: date | None, end: date | None) -> bool:
    """Whether a day lies between two others, both included; None is open."""
    return (start is None or start <= day) and (end is None or day <= end)


def days_meet(a: tuple[date | None, date | None], b: tuple[date | None, date | None]) -> bool:
    """Whether two spans of days have one in common; None is open."""
    starts = [day for day in (a[0], b[0]) if day is not None]
    ends = [day for day in (a[1], b[1]) if day is not None]
    return not starts or not ends or max(starts) <= min(ends)


def serves(book: BookFacts, buyer: Buyer) -> tuple[int, int, str] | None:
    """How closely a book is made for a buyer: rank and distance (smaller is closer) and why; None when for others.

    Every limit that a book names must fit; the narrowest of them gives the rank.
    """
    rank, distance, reason = 3, 0, "it is for everybody"
    if book.served_unit_id is not None:
        if book.served_unit_id not in buyer.unit_line:
            return None
        distance = buyer.unit_line.index(book.served_unit_id)
        rank = 2
        reason = (
            "it is made for the selling unit"
            if distance == 0
            else f"it is made for a unit {distance} above the selling one"
        )
    if book.served_grade_code:
        if book.served_grade_code != buyer.grade_code:
            return None
        rank, reason = 1, f"it is made for customers of grade {book.served_grade_code}"
    if book.served_party_id is not None:
        if book.served_party_id != buyer.party_id:
            return None
        rank, reason = 0, "it is made for this customer"
    return rank, distance, reason


def _excluded(price: PriceFacts, ask: PriceAsk, day: date) -> str | None:
    if not price.book.active:
        return "the book is not active"
    if not within(day, price.book.start_date, price.book.end_date):
        return "the book does not hold on that day"
    if not within(day, price.start_date, price.end_date):
        return "the price does not hold on that day"
    if ask.quantity < price.min_quantity:
        return f"it holds from {price.min_quantity:f} on"
    return None


def resolve(ask: PriceAsk, prices: Iterable[PriceFacts], buyer: Buyer, day: date) -> Resolution:
    """The price of one product for a buyer on a day; `prices` are all of its prices in the currency, in any order."""
    fitting: list[tuple[tuple[object, ...], PriceFacts, str]] = []
    refused: list[Candidate] = []
    for price in sorted(prices, key=lambda item: (item.book.code, item.min_quantity, item.id)):
        cause = _excluded(price, ask, day)
        closeness = serves(price.book, buyer)
        if cause is None and closeness is None:
            cause = "the book is made for others"
        if cause is not None or closeness is None:
            refused.append(Candidate(price, won=False, reason=cause or ""))
            continue
        rank, distance, reason = closeness
        later = -(price.book.start_date or date.min).toordinal()
        newer = -(price.start_date or date.min).toordinal()
        order = (
            rank,
            distance,
            -price.book.priority,
            later,
            price.book.code,
            -price.min_quantity,
            newer,
            str(price.id),
        )
        fitting.append((order, price, reason))
    fitting.sort(key=lambda item: item[0])
    if not fitting:
        return Resolution(ask, None, tuple(refused))
    winner, won_because = fitting[0][1], fitting[0][2]
    beaten = [
        Candidate(price, won=False, reason=_beaten(fitting[0], other)) for other in fitting[1:] for price in (other[1],)
    ]
    return Resolution(ask, winner, (Candidate(winner, won=True, reason=won_because), *beaten, *refused))


def _beaten(
    winner: tuple[tuple[object, ...], PriceFacts, str], other: tuple[tuple[object, ...], PriceFacts, str]
) -> str:
    causes = (
        "a book made more closely for the customer goes first",
        "the book of a nearer unit goes first",
        "a book of higher priority goes first",
        "a book that began later goes first",
        "the book whose code is lower goes first",
        "a price from a larger quantity on goes first",
        "a price that began later goes first",
        "a price that was made earlier goes first",
    )
    return next(cause for cause, mine, theirs in zip(causes, winner[0], other[0], strict=True) if mine != theirs)


def resolve_all(asks: Sequence[PriceAsk], prices: Iterable[PriceFacts], buyer: Buyer, day: date) -> list[Resolution]:
    """The prices of many products at once, in the order in which they are asked."""
    by_product: dict[str, list[PriceFacts]] = {}
    for price in prices:
        by_product.setdefault(price.product_code, []).append(price)
    return [resolve(ask, by_product.get(ask.product_code, ()), buyer, day) for ask in asks]


def total(price: Money, quantity: Decimal) -> Money:
    """Price times quantity, rounded half to even to the currency's smallest unit."""
    return (price * quantity).rounded()
