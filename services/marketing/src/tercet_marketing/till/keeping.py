"""What is given on an order: kept, made final, given back; each once, and exactly what was taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Tx
from tercet_chassis.money import Money
from tercet_marketing.grants import ending, funds, issuing, limits
from tercet_marketing.grants import store as grants
from tercet_marketing.grants.drawing import at_use, change, use_keys
from tercet_marketing.grants.funds import Spending
from tercet_marketing.grants.model import Grant
from tercet_marketing.policies import store as policies
from tercet_marketing.till.model import BenefitReservation
from tercet_marketing.till.planning import Decision, Source
from tercet_marketing.till.returns import Returned
from tercet_marketing.tools import registry
from tercet_marketing.tools.contract import Redemption

Json = dict[str, Any]


def money_json(amount: Money) -> Json:
    """An amount as it stands in stored messages."""
    return {"currency_code": amount.currency, "amount": amount.text()}


def shown(decision: Decision, *, kept: bool) -> tuple[list[Json], list[Json], Money]:
    """The lines' adjustments, the benefits given, and what is taken off in all. A grant that is not `kept` yet is
    only named when it was there before.
    """
    adjustments: list[Json] = []
    applied: list[Json] = []
    total = Money.zero(decision.basket.currency)
    for one, source in decision.chosen:
        grant, benefit = source.grant, one.benefit
        id = str(grant.id) if kept or not source.made_here else ""
        for line, share in zip(decision.basket.lines, benefit.shares, strict=True):
            if share.amount:
                item = {"line_no": line.line_no, "source": grant.tool_code, "amount": money_json(share)}
                if grant.campaign_id is not None:
                    item["campaign_id"] = str(grant.campaign_id)
                adjustments.append({**item, "grant_id": id, "funded_by": grant.funded_by})
        applied.append(
            {
                "grant_id": id,
                "code": grant.code if source.code is not None else "",
                "promotion_code": grant.promotion_code,
                "tool_code": grant.tool_code,
                "policy_code": grant.policy_code,
                "version": grant.version,
                "amount": money_json(benefit.amount),
                "gifts": [
                    {
                        "product_code": gift.product_code,
                        "quantity": f"{gift.quantity:f}",
                        "added_quantity": f"{gift.added:f}",
                    }
                    for gift in benefit.gifts
                ],
            }
        )
        total += benefit.amount
    return adjustments, applied, total


async def keep(tx: Tx, decision: Decision, reservation: BenefitReservation) -> None:
    """Keeps what was decided, whose locks must be held."""
    spendings: list[Spending] = []
    for one, source in decision.chosen:
        if source.prepared is not None:
            for refusal in (await issuing.write(tx, [source.prepared])).values():
                raise refusal
            source.grant = (await grants.locked(tx, [source.grant.id]))[source.grant.id]
            await _claim(tx, source)
        source.grant.reserve(tx.now(), reservation.id, reservation.reference, one.benefit.amount)
        spendings += at_use(source.grant, one.benefit.amount)
    await limits.count(tx, [source.use() for _, source in decision.chosen], decision.room)
    await funds.keep(tx, spendings, reservation.expire_time)


async def _claim(tx: Tx, source: Source) -> None:
    if source.code is not None and not source.code.shared:
        source.code.claim(source.grant.id)


async def confirm(tx: Tx, reservation: BenefitReservation) -> None:
    """Makes what is kept final."""
    held = await grants.of_reservation(tx, reservation.id)
    key = f"till:{reservation.id}"
    spendings = [spending for grant in held for spending in at_use(grant, grant.amount)]
    await funds.spend_kept(tx, spendings, reservation.reference)
    await funds.put_back(tx, [spending for grant in held for spending in change(grant)], "CHANGE")
    for grant in held:
        grant.redeem(tx.now(), key, reservation.reference)
        await ending.reward(tx, grant, key, Redemption(grant.identity_id, reservation.reference, grant.amount))
        tx.emit(events.GrantRedeemed, grant)


async def give_back(tx: Tx, reservation: BenefitReservation) -> None:
    """Gives back exactly what the reservation took, whether it was final or not, less what came back before."""
    await _give_back(tx, await grants.of_reservation(tx, reservation.id))


async def take_returns(tx: Tx, reservation: BenefitReservation, back: Returned) -> None:
    """Gives back of each benefit what its policy says for what came back of the order: money in proportion, the benefit
    itself once all that it was used on came back. What came back before is not given back again.
    """
    held = await grants.of_reservation(tx, reservation.id)
    pairs = [(grant.policy_code, grant.version) for grant in held if grant.policy_code]
    versions = await policies.versions(tx, pairs)
    parts: list[Spending] = []
    whole: list[Grant] = []
    for grant in held:
        version = versions.get((grant.policy_code, grant.version))
        if version is not None and not version.comes_back:
            continue
        amount = grant.amount or grant.nothing
        until_now = min(back.amounts.get(str(grant.id), Money.zero(amount.currency)), amount)
        # What was paid for when it was issued goes back as a whole or not at all.
        if not registry.tool(grant.tool_code).tool.spends_at_issue:
            parts += _part(grant, until_now)
        if back.whole or (amount.amount and until_now == amount):
            whole.append(grant)
    await funds.put_back(tx, parts, "GIVEN_BACK")
    await _give_back(tx, whole)


def _part(grant: Grant, until_now: Money) -> list[Spending]:
    """What goes back beyond what did before, which the grant remembers."""
    more = until_now - (grant.returned or Money.zero(until_now.currency))
    if more.amount <= 0:
        return []
    grant.returned = until_now
    return [replace(one, key=f"{one.key}:returned:{until_now.text()}") for one in at_use(grant, more)]


async def _give_back(tx: Tx, held: Sequence[Grant]) -> None:
    codes = {code.grant_id: code for code in await grants.codes_of_grants(tx, (grant.id for grant in held))}
    ended = await grants.ended_batches(tx, codes.values())
    await limits.uncount(tx, (ending.use_key(grant) for grant in held))
    rest = [part for grant in held if grant.returned and grant.amount for part in _part(grant, grant.amount)]
    await funds.put_back(tx, rest, "GIVEN_BACK")
    await funds.give_back(tx, [key for grant in held if not grant.returned for key in use_keys(grant)])
    for grant in held:
        if grant.for_order:
            grant.reservation_id = None
            grant.reverse(tx.now())
            if grant.id in codes:
                codes[grant.id].give_back(ended=codes[grant.id].batch_id in ended)
            await ending.take_back(tx, grant, used=False)
            continue
        grant.give_back(tx.now())
        if grant.state == "EXPIRED":
            await ending.expire(tx, grant)
        else:
            tx.emit(events.GrantRestored, grant)
