"""Decisions as they are kept and told: no names, and of what people wrote only whether it fits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from google.protobuf import json_format

from tercet.servicedesk.v1 import ticket_route_service_pb2 as pb
from tercet_service_desk.routing.rules import Decision, Step


def told(decision: Decision, steps: Sequence[Step], weight: int, now: datetime) -> pb.RoutingDecision:
    """A decision as its message."""
    message = pb.RoutingDecision(rule_code=decision.rule_code, explanation=decision.how, weight=weight)
    message.decide_time.FromDatetime(now)
    if decision.agent is not None:
        message.agent_id, message.user_id = str(decision.agent.id), str(decision.agent.user_id)
    for step in steps:
        shown = message.steps.add(
            rule_code=step.rule_code,
            matched=step.matched,
            explanation=step.explanation,
            considered_count=step.considered,
        )
        for verdict in step.verdicts:
            shown.candidates.add(
                agent_id=str(verdict.agent.id),
                user_id=str(verdict.agent.user_id),
                eligible=verdict.eligible,
                reasons=verdict.reasons,
                load=verdict.load,
                capacity=verdict.agent.capacity,
            )
    return message


def kept(decision: Decision, steps: Sequence[Step], weight: int, now: datetime) -> dict[str, Any]:
    """A decision as it is kept with the route."""
    return json_format.MessageToDict(told(decision, steps, weight, now), preserving_proto_field_name=True)
