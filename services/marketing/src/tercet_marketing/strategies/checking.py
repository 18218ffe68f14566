"""What a strategy refers to must be there, and what its next version says."""

from __future__ import annotations

from tercet_chassis import Tx
from tercet_marketing.actions import checking as actions_checking
from tercet_marketing.actions import store as actions
from tercet_marketing.budgets import store as budgets
from tercet_marketing.campaigns import store as campaigns
from tercet_marketing.lifecycle import store as lifecycles
from tercet_marketing.lifecycle.model import ARCHIVED
from tercet_marketing.policies import store as policies
from tercet_marketing.strategies import store
from tercet_marketing.strategies.errors import (
    ActionNotFound,
    CampaignNotFound,
    LifecycleNotFound,
    SegmentNotFound,
    StrategyBudgetCurrencyDiffers,
)
from tercet_marketing.strategies.model import Strategy
from tercet_marketing.strategies.occasions import HEARD


async def check(strategy: Strategy, tx: Tx) -> None:
    """Refuses what could never run, and segments, lifecycles, actions, budgets and campaigns that are not there."""
    strategy.check(HEARD)
    named = {code for code in (strategy.segment_code, *strategy.excluded_segment_codes) if code}
    missing = sorted(named - await store.open_segments(tx, named)) if named else []
    if missing:
        raise SegmentNotFound(code=missing[0])
    if strategy.lifecycle_code:
        lifecycle = await lifecycles.by_code(tx, strategy.lifecycle_code)
        if lifecycle is None or lifecycle.state == ARCHIVED:
            raise LifecycleNotFound(code=strategy.lifecycle_code)
        if strategy.stage_code:
            lifecycle.stage(strategy.stage_code)
    if await actions.by_code(tx, strategy.action_code) is None:
        raise ActionNotFound(code=strategy.action_code)
    if strategy.budget_code:
        await budgets.account_of(tx, strategy.budget_code)
    if strategy.campaign_code and await campaigns.by_code(tx, strategy.campaign_code) is None:
        raise CampaignNotFound(code=strategy.campaign_code)


async def content(strategy: Strategy, tx: Tx) -> dict[str, object]:
    """What its next version says, its action as it is now among it. Refuses an action that cannot be carried out, and
    a benefit in another currency than the budget that pays for it.
    """
    action = await actions.by_code(tx, strategy.action_code, lock=True)
    if action is None:
        raise ActionNotFound(code=strategy.action_code)
    await actions_checking.check(action, tx)
    policy = await policies.in_force(tx, action.policy_code) if action.policy_code else None
    if strategy.budget_code and policy is not None and policy.currency_code:
        account = await budgets.account_of(tx, strategy.budget_code)
        if account.unit != policy.currency_code:
            raise StrategyBudgetCurrencyDiffers(
                budget_code=strategy.budget_code, budget_currency=account.unit, currency=policy.currency_code
            )
    campaign = await campaigns.by_code(tx, strategy.campaign_code) if strategy.campaign_code else None
    said = action.content() | {"policy_version": 0 if policy is None else policy.version}
    return strategy.content(said, None if campaign is None else campaign.id)
