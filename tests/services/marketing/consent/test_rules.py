"""Whether a message may go equals the words of the rule, looked at one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from tercet_marketing.consent.rules import Ask, Decision, Quiet, hint_of, verdict

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PARTIES = [UUID(int=number) for number in range(3)]
parties, points = st.sampled_from(PARTIES), st.sampled_from(["p1", "p2"])
channels, purposes = st.sampled_from(["", "sms", "email"]), st.sampled_from(["MARKETING", "SERVICE", "TRANSACTION"])
decisions = st.lists(
    st.builds(Decision, parties, points, channels, purposes, st.sampled_from(["GRANTED", "DENIED"])), max_size=8
)
wishes = st.lists(
    st.builds(Quiet, parties, st.sampled_from([None, NOW - timedelta(1), NOW + timedelta(1)]), st.booleans()),
    max_size=3,
)
asks = st.builds(Ask, parties, points, st.sampled_from(["sms", "email"]), purposes)


@settings(max_examples=500)
@given(asks, decisions, wishes, st.booleans())
def test_the_strictest_holds(ask: Ask, decided: list[Decision], wished: list[Quiet], suppressed: bool) -> None:
    about = [
        each
        for each in decided
        if each.point_key == ask.point_key
        and each.purpose == ask.purpose
        and each.channel_code in ("", ask.channel_code)
    ]
    left_alone = any(
        wish.party_id == ask.party_id
        and (wish.until is None or wish.until > NOW)
        and not (wish.transactions_pass and ask.purpose == "TRANSACTION")
        for wish in wished
    )
    denied = any(each.state == "DENIED" for each in about)
    granted = any(each.state == "GRANTED" and each.party_id == ask.party_id for each in about)
    allowed = not suppressed and not left_alone and not denied and (granted or ask.purpose != "MARKETING")
    found = verdict(ask, decided, wished, suppressed=suppressed, now=NOW)
    assert (found is None) == allowed


@settings(max_examples=200)
@given(asks, decisions, wishes, decisions)
def test_one_denial_more_never_lets_more_through(
    ask: Ask, decided: list[Decision], wished: list[Quiet], more: list[Decision]
) -> None:
    stricter = [*decided, *(each for each in more if each.state == "DENIED")]
    if verdict(ask, decided, wished, suppressed=False, now=NOW) is not None:
        assert verdict(ask, stricter, wished, suppressed=False, now=NOW) is not None


def test_a_hint_shows_its_owner_and_nobody_else() -> None:
    assert hint_of({"kind": "EMAIL", "value": "fang@example.com"}) == "f***@example.com"
    assert hint_of({"kind": "PHONE", "value": "+8613800138000"}) == "+86****00"
    assert hint_of({"kind": "PHONE", "value": "110"}) == "****"
