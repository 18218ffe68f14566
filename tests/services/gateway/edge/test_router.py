"""Paths find their method whatever stands beside them; what cannot be served stops the start-up."""

from __future__ import annotations

from typing import Any

import pytest
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FieldDescriptor

from tercet_chassis.contract import ContractBroken
from tercet_gateway.edge.bind import Binder
from tercet_gateway.edge.codec import Decoder
from tercet_gateway.edge.contract import Contract
from tercet_gateway.edge.router import PathTable, Router, split

SERVICES = ["leads", "sales", "marketing", "service-desk", "gateway"]


def made(name: str, *templates: str, verb: str = "get", body: str = "") -> Contract:
    """A contract of one service with methods `M0`, `M1`, ... on the given paths."""
    file = descriptor_pb2.FileDescriptorProto(name=f"made/{name}.proto", package=f"tercet.{name}.v1", syntax="proto3")
    file.dependency.extend(["tercet/options/v1/options.proto", "google/api/annotations.proto"])
    message = file.message_type.add(name="Ask")
    message.field.add(name="id", number=1, type=9, label=1)
    message.field.add(name="lead_id", number=2, type=9, label=1)
    service = file.service.add(name="MadeService")
    for number, template in enumerate(templates):
        method = service.method.add(
            name=f"M{number}", input_type=f".tercet.{name}.v1.Ask", output_type=f".tercet.{name}.v1.Ask"
        )
        rule: Any = method.options.Extensions[annotations_pb2.http]
        setattr(rule, verb, template)
        rule.body = body
    Contract.of_tercet()
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
    return Contract.of(lambda: descriptor_pb2.FileDescriptorSet(file=[file]))


def test_every_public_method_of_the_contract_is_found_by_its_own_path() -> None:
    router, decoder = Router(Contract.of_tercet(), SERVICES), Decoder()
    assert len(router.routes()) > 200
    for route in router.routes():
        path = "/" + "/".join(segment or "0190a0a0-0000-7000-8000-000000000001" for segment in route.binding.segments)
        found = router.find(route.binding.verb, path + (f":{route.binding.action}" if route.binding.action else ""))
        assert found is not None
        assert found[0] is route
        Binder(route, decoder)


def test_every_service_serves_the_common_methods_under_its_name() -> None:
    router = Router(Contract.of_tercet(), SERVICES)
    for service in SERVICES:
        found = router.find("GET", f"/v1/{service}/operations/x")
        assert found is not None
        assert (found[0].service, found[0].method.name, found[1]) == (service, "GetOperation", [b"x"])
    assert router.find("GET", "/v1/nobody/operations/x") is None


def test_literals_come_first_from_the_left() -> None:
    table: PathTable[str] = PathTable()
    table.add("GET", ("v1", "a", None), "", "variable")
    table.add("GET", ("v1", "a", "b"), "", "literal")
    table.add("GET", ("v1", None, "b"), "", "left variable")
    assert table.find("GET", ["v1", "a", "b"], "") == ("literal", [])
    assert table.find("GET", ["v1", "a", "c"], "") == ("variable", ["c"])
    assert table.find("GET", ["v1", "x", "b"], "") == ("left variable", ["x"])
    assert table.find("GET", ["v1", "x", "y"], "") is None


def test_escaped_colon_is_no_action() -> None:
    assert split("/v1/a/b%3Ac") == (["v1", "a", "b%3Ac"], "")
    assert split("/v1/a/b:c") == (["v1", "a", "b"], "c")


def test_two_methods_on_one_path_stop_the_start() -> None:
    contract = made("clash", "/v1/things/{id}", "/v1/things/{lead_id}")
    with pytest.raises(
        ContractBroken, match=r"M1 and tercet\.clash\.v1\.MadeService\.M0 both claim GET /v1/things/\{lead_id\}"
    ):
        Router(contract, SERVICES)


def test_unknown_variable_and_body_stop_the_start() -> None:
    for name, path, body in (("nofield", "/v1/others/{nothing}", ""), ("nobody", "/v1/others", "nothing")):
        router = Router(made(name, path, verb="post", body=body), SERVICES)
        with pytest.raises(ContractBroken):
            Binder(router.routes()[0], Decoder())


def test_patterns_of_several_segments_are_refused() -> None:
    with pytest.raises(ContractBroken):
        made("deep", "/v1/{id=things/*}")


def test_no_public_message_has_a_64_bit_integer() -> None:
    # JSON numbers are exact to 53 bits only; a number that may be larger is a decimal text or a double by choice.
    wide, seen = set(), set()
    waiting = [kind for method in Contract.of_tercet().methods for kind in (method.takes, method.gives)]
    while waiting:
        kind = waiting.pop()
        if kind.full_name in seen or kind.full_name.startswith("google."):
            continue
        seen.add(kind.full_name)
        for field in kind.fields:
            if field.cpp_type in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64):
                wide.add(field.full_name)
            if field.message_type is not None:
                waiting.append(field.message_type)
    assert wide == set()
