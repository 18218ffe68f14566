"""What a deal has to know before it is written: who buys, which unit sells, what its lines cost.

A few queries, however many lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from google.protobuf import json_format
from sqlalchemy import select

from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet.type.v1.party_pb2 import PartyRole
from tercet_chassis import Tx
from tercet_chassis.entity import Entity, view
from tercet_chassis.errors import Violation
from tercet_chassis.money import Money
from tercet_sales.catalogue import store as catalogue
from tercet_sales.catalogue.rules import PriceAsk
from tercet_sales.customers.errors import SellerUnitOutOfReach
from tercet_sales.customers.model import Customer
from tercet_sales.customers.store import check_seller
from tercet_sales.party_moves import moved
from tercet_sales.pricing import rules
from tercet_sales.pricing.rules import Json, Priced, ProductFacts, Terms


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """Zone and reporting currency of a selling unit."""

    zone: str
    currency: str

    def day(self, moment: datetime) -> date:
        """The calendar day in the unit's zone."""
        return moment.astimezone(ZoneInfo(self.zone)).date()


@dataclass(slots=True)
class Prepared:
    """A deal's message with its blanks filled in, and everything that is wrong with it so far."""

    message: Any
    customer: Customer | None
    unit: UnitFacts
    faults: list[Violation]


async def unit_facts(tx: Tx, unit_id: UUID | None) -> UnitFacts:
    """Zone and currency of the unit; the tenant's while the unit is not known here yet."""
    return UnitFacts(*await tx.known.zone_and_currency(unit_id))


async def prepare(tx: Tx, message: Any, *, offered_by: UUID | None = None) -> Prepared:
    """Fills in a copy of the deal what the customer and the caller say: buyer, seller, owner, zone.

    Violations are collected, not raised. A unit that made the offer already may sell, whoever follows it.
    """
    filled = type(message)()
    filled.CopyFrom(message)
    faults: list[Violation] = []
    customer = await _customer(tx, filled, faults)
    await _check_seller(tx, filled, customer, offered_by, faults)
    if customer is not None:
        defaults = {
            "identity_id": customer.identity_id,
            "party_id": customer.party_id,
            "seller_unit_id": customer.unit_id,
            "owner_id": customer.owner_id,
            "partner_party_id": customer.partner_party_id,
            "time_zone": customer.time_zone,
        }
        _fill(filled, defaults)
    elif not faults:
        if not filled.identity_id:
            text_ = "Name the customer who buys, or the identity and party of the buyer."
            faults.append(Violation("customer_id", "BUYER_MISSING", text_))
        _fill(filled, {"party_id": filled.identity_id})
    _fill(filled, {"seller_unit_id": tx.principal.unit_id})
    _fill(filled, {"unit_id": filled.seller_unit_id})
    if not filled.seller_unit_id:
        faults.append(
            Violation(
                "seller_unit_id",
                "SELLER_MISSING",
                "Name the unit that sells: neither the customer nor you belong to one.",
            )
        )
    unit = await unit_facts(tx, UUID(filled.seller_unit_id) if filled.seller_unit_id else None)
    _zone(filled, unit, faults)
    if (
        not any(role.role == PartyRole.Role.SOLD_TO for role in filled.parties)
        and filled.party_id
        and filled.identity_id
    ):
        filled.parties.add(role=PartyRole.Role.SOLD_TO, identity_id=filled.identity_id, party_id=filled.party_id)
    return Prepared(filled, customer, unit, faults)


async def _customer(tx: Tx, message: Any, faults: list[Violation]) -> Customer | None:
    if not message.customer_id:
        return None
    customer = await tx.find(Customer, message.customer_id)
    if customer is None:
        text_ = f"There is no customer {message.customer_id} in your reach; name one that is."
        faults.append(Violation("customer_id", "CUSTOMER_UNKNOWN", text_))
    elif customer.merged_into_id is not None:
        text_ = f"Customer {customer.id} was joined into {customer.merged_into_id}; name that one."
        faults.append(Violation("customer_id", "CUSTOMER_MERGED", text_))
    return customer


async def _check_seller(
    tx: Tx, message: Any, customer: Customer | None, offered_by: UUID | None, faults: list[Violation]
) -> None:
    unit_id = UUID(message.seller_unit_id) if message.seller_unit_id else None
    try:
        await check_seller(tx, None if unit_id == offered_by else unit_id, customer)
    except SellerUnitOutOfReach as refusal:
        faults.append(Violation("seller_unit_id", refusal.reason, refusal.message))


def _fill(message: Any, defaults: dict[str, Any]) -> None:
    names = message.DESCRIPTOR.fields_by_name
    for name, value in defaults.items():
        if name in names and value and not getattr(message, name):
            setattr(message, name, str(value))


def _zone(message: Any, unit: UnitFacts, faults: list[Violation]) -> None:
    if "time_zone" not in message.DESCRIPTOR.fields_by_name:
        return
    _fill(message, {"time_zone": unit.zone})
    try:
        ZoneInfo(message.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        text_ = f"There is no time zone {message.time_zone!r}; give an IANA name such as Asia/Shanghai."
        faults.append(Violation("time_zone", "TIME_ZONE_UNKNOWN", text_))


def lines_of(items: Any) -> list[Json]:
    """Repeated messages as the JSON that is stored, without lines that a benefit once gave."""
    found = [json_format.MessageToDict(item, preserving_proto_field_name=True) for item in items]
    return [item for item in found if not item.get("benefit_grant_id")]


async def priced(
    tx: Tx,
    lines: list[Json],
    adjustments: list[Json],
    *,
    currency: str,
    include_tax: bool,
    open_lines: bool,
    customer: Customer | None,
    unit_id: UUID | None,
    day: date,
) -> Priced:
    """The document's lines with prices from the catalogue where they have none of their own; all faults in one list."""
    products = await _products(tx, lines)
    wanted = [index for index in rules.unpriced(lines) if lines[index]["product_code"] in products]
    prices = await _prices(tx, lines, wanted, customer, unit_id, currency, day)
    return rules.price(lines, adjustments, Terms(currency, include_tax, open_lines, products, prices))


async def _products(tx: Tx, lines: list[Json]) -> dict[str, ProductFacts]:
    codes = {line["product_code"] for line in lines if line.get("product_code")}
    if not codes:
        return {}
    found = await catalogue.products_by_code(tx, codes)
    return {
        code: ProductFacts(code, product.name, product.active is not False, product.tax_percent)
        for code, product in found.items()
    }


async def _prices(
    tx: Tx,
    lines: list[Json],
    wanted: list[int],
    customer: Customer | None,
    unit_id: UUID | None,
    currency: str,
    day: date,
) -> dict[int, Money]:
    if not wanted:
        return {}
    asks = [PriceAsk(lines[index]["product_code"], _quantity(lines[index])) for index in wanted]
    found = await catalogue.resolve_prices(tx, asks, customer=customer, unit_id=unit_id, currency=currency, day=day)
    return {index: price for index, price in zip(wanted, found, strict=True) if price is not None}


def _quantity(line: Json) -> Decimal:
    # A quantity that is no number is a fault of its own and does not hide whether there is a price.
    quantity = rules.decimal_of(str(line.get("quantity", "")))
    return quantity if quantity is not None and quantity > 0 else Decimal(1)


async def move_parties(tx: Tx, entity: type[Entity], event: PartyMembersMoved) -> None:
    """Puts the parties with a part in deals of this kind under the parties that their identities belong to now."""
    newest = (await tx.known.follow_moves(event.moves)).newest
    rows: Any = view(entity)
    found: set[UUID] = set()
    for identity_id in newest:
        query = select(rows.c.id).where(rows.c.parties.contains([{"identity_id": str(identity_id)}]))
        found.update(await tx.session.scalars(query))
    deals = select(entity).where(entity.id.in_(sorted(found))).order_by(entity.id).with_for_update()
    for deal in await tx.session.scalars(deals.execution_options(populate_existing=True)):
        held: Any = deal
        parties = moved(held.parties, newest)
        if parties != held.parties:
            held.parties = parties
