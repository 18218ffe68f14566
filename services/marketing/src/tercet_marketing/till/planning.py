"""What an order might get, gathered, and what it does get, judged by limits and budgets too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from tercet_chassis import Refusal, Tx, derived_id
from tercet_chassis.errors import Violation
from tercet_chassis.money import Money
from tercet_marketing.grants import coding, funds, issuing, limits
from tercet_marketing.grants import rules as code_rules
from tercet_marketing.grants import store as grants
from tercet_marketing.grants.drawing import at_use
from tercet_marketing.grants.ending import use_of
from tercet_marketing.grants.facts import Facts
from tercet_marketing.grants.funds import Spending
from tercet_marketing.grants.issuing import Ask, Prepared
from tercet_marketing.grants.limits import Room, Use
from tercet_marketing.grants.model import BenefitCode, Grant
from tercet_marketing.policies import store as policies
from tercet_marketing.policies.model import PolicyVersion
from tercet_marketing.policies.rules import Limits
from tercet_marketing.till import rules, store
from tercet_marketing.till.errors import BasketInvalid
from tercet_marketing.till.rules import Candidate, Plan
from tercet_marketing.tools import registry
from tercet_marketing.tools.rules import Basket, BasketLine, Withheld

MOST_GRANTS = 100
LARGEST_AMOUNT = Decimal(10) ** 12


@dataclass(slots=True)
class Source:
    """Where a candidate comes from: a grant that is held, or one that would be made for the order."""

    grant: Grant
    version: PolicyVersion | None
    prepared: Prepared | None = None
    code: BenefitCode | None = None

    @property
    def made_here(self) -> bool:
        """Whether the grant would be made for the order."""
        return self.prepared is not None

    def use(self) -> Use:
        """Its use, to be counted."""
        own = self.version.limits("REDEEM") if self.version is not None else Limits()
        shared = self.code if self.made_here and self.code is not None and self.code.shared else None
        most = shared.uses_max if shared is not None else 0
        return use_of(self.grant, own, code_id=None if shared is None else shared.id, code_most=most)


@dataclass(slots=True)
class Gathered:
    """Candidates by ref with their sources, and what was withheld before any reckoning."""

    facts: Facts
    party_id: UUID
    candidates: dict[str, Candidate]
    sources: dict[str, Source]
    withheld: list[dict[str, str]]


@dataclass(slots=True)
class Decision:
    """What an order gets."""

    party_id: UUID
    basket: Basket
    plan: Plan
    gathered: Gathered
    room: Room

    @property
    def chosen(self) -> list[tuple[rules.Applied, Source]]:
        """What is given, with where it comes from."""
        return [(one, self.gathered.sources[one.candidate.ref]) for one in self.plan.applied]


def basket_of(message: Any) -> Basket:
    """An order as tools see it. Refuses amounts of several currencies or finer than theirs, and a line twice."""
    wrong: list[Violation] = []
    lines: list[BasketLine] = []
    seen: set[int] = set()
    for at, line in enumerate(message.lines):
        path = f"basket.lines[{at}]"
        amount = Money(Decimal(line.amount.amount), line.amount.currency_code)
        if amount.currency != message.currency_code:
            text = f"The line is in {amount.currency}, the order in {message.currency_code}; currencies never mix."
            wrong.append(Violation(f"{path}.amount", "CURRENCY_MISMATCH", text))
        elif amount.amount < 0 or amount.rounded() != amount:
            text = f"{amount} is below zero or finer than the smallest unit of {amount.currency}."
            wrong.append(Violation(f"{path}.amount", "AMOUNT_INVALID", text))
        elif amount.amount >= LARGEST_AMOUNT:
            text = f"The line comes to {LARGEST_AMOUNT:f} or more; split it up."
            wrong.append(Violation(f"{path}.amount", "AMOUNT_TOO_LARGE", text))
        if line.line_no in seen:
            wrong.append(Violation(f"{path}.line_no", "LINE_REPEATED", f"There are two lines {line.line_no}."))
        quantity = Decimal(line.quantity)
        if quantity <= 0:
            wrong.append(Violation(f"{path}.quantity", "QUANTITY_INVALID", "A quantity is more than zero."))
        seen.add(line.line_no)
        lines.append(BasketLine(line.line_no, line.product_code, quantity, amount, amount))
    if wrong:
        raise BasketInvalid(count=len(wrong), violations=wrong)
    return Basket(message.currency_code, tuple(lines))


def reservation_id_of(tx: Tx, key: str) -> UUID:
    """The id that the reservation of a key has or will have."""
    return derived_id("benefit-reservation", tx.tenant_id, key)


async def decide(tx: Tx, message: Any, key: str, *, hold: bool) -> Decision:
    """What the order gets. With `hold` grants, codes, limits and budgets that it uses are held until the end of the
    transaction, so that what is decided can be kept.
    """
    basket = basket_of(message)
    gathered = await _gather(tx, message, reservation_id_of(tx, key), hold=hold)
    left = dict(gathered.candidates)
    while True:
        plan = rules.best(basket, list(left.values()))
        chosen = [(one, gathered.sources[one.candidate.ref]) for one in plan.applied]
        room, hindered = await _hindered(tx, chosen, hold=hold)
        if not hindered:
            for ref, why in plan.withheld.items():
                gathered.withheld.append(_told(gathered.sources[ref], why))
            return Decision(gathered.party_id, basket, plan, gathered, room)
        for ref, why in hindered.items():
            del left[ref]
            gathered.withheld.append(_told(gathered.sources[ref], why))


async def _hindered(
    tx: Tx, chosen: Sequence[tuple[rules.Applied, Source]], *, hold: bool
) -> tuple[Room, dict[str, Withheld]]:
    """The room for uses, and by ref what a limit or a budget forbids."""
    uses: dict[str, str] = {}
    asked: list[Use] = []
    spendings: dict[str, list[Spending]] = {}
    for one, source in chosen:
        ref = one.candidate.ref
        own = [source.use()]
        spendings[ref] = at_use(source.grant, one.benefit.amount)
        if source.prepared is not None:
            own.append(source.prepared.use)
            spendings[ref] += source.prepared.spendings
        asked += own
        uses |= {use.key: ref for use in own}
    room = await limits.room_for(tx, asked, hold=hold)
    hindered = {
        uses[over.use.key]: Withheld("LIMIT_REACHED", f"No more than {over.most} may be {over.what}.")
        for over in room.reached
    }
    if not hindered:
        for ref, short in (await funds.short_of(tx, spendings, hold=hold)).items():
            hindered[ref] = Withheld("BUDGET_SPENT", short.message)
    return room, hindered


def _told(source: Source, why: Withheld) -> dict[str, str]:
    grant = source.grant
    told = {"hindrance": why.reason, "explanation": why.text}
    if not source.made_here:
        told["grant_id"] = str(grant.id)
    if source.code is not None:
        told["code"] = source.code.code
    if grant.promotion_code:
        told["promotion_code"] = grant.promotion_code
    return told


# -- gathering --------------------------------------------------------------------------------------------------------
async def _gather(tx: Tx, message: Any, reservation_id: UUID, *, hold: bool) -> Gathered:
    buyer = UUID(message.identity_id)
    facts = Facts(tx)
    gathered = Gathered(facts, (await facts.person(buyer))[0], {}, {}, [])
    sources: list[Source] = []
    await _codes(tx, message, buyer, reservation_id, gathered, sources, hold=hold)
    await _grants(tx, message, gathered, sources)
    for promotion in await store.running(tx, tx.now()):
        ask = Ask(
            key=f"promotion:{promotion.id}:{reservation_id}",
            identity_id=buyer,
            tool_code=promotion.tool_code,
            policy_code=promotion.policy_code,
            origin="PROMOTION",
            campaign_id=promotion.campaign_id,
            promotion_code=promotion.code,
        )
        await _prospect(tx, ask, None, gathered, sources)
    if hold:
        held = await grants.locked(tx, (source.grant.id for source in sources if not source.made_here))
        for source in sources:
            source.grant = held.get(source.grant.id, source.grant)
    await _versions(tx, sources)
    for source in sources:
        _admit(tx, source, gathered)
    return gathered


async def _codes(
    tx: Tx,
    message: Any,
    buyer: UUID,
    reservation_id: UUID,
    gathered: Gathered,
    sources: list[Source],
    *,
    hold: bool,
) -> None:
    seen: set[UUID] = set()
    for typed, known in (await coding.found(tx, list(message.codes))).items():
        code = known
        if code is None:
            fact = "CODE_UNKNOWN" if code_rules.well_formed(code_rules.normal(typed)) else "CODE_MISTYPED"
            text = "There is no such code; check what was typed."
            gathered.withheld.append({"code": typed, "hindrance": fact, "explanation": text})
            continue
        if code.id in seen:
            continue
        seen.add(code.id)
        if hold and not code.shared:
            code = await grants.held_code(tx, code.id)
        if code.state == "CLAIMED" and code.grant_id is not None:
            (grant,) = await grants.by_ids(tx, [code.grant_id])
            sources.append(Source(grant, None, code=code))
        elif code.state != "OPEN" or code.grant_id is not None:
            fact = "CODE_SPENT" if code.state != "OPEN" else "NOT_FOR_ORDERS"
            text = "This code works no more." if code.state != "OPEN" else "This code is not used on orders."
            gathered.withheld.append({"code": code.code, "hindrance": fact, "explanation": text})
        else:
            use = f"till:{reservation_id}" if code.shared else code.row_version
            await _prospect(tx, coding.ask_of(code, buyer, use=use), code, gathered, sources)


async def _grants(tx: Tx, message: Any, gathered: Gathered, sources: list[Source]) -> None:
    party_id = gathered.party_id
    there = {source.grant.id for source in sources}
    if message.grant_ids or message.named_grants_only:
        wanted = [UUID(id) for id in message.grant_ids]
        found = {grant.id: grant for grant in await grants.by_ids(tx, wanted) if grant.party_id == party_id}
        for id in wanted:
            if id not in found:
                text = "The buyer has no such grant."
                gathered.withheld.append({"grant_id": str(id), "hindrance": "GRANT_UNKNOWN", "explanation": text})
        own = list(found.values())
    else:
        tools = [code for code, known in registry.installed().items() if known.tool.acts_on_orders]
        own = await grants.of_party(tx, party_id, tools, tx.now(), MOST_GRANTS)
    sources.extend(Source(grant, None) for grant in own if grant.id not in there)


async def _prospect(tx: Tx, ask: Ask, code: BenefitCode | None, gathered: Gathered, sources: list[Source]) -> None:
    try:
        prepared = await issuing.prepare(tx, ask, gathered.facts)
    except Refusal as refused:
        told = {"hindrance": refused.reason, "explanation": refused.message}
        told |= {"code": ask.code} if ask.code else {"promotion_code": ask.promotion_code}
        gathered.withheld.append(told)
        return
    prepared.grant.for_order = True
    sources.append(Source(prepared.grant, prepared.version, prepared, code))


async def _versions(tx: Tx, sources: Sequence[Source]) -> None:
    pairs = [(source.grant.policy_code, source.grant.version) for source in sources if source.grant.policy_code]
    known = await policies.versions(tx, pairs)
    for source in sources:
        source.version = known.get((source.grant.policy_code, source.grant.version), source.version)


def _admit(tx: Tx, source: Source, gathered: Gathered) -> None:
    grant, version = source.grant, source.version
    tool = registry.tool(grant.tool_code).tool
    hindrance = grant.hindrance(tx.now())
    if hindrance is not None:
        gathered.withheld.append(_told(source, Withheld(*hindrance)))
        return
    ref = str(grant.id)
    gathered.sources[ref] = source
    gathered.candidates[ref] = Candidate(
        ref=ref,
        evaluate=partial(tool.evaluate, dict(grant.numbers)),
        group=version.exclusive_group(grant.tool_code) if version is not None else grant.tool_code,
        order=version.order if version is not None else 0,
        alone=version.alone if version is not None else False,
        currency=grant.currency_code,
        end_time=grant.end_time,
    )
