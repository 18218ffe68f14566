"""A collector that takes spans over OTLP, and this process's own tracing, which can be set up only once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider


@dataclass(frozen=True)
class Arrived:
    """A span as it came in."""

    service: str
    name: str
    trace_id: str
    id: str
    parent: str
    attributes: dict[str, str]


@dataclass
class Collector:
    """What came in so far."""

    address: str = ""
    spans: list[Arrived] = field(default_factory=list)

    def export(self, request: Any) -> None:
        for of_resource in request.resource_spans:
            about = {each.key: each.value.string_value for each in of_resource.resource.attributes}
            for scope in of_resource.scope_spans:
                for span in scope.spans:
                    said = {each.key: each.value.string_value for each in span.attributes}
                    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                    self.spans.append(Arrived(about.get("service.name", ""), span.name, *ids, said))


class _Servicer(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(self, request: Any, context: Any) -> Any:
        self._collector.export(request)
        return trace_service_pb2.ExportTraceServiceResponse()


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a port of its own."""
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Servicer(collector), server)  # type: ignore[no-untyped-call]
    collector.address = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()


@contextmanager
def recording(processor: SpanProcessor) -> Iterator[None]:
    """Gives this process's spans to the processor as well, whoever else looks at them."""
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(processor)
    yield
    processor.shutdown()
