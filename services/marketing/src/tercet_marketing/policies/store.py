"""Queries of policies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, select

from tercet_chassis import Tx
from tercet_marketing.policies.errors import PolicyNotInForce, PolicyUnknown
from tercet_marketing.policies.model import Policy, PolicyVersion


async def by_code(tx: Tx, code: str, *, lock: bool = False) -> Policy:
    """The policy of a code. Refuses one that is not there."""
    query = select(Policy).where(Policy.code == code)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = (await tx.session.scalars(query)).one_or_none()
    if found is None:
        raise PolicyUnknown(policy_code=code)
    return found


async def in_force(tx: Tx, code: str) -> PolicyVersion:
    """The version of a policy that is in force. Refuses a policy without one."""
    found = (await all_in_force(tx, [code])).get(code)
    if found is None:
        await by_code(tx, code)
        raise PolicyNotInForce(policy_code=code)
    return found


async def all_in_force(tx: Tx, codes: Iterable[str] | None = None) -> dict[str, PolicyVersion]:
    """The versions in force by their policies' codes, of these policies or of all."""
    query = select(PolicyVersion).where(PolicyVersion.state == "PUBLISHED").order_by(PolicyVersion.policy_code)
    if codes is not None:
        query = query.where(PolicyVersion.policy_code.in_(set(codes)))
    return {version.policy_code: version for version in await tx.session.scalars(query)}


async def versions(tx: Tx, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], PolicyVersion]:
    """Versions by policy and number, whatever their state."""
    pairs = set(wanted)
    query = select(PolicyVersion).where(PolicyVersion.policy_code.in_({code for code, _ in pairs}))
    found = {(version.policy_code, version.version): version for version in await tx.session.scalars(query)}
    return {pair: version for pair, version in found.items() if pair in pairs}


async def published_of(tx: Tx, code: str) -> Sequence[PolicyVersion]:
    """What of a policy is in force: one version or none."""
    query = select(PolicyVersion).where(PolicyVersion.policy_code == code, PolicyVersion.state == "PUBLISHED")
    return (await tx.session.scalars(query)).all()


async def delete_drafts(tx: Tx, code: str) -> None:
    """Removes the drafts of a policy."""
    await tx.session.execute(
        delete(PolicyVersion).where(PolicyVersion.policy_code == code, PolicyVersion.state == "DRAFT")
    )
