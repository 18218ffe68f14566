"""Every kind of refusal: right status, reason, field, and never our inside."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import orjson
import pytest

from .library import Library


@pytest.mark.parametrize(
    ("body", "status", "reason", "field"),
    [
        (b"{", 400, "BODY_NOT_JSON", None),
        (b'{"title": NaN}', 400, "BODY_NOT_JSON", None),
        (b'{"title": "\\ud800"}', 400, "BODY_NOT_JSON", None),
        (b'{"titel": "x"}', 400, "UNKNOWN_FIELD", "titel"),
        (b'{"title": 5}', 400, "WRONG_TYPE", "title"),
        (b'{"binding": "SOFT"}', 400, "ENUM_VALUE_UNKNOWN", "binding"),
        (b'{"publish_time": "yesterday"}', 400, "TIMESTAMP_INVALID", "publish_time"),
        (b"[]", 400, "WRONG_TYPE", ""),
        (b'{"title": "a\\u0000b"}', 400, "TEXT_NOT_ALLOWED", None),
        (b'{"extra": ' + b"[" * 40 + b"]" * 40 + b"}", 400, "BODY_TOO_DEEP", None),
        (b'{"extra": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400, None, None),
        (b'{"title": "' + b"x" * 100_001 + b'"}', 413, "BODY_TOO_LARGE", None),
        (b'{"title": "taken"}', 409, "TITLE_TAKEN", "title"),
        (b'{"title": "invalid"}', 422, "TITLE_INVALID", "title"),
        (b'{"title": "lent"}', 409, "BOOK_LENT", None),
        (b'{"title": "stale"}', 409, "ETAG_STALE", None),
        (b'{"title": "forbidden"}', 403, "NOT_YOURS", None),
        (b'{"title": "reused"}', 422, "IDEMPOTENCY_KEY_REUSED", "Idempotency-Key"),
    ],
)
async def test_wrong_body_or_refused_write(
    client: httpx2.AsyncClient, body: bytes, status: int, reason: str | None, field: str | None
) -> None:
    answer = await client.post("/v1/books", content=body, headers={"Content-Type": "application/json"})
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert reason in (None, problem["reason"])
    assert set(problem) == {
        "type",
        "title",
        "status",
        "detail",
        "instance",
        "reason",
        "violations",
        "metadata",
        "trace_id",
    }
    assert problem["trace_id"] == answer.headers["tercet-trace-id"]
    if field is not None:
        assert [item["field"] for item in problem["violations"]] == [field]


async def test_metadata_of_a_refusal_is_passed_on(client: httpx2.AsyncClient) -> None:
    problem = (await client.post("/v1/books", json={"title": "taken"})).json()
    assert problem["metadata"] == {"title": "taken"}
    assert problem["title"] == "Title taken"
    assert problem["type"] == "urn:tercet:problem:title-taken"


async def test_unknown_resource_is_404(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/books/none")
    assert (answer.status_code, answer.json()["reason"], answer.json()["metadata"]) == (
        404,
        "BOOK_NOT_FOUND",
        {"id": "none"},
    )


@pytest.mark.parametrize("title", ["broken", "crash"])
async def test_fault_is_500_with_nothing_but_the_trace(client: httpx2.AsyncClient, title: str) -> None:
    answer = await client.post("/v1/books", json={"title": title})
    assert (answer.status_code, answer.json()["reason"]) == (500, "INTERNAL")
    assert "secret" not in answer.text
    assert "RuntimeError" not in answer.text
    assert len(answer.json()["trace_id"]) == 32


async def test_unavailable_says_when_to_come_back(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/v1/books", json={"title": "closed"})
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["reason"]) == (503, "7", "CLOSED")


async def test_a_service_that_goes_in_the_middle_of_a_call_is_asked_again(client: httpx2.AsyncClient) -> None:
    again = await client.post("/v1/books", json={"title": "goes once"})
    assert (again.status_code, again.json()["title"]) == (201, "goes once")
    away = await client.post("/v1/books", json={"title": "gone"})
    assert (away.status_code, away.headers["retry-after"], away.json()["reason"]) == (503, "1", "UNAVAILABLE")


async def test_path_and_method_that_are_not_there(client: httpx2.AsyncClient) -> None:
    missing = await client.get("/v1/nothing")
    assert (missing.status_code, missing.json()["reason"]) == (404, "PATH_NOT_FOUND")
    for path, allowed in (("/v1/books", "GET, POST, HEAD"), ("/v1/books/x:lend", "POST"), ("/docs", "GET, HEAD")):
        wrong = await client.put(path)
        assert (wrong.status_code, wrong.json()["reason"]) == (405, "METHOD_NOT_ALLOWED")
        assert wrong.headers["allow"] == allowed


async def test_media_type_and_headers_have_limits(client: httpx2.AsyncClient) -> None:
    answer = await client.post(
        "/v1/books", content=b"a=b", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert (answer.status_code, answer.json()["reason"]) == (415, "MEDIA_TYPE_NOT_SUPPORTED")
    answer = await client.get("/v1/books", headers={"X-Long": "x" * 40_000})
    assert answer.status_code == 431


@pytest.mark.parametrize("request_line", [b"NONSENSE\r\n", b"GET /v1/books?q=" + b"x" * 70_000 + b" HTTP/1.1\r\n"])
async def test_what_is_no_http_is_refused_with_problem_details(edge_url: str, request_line: bytes) -> None:
    host, _, port = edge_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request_line + b"Host: here\r\n\r\n")
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    assert orjson.loads(body)["reason"] == "HTTP_INVALID"


async def test_body_without_length_is_counted_as_it_comes(client: httpx2.AsyncClient) -> None:
    async def endless() -> Any:
        for _ in range(20):
            yield b" " * 10_000

    answer = await client.post("/v1/books", content=endless(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")


async def test_body_where_none_belongs_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.request("DELETE", "/v1/books/x", json={"etag": "1"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "BODY_UNEXPECTED")


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({}, 401, "CREDENTIAL_MISSING"),
        ({"Authorization": "Bearer stolen"}, 401, "TOKEN_INVALID"),
        ({"Authorization": "Basic dTpw"}, 400, "HEADER_INVALID"),
        ({"Tercet-Api-Key": "tk_wrong"}, 401, "TOKEN_INVALID"),
        ({"Authorization": "Bearer tk_good"}, 200, None),
        ({"Tercet-Api-Key": "tk_good"}, 200, None),
    ],
)
async def test_credentials(edge_url: str, headers: dict[str, str], status: int, reason: str | None) -> None:
    async with httpx2.AsyncClient(base_url=edge_url, headers=headers) as stranger:
        answer = await stranger.get("/v1/books")
    assert answer.status_code == status
    assert answer.json().get("reason") == reason
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_anyone_may_call_with_a_tenant_in_clear_and_an_expired_token(edge_url: str, library: Library) -> None:
    async with httpx2.AsyncClient(base_url=edge_url) as stranger:
        headers = {"Tercet-Tenant": "acme", "Authorization": "Bearer expired"}
        assert (await stranger.get("/v1/books/new", headers=headers)).status_code == 200
        assert library.calls[-1][1]["authorization"] == "Bearer internal-acme"
        await stranger.get("/v1/books/new")
        assert "authorization" not in library.calls[-1][1]
        answer = await stranger.get("/v1/books/new", headers={"Tercet-Tenant": "nobody"})
        assert (answer.status_code, answer.json()["reason"]) == (404, "TENANT_UNKNOWN")


async def test_a_credential_is_resolved_once_while_its_token_lives(
    client: httpx2.AsyncClient, library: Library
) -> None:
    await client.get("/v1/books")
    count = library.resolved.count("access_token:good")
    await client.get("/v1/books")
    assert library.resolved.count("access_token:good") == count > 0


async def test_rate_limit_of_a_principal_is_429_and_told_in_headers(edge_url: str) -> None:
    async with httpx2.AsyncClient(base_url=edge_url, headers={"Authorization": "Bearer busy"}) as busy:
        first = await busy.get("/v1/books")
        assert (first.status_code, first.headers["ratelimit-limit"], first.headers["ratelimit-remaining"]) == (
            200,
            "2",
            "1",
        )
        await busy.get("/v1/books")
        refused = await busy.get("/v1/books")
        assert (refused.status_code, refused.json()["reason"], refused.headers["retry-after"]) == (
            429,
            "RATE_LIMITED",
            "1",
        )
        assert (await busy.post("/v1/books", json={"title": "w"})).status_code == 201
