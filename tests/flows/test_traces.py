"""Spans leave for the collector that is named, and one trace leads from a web click to who hears of it elsewhere."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from support.collector import Arrived, Collector, collecting, recording
from support.leads import mobile, person
from support.rest import Person
from tercet_chassis import telemetry
from tercet_chassis.testing import Together

TRACE, CLICK = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
# A process as `serve` sets it up, from its environment alone.
PROCESS = """
from sqlalchemy.ext.asyncio import create_async_engine
from tercet_chassis import telemetry
from tercet_chassis.settings import Settings
settings = Settings.from_environment("leads")
telemetry.start(settings, create_async_engine("postgresql+asyncpg://"))
with telemetry.job_span("sweep"):
    pass
"""


async def test_a_process_sends_its_spans_where_its_settings_say() -> None:
    with collecting() as collector:
        environment = {
            **os.environ,
            "TERCET_DATABASE_URL": "postgresql://nowhere",
            "TERCET_NATS_URL": "nats://nowhere",
            "TERCET_KEYS_DIR": "/nowhere",
            "TERCET_OTLP_ENDPOINT": collector.address,
            "TERCET_TRACE_SHARE": "1",
        }
        command = [sys.executable, "-c", PROCESS]
        await asyncio.to_thread(subprocess.run, command, env=environment, check=True, timeout=120)
        assert [(span.service, span.name) for span in collector.spans] == [("tercet-leads", "job:sweep")]


async def test_one_trace_leads_from_a_click_to_another_service(admin: Person, together: Together) -> None:
    telemetry.instrument(together.running["leads"].runtime.database.engine)
    with collecting() as collector:
        exporter = BatchSpanProcessor(OTLPSpanExporter(endpoint=collector.address))
        with recording(exporter):
            lead = {"full_name": person(7), "mobile": mobile(7)}
            await admin.post("/v1/leads", lead, traceparent=f"00-{TRACE}-{CLICK}-01")
            await together.settled(20)
            await asyncio.to_thread(exporter.force_flush)
        mine = [span for span in collector.spans if span.trace_id == TRACE]
        (rest,) = [span for span in mine if span.parent == CLICK]
        (call,) = [span for span in mine if span.parent == rest.id]
        assert rest.name == call.name == "tercet.leads.v1.LeadService.CreateLead"
        statements = [span for span in mine if "db.statement" in span.attributes and span.parent == call.id]
        heard = [span for span in mine if span.name == "profiles.follow_lead"]
        assert statements, "SQL statements have no spans: the instrumentation declined"
        assert heard, "the other service has no span"
        assert all(above(span, collector)[-1] == rest for span in heard)
        assert person(7) not in str(mine)
        assert mobile(7) not in str(mine)


def above(span: Arrived, collector: Collector) -> list[Arrived]:
    """The spans that it stands under, the nearest first."""
    by_id = {each.id: each for each in collector.spans}
    found = []
    while span.parent in by_id:
        span = by_id[span.parent]
        found.append(span)
    return found
