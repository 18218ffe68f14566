"""What carrying out costs a strategy's budget: the worth of the benefit, and the message by what its account says.

A message is paid before it is queued, by the dearest account that may carry it, and settled when it is known what
became of it: what did not go gives its money back, what cost less the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Decimal
from uuid import UUID

from tercet_chassis import Tx
from tercet_chassis.money import Money, minor_digits
from tercet_marketing.budgets import store as budgets
from tercet_marketing.channels.accounts import Carriers
from tercet_marketing.grants import funds
from tercet_marketing.grants.funds import Spending
from tercet_marketing.sends.model import Send
from tercet_marketing.sends.rules import CANCELED, DELIVERED, FAILED, SENT, WITHHELD
from tercet_marketing.strategies import store
from tercet_marketing.strategies.model import StrategyDecision
from tercet_marketing.strategies.rules import CHOSEN

# The name under which a trace tells of the budget.
BUDGET = "BUDGET"
_KEY = "strategy:"


def effect_key(decision_id: UUID) -> str:
    """The key of what is given and sent for a decision."""
    return f"{_KEY}{decision_id}"


def decision_of(key: str) -> UUID | None:
    """The decision that a send was for; None for what no strategy sent: callers choose keys as they like."""
    try:
        return UUID(key.removeprefix(_KEY)) if key.startswith(_KEY) else None
    except ValueError:
        return None


def message_cost(
    row: StrategyDecision, budget_code: str, channel_codes: Sequence[str], carried: Carriers
) -> Spending | None:
    """What telling is to take from the budget; None when nothing is told or it costs nothing."""
    if not budget_code or not row.channel_code:
        return None
    dearest: Money | None = None
    for code in channel_codes[channel_codes.index(row.channel_code) :]:
        carrier = carried.carrier(code)
        cost = None if carrier is None else carrier.account.message_cost
        same = cost is not None and (dearest is None or dearest.currency == cost.currency)
        if cost is not None and same and (dearest is None or dearest < cost):
            dearest = cost
    return None if dearest is None or not dearest.amount else _spending(row.id, budget_code, dearest)


async def note_left(tx: Tx, row: StrategyDecision, budget_code: str) -> None:
    """Tells what is left of the budget that would pay for what is chosen."""
    if budget_code and row.outcome == CHOSEN:
        account = await budgets.account_of(tx, budget_code)
        left = Money(account.available, account.unit)
        row.note(BUDGET, passed=left.amount > 0, detail=f"{budget_code} has {left} left")


async def give_message_back(tx: Tx, row: StrategyDecision, budget_code: str) -> None:
    """Gives back what was taken for a message that nobody could queue."""
    if budget_code:
        currency = (await budgets.account_of(tx, budget_code)).unit
        await funds.settle(tx, _spending(row.id, budget_code, Money.zero(currency)))


async def settle_messages(tx: Tx, sends: Iterable[Send]) -> None:
    """Has the budgets bear what messages have cost by now; what is still on its way keeps what was taken for it."""
    ended = {id: send for send in sends if (id := decision_of(send.key)) is not None}
    for row, budget_code in await store.budgets_of(tx, ended):
        if row.send_id != ended[row.id].id:
            continue
        cost = _final_cost(ended[row.id], (await budgets.account_of(tx, budget_code)).unit)
        if cost is not None:
            await funds.settle(tx, _spending(row.id, budget_code, cost))


def _final_cost(send: Send, currency: str) -> Money | None:
    if send.state in (FAILED, WITHHELD, CANCELED):
        return Money.zero(currency)
    told = send.cost if send.state in (SENT, DELIVERED) else None
    return told if told is not None and told.currency == currency else None


def _spending(decision_id: UUID, budget_code: str, amount: Money) -> Spending:
    # Budgets keep whole cents, and must never owe a part of one: what costs less is rounded up.
    unit = Decimal(1).scaleb(-minor_digits(amount.currency))
    whole = Money(amount.amount.quantize(unit, rounding=ROUND_CEILING), amount.currency)
    return Spending(f"message:{decision_id}", budget_code, whole)
