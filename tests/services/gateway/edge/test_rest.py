"""REST over real sockets: routes, bodies, queries, etags, idempotency, deadlines and what the services are told."""

from __future__ import annotations

from uuid import uuid4

import httpx2
import pytest

from .library import Library


async def test_create_answers_201_with_the_whole_resource(client: httpx2.AsyncClient, library: Library) -> None:
    answer = await client.post(
        "/v1/books", json={"title": "红楼梦", "price": {"currency_code": "CNY", "amount": "12.50"}}
    )
    assert answer.status_code == 201
    book = answer.json()
    assert (book["title"], book["price"]["amount"], book["pages"], book["binding"]) == (
        "红楼梦",
        "12.50",
        None,
        "BINDING_UNSPECIFIED",
    )
    assert answer.headers["location"] == f"/v1/books/{book['id']}"
    assert answer.headers["etag"] == '"1"'
    name, metadata, _ = library.calls[-1]
    assert name == "CreateBook"
    assert metadata["authorization"] == "Bearer internal-good"
    assert metadata["tercet-locale"] == "zh-CN"
    assert answer.headers["tercet-trace-id"] == metadata["traceparent"].split("-")[1]


async def test_a_list_may_come_as_json_and_is_passed_on_as_it_is(client: httpx2.AsyncClient, library: Library) -> None:
    answer = await client.get("/v1/books", params={"filter": "as JSON"})
    assert library.calls[-1][1]["tercet-accept"] == "json"
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.content.decode() == '{"books":[{"title":"红楼梦"}],"next_page_token":""}'
    head = await client.head("/v1/books", params={"filter": "as JSON"})
    assert (head.status_code, head.content) == (200, b"")
    await client.get("/v1/books/x")
    assert "tercet-accept" not in library.calls[-1][1]


async def test_read_with_known_etag_is_304(client: httpx2.AsyncClient) -> None:
    book = (await client.post("/v1/books", json={"title": "a"})).json()
    answer = await client.get(f"/v1/books/{book['id']}", headers={"If-None-Match": '"1"'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert (await client.get(f"/v1/books/{book['id']}")).json()["title"] == "a"
    head = await client.head(f"/v1/books/{book['id']}")
    assert (head.status_code, head.content) == (200, b"")


async def test_delete_is_204_and_carries_if_match(client: httpx2.AsyncClient, library: Library) -> None:
    answer = await client.delete("/v1/books/x", headers={"If-Match": '"7"'})
    assert (answer.status_code, answer.content) == (204, b"")
    assert library.calls[-1][2].etag == "7"


async def test_custom_method_takes_its_body_and_path(client: httpx2.AsyncClient, library: Library) -> None:
    answer = await client.post("/v1/books/abc:lend", json={"borrower": "王芳"}, headers={"If-Match": 'W/"3"'})
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["title"], answer.json()["etag"]) == ("abc", "王芳", "3")


async def test_path_variable_wins_over_body_and_is_decoded(client: httpx2.AsyncClient, library: Library) -> None:
    await client.post("/v1/books/a%3Ab%2F王:lend", json={"id": "other", "borrower": "b"})
    assert library.calls[-1][2].id == "a:b/王"


async def test_literal_path_comes_before_variable_and_needs_no_credential(
    client: httpx2.AsyncClient, edge_url: str
) -> None:
    assert (await client.get("/v1/books/new")).json()["next_page_token"] == "new"
    async with httpx2.AsyncClient(base_url=edge_url) as stranger:
        assert (await stranger.get("/v1/books/new")).status_code == 200


async def test_query_sets_nested_and_repeated_fields(client: httpx2.AsyncClient, library: Library) -> None:
    query = "page_size=5&filter=%E7%8E%8B&bindings=PAPERBACK&bindings=HARDCOVER&count=true"
    query += "&published.from_time=2026-01-01T00:00:00%2B08:00"
    assert (await client.get(f"/v1/books?{query}")).json()["next_page_token"] == "王"
    request = library.calls[-1][2]
    assert (request.page_size, list(request.bindings), request.count) == (5, [1, 2], True)
    assert request.published.from_time.ToJsonString() == "2025-12-31T16:00:00Z"


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("page_sise=5", "page_sise", "UNKNOWN_PARAMETER"),
        ("page_size=x", "page_size", "WRONG_TYPE"),
        ("page_size=1&page_size=2", "page_size", "PARAMETER_REPEATED"),
        ("page_size=99999999999", "page_size", "OUT_OF_RANGE"),
        ("bindings=SOFT", "bindings", "ENUM_VALUE_UNKNOWN"),
        ("count=1", "count", "WRONG_TYPE"),
        ("published.from_time=today", "published.from_time", "TIMESTAMP_INVALID"),
        ("filter=%FF", "", "QUERY_INVALID"),
        ("filter=a%00", "filter", "TEXT_NOT_ALLOWED"),
    ],
)
async def test_wrong_query_is_400_with_the_parameter(
    client: httpx2.AsyncClient, query: str, field: str, reason: str
) -> None:
    answer = await client.get(f"/v1/books?{query}")
    assert answer.status_code == 400
    assert [(item["field"], item["reason"]) for item in answer.json()["violations"]] == [(field, reason)]


async def test_patch_takes_the_keys_of_the_body_as_mask(client: httpx2.AsyncClient, library: Library) -> None:
    body = {
        "id": "i", "etag": "1", "create_time": "2026-01-01T00:00:00Z", "title": "b", "pages": None,
        "price": {"amount": "1"},
        "custom": {"colour": "red", "size": None}, "tags": [], "chapters": [{"title": "x"}], "names": {"zh": "书"},
    }  # fmt: skip
    assert (await client.patch("/v1/books/i", json=body)).status_code == 200
    request = library.calls[-1][2]
    wanted = ["title", "pages", "price.amount", "custom.colour", "custom.size", "tags", "chapters", "names"]
    assert list(request.update_mask.paths) == wanted
    assert not request.book.HasField("pages")
    await client.patch("/v1/books/i?update_mask=title,pages", json={"title": "c"})
    assert list(library.calls[-1][2].update_mask.paths) == ["title", "pages"]


async def test_if_match_reaches_the_resource_of_a_patch(client: httpx2.AsyncClient, library: Library) -> None:
    await client.patch("/v1/books/i", json={"title": "b"}, headers={"If-Match": '"9"'})
    assert library.calls[-1][2].book.etag == "9"
    answer = await client.patch("/v1/books/i", json={"title": "b"}, headers={"If-Match": "9"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "HEADER_INVALID")


async def test_same_idempotency_key_gives_the_same_request_id(client: httpx2.AsyncClient, library: Library) -> None:
    async def request_id(key: str | None, token: str = "good") -> str:
        headers = {"Authorization": f"Bearer {token}", **({"Idempotency-Key": key} if key else {})}
        await client.post("/v1/books", json={"title": "k"}, headers=headers)
        return library.calls[-1][1]["tercet-request-id"]

    key = str(uuid4())
    first = await request_id(key)
    assert first == await request_id(key)
    assert first != await request_id(key + "x")
    assert first != await request_id(key, token="other")
    assert await request_id(None) != await request_id(None)
    answer = await client.post("/v1/books", json={"title": "k"}, headers={"Idempotency-Key": "x" * 256})
    assert (answer.status_code, answer.json()["reason"]) == (400, "HEADER_INVALID")
    await client.get("/v1/books")
    assert "tercet-request-id" not in library.calls[-1][1]


async def test_deadline_follows_the_header_up_to_the_limit(client: httpx2.AsyncClient, library: Library) -> None:
    for header, low, high in ((None, 9, 10), ("3", 2, 3), ("500", 29, 30)):
        await client.get("/v1/books", headers={"Request-Timeout": header} if header else {})
        left = library.remaining[-1]
        assert left is not None
        assert low < left < high + 0.5
    await client.post("/v1/books/a:lend", json={"borrower": "b"})
    assert (library.remaining[-1] or 0) > 50
    answer = await client.post("/v1/books", json={"title": "slow"}, headers={"Request-Timeout": "0.2"})
    assert (answer.status_code, answer.json()["reason"]) == (504, "DEADLINE_EXCEEDED")
    assert (await client.get("/v1/books", headers={"Request-Timeout": "soon"})).status_code == 400


async def test_callers_trace_and_language_go_on(client: httpx2.AsyncClient, library: Library) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01", "Accept-Language": "zh-TW,zh;q=0.9"}
    answer = await client.get("/v1/books", headers=headers)
    metadata = library.calls[-1][1]
    assert metadata["traceparent"].split("-")[1] == trace == answer.headers["tercet-trace-id"]
    assert metadata["tercet-locale"] == "zh-TW"


async def test_cross_origin_requests_only_from_named_origins(client: httpx2.AsyncClient) -> None:
    ask = {"Access-Control-Request-Method": "POST"}
    allowed = await client.options("/v1/books", headers={"Origin": "https://app.example", **ask})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, "https://app.example")
    barred = await client.options("/v1/books", headers={"Origin": "https://evil.example", **ask})
    assert barred.status_code == 405
    assert "access-control-allow-origin" not in barred.headers
    answer = await client.get("/v1/books", headers={"Origin": "https://app.example"})
    assert answer.headers["access-control-allow-origin"] == "https://app.example"


async def test_every_answer_has_security_headers(client: httpx2.AsyncClient) -> None:
    for path in ("/v1/books", "/v1/nothing", "/docs", "/livez"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
