"""One trace from REST to the consumer, metrics for each RPC and queue, JSON logs with the trace id and without
personal values.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

import structlog
from opentelemetry import propagate, trace
from opentelemetry.context import attach, detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode
from prometheus_client import Counter, Gauge, Histogram, start_http_server
from sqlalchemy.ext.asyncio import AsyncEngine

from tercet_chassis.settings import Settings

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
REQUESTS = Histogram(
    "tercet_rpc_seconds", "Duration of calls by method and outcome.", ["method", "outcome"], buckets=_BUCKETS
)
HANDLED = Histogram(
    "tercet_event_seconds", "Seconds from commit to handled, by consumer.", ["consumer"], buckets=_BUCKETS
)
DEAD = Counter("tercet_dead_letters_total", "Events given up, by consumer.", ["consumer"])
SUPERSEDED = Counter("tercet_events_superseded_total", "Older versions that a projection left out.", ["consumer"])
OUTBOX_ROWS = Gauge("tercet_outbox_rows", "Events that wait to be published.", ["service"])
CONSUMER_ROWS = Gauge("tercet_consumer_pending", "Events that wait to be handled.", ["service"])
JOBS_DUE = Gauge("tercet_jobs_due", "Jobs that should have run.", ["service"])

_PERSONAL_KEYS = frozenset(
    {
        "name",
        "full_name",
        "phone",
        "mobile",
        "email",
        "address",
        "id_no",
        "wechat",
        "openid",
        "password",
        "token",
        "secret",
        "payload",
        "raw",
    }
)
_FAULTS = frozenset({"exception", "cause", "error"})
# A number of eight digits or more that is no part of an id, something with an @ in it, Chinese characters.
_QUOTED = re.compile(r"(?<![\w-])\+?\d(?:[ -]?\d){7,}(?![\w-])|[^\s@'\"]+@[^\s@'\"]+|[㐀-鿿豈-﫿]+")
# A fault's words may quote a personal value; a span has its kind only.
_SILENT: Mapping[str, Any] = {"record_exception": False, "set_status_on_exception": False}
_tracer = trace.get_tracer("tercet")
_TRACE_HEADERS = ("traceparent", "tracestate")
_UNRECORDED = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-00")
_silent = False
_spans_sql = False
_NO_SPAN: AbstractContextManager[None] = nullcontext()


def _with_trace(_: Any, __: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        record["trace_id"], record["span_id"] = f"{context.trace_id:032x}", f"{context.span_id:016x}"
    return record


def redacted(_: Any, __: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hides values under keys that name personal data or secrets, however deep."""
    for key, value in record.items():
        record[key] = _hidden(key, value)
    return record


def unspoken(_: Any, __: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Takes numbers, mailboxes and Chinese words out of what faults say: they quote the value they choked on."""
    for key in _FAULTS & record.keys():
        record[key] = _QUOTED.sub("[hidden]", str(record[key]))
    return record


def _hidden(key: str, value: Any) -> Any:
    if key in _PERSONAL_KEYS:
        return "[hidden]"
    if isinstance(value, Mapping):
        return {inner: _hidden(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden("", item) for item in value]
    return value


def start(settings: Settings, engine: AsyncEngine) -> None:
    """Sets logs, traces and metrics up for this process; SQL spans are tested to be there, since the instrumentation
    can decline silently.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_trace,
            redacted,
            structlog.processors.format_exc_info,
            unspoken,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level.upper())),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=settings.service)
    resource = Resource.create({"service.name": f"tercet-{settings.service}"})
    global _silent
    _silent = not settings.otlp_endpoint
    # Where no span is sent none is recorded: a recorded one costs ten times as much, and nobody would see it.
    sampler = ALWAYS_OFF if _silent else ParentBased(TraceIdRatioBased(settings.trace_share))
    provider = TracerProvider(resource=resource, sampler=sampler)
    if settings.otlp_endpoint:
        # The exporter is 150 ms and 5 MB of imports that a process without an endpoint never needs.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.otlp_endpoint)))
        instrument(engine)
    trace.set_tracer_provider(provider)
    if settings.metrics_port:
        start_http_server(settings.metrics_port)


def instrument(engine: AsyncEngine) -> None:
    """Gives each SQL statement a span. Only where spans are sent somewhere: unsent ones would cost and tell nobody."""
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

    # The instrumentation names SQLAlchemy versions up to 2.0 and declines newer ones with a log line, though it works.
    SQLAlchemyInstrumentor().instrument(engine=engine.sync_engine, skip_dep_check=True)
    global _spans_sql
    _spans_sql = True


def sql_span(statement: str) -> AbstractContextManager[Any]:
    """The span of one statement that goes past SQLAlchemy, where SQL has spans at all."""
    if not _spans_sql:
        return _NO_SPAN
    name, said = statement.split(maxsplit=1)[0], {"db.system": "postgresql", "db.statement": statement}
    return _tracer.start_as_current_span(name, kind=SpanKind.CLIENT, attributes=said, **_SILENT)


def fresh_traceparent() -> str:
    """The header of a new trace that is not recorded: its id joins the logs of all services."""
    ids = f"{random.getrandbits(192):048x}"
    return f"00-{ids[:32]}-{ids[32:]}-00"


def silent() -> bool:
    """Whether this process was told to send its spans nowhere."""
    return _silent


class _Passing(NonRecordingSpan):
    """The caller's span where its trace is not recorded: ours would be seen nowhere, and the trace id goes on. Its
    numbers are read when a log line asks for them, and most calls log nothing.
    """

    def __init__(self, header: str) -> None:
        self.header = header

    def get_span_context(self) -> SpanContext:
        """The caller's."""
        _, trace_id, span_id, _ = self.header.split("-")
        return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True)

    def __enter__(self) -> Span:
        self._token = attach(trace.set_span_in_context(self))
        return self

    def __exit__(self, *_: object) -> None:
        detach(self._token)


def server_span(method: str, metadata: Mapping[str, Any]) -> AbstractContextManager[Span]:
    """The span of one call, child of the caller's."""
    given = str(metadata.get("traceparent", ""))
    return _Passing(given) if _UNRECORDED.fullmatch(given) else _recorded_span(method, metadata)


@contextmanager
def _recorded_span(method: str, metadata: Mapping[str, Any]) -> Iterator[Span]:
    parent = propagate.extract({key: str(metadata[key]) for key in _TRACE_HEADERS if key in metadata})
    with _tracer.start_as_current_span(method, context=parent, kind=SpanKind.SERVER, **_SILENT) as span:
        yield span


@contextmanager
def consumer_span(name: str, traceparents: Iterable[str]) -> Iterator[Span]:
    """The span of one call of a handler, in the recorded trace that announced its first event and linked to those of
    the others.
    """
    recorded = [
        trace.get_current_span(propagate.extract({"traceparent": traceparent})).get_span_context()
        for traceparent in traceparents
        if traceparent.endswith("1")
    ]
    above = trace.set_span_in_context(NonRecordingSpan(recorded[0])) if recorded else None
    links = [trace.Link(other) for other in recorded[1:]]
    with _tracer.start_as_current_span(name, above, SpanKind.CONSUMER, links=links, **_SILENT) as span:
        try:
            yield span
        except Exception as fault:
            span.set_status(Status(StatusCode.ERROR, type(fault).__name__))
            raise


@contextmanager
def job_span(name: str) -> Iterator[Span]:
    """The span of one run of a job."""
    with _tracer.start_as_current_span(f"job:{name}", kind=SpanKind.INTERNAL, **_SILENT) as span:
        yield span


def traceparent() -> str:
    """The current trace as a header, empty when there is none."""
    span = trace.get_current_span()
    if isinstance(span, _Passing):
        return span.header
    context = span.get_span_context()
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def trace_id(span: Span) -> str:
    """The span's trace as hexadecimal; marks it as failed."""
    span.set_status(Status(StatusCode.ERROR))
    context = span.get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""


def request_done(method: str, outcome: str, seconds: float) -> None:
    """Counts one call."""
    _requests(method, outcome).observe(seconds)


@cache
def _requests(method: str, outcome: str) -> Histogram:
    return REQUESTS.labels(method, outcome)
