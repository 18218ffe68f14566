"""Sets the sample company's marketing up, as its marketer: accounts, words, numbers, segments, strategies at work."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tercet_local.demo import offers
from tercet_local.demo.people import Person, once, step_id

_HISTORY = timedelta(days=2 * 366)


async def prepare(marketer: Person, now: datetime) -> None:
    """Doors, points, budgets, numbers and words. Running it again changes nothing."""
    await _doors(marketer)
    programme = {**offers.PROGRAMME, "start_time": (now - _HISTORY).isoformat()}
    await _made(marketer, "/v1/loyalty-programmes", programme)
    for budget in offers.BUDGETS:
        await _made(marketer, "/v1/budgets", budget)
    await _policies(marketer)
    for template in offers.TEMPLATES:
        await _made(marketer, "/v1/templates", template)


async def start(marketer: Person) -> None:
    """Segments, actions, and the six strategies, approved and running. Segments come to life last, so that their first
    members are wanted too. Running it again changes nothing.
    """
    segments = [await _made(marketer, "/v1/segments", segment) for segment in offers.SEGMENTS]
    names = {template["code"]: template["display_name"] for template in offers.TEMPLATES}
    for action in offers.ACTIONS:
        await _made(marketer, "/v1/actions", {**action, "display_name": names[action["template_code"]]})
    for strategy in offers.STRATEGIES:
        made = await _made(marketer, "/v1/strategies", strategy)
        for verb in ("approve", "start"):
            await _step(marketer, f"/v1/strategies/{made['id']}:{verb}", strategy["code"])
    for segment in segments:
        await _step(marketer, f"/v1/segments/{segment['id']}:activate", segment["code"])


async def _doors(marketer: Person) -> None:
    for account in offers.ACCOUNTS:
        await _made(marketer, "/v1/channel-accounts", {**account, "provider": "CONSOLE", "preferred": True})
    await _made(marketer, "/v1/quiet-hours", offers.QUIET_HOURS)
    await _made(marketer, "/v1/frequency-caps", offers.FREQUENCY_CAP)


async def _policies(marketer: Person) -> None:
    for code, name, version in offers.POLICIES:
        await _made(marketer, "/v1/policies", {"code": code, "display_name": name})
        body = {"id": step_id("policy-version", code), "policy_code": code, **version}
        await once(marketer, "/v1/policy-versions", body, code)
        await _step(marketer, f"/v1/policy-versions/{body['id']}:publish", code)


async def _made(marketer: Person, path: str, body: dict[str, Any]) -> dict[str, Any]:
    return await once(marketer, path, {"id": step_id(path, body["code"]), **body}, body["code"])


async def _step(marketer: Person, path: str, *key: object) -> None:
    await once(marketer, path, {}, *key)
