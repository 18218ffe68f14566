"""The sample company's cast and offers: the same every time, and so that each strategy finds somebody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tercet_local.demo import company, helpdesk, offers
from tercet_local.demo.clients import clients

OPENINGS = [datetime(2026, 11, 16, tzinfo=UTC), datetime(2028, 2, 26, tzinfo=UTC), datetime(2026, 12, 29, tzinfo=UTC)]


@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize("days", [1, 2, 7])
def test_every_strategy_finds_somebody_in_any_week(opening: datetime, days: int) -> None:
    cast = {client.code: client for client in clients(1, opening, days)}
    assert list(cast.values()) == clients(1, opening, days)
    assert all(set(client.buys) <= set(range(days)) for client in cast.values())
    assert all(moment < opening for client in cast.values() for moment in client.bought)
    assert len({client.mobile for client in cast.values()}) == len(cast)
    ninth = [client for client in cast.values() if len(client.bought) == 8 and client.buys]
    asleep = [client for client in cast.values() if client.bought and client.bought[-1] < opening - timedelta(days=90)]
    zone = ZoneInfo(offers.ZONE)
    week = {(opening + timedelta(days=day)).astimezone(zone).strftime("%m-%d") for day in range(days)}
    born = [client for client in cast.values() if client.birth_date and client.birth_date.strftime("%m-%d") in week]
    delivered = [client for client in cast.values() if client.firm and client.buys == tuple(range(days))]
    assert [bool(found) for found in (ninth, asleep, born, delivered)] == [True] * 4


def test_what_is_offered_hangs_together() -> None:
    actions = {action["code"]: action for action in offers.ACTIONS}
    assert {strategy["action_code"] for strategy in offers.STRATEGIES} == actions.keys()
    segments = {segment["code"] for segment in offers.SEGMENTS}
    assert {strategy["segment_code"] for strategy in offers.STRATEGIES if "segment_code" in strategy} == segments
    policies = {code for code, _, _ in offers.POLICIES}
    assert {action["policy_code"] for action in actions.values() if "policy_code" in action} == policies
    budgets = {version["budget_code"] for _, _, version in offers.POLICIES if "budget_code" in version}
    assert budgets == {budget["code"] for budget in offers.BUDGETS}
    assert {action["template_code"] for action in actions.values()} == {one["code"] for one in offers.TEMPLATES}
    people = {person["email"].partition("@")[0] for person in company.PEOPLE if person["role"] == "service_agent"}
    assert {login for login, *_ in helpdesk.AGENTS} == people
