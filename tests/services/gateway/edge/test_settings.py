"""What the environment says reaches the edge; what it cannot mean ends the program with the variable's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tercet_chassis.settings import SettingMissing, Settings
from tercet_gateway.edge.settings import LIMITS, EdgeSettings, Limit


def read(environment: str = "production", **variables: str) -> EdgeSettings:
    settings = Settings("gateway", "postgresql://x", "nats://x", Path("keys"), environment=environment)
    return EdgeSettings.of(settings, {f"TERCET_EDGE_{name}": value for name, value in variables.items()})


def test_defaults_and_given_values() -> None:
    assert read().limits == LIMITS
    given = read(
        LIMITS="read=0, WRITE=60/5,BULK=10",
        CORS_ORIGINS="https://a.example/, https://b.example",
        BODY_LIMIT="10",
        REPLICAS="0",
    )
    assert (given.limits["READ"].per_minute, given.limits["WRITE"], given.limits["BULK"]) == (
        0,
        Limit(60, 5),
        Limit(10, 1),
    )
    assert given.limits["SEARCH"] == LIMITS["SEARCH"]
    assert given.cors_origins == {"https://a.example", "https://b.example"}
    assert (given.body_limit, given.replicas) == (10, 1)


def test_one_machine_is_not_kept_waiting_by_its_own_limits() -> None:
    assert read("development").limits["WRITE"].per_minute > 10 * LIMITS["WRITE"].per_minute
    assert read("development", LIMITS="WRITE=60/5").limits["WRITE"] == Limit(60, 5)


@pytest.mark.parametrize(
    ("name", "value"), [("LIMITS", "READ"), ("LIMITS", "X=5"), ("LIMITS", "READ=5/x"), ("BODY_LIMIT", "4MiB")]
)
def test_nonsense_ends_the_program(name: str, value: str) -> None:
    with pytest.raises(SettingMissing, match=f"TERCET_EDGE_{name}"):
        read(**{name: value})
