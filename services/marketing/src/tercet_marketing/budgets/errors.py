"""Refusals of budgets."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class BudgetUnknown(InvalidArgument):
    """Configuration names a budget that is not there."""

    text = "There is no budget {budget_code}; create it, or name one that there is."
    field = "budget_code"


class BudgetCurrencyUnknown(InvalidArgument):
    """Not a currency of ISO 4217."""

    text = "{currency} is no currency of ISO 4217; check the code."
    field = "budget.opening_amount.currency_code"


class BudgetOpeningNegative(InvalidArgument):
    """A budget that would begin with less than nothing."""

    text = "A budget cannot begin with {amount}; give nothing or more."
    field = "budget.opening_amount.amount"


class BudgetAmountNotPositive(InvalidArgument):
    """Nothing, or less than nothing."""

    text = "{amount} cannot be moved; give an amount above zero."
    field = "amount.amount"


class BudgetCurrencyDiffers(InvalidArgument):
    """Money of another currency."""

    text = "The budget {budget_code} is in {budget_currency}, the amount in {currency}; give it in the first."
    field = "amount.currency_code"


class BudgetMovedToItself(InvalidArgument):
    """Money that would stay where it is."""

    text = "Both budgets are {budget_code}; name another to move money to."
    field = "to_budget_id"


class BudgetInsufficient(FailedPrecondition):
    """The budget has less than is asked for."""

    text = "Of budget {budget_code} {available} are available, {amount} are asked for; take less or top it up."
    field = "amount.amount"
