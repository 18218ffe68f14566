"""Builders of strategies: an action, a draft, one that runs, and what was decided."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from support.benefits import policy
from tercet.marketing.v1 import action_service_pb2 as action_pb
from tercet.marketing.v1 import strategy_service_pb2 as pb
from tercet.marketing.v1.template_service_pb2 import CreateTemplateRequest, Template
from tercet_chassis.testing import Client
from tercet_marketing.strategies import store
from tercet_marketing.strategies.deciding import want

GIFT = {"code": "gift", "display_name": "Gift", "tool_code": "coupon", "policy_code": "ten_off"}


async def action(marketing: Client, **values: Any) -> action_pb.Action:
    await policy(marketing, "ten_off", {"off": "10.00"})
    made: action_pb.Action = await marketing.CreateAction(
        action_pb.CreateActionRequest(action=action_pb.Action(**{**GIFT, **values}))
    )
    return made


GREETING = "{{ customer.name }}: {{ benefit.numbers.off }} {{ benefit.currency }}"


async def template(marketing: Client, text: str = GREETING) -> None:
    bodies = [Template.Body(language="zh", subject="礼物", text=text)]
    made = Template(code="gift", display_name="Gift", bodies=bodies, default_language="zh")
    await marketing.CreateTemplate(CreateTemplateRequest(template=made))


def draft(code: str = "welcome", **values: Any) -> pb.Strategy:
    given = {"trigger": pb.Strategy.EVENT, "event_name": "sales.customer.created", "action_code": "gift", **values}
    return pb.Strategy(code=code, display_name=code.title(), **given)


async def create(marketing: Client, strategy: pb.Strategy) -> pb.Strategy:
    made: pb.Strategy = await marketing.CreateStrategy(pb.CreateStrategyRequest(strategy=strategy))
    return made


async def running(marketing: Client, strategy: pb.Strategy) -> pb.Strategy:
    made = await create(marketing, strategy)
    await marketing.ApproveStrategy(pb.ApproveStrategyRequest(id=made.id))
    started: pb.Strategy = await marketing.StartStrategy(pb.StartStrategyRequest(id=made.id))
    return started


async def decisions(marketing: Client, **by: str) -> list[pb.StrategyDecision]:
    found = await marketing.ListStrategyDecisions(
        pb.ListStrategyDecisionsRequest(
            filter=" AND ".join(f'{name} = "{value}"' for name, value in by.items()), order_by="strategy_code"
        )
    )
    return list(found.strategy_decisions)


async def wanted(marketing: Client, people: Iterable[UUID], occasion: str = "1", code: str = "") -> None:
    """Has running strategies, or one of them, want people on an occasion."""
    async with marketing.transaction() as tx:
        strategies = [one for one in await store.running(tx) if not code or one.code == code]
        profiles = (await store.profiles(tx, set(people))).values()
        await want(tx, [(strategy, profile, occasion) for strategy in strategies for profile in profiles])
