"""Codes found, judged and turned into grants."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tercet_chassis import Tx
from tercet_marketing.grants import rules, store
from tercet_marketing.grants.ending import redeem
from tercet_marketing.grants.errors import CodeMistyped, CodeSpent, CodeUnknown
from tercet_marketing.grants.guessing import GUESSES
from tercet_marketing.grants.issuing import Ask, issue
from tercet_marketing.grants.model import BenefitCode, Grant


async def found(tx: Tx, typed: Sequence[str]) -> dict[str, BenefitCode | None]:
    """The codes that were typed, by what was typed, None where there is none. Refuses a caller who has given too many
    wrong ones; background work of ours gives none.
    """
    wanted = {text: rules.normal(text) for text in typed}
    if not wanted:
        return {}
    caller = f"{tx.tenant_id}:{tx.principal.subject}"
    if not tx.principal.is_system:
        GUESSES.admit(caller, len(wanted))
    known = await store.codes_by_text(tx, wanted.values())
    answer = {text: known.get(code) for text, code in wanted.items()}
    if not tx.principal.is_system:
        GUESSES.right(caller, sum(code is not None for code in answer.values()))
    return answer


async def one(tx: Tx, typed: str) -> BenefitCode:
    """The code that was typed. Refuses one that is not there, and tells when it was mistyped."""
    code = (await found(tx, [typed]))[typed]
    if code is not None:
        return code
    if not rules.well_formed(rules.normal(typed)):
        raise CodeMistyped()
    raise CodeUnknown()


def ask_of(code: BenefitCode, identity_id: UUID, *, use: object, zone: str = "") -> Ask:
    """The grant that a code becomes. Of a unique code there is one at a time, of a shared code one for each use."""
    return Ask(
        key=f"code:{code.id}:{use}",
        identity_id=identity_id,
        tool_code=code.tool_code,
        policy_code=code.policy_code,
        version=code.version,
        origin="CODE",
        campaign_id=code.campaign_id,
        code=code.code,
        zone=zone,
    )


async def claim(tx: Tx, typed: str, identity_id: UUID, zone: str) -> tuple[BenefitCode, UUID]:
    """Turns a code into somebody's grant; the same person again gets the same. Refuses a code that is spent."""
    code = await one(tx, typed)
    if code.shared and code.grant_id is not None:
        return code, await _bring(tx, code, code.grant_id, identity_id)
    if code.shared:
        if code.state != "OPEN":
            raise CodeSpent()
        return code, (await issue(tx, ask_of(code, identity_id, use=identity_id, zone=zone))).id
    held = await store.held_code(tx, code.id)
    if held.grant_id is not None:
        (grant,) = await store.by_ids(tx, [held.grant_id])
        if grant.identity_id == identity_id:
            return held, grant.id
    if held.state != "OPEN":
        raise CodeSpent()
    grant = await issue(tx, ask_of(held, identity_id, use=held.row_version, zone=zone))
    held.claim(grant.id)
    return held, grant.id


async def _bring(tx: Tx, code: BenefitCode, grant_id: UUID, identity_id: UUID) -> UUID:
    """A newcomer comes by a member's code: gives what the newcomer got, or the member's grant when that is nothing."""
    grant = (await store.locked(tx, [grant_id]))[grant_id]
    key = f"claim:{identity_id}"
    await redeem(tx, grant, key, code.code, identity_id)
    await tx.flush()
    rewards = await store.by_keys(tx, (f"reward:{grant.id}:{key}:{at}" for at in range(2)))
    own = [reward.id for reward in rewards.values() if reward.identity_id == identity_id]
    return own[0] if own else grant.id


def hindrance(code: BenefitCode, grant: Grant | None) -> str:
    """Why a code cannot be used, as a fact; empty when it can, as far as the code itself goes."""
    if code.state == "REVOKED" or (code.state == "CLAIMED" and grant is None):
        return "CODE_SPENT"
    return ""
