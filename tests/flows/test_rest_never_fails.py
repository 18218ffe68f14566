"""Every operation of the REST API takes whatever its schema allows, and what it forbids, without a fault of ours: some
requests of each kind, made from the published schema, the same ones in every run.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.schemas import APIOperation

from support.leads import mobile, person
from support.rest import Person

Operation = APIOperation[Any, Any, Any, Any]
# What would end the caller's own session or rights, move the clock, or stay open for an hour.
LEFT_OUT = re.compile(r"/sessions|/me\b|/clock|/events|/users/|/roles/|/tenant")
EXAMPLES = {GenerationMode.POSITIVE: 2, GenerationMode.NEGATIVE: 1}


def examples(operation: Operation, mode: GenerationMode) -> list[Case[Operation]]:
    """Requests of an operation; none when nothing can be wrong with it."""
    found: list[Case[Operation]] = []
    run = settings(
        max_examples=EXAMPLES[mode], derandomize=True, database=None, deadline=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip

    @run
    @given(operation.as_strategy(mode))
    def collect(case: Case[Operation]) -> None:
        found.append(case)

    with suppress(Unsatisfiable):  # a method that takes nothing cannot be given anything wrong
        collect()
    return found[: EXAMPLES[mode]]


async def known_ids(admin: Person) -> dict[str, str]:
    """Collection -> the id of something in it, of a company that sells."""
    body = {"full_name": person(3), "mobile": mobile(3)}
    await admin.post("/v1/leads", body)
    await admin.post("/v1/products", {"code": "T-100", "name": "智能终端", "unit_of_measure": "台", "active": True})
    customer = await admin.post("/v1/customers", {"kind": "PERSON", "full_name": person(4)})
    line = {"product_code": "T-100", "quantity": "2", "unit_price": {"currency_code": "CNY", "amount": "640.00"}}
    deal = {"customer_id": customer["id"], "currency_code": "CNY", "lines": [line]}
    await admin.post("/v1/orders", deal)
    await admin.post("/v1/quotes", {**deal, "title": "终端两台"})
    await admin.post("/v1/tickets", {"subject": "刹车异响"})
    found: dict[str, str] = {}
    for collection in (
        "leads",
        "customers",
        "products",
        "orders",
        "quotes",
        "tickets",
        "units",
        "identities",
        "parties",
    ):
        answer = await admin.get(f"/v1/{collection}", page_size=1)
        for item in answer[collection]:
            found[collection] = item["id"]
    return found


def failures(schema: Any, base_url: str, token: str, ids: dict[str, str]) -> tuple[int, list[str]]:
    """Sends the requests; how many were sent, and those that were answered with a fault."""
    sent, wrong = 0, []
    for result in schema.get_all_operations():
        operation = result.ok()
        if LEFT_OUT.search(operation.path):
            continue
        for mode in EXAMPLES:
            for case in examples(operation, mode):
                known = ids.get(operation.path.split("/")[2].partition(":")[0])
                if mode is GenerationMode.POSITIVE and known and "id" in case.path_parameters:
                    case.path_parameters["id"] = known
                answer = case.call(base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
                sent += 1
                if answer.status_code >= 500:
                    request = case.as_curl_command()[:1000]
                    wrong.append(f"{operation.label}: {answer.status_code} {answer.text[:300]} for {request}")
    return sent, wrong


@pytest.mark.filterwarnings("ignore")
async def test_no_request_makes_any_operation_fail(admin: Person, door: httpx2.AsyncClient) -> None:
    schema = schemathesis.openapi.from_dict((await door.get("/openapi.json")).json())
    ids = await known_ids(admin)
    sent, wrong = await asyncio.to_thread(failures, schema, str(door.base_url), admin.token, ids)
    assert not wrong, "\n".join(wrong)
    assert sent > 500
