"""Decisions as they are kept and told: no names, and of what people wrote only whether it fits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from google.protobuf.json_format import ParseDict

from tercet.servicedesk.v1 import ticket_route_service_pb2 as pb
from tercet_service_desk.routing.rules import Decision, Step, Verdict


def told(decision: Decision, steps: Sequence[Step], weight: int, now: datetime) -> pb.RoutingDecision:
    """A decision as its message."""
    return ParseDict(kept(decision, steps, weight, now), pb.RoutingDecision())


def kept(decision: Decision, steps: Sequence[Step], weight: int, now: datetime) -> dict[str, Any]:
    """A decision as it is kept with the route: its message as JSON, made by hand since every ticket has one with
    everybody in it who was considered.
    """
    agent = decision.agent
    return _said(
        rule_code=decision.rule_code,
        explanation=decision.how,
        weight=weight,
        decide_time=now.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        agent_id=str(agent.id) if agent else "",
        user_id=str(agent.user_id) if agent else "",
        steps=[_step(step) for step in steps],
    )


def _step(step: Step) -> dict[str, Any]:
    return _said(
        rule_code=step.rule_code,
        matched=step.matched,
        explanation=step.explanation,
        considered_count=step.considered,
        candidates=[_candidate(verdict) for verdict in step.verdicts],
    )


def _candidate(verdict: Verdict) -> dict[str, Any]:
    return _said(
        agent_id=str(verdict.agent.id),
        user_id=str(verdict.agent.user_id),
        eligible=verdict.eligible,
        reasons=list(verdict.reasons),
        load=verdict.load,
        capacity=verdict.agent.capacity,
    )


def _said(**values: Any) -> dict[str, Any]:
    # JSON of a message leaves out what is empty.
    return {name: value for name, value in values.items() if value}
