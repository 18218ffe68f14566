"""Builders of benefits: policies in force, grants, baskets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from google.protobuf import json_format

from support.deals import cny
from tercet.marketing.v1.benefit_service_pb2 import (
    Basket,
    CreatePromotionRequest,
    Promotion,
    ReserveBenefitsRequest,
)
from tercet.marketing.v1.budget_service_pb2 import Budget, CreateBudgetRequest
from tercet.marketing.v1.grant_service_pb2 import Grant, IssueGrantRequest
from tercet.marketing.v1.policy_service_pb2 import (
    CreatePolicyRequest,
    CreatePolicyVersionRequest,
    ListPoliciesRequest,
    Policy,
    PolicyVersion,
    PublishPolicyVersionRequest,
)
from tercet_chassis.testing import Client


def version_of(policy_code: str, numbers: Mapping[str, Any], **more: Any) -> PolicyVersion:
    """A version of a policy in yuan as a client would send it."""
    given = {"policy_code": policy_code, "currency_code": "CNY", "numbers": dict(numbers), **more}
    return json_format.ParseDict(given, PolicyVersion())


async def draft(marketing: Client, code: str, numbers: Mapping[str, Any], **more: Any) -> PolicyVersion:
    """A draft of a policy, which is made when there is none."""
    known = await marketing.ListPolicies(_list_policies(code))
    if not known.policies:
        policy = Policy(code=code, display_name=f"政策 {code}")
        await marketing.CreatePolicy(CreatePolicyRequest(policy=policy))
    request = CreatePolicyVersionRequest(policy_version=version_of(code, numbers, **more))
    made: PolicyVersion = await marketing.CreatePolicyVersion(request)
    return made


async def policy(marketing: Client, code: str, numbers: Mapping[str, Any], **more: Any) -> PolicyVersion:
    """A version of a policy in force."""
    written = await draft(marketing, code, numbers, **more)
    published: PolicyVersion = await marketing.PublishPolicyVersion(PublishPolicyVersionRequest(id=written.id))
    return published


async def grant(
    marketing: Client, identity_id: UUID | str, tool_code: str, policy_code: str, key: str = "", **more: Any
) -> Grant:
    """A benefit that somebody got."""
    values = {"key": key or f"{tool_code}:{policy_code}:{identity_id}", "identity_id": str(identity_id), **more}
    request = IssueGrantRequest(tool_code=tool_code, policy_code=policy_code, **values)
    made: Grant = await marketing.IssueGrant(request)
    return made


async def promotion(marketing: Client, code: str, tool_code: str, policy_code: str, **more: Any) -> Promotion:
    """A benefit for every order."""
    values = {"display_name": f"活动 {code}", "active": True, **more}
    wanted = Promotion(code=code, tool_code=tool_code, policy_code=policy_code, **values)
    made: Promotion = await marketing.CreatePromotion(CreatePromotionRequest(promotion=wanted))
    return made


async def budget(marketing: Client, code: str, amount: str) -> Budget:
    """A budget in yuan."""
    wanted = Budget(code=code, display_name=f"预算 {code}", opening_amount=cny(amount))
    made: Budget = await marketing.CreateBudget(CreateBudgetRequest(budget=wanted))
    return made


def basket(identity_id: UUID | str, *amounts: str, codes: tuple[str, ...] = (), **more: Any) -> Basket:
    """An order in yuan, a line an amount, of the products P1, P2, …"""
    lines = [
        Basket.Line(line_no=number, product_code=f"P{number}", quantity="1", amount=cny(amount))
        for number, amount in enumerate(amounts, start=1)
    ]
    return Basket(identity_id=str(identity_id), currency_code="CNY", lines=lines, codes=codes, **more)


def reserve(key: str, of: Basket, **more: Any) -> ReserveBenefitsRequest:
    """Asks for benefits to be kept."""
    return ReserveBenefitsRequest(key=key, basket=of, **more)


def _list_policies(code: str) -> ListPoliciesRequest:
    return ListPoliciesRequest(filter=f'code = "{code}"')
