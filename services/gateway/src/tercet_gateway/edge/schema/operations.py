"""Public methods -> OpenAPI operations."""

from __future__ import annotations

import re
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tercet_gateway.edge.contract import Access, Binding, PublicMethod
from tercet_gateway.edge.query import parameters_of
from tercet_gateway.edge.schema.comments import Comments
from tercet_gateway.edge.schema.messages import Components, Schema, behaviors, described
from tercet_gateway.edge.schema.rules import required

_OUTPUT_ONLY = 3
_ACCESS_TEXT = {
    Access.SIGNED_IN: "Anyone who is signed in may call it.",
    Access.ANYONE: "Anyone may call it; the tenant is named by the header `Tercet-Tenant`.",
}
_PROBLEMS = {"400": "Malformed", "422": "Invalid", "429": "RateLimited", "503": "Unavailable"}


def tag_of(method: PublicMethod) -> str:
    """The resource that a method belongs to, such as `leads · Lead`."""
    assert method.descriptor.containing_service is not None
    resource = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", method.descriptor.containing_service.name.removesuffix("Service"))
    return f"{'every service' if method.every_service else method.package.split('.')[1]} · {resource}"


class Operations:
    """Writes operations."""

    def __init__(self, comments: Comments, components: Components) -> None:
        self._comments, self._components = comments, components

    def operation(self, method: PublicMethod, binding: Binding, number: int) -> dict[str, Any]:
        """The operation of one binding of a method."""
        text = self._comments.of(method.full_name)
        allowed = _ACCESS_TEXT.get(method.rule.access, f"Needs the permission `{method.rule.permission}`.")
        shown: dict[str, Any] = {
            "operationId": f"{method.package.split('.')[1]}_{method.name}" + (f"_{number}" if number else ""),
            "tags": [tag_of(method)],
            "summary": self._comments.summary(method.full_name) or method.name,
            "description": f"{text}\n\n{allowed}".strip(),
            "parameters": self._parameters(method, binding),
            "responses": self._responses(method, binding),
            "x-rate-class": method.rate_class,
        }
        if method.rule.permission:
            shown["x-permission"] = method.rule.permission
        if method.rule.access == Access.ANYONE:
            shown["security"] = [{}, {"bearer": []}, {"apiKey": []}]
        if binding.body:
            shown["requestBody"] = self._body(method, binding)
        return shown

    def _parameters(self, method: PublicMethod, binding: Binding) -> list[dict[str, Any]]:
        request = method.takes
        found: list[dict[str, Any]] = []
        for path in binding.variables:
            field = field_at(request, path)
            text = self._comments.of(field.full_name)
            found.append(
                described({"name": path.rpartition(".")[2], "in": "path", "required": True}, text)
                | {"schema": self._components.parameter(field)}
            )
        if binding.body != "*":
            for name, field in parameters_of(
                request,
                frozenset(
                    {*binding.variables, binding.body, "service"}
                    if method.every_service
                    else {*binding.variables, binding.body}
                ),
            ):
                entry: dict[str, Any] = {"name": name, "in": "query"} | (
                    {"required": True} if required(field) and "." not in name else {}
                )
                found.append(
                    described(entry, self._comments.of(field.full_name)) | {"schema": self._components.parameter(field)}
                )
        names = [] if method.reads else ["IdempotencyKey"]
        if "etag" in request.fields_by_name or any(
            "etag" in inner.fields_by_name for inner in _inner(request, binding.body)
        ):
            names.append("IfMatch")
        if method.rule.access == Access.ANYONE:
            names.append("Tenant")
        names.append("RequestTimeout")
        return [*found, *({"$ref": f"#/components/parameters/{name}"} for name in names)]

    def _body(self, method: PublicMethod, binding: Binding) -> dict[str, Any]:
        request = method.takes
        if binding.body == "*":
            skip = frozenset({*binding.variables, *({"service"} if method.every_service else ())})
            schema: Schema = self._components.object(request, skip)
            names = [field.name for field in request.fields if field.name not in skip and required(field)]
            schema = schema | ({"required": names} if names else {})
            return {"required": bool(names), "content": {"application/json": {"schema": schema}}}
        field = request.fields_by_name[binding.body]
        schema = self._components.field(field)
        if field.message_type is not None and not field.is_repeated:
            schema = self._components.reference(field.message_type)
            if binding.verb == "POST":
                inner = [path.rpartition(".")[2] for path in binding.variables]
                needed = [
                    item.name
                    for item in field.message_type.fields
                    if required(item) and _OUTPUT_ONLY not in behaviors(item) and item.name not in inner
                ]
                schema = {"allOf": [schema, {"required": needed}]} if needed else schema
        return {"required": True, "content": {"application/json": {"schema": schema}}}

    def _responses(self, method: PublicMethod, binding: Binding) -> dict[str, Any]:
        answer = method.gives
        status = "202" if method.rule.operation else "201" if method.creates else "200"
        if answer.full_name == "google.protobuf.Empty":
            shown: dict[str, Any] = {"204": {"description": "Done."}}
        else:
            kind = "text/event-stream" if method.streams else "application/json"
            text = self._comments.of(answer.full_name) or "The answer."
            shown = {status: {"description": text, "content": {kind: {"schema": self._components.reference(answer)}}}}
            if "etag" in answer.fields_by_name and not method.streams:
                shown[status]["headers"] = {"ETag": {"$ref": "#/components/headers/ETag"}}
        problems = dict(_PROBLEMS)
        if method.rule.access != Access.ANYONE:
            problems |= {"401": "Unauthenticated", "403": "Forbidden"}
        if binding.variables:
            problems["404"] = "NotFound"
        if not method.reads:
            problems["409"] = "Conflict"
        refs = {code: {"$ref": f"#/components/responses/{name}"} for code, name in sorted(problems.items())}
        return {**shown, **refs, "default": {"$ref": "#/components/responses/Problem"}}


def field_at(descriptor: Descriptor, path: str) -> FieldDescriptor:
    """The field at a dotted path; the router has checked that it is there."""
    field = descriptor.fields_by_name[path.split(".", 1)[0]]
    if "." not in path:
        return field
    assert field.message_type is not None
    return field_at(field.message_type, path.split(".", 1)[1])


def _inner(request: Descriptor, body: str) -> list[Descriptor]:
    field = request.fields_by_name.get(body)
    return [field.message_type] if field is not None and field.message_type is not None else []
