"""Where a metric stands follows from the set of its readings: the same in whatever order and batches they come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tercet_service_desk.telemetry.rules import ABOVE, BELOW, Measured, Standing, Threshold, passed, whole

T0 = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ALL_LIMITS = (
    Threshold(ABOVE, 80.0, 80.0),
    Threshold(ABOVE, 80.0, 70.0),
    Threshold(ABOVE, 80.0, 70.0, 3 * SECOND),
    Threshold(BELOW, 70.0, 80.0, 2 * SECOND),
    Threshold(BELOW, 70.0, 70.0),
)
VALUES = (60.0, 69.9, 70.0, 75.0, 80.0, 80.1, 90.0)
LIMITS = st.integers(0, len(ALL_LIMITS) - 1).map(ALL_LIMITS.__getitem__)
READINGS = st.dictionaries(st.integers(0, 30), st.integers(0, len(VALUES) - 1).map(VALUES.__getitem__)).map(
    lambda drawn: list(drawn.items())
)


def oracle(readings: list[Measured], limits: Threshold) -> tuple[bool, int, int]:
    """Step by step in the order of time: whether it alarms, readings beyond since it cleared, alarms that ended."""
    since, alarming, count, ended = None, False, 0, 0
    for time, value in sorted(readings):
        if (value <= limits.clear) if limits.direction == ABOVE else (value >= limits.clear):
            ended += alarming
            since, alarming, count = None, False, 0
        elif (value > limits.threshold) if limits.direction == ABOVE else (value < limits.threshold):
            since, count = since or time, count + 1
        if since is not None and time - since >= limits.hold:
            alarming = True
    return alarming, count, ended


def measured(raw: list[tuple[int, float]]) -> list[Measured]:
    return [Measured(T0 + second * SECOND, value) for second, value in raw]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(raw=READINGS, limits=LIMITS, data=st.data())
def test_standing_is_the_oracles_in_any_order_and_batches(raw: Any, limits: Threshold, data: st.DataObject) -> None:
    shuffled, kept, standing = measured(data.draw(st.permutations(raw))), list[Measured](), Standing()
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        batch, shuffled = shuffled[:size], shuffled[size:]
        kept += batch
        # As the service does it: what cannot be said from the standing is read from what is kept.
        standing = standing.advance(batch, limits) or whole(kept, limits)
        alarming, count, _ = oracle(kept, limits)
        assert (standing.alarms(limits), standing.count) == (alarming, count)
        assert standing == whole(kept, limits)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(raw=READINGS, limits=LIMITS, cut=st.integers(0, 30))
@example(raw=[(0, 90.0), (3, 80.0), (4, 60.0)], limits=ALL_LIMITS[2], cut=1)
def test_what_passed_within_a_batch_is_noticed(raw: Any, limits: Threshold, cut: int) -> None:
    readings = sorted(measured(raw))
    earlier, fresh = (
        [r for r in readings if r.time < T0 + cut * SECOND],
        [r for r in readings if r.time >= T0 + cut * SECOND],
    )
    before, after = whole(earlier, limits), whole(readings, limits)
    if before.alarms(limits) or after.alarms(limits):
        return
    found = passed(before, fresh, limits)
    assert (found is not None) == (oracle(readings, limits)[2] > oracle(earlier, limits)[2])
    if found is not None:
        assert found.since < found.recovered
        # Where only readings before these were beyond, their values are not at hand: it was at least the threshold.
        values = [r.value for r in fresh if found.since <= r.time <= found.recovered and limits.beyond(r.value)]
        assert found.peak == (limits.worst(values) if values else limits.threshold)


def test_late_readings_of_what_cleared_tell_of_nothing() -> None:
    limits = Threshold(ABOVE, 80.0, 70.0)
    standing = whole(measured([(1, 90.0), (5, 60.0)]), limits)
    late = standing.advance(measured([(3, 95.0)]), limits)
    assert late is not None
    assert not late.alarms(limits)
    assert passed(standing, measured([(3, 95.0)]), limits) is None
