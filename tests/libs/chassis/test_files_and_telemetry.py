"""Files go in and out whole; one trace leads from the caller through the outbox to the handler; logs name nobody."""

from __future__ import annotations

import hashlib
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import select

from support.bench.requests import contact, create
from support.collector import recording
from tercet.chassis.v1 import file_service_pb2 as files
from tercet.sales.v1 import contact_service_pb2 as pb
from tercet_chassis import telemetry
from tercet_chassis.tables import outbox
from tercet_chassis.testing import Client, refused


async def upload(client: Client, name: str, pieces: list[bytes]) -> Any:
    running = client.running
    method = running.method("UploadFile")
    call = running.together.channel(running.runtime).stream_unary(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )

    async def requests() -> AsyncIterator[files.UploadFileRequest]:
        yield files.UploadFileRequest(name=name, media_type="text/csv")
        for piece in pieces:
            yield files.UploadFileRequest(content=piece)

    token = running.together.signer.token(client.principal)
    made: Any = await call(requests(), metadata=[("authorization", f"Bearer {token}")], timeout=20)
    return made


async def download(client: Client, id: str) -> bytes:
    running = client.running
    method = running.method("DownloadFile")
    call = running.together.channel(running.runtime).unary_stream(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )
    token = running.together.signer.token(client.principal)
    stream: Any = call(files.DownloadFileRequest(id=id), metadata=[("authorization", f"Bearer {token}")], timeout=20)
    return b"".join([chunk.content async for chunk in stream])


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 3_500_000])
async def test_file_comes_back_as_it_went_in(sut: Client, size: int) -> None:
    content = random.Random(size).randbytes(size)
    pieces = [content[at : at + 700_001] for at in range(0, size, 700_001)]
    made = await upload(sut, "名单.csv", pieces)
    assert (made.name, made.media_type, made.size) == ("名单.csv", "text/csv", size)
    assert made.sha256 == hashlib.sha256(content).hexdigest()
    assert await download(sut, made.id) == content
    assert await sut.GetFile(files.GetFileRequest(id=made.id)) == made


async def test_file_is_its_tenants_own(sut: Client) -> None:
    made = await upload(sut, "a", [b"x"])
    other = await sut.running.tenant()
    with refused("RESOURCE_NOT_FOUND"):
        await other.GetFile(files.GetFileRequest(id=made.id))
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await download(other, made.id)
    assert failure.value.code() == grpc.StatusCode.NOT_FOUND


async def test_upload_without_a_name_is_refused(sut: Client) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await upload(sut, "", [b"x"])
    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture(scope="session")
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    with recording(SimpleSpanProcessor(exporter)):
        yield exporter


async def test_one_trace_from_the_caller_to_the_consumer(sut: Client, spans: InMemorySpanExporter) -> None:
    telemetry.instrument(sut.running.runtime.database.engine)
    spans.clear()
    running = sut.running
    method = running.method("CreateContact")
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    call = running.together.channel(running.runtime).unary_unary(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )
    token = running.together.signer.token(sut.principal)
    metadata = [("authorization", f"Bearer {token}"), ("traceparent", parent)]
    await call(pb.CreateContactRequest(contact=contact()), metadata=metadata, timeout=20)
    await sut.settled()
    finished = spans.get_finished_spans()
    trace_id = 0x4BF92F3577B34DA6A3CE929D0E0E4736
    mine = [span for span in finished if span.context is not None and span.context.trace_id == trace_id]
    assert "tercet.sales.v1.ContactService.CreateContact" in {span.name for span in mine}
    sql = [span for span in mine if span.attributes and span.attributes.get("db.system")]
    assert sql, "SQL statements have no spans: the instrumentation declined"
    assert not any("王芳" in str(dict(span.attributes or {})) for span in sql)
    handled = [span for span in finished if span.name == "contacts.welcome"]
    assert [span.context.trace_id for span in handled if span.context] == [trace_id]
    async with running.runtime.database.connection() as connection:
        query = select(outbox.c.headers).where(outbox.c.tenant_id == sut.tenant_id)
        headers = (await connection.execute(query)).scalar_one()
    assert headers["traceparent"].split("-")[1] == f"{trace_id:032x}"


async def test_the_span_of_a_refused_event_does_not_quote_the_refusal(sut: Client, spans: InMemorySpanExporter) -> None:
    spans.clear()
    await create(sut, "refuse 欧阳晓晓")
    await sut.settled()
    tried = [span for span in spans.get_finished_spans() if span.name == "contacts.welcome"]
    assert tried
    assert "欧阳晓晓" not in "".join(span.to_json() for span in tried)
    assert all(span.status.description == "ContactRefused" for span in tried)


async def test_handled_events_and_calls_are_measured(sut: Client) -> None:
    def handled() -> float:
        return float(telemetry.HANDLED.labels("contacts.welcome")._sum.get())

    before = handled()
    await create(sut)
    await sut.settled()
    assert handled() > before
    name = "tercet.sales.v1.ContactService.CreateContact"
    assert telemetry.REQUESTS.labels(name, "OK")._sum.get() > 0


def test_logs_hide_personal_values_however_deep() -> None:
    record: dict[str, Any] = {
        "event": "x",
        "phone": "13812345678",
        "lead": {"full_name": "王芳", "id": 7},
        "rows": [{"email": "a@b.c"}],
    }
    hidden = telemetry.redacted(None, "info", record)
    assert "王芳" not in str(hidden)
    assert "138" not in str(hidden)
    assert "a@b.c" not in str(hidden)
    assert hidden["event"] == "x"
    assert hidden["lead"]["id"] == 7


def test_a_fault_is_logged_without_the_values_that_it_quotes() -> None:
    id = "01a204e0-93ed-7656-a158-3d6835a814fa"
    said = f"KeyError: '王芳 138 1234 5678' wang@example.com Key (mobile)=(+8613812345678) line 1024 of {id}"
    for key in ("exception", "cause", "error"):
        shown = telemetry.unspoken(None, "error", {"event": "x", key: said})[key]
        assert not any(part in shown for part in ("王芳", "1234", "wang", "example"))
        assert "KeyError" in shown
        assert f"line 1024 of {id}" in shown


async def test_database_errors_are_logged_without_their_values(sut: Client) -> None:
    assert sut.running.runtime.database.engine.sync_engine.hide_parameters


async def test_a_file_is_seen_by_whoever_brought_it_and_by_administrators(sut: Client) -> None:
    owner, colleague = sut.as_(permissions={"sales.*": "all"}), sut.as_(permissions={"sales.*": "all"})
    made = await upload(owner, "名单.csv", ["王芳,13812345678".encode()])
    for client in (owner, sut):
        assert await client.GetFile(files.GetFileRequest(id=made.id)) == made
        assert await download(client, made.id)
    for stranger in (colleague, sut.as_(masks=["PHONE"])):
        with refused("RESOURCE_NOT_FOUND"):
            await stranger.GetFile(files.GetFileRequest(id=made.id))
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await download(colleague, made.id)
    assert failure.value.code() == grpc.StatusCode.NOT_FOUND
