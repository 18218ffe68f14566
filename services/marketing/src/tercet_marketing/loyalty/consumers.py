"""What was bought earns points, what came back takes them back, and a party that moves takes its sums along."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from tercet.leads.v1 import events_pb2 as leads
from tercet.sales.v1 import events_pb2 as sales
from tercet.sales.v1.transaction_service_pb2 import Transaction
from tercet_chassis import NotYet, Tx, effect
from tercet_marketing.loyalty import points, rules, standing, store
from tercet_marketing.loyalty.earning import Line, contributions, earned
from tercet_marketing.loyalty.model import LoyaltyProgramme, LoyaltySale, Membership, PointsEntry
from tercet_marketing.loyalty.wallet import zone_of

# A receipt of a shop's till comes as an import, and whoever holds the card expects its points all the same.
_BOUGHT = ("live", "import")


@effect(sales.TransactionRecorded, origins=_BOUGHT)
async def follow_transaction(event: Any, tx: Tx) -> None:
    """A sale earns by every active programme; a return or cancellation takes back its share of what the sale earned."""
    told = event.transaction
    if await store.sale(tx, UUID(told.id)) is not None:
        # Told again under another event.
        return
    if told.kind == Transaction.SALE:
        await _sale(tx, told)
    else:
        await _return(tx, told)


@effect(leads.PartyMembersMoved, origins=("live", "import", "replay"))
async def follow_moves(event: Any, tx: Tx) -> None:
    """After a merge or split the parties' tiers are what their memberships together give. No account is touched."""
    parties = (await tx.known.follow_moves(event.moves)).parties
    members = await store.parties_memberships(tx, parties)
    for code, party_id in sorted({(member.programme_code, member.party_id) for member in members}):
        await standing.review(tx, await store.programme_of(tx, code), party_id)


async def _sale(tx: Tx, told: Transaction) -> None:
    identity_id, moment = UUID(told.identity_id), told.occur_time.ToDatetime(tzinfo=UTC)
    await tx.bulk_insert(LoyaltySale, [_fact(told, moment)])
    for programme in await store.active_programmes(tx):
        member = await store.membership_of(tx, programme.code, identity_id)
        if member is None and programme.enrolment == "AUTOMATIC":
            member = await points.enrol(tx, programme, identity_id, UUID(told.party_id), join_time=moment)
        if member is None:
            continue
        if programme.counts(moment, member.join_time):
            await _earn(tx, programme, member, told, moment)
        if _by_spending(programme):
            await standing.review(tx, programme, member.party_id)


async def _earn(tx: Tx, programme: LoyaltyProgramme, member: Membership, told: Transaction, moment: datetime) -> None:
    paid = _paid(programme, told)
    if paid is None:
        return
    amount, lines = paid
    earn_rules = programme.rules_of_earning()
    local = moment.astimezone(await zone_of(tx, programme, member))
    facts: Mapping[str, Any] = {
        "amount": amount,
        "currency_code": programme.currency_code,
        "occur_time": moment,
        "unit_id": UUID(told.unit_id) if told.unit_id else None,
        "campaign_id": UUID(told.campaign_id) if told.campaign_id else None,
        "tier_code": member.tier_code,
        "product_codes": [line.product_code for line in lines],
        "month": local.month,
        "day": local.day,
        "weekday": local.isoweekday(),
        "line_count": len(lines),
        # Looked up only for a rule that asks.
        "first_purchase": any("first_purchase" in rule.condition for rule in earn_rules)
        and await _is_first(tx, programme, member, moment),
        "from_order": bool(told.order_id),
    }
    given = contributions(earn_rules, facts, lines, programme.digits, moment)
    multiplier = (await standing.rule_of(tx, programme)).multiplier(member.tier_code)
    total = earned(given, multiplier, programme.digits)
    if total <= 0:
        return
    await points.earn(
        tx,
        programme,
        member,
        total,
        key=f"transaction:{told.id}",
        reason="PURCHASE",
        reference=f"sales/transaction/{told.id}",
        occur_time=moment,
        sale_id=UUID(told.sale_id),
        contributions=[{"rule_code": one.rule_code, "points": f"{one.points:f}"} for one in given],
    )


async def _is_first(tx: Tx, programme: LoyaltyProgramme, member: Membership, moment: datetime) -> bool:
    party = await store.party_members(tx, programme.code, member.party_id)
    return not await store.bought_before(tx, [one.identity_id for one in party], moment)


def _by_spending(programme: LoyaltyProgramme) -> bool:
    return (programme.tier_rule or {}).get("basis") == "SPEND"


async def _return(tx: Tx, told: Transaction) -> None:
    sale_id = UUID(told.sale_id)
    sale = await store.sale(tx, sale_id)
    if sale is None:
        raise NotYet(f"the sale {sale_id} is not here")
    entries = await store.earned_by_sale(tx, sale_id)
    # Held before the returns are counted, so that two at the same time see each other.
    for entry in entries:
        await points.hold(tx, await store.programme_of(tx, entry.programme_code), entry)
    await tx.bulk_insert(LoyaltySale, [_fact(told, sale.sale_time)])
    returned = await store.returned_of(tx, sale_id)
    for entry in entries:
        await _take_back(tx, entry, sale, returned, told)
    await _review_spending(tx, sale.identity_id)


async def _take_back(tx: Tx, entry: PointsEntry, sale: LoyaltySale, returned: Decimal, told: Transaction) -> None:
    programme = await store.programme_of(tx, entry.programme_code)
    target = rules.taken_back(entry.points, sale.amount, returned, programme.digits)
    gone = entry.points - await points.left_to_reverse(tx, entry)
    if target <= gone:
        return
    await points.reverse(
        tx,
        programme,
        f"transaction:{told.id}",
        entry.key,
        points=target - gone,
        reason=Transaction.Kind.Name(told.kind),
        reference=f"sales/transaction/{told.id}",
        occur_time=told.occur_time.ToDatetime(tzinfo=UTC),
    )


async def _review_spending(tx: Tx, identity_id: UUID) -> None:
    for member in await store.memberships_of(tx, [identity_id]):
        programme = await store.programme_of(tx, member.programme_code)
        if _by_spending(programme):
            await standing.review(tx, programme, member.party_id)


def _fact(told: Transaction, sale_time: datetime) -> dict[str, Any]:
    return {
        "id": UUID(told.id),
        "identity_id": UUID(told.identity_id),
        "sale_id": UUID(told.sale_id),
        "sale_time": sale_time,
        "occur_time": told.occur_time.ToDatetime(tzinfo=UTC),
        "amount": Decimal(told.amount.amount),
        "currency": told.amount.currency_code,
        "reporting_amount": Decimal(told.reporting_amount.amount or told.amount.amount),
        "reporting_currency": told.reporting_amount.currency_code or told.amount.currency_code,
    }


def _paid(programme: LoyaltyProgramme, told: Transaction) -> tuple[Decimal, list[Line]] | None:
    """What was paid in the programme's currency, and for what; None when it was paid in another."""
    amount = Decimal(told.amount.amount)
    if told.amount.currency_code == programme.currency_code:
        rate = Decimal(1)
    elif told.reporting_amount.currency_code == programme.currency_code and amount:
        rate = Decimal(told.reporting_amount.amount) / amount
        amount = Decimal(told.reporting_amount.amount)
    else:
        return None
    return amount, [Line(line.product_code, Decimal(line.amount.amount) * rate) for line in told.lines]
