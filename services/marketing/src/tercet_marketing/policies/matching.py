"""Which tools can work with which numbers: what is checked when a version is written and when an action is saved."""

from __future__ import annotations

from collections.abc import Sequence

from tercet_chassis import Tx
from tercet_chassis.errors import Violation
from tercet_marketing.policies import store
from tercet_marketing.policies.errors import PolicyNumbersUnfit, ToolPolicyIncompatible
from tercet_marketing.policies.model import PolicyVersion
from tercet_marketing.policies.rules import plain, with_row
from tercet_marketing.tools import registry
from tercet_marketing.tools.rules import Fault


def faults_for(tool_code: str, version: PolicyVersion) -> list[Fault]:
    """What of a version's numbers and rows a tool cannot work with, by path in the version; none means it can."""
    known = registry.tool(tool_code)
    found = [_below("numbers", fault) for fault in known.faults(plain(version.numbers), version.currency_code)]
    if found:
        return found
    for at, row in enumerate(version.rows):
        merged = with_row(version.numbers, row)
        found += [_below(f"rows[{at}].numbers", fault) for fault in known.faults(merged, version.currency_code)]
    return found


def compatible_tools(version: PolicyVersion) -> list[str]:
    """The installed tools that can work with a version, by code."""
    return [code for code in registry.installed() if not faults_for(code, version)]


def without_policy() -> list[str]:
    """The installed tools that work without any numbers."""
    return [code for code, known in registry.installed().items() if not known.faults({}, "")]


def check_version(version: PolicyVersion) -> None:
    """Refuses numbers that a tool which is meant cannot work with, or that no tool can; names every wrong field."""
    if version.tool_codes:
        wrong = [fault for code in version.tool_codes for fault in faults_for(code, version)]
        if wrong:
            raise _unfit(", ".join(version.tool_codes), wrong)
        return
    by_tool = {code: faults_for(code, version) for code in registry.installed()}
    if all(by_tool.values()):
        # What is wrong for the tool that comes nearest tells most.
        nearest = min(by_tool, key=lambda code: (len(by_tool[code]), code))
        raise _unfit(f"any tool, the nearest being {nearest}", by_tool[nearest])


async def require_compatible(tx: Tx, tool_code: str, policy_code: str, *, field: str = "policy_code") -> None:
    """Refuses a tool and a policy that cannot be put together; either may be empty. For whoever saves the pair.

    A policy must have a version in force; a tool without a policy must need no numbers. The same holds for the rewards
    that the pair may bring, and for theirs.
    """
    ahead, seen = [(tool_code, policy_code)], {(tool_code, policy_code)}
    while ahead:
        further = await _rewards_of(tx, *ahead.pop(), field)
        ahead += [pair for pair in further if pair not in seen]
        seen.update(further)


async def _rewards_of(tx: Tx, tool_code: str, policy_code: str, field: str) -> list[tuple[str, str]]:
    known = registry.tool(tool_code) if tool_code else None
    if not policy_code:
        wrong = [] if known is None else known.faults({}, "")
        if wrong:
            raise _incompatible(tool_code, "(none)", wrong, field)
        return [] if known is None else sorted(set(known.tool.rewards({})))
    version = await store.in_force(tx, policy_code)
    wrong = [] if known is None else faults_for(tool_code, version)
    if wrong:
        raise _incompatible(tool_code, policy_code, wrong, field)
    if known is None:
        return []
    every = [plain(version.numbers), *(with_row(version.numbers, row) for row in version.rows)]
    return sorted({pair for numbers in every for pair in known.tool.rewards(numbers)})


def _incompatible(tool: str, policy: str, wrong: Sequence[Fault], field: str) -> ToolPolicyIncompatible:
    detail = " ".join(f"{fault.path}: {fault.text}" for fault in wrong[:3])
    violations = [Violation(field, fault.reason, f"{fault.path}: {fault.text}") for fault in wrong]
    return ToolPolicyIncompatible(tool_code=tool, policy_code=policy, detail=detail, violations=violations)


def _below(path: str, fault: Fault) -> Fault:
    joint = "" if fault.path.startswith("[") or not fault.path else "."
    return Fault(f"{path}{joint}{fault.path}", fault.reason, fault.text)


def _unfit(tools: str, wrong: Sequence[Fault]) -> PolicyNumbersUnfit:
    violations = [Violation(f"policy_version.{fault.path}", fault.reason, fault.text) for fault in wrong]
    return PolicyNumbersUnfit(tools=tools, violations=violations)
