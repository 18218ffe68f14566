"""From which budgets a grant is paid, when, and under which keys.

A policy's budget pays when the benefit costs something: when it is given, of a tool that is worth money by itself, else
when it is used. A strategy's budget pays what the benefit is worth at most as soon as it is given, so that whoever was
promised something can have it; where only an order tells what it is worth, when it is used. Naming one budget twice
takes the money once.
"""

from __future__ import annotations

from tercet_chassis.money import Money
from tercet_marketing.grants.funds import Spending
from tercet_marketing.grants.model import Grant
from tercet_marketing.tools import registry


def at_issue(grant: Grant) -> list[Spending]:
    """What is taken when it is given."""
    if grant.face is None:
        return []
    found = []
    if grant.strategy_budget_code:
        found.append(Spending(f"{grant.id}:issue:strategy", grant.strategy_budget_code, grant.face))
    if _policy_pays(grant) and registry.tool(grant.tool_code).tool.spends_at_issue:
        found.append(Spending(f"{grant.id}:issue", grant.budget_code, grant.face))
    return found


def at_use(grant: Grant, amount: Money | None) -> list[Spending]:
    """What is taken when it is used for an amount."""
    worth = amount or grant.nothing
    found = []
    if grant.strategy_budget_code and grant.face is None:
        found.append(Spending(f"{_use_key(grant)}:strategy", grant.strategy_budget_code, worth))
    if _policy_pays(grant) and not registry.tool(grant.tool_code).tool.spends_at_issue:
        found.append(Spending(_use_key(grant), grant.budget_code, worth))
    return found


def change(grant: Grant) -> list[Spending]:
    """What goes back to the policy's budget of what was taken when it was given, because the order needed less. A
    strategy's budget gets no change: the order may be cancelled, and then the whole benefit is its holder's again.
    """
    pays = _policy_pays(grant) and registry.tool(grant.tool_code).tool.spends_at_issue
    if not pays or grant.face is None or grant.amount is None:
        return []
    return [Spending(_change_key(grant), grant.budget_code, grant.face - grant.amount)]


def issue_keys(grant: Grant) -> list[str]:
    """Under which keys something may have been taken when it was given."""
    return [f"{grant.id}:issue", *([f"{grant.id}:issue:strategy"] if grant.strategy_budget_code else [])]


def use_keys(grant: Grant) -> list[str]:
    """Under which keys its present use may have taken or given something."""
    more = [f"{_use_key(grant)}:strategy"] if grant.strategy_budget_code else []
    return [_use_key(grant), _change_key(grant), *more]


def _policy_pays(grant: Grant) -> bool:
    return bool(grant.budget_code) and grant.budget_code != grant.strategy_budget_code


def _use_key(grant: Grant) -> str:
    return f"{grant.id}:redeem:{grant.turn or 0}"


def _change_key(grant: Grant) -> str:
    return f"{grant.id}:change:{grant.turn or 0}"
