"""Where a party goes: by hand, and by a plain reading of the same rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tercet_marketing.lifecycle.rules import Place, Stage, held_until, way

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CODES = "abcd"
machines = st.permutations(CODES).flatmap(
    lambda codes: st.tuples(
        *(
            st.builds(
                Stage,
                code=st.just(code),
                min_days=st.sampled_from((0, 0, 0, 3)),
                next_codes=st.frozensets(st.sampled_from(CODES), max_size=3),
            )
            for code in codes
        )
    )
)
ago = st.none() | st.integers(-5, 0).map(lambda days: NOW + timedelta(days=days))
places = st.builds(
    Place,
    stage_code=st.sampled_from(("", "gone", *CODES)),
    stage_time=ago,
    pin_end_time=st.sampled_from((None, NOW - timedelta(days=1), NOW, NOW + timedelta(days=1))),
)


def by_hand(stages: tuple[Stage, ...], place: Place, fitting: frozenset[str]) -> list[str]:
    """One step after the other, as the rules are told to people."""
    known = {stage.code: stage for stage in stages}
    here, since, pinned, gone = place.stage_code, place.stage_time, place.pin_end_time, list[str]()
    while True:
        if here in known:
            young = since is not None and since + timedelta(days=known[here].min_days) > NOW
            if young or (pinned is not None and pinned > NOW):
                return gone
        for stage in stages:
            allowed = here not in known or not known[here].next_codes or stage.code in known[here].next_codes
            if stage.code in fitting and (allowed or stage.code == here):
                break
        else:
            return gone
        if stage.code == here:
            return gone
        here, since, pinned = stage.code, NOW, None
        gone.append(here)


@given(machines, places, st.frozensets(st.sampled_from(CODES)))
def test_the_way_is_that_of_a_plain_reading_and_ends(
    stages: tuple[Stage, ...], place: Place, fitting: frozenset[str]
) -> None:
    gone = [stage.code for stage in way(stages, place, lambda stage: stage.code in fitting, NOW)]
    assert gone == by_hand(stages, place, fitting)
    assert len(gone) == len(set(gone))
    if gone:
        assert way(stages, Place(gone[-1], NOW), lambda stage: stage.code in fitting, NOW) == []


def test_the_later_of_pin_and_least_days_holds_and_neither_at_its_own_moment() -> None:
    stages = (Stage("a", min_days=2),)
    since, pin = NOW - timedelta(days=1), NOW + timedelta(hours=1)
    assert held_until(stages, Place("a", since, pin), NOW) == since + timedelta(days=2)
    assert held_until(stages, Place("a", NOW - timedelta(days=2), NOW), NOW) is None
    assert held_until(stages, Place("b", since, pin), NOW) is None
