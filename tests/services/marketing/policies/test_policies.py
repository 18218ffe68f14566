"""Policies on the real service: checked against the tools, published once, never changed."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from support.benefits import draft, policy, version_of
from tercet.marketing.v1.policy_service_pb2 import (
    CreatePolicyRequest,
    CreatePolicyVersionRequest,
    DeletePolicyRequest,
    DeletePolicyVersionRequest,
    GetCompatibilityMatrixRequest,
    GetPolicyVersionRequest,
    ListCompatibleToolsRequest,
    ListPoliciesRequest,
    Policy,
    PolicyVersion,
    PublishPolicyVersionRequest,
    RetirePolicyVersionRequest,
    UpdatePolicyVersionRequest,
)
from tercet_chassis.testing import Client, refused
from tercet_marketing.policies.matching import require_compatible

FULL = {"threshold": "500", "off": "30", "repeat": True, "most": "90"}


async def test_a_policy_is_written_published_and_replaced(marketing: Client) -> None:
    one = await draft(marketing, "500-30", FULL)
    assert (one.version, one.state) == (1, PolicyVersion.DRAFT)
    published = await marketing.PublishPolicyVersion(PublishPolicyVersionRequest(id=one.id, etag=one.etag))
    assert published.state == PolicyVersion.PUBLISHED
    assert published.HasField("publish_time")
    two = await policy(marketing, "500-30", {**FULL, "off": "40"})
    assert (two.version, two.state) == (2, PolicyVersion.PUBLISHED)
    before = await marketing.GetPolicyVersion(GetPolicyVersionRequest(id=one.id))
    assert (before.state, before.numbers["off"]) == (PolicyVersion.RETIRED, "30")
    (shown,) = (await marketing.ListPolicies(ListPoliciesRequest())).policies
    assert (shown.published_version, shown.latest_version) == (2, 2)


async def test_what_is_published_never_changes(marketing: Client) -> None:
    published = await policy(marketing, "500-30", FULL)
    changed = version_of("500-30", {**FULL, "off": "300"}, id=published.id)
    with refused("POLICY_VERSION_FROZEN"):
        await marketing.UpdatePolicyVersion(
            UpdatePolicyVersionRequest(policy_version=changed, update_mask={"paths": ["numbers"]})
        )
    with refused("POLICY_VERSION_FROZEN"):
        await marketing.DeletePolicyVersion(DeletePolicyVersionRequest(id=published.id))
    with refused("POLICY_VERSION_FROZEN"):
        await marketing.PublishPolicyVersion(PublishPolicyVersionRequest(id=published.id))
    (of,) = (await marketing.ListPolicies(ListPoliciesRequest())).policies
    with refused("POLICY_IN_USE"):
        await marketing.DeletePolicy(DeletePolicyRequest(id=of.id))
    retired = await marketing.RetirePolicyVersion(RetirePolicyVersionRequest(id=published.id))
    assert retired.state == PolicyVersion.RETIRED
    with refused("POLICY_VERSION_NOT_PUBLISHED"):
        await marketing.RetirePolicyVersion(RetirePolicyVersionRequest(id=published.id))


async def test_a_draft_may_change_and_go(marketing: Client) -> None:
    one = await draft(marketing, "p", {"off": "10"})
    changed = version_of("p", {"off": "12"}, id=one.id)
    after = await marketing.UpdatePolicyVersion(
        UpdatePolicyVersionRequest(policy_version=changed, update_mask={"paths": ["numbers"]})
    )
    assert after.numbers["off"] == "12"
    (of,) = (await marketing.ListPolicies(ListPoliciesRequest())).policies
    await marketing.DeletePolicy(DeletePolicyRequest(id=of.id))
    with refused("RESOURCE_NOT_FOUND"):
        await marketing.GetPolicyVersion(GetPolicyVersionRequest(id=one.id))


@pytest.mark.parametrize(
    ("numbers", "more", "field"),
    [
        ({"off": "ten"}, {}, "numbers.off"),
        ({"off": 10}, {}, "numbers.off"),
        ({"off": "-1"}, {}, "numbers.off"),
        ({"off": "0"}, {}, "numbers.off"),
        ({"off": "10.001"}, {}, "numbers.off"),
        ({"off": "10"}, {"currency_code": ""}, "numbers.off"),
        ({"percent": "101"}, {}, "numbers.percent"),
        ({"off": "10", "percent": "5"}, {}, "numbers"),
        ({"off": "10", "of": "5"}, {}, "numbers"),
        ({"off": "10", "repeat": True}, {}, "numbers.threshold"),
        ({"steps": [{"threshold": "1", "off": "1"}, {"threshold": "1", "off": "2"}]}, {}, "numbers.steps[1].threshold"),
        ({"off": "10"}, {"rows": [{"tier_code": "gold", "numbers": {"off": "x"}}]}, "rows[0].numbers.off"),
        ({"off": "10"}, {"tool_codes": ["gift"]}, "numbers.gifts"),
        ({}, {"tool_codes": ["points"]}, "numbers.points"),
    ],
)
async def test_wrong_numbers_are_refused_naming_the_field(
    marketing: Client, numbers: dict[str, Any], more: dict[str, Any], field: str
) -> None:
    meant = {"tool_codes": ["coupon"], **more}
    with refused("POLICY_NUMBERS_UNFIT", f"policy_version.{field}"):
        await draft(marketing, "p", numbers, **meant)


async def test_numbers_that_fit_no_tool_are_refused(marketing: Client) -> None:
    with refused("POLICY_NUMBERS_UNFIT"):
        await draft(marketing, "p", {"colour": "red"})
    with refused("TOOL_UNKNOWN"):
        await draft(marketing, "p", {"off": "1"}, tool_codes=["lottery"])
    with refused("BUDGET_UNKNOWN", "budget_code"):
        await draft(marketing, "p", {"off": "1"}, budget_code="nowhere")
    crossed = {"start_time": "2026-02-01T00:00:00Z", "end_time": "2026-01-01T00:00:00Z"}
    with refused("VALIDITY_CROSSED", "policy_version.validity.end_time"):
        await draft(marketing, "p", {"off": "1"}, validity=crossed)
    with refused("POLICY_UNKNOWN", "policy_code"):
        version = version_of("nowhere", {"off": "1"})
        await marketing.CreatePolicyVersion(CreatePolicyVersionRequest(policy_version=version))


async def test_a_policy_goes_with_every_tool_whose_schema_it_satisfies(marketing: Client) -> None:
    full = await policy(marketing, "500-30", FULL)
    await policy(marketing, "ten", {"off": "10"})
    await policy(marketing, "hundred-points", {"programme_code": "club", "points": 100}, currency_code="")
    shown = await marketing.ListCompatibleTools(ListCompatibleToolsRequest(id=full.id))
    by_tool = {one.tool_code: one for one in shown.compatibilities}
    assert [code for code, one in by_tool.items() if one.compatible] == ["coupon", "full_reduction"]
    assert "numbers.gifts" in [fault.field for fault in by_tool["gift"].faults]
    matrix = await marketing.GetCompatibilityMatrix(GetCompatibilityMatrixRequest())
    assert {row.policy_code: list(row.tool_codes) for row in matrix.rows} == {
        "500-30": ["coupon", "full_reduction"],
        "ten": ["coupon"],
        "hundred-points": ["points"],
    }
    assert not matrix.without_policy


async def test_a_pair_is_checked_when_it_is_saved(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"})
    await draft(marketing, "unborn", {"off": "10"})
    async with marketing.transaction() as tx:
        await require_compatible(tx, "coupon", "ten")
        await require_compatible(tx, "", "ten")
        await require_compatible(tx, "", "")
        with refused("TOOL_POLICY_INCOMPATIBLE", "action.policy_code"):
            await require_compatible(tx, "gift", "ten", field="action.policy_code")
        with refused("TOOL_POLICY_INCOMPATIBLE"):
            await require_compatible(tx, "coupon", "")
        with refused("POLICY_NOT_IN_FORCE"):
            await require_compatible(tx, "coupon", "unborn")
        with refused("POLICY_UNKNOWN"):
            await require_compatible(tx, "coupon", "nowhere")


async def test_the_rewards_of_a_pair_are_checked_with_it(marketing: Client) -> None:
    async def asked(code: str, tool_code: str, policy_code: str, **more: Any) -> None:
        numbers = {"form_code": "survey", "reward_tool_code": tool_code, "reward_policy_code": policy_code}
        await policy(marketing, code, numbers, currency_code="", **more)

    await policy(marketing, "ten", {"off": "10"})
    row = {"tier_code": "gold", "numbers": {"reward_policy_code": "nowhere"}}
    for code, tool_code, policy_code, more, reason in (
        ("good", "coupon", "ten", {}, ""),
        ("itself", "questionnaire", "itself", {}, ""),
        ("gone", "coupon", "nowhere", {}, "POLICY_UNKNOWN"),
        ("unfit", "gift", "ten", {}, "TOOL_POLICY_INCOMPATIBLE"),
        ("no_tool", "nothing", "ten", {}, "TOOL_UNKNOWN"),
        ("by_tier", "coupon", "ten", {"rows": [row]}, "POLICY_UNKNOWN"),
        ("of_reward", "questionnaire", "gone", {}, "POLICY_UNKNOWN"),
    ):
        await asked(code, tool_code, policy_code, **more)
        async with marketing.transaction() as tx:
            with refused(reason) if reason else nullcontext():
                await require_compatible(tx, "questionnaire", code, field="action.policy_code")


async def test_a_code_names_one_policy(marketing: Client) -> None:
    request = CreatePolicyRequest(policy=Policy(code="p", display_name="一"))
    await marketing.CreatePolicy(request)
    with refused("RESOURCE_ALREADY_EXISTS", "policy.code"):
        await marketing.CreatePolicy(request)
