"""GCRA: a burst, then a steady rate; keys do not disturb each other and do not pile up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tercet_gateway.edge import limits
from tercet_gateway.edge.limits import Limiter
from tercet_gateway.edge.settings import Limit


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_burst_then_steady_rate() -> None:
    clock = Clock()
    limiter, limit = Limiter(clock=clock), Limit(60, 3)
    standings = [limiter.take("k", limit) for _ in range(4)]
    assert [standing.remaining for standing in standings if standing] == [2, 1, 0, 0]
    assert standings[3] is not None
    assert 0 < standings[3].wait <= 1
    assert limiter.full("k", limit) > 0
    other = limiter.take("other", limit)
    assert other is not None
    assert other.wait == 0
    clock.now += 1
    again = limiter.take("k", limit)
    assert again is not None
    assert again.wait == 0


def test_zero_a_minute_is_no_limit() -> None:
    limiter = Limiter()
    assert all(limiter.take("k", Limit(0, 1)) is None for _ in range(1000))


def test_replicas_take_their_share() -> None:
    clock = Clock()
    limiter = Limiter(replicas=2, clock=clock)
    let_in = 0
    for _ in range(600):
        clock.now += 0.1
        standing = limiter.take("k", Limit(120, 4))
        let_in += standing is not None and standing.wait == 0
    assert 58 <= let_in <= 63


@given(st.lists(st.floats(0, 3), max_size=60))
def test_never_more_than_the_rate_and_the_burst(pauses: list[float]) -> None:
    clock = Clock()
    limiter, limit = Limiter(clock=clock), Limit(60, 5)
    begun, let_in = clock.now, 0
    for pause in pauses:
        clock.now += pause
        standing = limiter.take("k", limit)
        assert standing is not None
        let_in += standing.wait == 0
        assert let_in <= 5 + (clock.now - begun) + 1e-6


def test_idle_keys_are_forgotten() -> None:
    clock = Clock()
    limiter = Limiter(clock=clock)
    for number in range(limits._MOST_KEYS):
        limiter.take(number, Limit(6000, 10))
    clock.now += 60
    limiter.take("new", Limit(6000, 10))
    assert len(limiter._due) == 1
