"""The commands that speak the public API: sign-in, checks, dead letters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from support.stand_in_gateway import StandInGateway, stand_in_gateway
from tercet_local.cli.main import app
from tercet_local.errors import LocalError
from tercet_local.provisioning import SERVICES

LETTER = "0192f0c1-0000-7000-8000-000000000001"


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInGateway]:
    with stand_in_gateway() as running:
        monkeypatch.setenv("TERCET_URL", running.url)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        monkeypatch.delenv("TERCET_TOKEN", raising=False)
        yield running


def tercet(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=typed, env={"COLUMNS": "200"})


def sign_in() -> Result:
    return tercet("token", "--tenant", "demo", "--email", "fang@example.cn", "--password", "-", typed="secret\n")


def test_signing_in_prints_the_token_and_keeps_it_private(gateway: StandInGateway, tmp_path: Path) -> None:
    said = sign_in()
    assert said.stdout.strip() == "access-1"
    assert gateway.asked[0][2]["tenant"] == "demo"
    kept = tmp_path / "tercet" / "credentials.json"
    assert kept.stat().st_mode & 0o077 == 0
    assert json.loads(kept.read_text())[gateway.url]["refresh_token"] == "refresh-1"
    assert "secret" not in kept.read_text()


def test_a_wrong_password_is_refused_in_the_api_s_words(gateway: StandInGateway) -> None:
    said = tercet("token", "--tenant", "demo", "--email", "fang@example.cn", "--password", "wrong")
    assert isinstance(said.exception, LocalError)
    assert str(said.exception) == "E-mail address or password is wrong. (CREDENTIALS_WRONG)"


def test_half_a_sign_in_is_refused(gateway: StandInGateway) -> None:
    assert tercet("token", "--tenant", "demo").exit_code == 2
    assert gateway.asked == []


def test_an_expired_token_is_renewed_without_a_word(gateway: StandInGateway) -> None:
    sign_in()
    gateway.answers[f"/v1/sales/dead-letters/{LETTER}:retry"] = (200, {"id": LETTER, "state": "RETRIED"})
    for _ in range(3):
        assert tercet("events", "retry", "sales", LETTER).stdout == f"{LETTER} is RETRIED.\n"
    # One attempt and its repetition carry one key, different commands different ones.
    assert len(set(gateway.keys)) == 3


def test_a_spent_session_says_sign_in(gateway: StandInGateway) -> None:
    sign_in()
    gateway.live.clear()
    gateway.refresh = "another"
    assert "TOKEN_EXPIRED" in str(tercet("check").exception)
    assert "tercet token --tenant" in str(tercet("check").exception)


def test_signing_out_ends_the_session_and_forgets_it(gateway: StandInGateway) -> None:
    sign_in()
    assert tercet("token", "--end").stdout == "Signed out.\n"
    assert gateway.refresh == ""
    assert "Not signed in" in str(tercet("token").exception)


def test_a_token_from_the_environment_goes_first(gateway: StandInGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERCET_TOKEN", "key-of-a-program")
    gateway.live.add("key-of-a-program")
    gateway.answers["/v1/leads/dead-letters"] = (200, {"dead_letters": []})
    assert tercet("events", "dead-letters", "--service", "leads", "--json").stdout == "[]\n"


def healthy(gateway: StandInGateway, facts: dict[str, dict[str, str]]) -> None:
    finding = {"invariant": "events.applied_once", "holds": True, "checked_count": 7, "broken_count": 0, "examples": []}
    for service in SERVICES:
        gateway.answers[f"/v1/{service}/backlog"] = (200, {"unhandled_events": 0, "due_jobs": 0})
        gateway.answers[f"/v1/{service}/check"] = (200, {"findings": [finding], "facts": facts.get(service, {})})


def test_check_of_a_sound_system_is_silent_about_details(gateway: StandInGateway) -> None:
    sign_in()
    healthy(gateway, {"leads": {"conversions": "12"}, "sales": {"conversions": "12", "orders": "3"}})
    said = tercet("check")
    assert (said.exit_code, said.stdout) == (0, "All 11 invariants hold.\n")
    assert "events.applied_once" in tercet("check", "--all").stdout


def test_check_shows_what_is_broken_and_fails(gateway: StandInGateway) -> None:
    sign_in()
    healthy(gateway, {"leads": {"conversions": "12"}, "sales": {"conversions": "11"}})
    broken = {
        "invariant": "orders.totals",
        "holds": False,
        "checked_count": 9,
        "broken_count": 1,
        "examples": ["order 尚祈-7"],
    }
    gateway.answers["/v1/marketing/check"] = (200, {"findings": [broken]})
    gateway.answers["/v1/service-desk/check"] = (
        503,
        {"detail": "service-desk does not answer.", "reason": "UNAVAILABLE"},
    )
    said = tercet("check", "--json")
    assert said.exit_code == 1
    found = {(item["service"], item["invariant"]): item for item in json.loads(said.stdout)["findings"]}
    assert found["marketing", "orders.totals"]["examples"] == ["order 尚祈-7"]
    assert not found["service-desk", "service.answers"]["holds"]
    assert found["leads, sales", "conversions agrees"]["examples"] == ["leads says 12", "sales says 11"]


def test_dead_letters_of_all_services_are_listed_page_by_page(gateway: StandInGateway) -> None:
    sign_in()
    letter = {"id": LETTER, "consumer": "profiles.open_profile", "reason": "BUDGET_SPENT", "attempts": 8}
    for service in SERVICES:
        gateway.answers[f"/v1/{service}/dead-letters"] = (200, {"dead_letters": [letter] if service == "sales" else []})
    rows = json.loads(tercet("events", "dead-letters", "--json").stdout)
    assert rows == [{"service": "sales", **letter}]


def test_an_installation_that_does_not_answer_says_how_to_start_one(
    gateway: StandInGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERCET_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("TERCET_TOKEN", "any")
    assert "`tercet up` starts Tercet here" in str(tercet("check").exception)
