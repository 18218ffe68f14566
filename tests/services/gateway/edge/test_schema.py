"""The OpenAPI document says what the edge does, is valid, and the snapshot in the repository is current."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import jsonschema_rs
import orjson
import pytest

from tercet_gateway.edge.contract import Contract
from tercet_gateway.edge.schema import document
from tercet_gateway.edge.schema.__main__ import snapshot

from .sample_contract import sample_set

SNAPSHOT = Path(__file__).resolve().parents[4] / "docs" / "openapi.json"


@pytest.fixture(scope="module")
def tercet() -> dict[str, Any]:
    return document(Contract.of_tercet())


@pytest.fixture(scope="module")
def books() -> dict[str, Any]:
    return document(Contract.of(sample_set))


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in described["paths"].items():
        for verb, operation in item.items():
            yield path, verb, operation


def test_snapshot_is_current() -> None:
    assert SNAPSHOT.read_bytes() == snapshot(), "run `make openapi` and look at what changes for callers"


def test_document_is_the_same_each_time(tercet: dict[str, Any]) -> None:
    assert orjson.dumps(document(Contract.of_tercet())) == orjson.dumps(tercet)


def test_every_binding_is_described_once_with_a_unique_name(tercet: dict[str, Any]) -> None:
    contract = Contract.of_tercet()
    names = [operation["operationId"] for _, _, operation in operations(tercet)]
    assert len(set(names)) == len(names)
    assert len(names) >= sum(len(method.bindings) for method in contract.methods)


def test_every_reference_leads_somewhere(tercet: dict[str, Any], books: dict[str, Any]) -> None:
    for described in (tercet, books):
        for reference in set(references(described)):
            node: Any = described
            for key in reference.removeprefix("#/").split("/"):
                node = node[key]


def test_every_path_variable_is_a_parameter(tercet: dict[str, Any]) -> None:
    for path, _, operation in operations(tercet):
        names = {item["name"] for item in operation["parameters"] if item.get("in") == "path"}
        assert names == {part.split("}")[0] for part in path.split("{")[1:]}, path


def test_schemas_are_valid(tercet: dict[str, Any], books: dict[str, Any]) -> None:
    for described in (tercet, books):
        # All in one: the document is large, and each validator reads the whole of it.
        every = {name: {"$ref": f"#/components/schemas/{name}"} for name in described["components"]["schemas"]}
        jsonschema_rs.validator_for({"properties": every, **described})


def test_comments_and_rules_reach_the_document(books: dict[str, Any]) -> None:
    book = books["components"]["schemas"]["Book"]["properties"]
    assert book["title"] == {"type": "string", "minLength": 1, "maxLength": 200, "description": "Title of the book."}
    assert book["pages"]["type"] == ["integer", "null"]
    assert (book["pages"]["minimum"], book["pages"]["maximum"]) == (1, 10000)
    assert book["etag"]["readOnly"] is True
    assert book["binding"]["enum"] == ["BINDING_UNSPECIFIED", "PAPERBACK", "HARDCOVER"]
    assert book["tags"] == {
        "type": "array",
        "items": {"type": "string", "maxLength": 30},
        "maxItems": 20,
        "description": "Words.",
    }
    create = books["paths"]["/v1/books"]["post"]
    assert create["summary"] == "Adds a book"
    assert "sample.book.create" in create["description"]
    assert create["requestBody"]["content"]["application/json"]["schema"]["allOf"][1] == {"required": ["title"]}
    assert {"$ref": "#/components/parameters/IdempotencyKey"} in create["parameters"]
    assert "text/event-stream" in books["paths"]["/v1/books:watch"]["get"]["responses"]["200"]["content"]
    assert "204" in books["paths"]["/v1/books/{id}"]["delete"]["responses"]
    assert books["paths"]["/v1/books/new"]["get"]["security"][0] == {}
    lend = books["paths"]["/v1/books/{id}:lend"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert list(lend["properties"]) == ["etag", "borrower"]
    assert lend["required"] == ["borrower"]


async def test_answers_have_the_form_that_is_described(client: httpx2.AsyncClient, books: dict[str, Any]) -> None:
    def check(name: str, value: Any) -> None:
        validator = jsonschema_rs.validator_for({"$ref": f"#/components/schemas/{name}", **books})
        assert [error.message for error in validator.iter_errors(value)] == []

    body = {
        "title": "书",
        "chapters": [{"title": "一", "parts": [{"pages": 3}]}],
        "custom": {"a": [1, None]},
        "publish_time": "2026-01-01T00:00:00Z",
    }
    created = await client.post("/v1/books", json=body)
    check("Book", created.json())
    check("ListBooksResponse", (await client.get("/v1/books")).json())
    check("Problem", (await client.get("/v1/books/none")).json())


async def test_reader_is_served_from_here_alone(client: httpx2.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for name in ("reader.js", "reader.css"):
        assert f"/docs/{name}" in page.text
        asset = await client.get(f"/docs/{name}")
        assert asset.status_code == 200
        assert "http://" not in asset.text
        assert "https://" not in asset.text
    assert (await client.get("/docs/other.js")).json()["reason"] == "PATH_NOT_FOUND"
    assert (await client.get("/openapi.json")).json()["openapi"] == "3.1.0"


async def test_health_names_the_services_that_are_down_and_stays_ready(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/livez")).json() == {"status": "alive"}
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "degraded", "degraded": ["absent"],
        "services": {"absent": "UNAVAILABLE", "gateway": "SERVING", "sample": "SERVING"},
    }  # fmt: skip
