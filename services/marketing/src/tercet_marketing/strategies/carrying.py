"""What was chosen is carried out: the benefit is given and the customer hears of it, each once by the decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from tercet_chassis import Refusal, Tx
from tercet_marketing.channels.accounts import Carrier, carriers
from tercet_marketing.contacts import store as contacts
from tercet_marketing.contacts.model import CompanyContact
from tercet_marketing.grants import funds
from tercet_marketing.grants.drawing import at_issue
from tercet_marketing.grants.errors import BudgetSpent
from tercet_marketing.grants.funds import Spending
from tercet_marketing.grants.issuing import Ask, issue_all
from tercet_marketing.grants.model import Grant
from tercet_marketing.sends.accepting import Draft, accept
from tercet_marketing.sends.jobs import wake
from tercet_marketing.sends.openings import address_of
from tercet_marketing.strategies.contacting import addressee
from tercet_marketing.strategies.model import StrategyDecision
from tercet_marketing.strategies.paying import BUDGET, effect_key, give_message_back, message_cost
from tercet_marketing.strategies.rules import CHOSEN

Contents = Mapping[tuple[str, int], Mapping[str, Any]]
Payments = Mapping[UUID, Spending]
BENEFIT, MESSAGE, BUDGET_SPENT = "BENEFIT", "MESSAGE", "BUDGET_SPENT"


async def carry_out(tx: Tx, rows: Iterable[StrategyDecision], contents: Contents) -> None:
    """Gives what chosen decisions promise. One whose benefit is used up, or for which there is no money, is withheld
    after all, and says so.
    """
    chosen = [row for row in rows if row.outcome == CHOSEN]
    payments = await _payments(tx, chosen, contents)
    grants = await _give(tx, chosen, contents, payments)
    await _pay(tx, [row for row in chosen if row.outcome == CHOSEN and row.id not in grants], payments)
    for row in chosen:
        if row.outcome == CHOSEN:
            _note_taken(row, contents[row.strategy_code, row.version]["budget_code"], payments, grants)
    await _tell(tx, [row for row in chosen if row.outcome == CHOSEN], contents, grants)


async def _payments(tx: Tx, rows: Sequence[StrategyDecision], contents: Contents) -> dict[UUID, Spending]:
    """What telling takes from a budget, by decision."""
    paid = [row for row in rows if contents[row.strategy_code, row.version]["budget_code"]]
    carried = await carriers(tx) if paid else None
    found: dict[UUID, Spending] = {}
    for row in paid:
        content = contents[row.strategy_code, row.version]
        if carried is not None:
            cost = message_cost(row, content["budget_code"], content["action"]["channel_codes"], carried)
            if cost is not None:
                found[row.id] = cost
    return found


async def _give(tx: Tx, rows: Sequence[StrategyDecision], contents: Contents, payments: Payments) -> dict[UUID, Grant]:
    giving = [row for row in rows if contents[row.strategy_code, row.version]["action"]["tool_code"]]
    if not giving:
        return {}
    asks = [_ask(row, contents[row.strategy_code, row.version], payments.get(row.id)) for row in giving]
    given: dict[UUID, Grant] = {}
    for row, ask, answer in zip(giving, asks, await issue_all(tx, asks), strict=True):
        if isinstance(answer, BudgetSpent):
            row.fail(BUDGET_SPENT, answer.message, tx.now())
        elif isinstance(answer, Refusal):
            row.fail(BENEFIT, f"{_named(ask)}: {answer.reason}: {answer.message}", tx.now(), answer.reason)
        else:
            row.grant_id, given[row.id] = answer.id, answer
    return given


async def _pay(tx: Tx, rows: Sequence[StrategyDecision], payments: Payments) -> None:
    """Takes what telling costs where nothing is given with it."""
    wanted = {str(row.id): [payments[row.id]] for row in rows if row.id in payments}
    short = await funds.short_of(tx, wanted, hold=True)
    for row in rows:
        if str(row.id) in short:
            row.fail(BUDGET_SPENT, short[str(row.id)].message, tx.now())
    await funds.spend(tx, [group[0] for name, group in wanted.items() if name not in short])


def _note_taken(row: StrategyDecision, budget_code: str, payments: Payments, grants: Mapping[UUID, Grant]) -> None:
    grant, message = grants.get(row.id), payments.get(row.id)
    benefits = [] if grant is None or not budget_code else at_issue(grant)
    told = [f"{one.amount} for the benefit" for one in benefits if one.budget_code == budget_code]
    told += [f"{message.amount} for the message"] if message else []
    if told:
        row.note(BUDGET, passed=True, detail=f"{budget_code} gave {' and '.join(told)}")


def _ask(row: StrategyDecision, content: Mapping[str, Any], payment: Spending | None) -> Ask:
    action = content["action"]
    return Ask(
        key=effect_key(row.id),
        identity_id=row.identity_id,
        tool_code=action["tool_code"],
        policy_code=action["policy_code"],
        version=action["policy_version"],
        origin="STRATEGY",
        campaign_id=_campaign(content),
        strategy_code=row.strategy_code,
        budget_code=content["budget_code"],
        together_with=payment,
    )


def _named(ask: Ask) -> str:
    return f"{ask.tool_code} by policy {ask.policy_code}" if ask.policy_code else ask.tool_code


def _campaign(content: Mapping[str, Any]) -> UUID | None:
    return UUID(content["campaign_id"]) if content["campaign_id"] else None


async def _tell(tx: Tx, rows: Sequence[StrategyDecision], contents: Contents, grants: Mapping[UUID, Grant]) -> None:
    telling = [row for row in rows if row.channel_code]
    if not telling:
        return
    people = await contacts.by_ids(tx, {row.contact_id for row in telling if row.contact_id is not None})
    carried = await carriers(tx) if people else None
    drafts = [_draft(row, contents[row.strategy_code, row.version], grants.get(row.id)) for row in telling]
    for at, row in enumerate(telling):
        person = people.get(row.contact_id) if row.contact_id is not None else None
        if person is not None and carried is not None:
            drafts[at] = _told_instead(drafts[at], person, carried.carrier(row.channel_code))
    for row, answer in zip(telling, await accept(tx, drafts), strict=True):
        if isinstance(answer, Refusal):
            # What was given stays given: only the words did not reach them, and the decision says so.
            row.note(MESSAGE, passed=False, detail=f"{answer.reason}: {answer.message}", cause=answer.reason)
            await give_message_back(tx, row, contents[row.strategy_code, row.version]["budget_code"])
        else:
            row.send_id = answer.id
    wake(tx, tx.now())


def _draft(row: StrategyDecision, content: Mapping[str, Any], grant: Grant | None) -> Draft:
    action = content["action"]
    codes = action["channel_codes"]
    benefit = {} if grant is None else _benefit(grant)
    return Draft(
        purpose=row.purpose,
        # The chosen one first; when it fails, those that come after it.
        channel_codes=codes[codes.index(row.channel_code) :],
        identity_id=row.identity_id,
        key=effect_key(row.id),
        template_code=action["template_code"],
        variables={**action["variables"], "benefit": benefit},
        campaign_id=_campaign(content),
        strategy_id=UUID(content["strategy_id"]),
    )


def _told_instead(draft: Draft, person: CompanyContact, carrier: Carrier | None) -> Draft:
    """The message for a contact of the customer, by the contact's own name, address and language."""
    point = None if carrier is None else address_of(addressee(person), carrier)
    return replace(
        draft,
        identity_id=person.person_identity_id,
        address=point,
        language=person.language,
        variables={**draft.variables, "customer": {"name": person.full_name}},
    )


def _benefit(grant: Grant) -> dict[str, Any]:
    """The values under `benefit.` in a template."""
    return {
        "tool": grant.tool_code,
        "numbers": dict(grant.numbers),
        "code": grant.code,
        "amount": grant.face.text() if grant.face else "",
        "currency": grant.currency_code,
        "end_date": grant.end_time.date().isoformat() if grant.end_time else "",
    }
