"""API keys as they are written and read, sessions' ends, and guessing slowed down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet_chassis.ids import new_id
from tercet_gateway.access.rules import base62, from_base62, new_key, read_key, session_end
from tercet_gateway.access.throttle import FREE_ATTEMPTS, LONGEST_WAIT, Throttle

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@given(st.uuids(), st.sampled_from(["sample", "a1", "east-china-2"]))
def test_a_key_says_its_tenant_and_id_and_hides_its_secret(id: UUID, code: str) -> None:
    key = new_key(code, id)
    read = read_key(key.text)
    assert read is not None
    assert (read.tenant_code, read.id, read.digest) == (code, id, key.digest)
    assert key.text.startswith(key.prefix + "_")
    assert key.text.split("_")[2] not in key.prefix


@given(st.integers(min_value=0, max_value=(1 << 256) - 1))
def test_base62_reads_what_it_writes(number: int) -> None:
    assert from_base62(base62(number, 43)) == number
    assert len(base62(number, 43)) == 43


@given(st.integers(min_value=0), st.sampled_from("0Aa9zZ_-"))
def test_a_mistyped_key_is_known_without_a_look_at_the_database(place: int, letter: str) -> None:
    text = new_key("sample", new_id()).text
    at = place % len(text)
    changed = text[:at] + letter + text[at + 1 :]
    assert changed == text or read_key(changed) is None


@pytest.mark.parametrize("text", ["", "tk_", "Bearer x", "tk_sample", "tk_" + "a" * 80, "tk_sample-é_"])
def test_what_is_no_key_is_none(text: str) -> None:
    assert read_key(text) is None


def test_session_slides_a_month_and_ends_after_three() -> None:
    assert session_end(NOW, NOW) == NOW + timedelta(days=30)
    assert session_end(NOW, NOW + timedelta(days=80)) == NOW + timedelta(days=90)


def test_guessing_waits_longer_each_time_and_success_starts_anew() -> None:
    clock = [0.0]
    throttle = Throttle(lambda: clock[0])
    assert [throttle.admit("a") for _ in range(FREE_ATTEMPTS)] == [0.0] * FREE_ATTEMPTS
    assert throttle.admit("a") == 1.0
    assert throttle.admit("b") == 0.0
    waits = []
    for _ in range(14):
        wait = throttle.admit("a")
        waits.append(wait)
        clock[0] += wait
        assert throttle.admit("a") == 0.0
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT
    throttle.succeeded("a")
    assert throttle.admit("a") == 0.0
