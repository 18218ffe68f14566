"""The parts of the document that every operation shares: problems, headers, ways to sign in, hand-written routes."""

from __future__ import annotations

from typing import Any

TITLE = "Tercet API"
DESCRIPTION = """One API for marketing, sales and service, derived from the protos that the services speak.

- Every field is present in an answer, in the same name as here; what is not set is `null`.
- A list takes `page_size`, `page_token`, `filter` and `order_by`; the next page's token comes with the page.
- `PATCH` changes the fields that the body has; `null` clears one. Send the etag you read as `If-Match`, then nobody's
  change is lost.
- Send an `Idempotency-Key` with every write: repeated with the same key within 24 hours it takes effect once and gets
  the same answer.
- Every refusal is problem details (RFC 9457) with a `reason` for programs and the fields that are wrong."""

_VIOLATION = {
    "type": "object",
    "properties": {
        "field": {"type": "string", "description": "Path of the field, such as `phones[0].number`."},
        "reason": {"type": "string", "description": "The fact, for programs."},
        "message": {"type": "string", "description": "What to do, for people."},
    },
    "required": ["field", "reason", "message"],
}
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "Why a request was not done.",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence that says what to do."},
        "instance": {"type": "string"},
        "reason": {"type": "string", "description": "The fact, for programs, such as `LEAD_ALREADY_CONVERTED`."},
        "violations": {"type": "array", "items": _VIOLATION},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
        "trace_id": {"type": "string", "description": "Tell it when you ask for help."},
    },
    "required": ["type", "title", "status", "detail", "reason", "violations", "metadata", "trace_id"],
}


def _response(text: str, headers: tuple[str, ...] = ()) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "description": text,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if headers:
        shown["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    return shown


RESPONSES = {
    "Malformed": _response("The request does not parse, or has an unknown field or a value of another type."),
    "Unauthenticated": _response("No valid access token or API key came along."),
    "Forbidden": _response("The caller's roles do not hold the permission."),
    "NotFound": _response("There is no such resource in the caller's reach."),
    "Conflict": _response("The resource's state does not allow it, its etag is stale, or a unique value is taken."),
    "Invalid": _response("A value breaks a rule, or the Idempotency-Key came with another request."),
    "RateLimited": _response(
        "Too many calls; wait as long as Retry-After says.",
        ("Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
    ),
    "Unavailable": _response("The service does not answer just now; repeat after Retry-After.", ("Retry-After",)),
    "Problem": _response("Another problem."),
}


def _header(name: str, text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": text, "schema": schema}


PARAMETERS = {
    "IdempotencyKey": _header(
        "Idempotency-Key",
        "Any text of yours that is new for each new request; a repeat with it takes effect once.",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    ),
    "IfMatch": _header(
        "If-Match",
        "The etag that was read, in quotes; refused with 409 when the resource has changed since.",
        {"type": "string"},
    ),
    "Tenant": _header(
        "Tercet-Tenant", "Code of the tenant, for callers who have not signed in.", {"type": "string", "maxLength": 63}
    ),
    "RequestTimeout": _header(
        "Request-Timeout", "Seconds to wait at most.", {"type": "number", "exclusiveMinimum": 0, "maximum": 99999}
    ),
}
HEADERS = {
    "ETag": {"description": "Version of the resource, for If-Match.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "RateLimit-Limit": {"description": "Calls that may come at once.", "schema": {"type": "integer"}},
    "RateLimit-Remaining": {"description": "How many of them are left.", "schema": {"type": "integer"}},
    "RateLimit-Reset": {"description": "Seconds until all are there again.", "schema": {"type": "integer"}},
}
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Access token of a session, or an API key."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "Tercet-Api-Key", "description": "API key."},
}
_SERVICE = {
    "name": "service",
    "in": "path",
    "required": True,
    "description": "The service that keeps the file.",
    "schema": {"type": "string"},
}
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}}
_TEXT = {"type": "string"}


_ATTACHED = {
    "/v1/tickets/{id}/files/{file_id}/content": ("service-desk", "Ticket", "a ticket's conversation"),
    "/v1/sends/{id}/files/{file_id}/content": ("marketing", "Send", "a message to a customer"),
    "/v1/received-messages/{id}/files/{file_id}/content": ("marketing", "Send", "a message of a customer"),
}


def _attached(path: str, service: str, name: str, whose: str) -> dict[str, Any]:
    id = {"in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    return {
        "get": {
            "operationId": f"{service.replace('-', '_')}_Download{path.split('/')[2].title().replace('-', '')}File",
            "tags": [f"{service} · {name}"],
            "summary": f"Gives the bytes of a file of {whose}",
            "description": f"Gives the bytes of a file of {whose} as an attachment, to whoever may read that.",
            "parameters": [{"name": "id", **id}, {"name": "file_id", **id}],
            "responses": {
                "200": {"description": "The bytes.", "content": _BYTES},
                "default": {"$ref": "#/components/responses/Problem"},
            },
        }
    }


def handwritten(file_schema: dict[str, Any]) -> dict[str, Any]:
    """Paths of the routes that are not derived."""
    problem = {"default": {"$ref": "#/components/responses/Problem"}}
    stored = {"description": "The stored file.", "content": {"application/json": {"schema": file_schema}}}
    return {
        "/v1/{service}/files": {
            "post": {
                "operationId": "chassis_UploadFile",
                "tags": ["every service · File"],
                "summary": "Stores a file",
                "description": "Stores the body's bytes as a file. Refused with 413 over the size limit.",
                "parameters": [
                    _SERVICE,
                    {
                        "name": "name",
                        "in": "query",
                        "required": True,
                        "description": "The file's name.",
                        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                    },
                ],
                "requestBody": {"required": True, "content": _BYTES},
                "responses": {"201": stored, **problem},
            }
        },
        "/v1/{service}/files/{id}/content": {
            "get": {
                "operationId": "chassis_DownloadFile",
                "tags": ["every service · File"],
                "summary": "Gives a file's bytes",
                "description": "Gives the bytes of a stored file as an attachment.",
                "parameters": [
                    _SERVICE,
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}},
                ],
                "responses": {"200": {"description": "The bytes.", "content": _BYTES}, **problem},
            }
        },
        **{path: _attached(path, *said) for path, said in _ATTACHED.items()},
        "/t/{tenant}/{code}": {
            "get": {
                "operationId": "leads_FollowLink",
                "tags": ["leads · Placement"],
                "summary": "Follows a tracked link",
                "security": [{}],
                "description": "Counts a visit and sends the visitor on to the placement's target.",
                "parameters": [
                    {
                        "name": "tenant",
                        "in": "path",
                        "required": True,
                        "description": "Code of the tenant.",
                        "schema": _TEXT,
                    },
                    {
                        "name": "code",
                        "in": "path",
                        "required": True,
                        "description": "Short code of the placement.",
                        "schema": _TEXT,
                    },
                ],
                "responses": {
                    "302": {"description": "On to the target."},
                    "410": {"description": "The link is no longer valid."},
                    **problem,
                },
            }
        },
    }
