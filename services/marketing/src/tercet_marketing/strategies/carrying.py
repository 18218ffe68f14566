"""What was chosen is carried out: the benefit is given and the customer hears of it, each once by the decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from tercet_chassis import Refusal, Tx
from tercet_marketing.grants.issuing import Ask, issue_all
from tercet_marketing.grants.model import Grant
from tercet_marketing.sends.accepting import Draft, accept
from tercet_marketing.sends.jobs import wake
from tercet_marketing.strategies.model import StrategyDecision
from tercet_marketing.strategies.rules import CHOSEN

Contents = Mapping[tuple[str, int], Mapping[str, Any]]
BENEFIT, MESSAGE = "BENEFIT", "MESSAGE"


async def carry_out(tx: Tx, rows: Iterable[StrategyDecision], contents: Contents) -> None:
    """Gives what chosen decisions promise. One whose benefit is used up or whose words are missing is withheld after
    all, and says so.
    """
    chosen = [row for row in rows if row.outcome == CHOSEN]
    grants = await _give(tx, chosen, contents)
    await _tell(tx, [row for row in chosen if row.outcome == CHOSEN], contents, grants)


async def _give(tx: Tx, rows: Sequence[StrategyDecision], contents: Contents) -> dict[Any, Grant]:
    giving = [row for row in rows if contents[row.strategy_code, row.version]["action"]["tool_code"]]
    if not giving:
        return {}
    asks = [_ask(row, contents[row.strategy_code, row.version]["action"]) for row in giving]
    given: dict[Any, Grant] = {}
    for row, answer in zip(giving, await issue_all(tx, asks), strict=True):
        if isinstance(answer, Refusal):
            row.fail(BENEFIT, f"{answer.reason}: {answer.message}")
        else:
            row.grant_id, given[row.id] = answer.id, answer
    return given


def _ask(row: StrategyDecision, action: Mapping[str, Any]) -> Ask:
    return Ask(
        key=f"strategy:{row.id}",
        identity_id=row.identity_id,
        tool_code=action["tool_code"],
        policy_code=action["policy_code"],
        version=action["policy_version"],
        origin="STRATEGY",
        strategy_code=row.strategy_code,
    )


async def _tell(tx: Tx, rows: Sequence[StrategyDecision], contents: Contents, grants: Mapping[Any, Grant]) -> None:
    telling = [row for row in rows if row.channel_code]
    if not telling:
        return
    drafts = [_draft(row, contents[row.strategy_code, row.version], grants.get(row.id)) for row in telling]
    for row, answer in zip(telling, await accept(tx, drafts), strict=True):
        if isinstance(answer, Refusal):
            # What was given stays given: only the words did not reach them, and the decision says so.
            row.note(MESSAGE, passed=False, detail=f"{answer.reason}: {answer.message}")
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
        key=f"strategy:{row.id}",
        template_code=action["template_code"],
        variables={**action["variables"], "benefit": benefit},
        strategy_id=UUID(content["strategy_id"]),
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
