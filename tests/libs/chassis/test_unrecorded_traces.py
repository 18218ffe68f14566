"""A trace that nobody records has an id all the same: it goes on to other services and into logs."""

from __future__ import annotations

import re

from opentelemetry import trace

from tercet_chassis import telemetry


def test_a_fresh_trace_is_not_recorded_and_has_ids_of_its_own() -> None:
    made = {telemetry.fresh_traceparent() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", one) for one in made)


def test_an_unrecorded_trace_goes_on_as_it_came() -> None:
    header = telemetry.fresh_traceparent()
    before = trace.get_current_span()
    with telemetry.server_span("x", {"traceparent": header}) as span:
        assert telemetry.traceparent() == header
        assert f"{trace.get_current_span().get_span_context().trace_id:032x}" == header[3:35]
        assert telemetry.trace_id(span) == header[3:35]
        assert not span.is_recording()
    assert trace.get_current_span() is before


def test_a_header_without_an_id_begins_a_trace_of_its_own() -> None:
    for header in ("", "00-" + "0" * 32 + "-00f067aa0ba902b7-00", "nonsense"):
        with telemetry.server_span("x", {"traceparent": header}):
            assert telemetry.traceparent() != header or not header
