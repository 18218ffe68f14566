"""Grants used outside of orders, taken back, and ended when their time is over."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Refusal, Tx
from tercet_marketing.grants import drawing, funds, limits, store
from tercet_marketing.grants.errors import (
    BudgetSpent,
    GrantForNewcomers,
    GrantForOrders,
    GrantNotUsable,
    GrantPaidByPayout,
    LimitReached,
    OwnReferral,
    RedeemerMissing,
)
from tercet_marketing.grants.issuing import Ask, act_of, issue_all
from tercet_marketing.grants.limits import Use
from tercet_marketing.grants.model import Grant, GrantUse
from tercet_marketing.policies import store as policies
from tercet_marketing.policies.rules import Limits
from tercet_marketing.tools import registry
from tercet_marketing.tools.contract import Redemption


async def redeem(tx: Tx, grant: Grant, key: str, reference: str, redeemer: UUID | None = None) -> None:
    """Uses a grant that is held, once by the key. Refuses one that only works on orders, cannot be used now, or was
    used as often as it may.
    """
    tool = registry.tool(grant.tool_code).tool
    if tool.redeemed_by_others:
        if not await _redeemed_by(tx, grant, key, redeemer):
            return
    else:
        if not tool.redeemed_alone:
            raise GrantForOrders(tool_code=grant.tool_code)
        if tool.paid_by(grant.numbers):
            raise GrantPaidByPayout(grant_id=grant.id)
        if grant.state == "REDEEMED" and grant.redeem_key == key:
            return
        grant.must_be_usable(tx.now())
        use = use_of(grant, await redeem_limits(tx, grant))
        room = await limits.room_for(tx, [use], hold=True)
        for over in room.reached:
            raise LimitReached(policy_code=grant.policy_code, most=over.most, what=over.what)
        await limits.count(tx, [use], room)
        grant.amount = grant.face
        grant.redeem(tx.now(), key, reference)
    redemption = Redemption(redeemer or grant.identity_id, reference, grant.amount)
    await reward(tx, grant, key, redemption)
    tx.emit(events.GrantRedeemed, grant)


async def begin_payment(tx: Tx, grant: Grant) -> None:
    """Counts a grant that is held as used, for the payer gets it now. Refuses one that cannot be used now, or was used
    as often as it may.
    """
    grant.begin_payment(tx.now())
    use = use_of(grant, await redeem_limits(tx, grant))
    room = await limits.room_for(tx, [use], hold=True)
    for over in room.reached:
        raise LimitReached(policy_code=grant.policy_code, most=over.most, what=over.what)
    await limits.count(tx, [use], room)


async def take_payment_back(tx: Tx, grant: Grant) -> None:
    """The payer certainly did not pay: the grant, which must be held, waits again, and its use does not count."""
    grant.take_payment_back()
    await limits.uncount(tx, [use_key(grant)])
    grant.turn += 1


async def paid(tx: Tx, grant: Grant, key: str, reference: str) -> None:
    """The holder of a grant, which must be held, has its money."""
    grant.pay(tx.now(), key, reference)
    await reward(tx, grant, key, Redemption(grant.identity_id, reference, grant.amount))
    tx.emit(events.GrantRedeemed, grant)


async def reward(tx: Tx, grant: Grant, key: str, redemption: Redemption) -> list[Grant | Refusal]:
    """Lets the tool do what a redemption does, and gives the further benefits that it brings. Refuses what is set up
    wrongly.
    """
    tool = registry.tool(grant.tool_code).tool
    asks = [
        Ask(
            key=f"reward:{grant.id}:{key}:{at}",
            identity_id=due.identity_id,
            tool_code=due.tool_code,
            policy_code=due.policy_code,
            origin="REWARD",
            campaign_id=grant.campaign_id,
            strategy_code=grant.strategy_code,
            zone=grant.zone,
        )
        for at, due in enumerate(await tool.redeem(act_of(tx, grant), redemption))
    ]
    given = await issue_all(tx, asks) if asks else []
    for answer in given:
        # That somebody had enough, or that no money is left, hinders nobody; what is set up wrongly must be seen.
        if isinstance(answer, Refusal) and not isinstance(answer, LimitReached | BudgetSpent):
            raise answer
    return given


async def _redeemed_by(tx: Tx, grant: Grant, key: str, redeemer: UUID | None) -> bool:
    if redeemer is None:
        raise RedeemerMissing()
    party_id, _ = await store.standing_of(tx, redeemer)
    if party_id == grant.party_id:
        raise OwnReferral()
    uses = await store.uses_of(tx, grant.id)
    if any(use.key == key and use.redeemer_identity_id == redeemer for use in uses):
        return False
    grant.must_be_usable(tx.now())
    most = grant.numbers.get("invites_max")
    if most is not None and len(uses) >= int(most):
        raise GrantForNewcomers(grant_id=grant.id, cause=f"{most} newcomers came already.")
    if any(use.redeemer_identity_id == redeemer for use in uses):
        raise GrantForNewcomers(grant_id=grant.id, cause="this newcomer was counted already.")
    tx.add(GrantUse(grant_id=grant.id, key=key, redeemer_identity_id=redeemer))
    grant.use_again(key)
    return True


async def reverse(tx: Tx, grant: Grant) -> None:
    """Takes a held grant back with all that issuing it did; one that was taken back stays so. Refuses what an order
    uses, and what has ended.
    """
    if grant.state == "REVERSED":
        return
    used = grant.state == "REDEEMED"
    grant.reverse(tx.now())
    await take_back(tx, grant, used=used)


async def take_back(tx: Tx, grant: Grant, *, used: bool) -> None:
    """Gives back what a grant that is taken back used up: its uses, its money, what its tool did."""
    keys = [f"{grant.id}:ISSUE"]
    if used:
        keys.append(use_key(grant))
    await limits.uncount(tx, keys)
    await funds.give_back(tx, drawing.issue_keys(grant))
    await registry.tool(grant.tool_code).tool.reverse(act_of(tx, grant))
    tx.emit(events.GrantReversed, grant)


async def expire_due(tx: Tx, now: datetime, most: int) -> int:
    """Ends grants whose time is over and puts back the money that was kept for them; tells how many."""
    due = await store.due(tx, now, most)
    for grant in due:
        await expire(tx, grant)
    return len(due)


async def expire(tx: Tx, grant: Grant) -> None:
    """Ends one grant, which must be held."""
    grant.expire(tx.now())
    await funds.give_back(tx, drawing.issue_keys(grant))
    await registry.tool(grant.tool_code).tool.expire(act_of(tx, grant))
    tx.emit(events.GrantExpired, grant)


def use_key(grant: Grant) -> str:
    """Names a grant's present use: after one that was given back comes another."""
    return f"{grant.id}:REDEEM:{grant.turn or 0}"


def use_of(grant: Grant, own: Limits, *, code_id: UUID | None = None, code_most: int = 0) -> Use:
    """A grant's use, to be counted."""
    return Use(use_key(grant), grant.policy_code, "REDEEM", grant.identity_id, grant.party_id, own, code_id, code_most)


async def redeem_limits(tx: Tx, grant: Grant) -> Limits:
    """How often what a grant is of may be redeemed: as its version says, which it keeps."""
    if not grant.policy_code:
        return Limits()
    pair = (grant.policy_code, grant.version)
    found = (await policies.versions(tx, [pair])).get(pair)
    if found is None:
        raise GrantNotUsable(grant_id=grant.id, cause="its policy's version is gone.")
    return found.limits("REDEEM")
