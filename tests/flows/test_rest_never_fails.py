"""Every operation of the REST API takes whatever its schema allows, and what it forbids, without a fault of ours: some
requests of each kind, made from the published schema, the same ones in every run.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.schemas import APIOperation

from support.gateway import Company
from support.leads import mobile, person
from support.rest import Person

Operation = APIOperation[Any, Any, Any, Any]
# What would end the caller's own session or rights, move the clock, or stay open for an hour.
LEFT_OUT = re.compile(r"/sessions|/me\b|/clock|/events|/users/|/roles/|/tenant")
# The share of operations of each verb that must take at least one well-formed request: were everything stopped at the
# door, nothing behind it would have been tried.
SHARES = {"GET": 0.6, "PATCH": 0.4, "POST": 0.18, "DELETE": 0.2}
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


async def known_ids(admin: Person, company: Company, paths: Iterable[str]) -> dict[str, str]:
    """Collection -> the id of something in it, of a company that sells: whatever its lists show."""
    who = {"kind": "PERSON", "full_name": person(4)}
    lead = await admin.post("/v1/leads", {"full_name": person(3), "mobile": mobile(3)})
    about = {"identity_id": lead["identity_id"], "party_id": lead["party_id"]}
    await admin.post("/v1/products", {"code": "T-100", "name": "智能终端", "unit_of_measure": "台", "active": True})
    customer = await admin.post("/v1/customers", {**who, **about})
    line = {"product_code": "T-100", "quantity": "2", "unit_price": {"currency_code": "CNY", "amount": "640.00"}}
    deal = {"customer_id": customer["id"], "currency_code": "CNY", "lines": [line]}
    terms = {"value": {"currency_code": "CNY", "amount": "1280.00"}, "start_date": "2026-01-01"}
    for collection, body in {
        "orders": deal,
        "quotes": {**deal, "title": "终端两台"},
        "contracts": {"customer_id": customer["id"], "title": "终端合同", **terms},
        "opportunities": {"customer_id": customer["id"], "title": "终端两台"},
        "activities": {"kind": "VISIT", "title": "拜访", **about},
        "tickets": {"subject": "刹车异响"},
        "calendars": {"code": "office", "display_name": "办公时间", "zone": "Asia/Shanghai"},
        "service-levels": {"code": "gold", "display_name": "金牌", "targets": [{"clock": "SOLVE", "minutes": 480}]},
        "sources": {"code": "website", "display_name": "官网", "kind": "WEBSITE"},
        "employees": {"unit_id": company.root_id, "display_name": "李明"},
        "saved-views": {"collection": "leads", "name": "我的线索"},
        "budgets": {"code": "spring", "display_name": "春季", "opening_amount": terms["value"]},
        "loyalty-programmes": {"code": "club", "display_name": "积分", "currency_code": "CNY"},
        "memberships": {"programme_code": "club", **about},
        "policies": {"code": "ten", "display_name": "十元券"},
        "campaigns": {"code": "autumn", "display_name": "秋季"},
        "assets": {"kind_code": "car", "display_name": "试驾车", "serial_number": "LSVAU2180N2183294"},
        "devices": {"code": "box-1", "display_name": "车载终端"},
        "alarm-rules": {
            "code": "hot",
            "display_name": "过热",
            "metric_code": "temperature",
            "direction": "ABOVE",
            "threshold": 100,
        },
        "macros": {"code": "thanks", "display_name": "致谢", "reply_text": "感谢来信"},
        "intake-rules": {"account_code": "mail"},
        "ticket-forms": {"code": "help", "display_name": "报修"},
        "promises": {"text": "送一次保养", **about},
        "policy-versions": {"policy_code": "ten", "currency_code": "CNY", "numbers": {"off": "10"}},
    }.items():
        await admin.post(f"/v1/{collection}", body)
    await benefits(admin, lead["identity_id"])
    found: dict[str, str] = {}
    for path in paths:
        answer = await admin.send("GET", f"{path}?page_size=1")
        if answer.is_success and "{" not in path:
            lists = [value for value in answer.json().values() if isinstance(value, list) and value]
            if lists and isinstance(lists[0][0], dict) and "id" in lists[0][0]:
                found[path.rpartition("/")[2]] = lists[0][0]["id"]
    return found


async def benefits(admin: Person, identity_id: str) -> None:
    """A policy in force, somebody who holds a coupon, an order that keeps one."""
    (draft,) = (await admin.get("/v1/policy-versions"))["policy_versions"]
    await admin.post(f"/v1/policy-versions/{draft['id']}:publish", {})
    tool = {"tool_code": "coupon", "policy_code": "ten"}
    await admin.post("/v1/promotions", {"code": "week", "display_name": "本周", **tool})
    await admin.post("/v1/grants:issue", {"key": "trial", "identity_id": identity_id, **tool})
    await admin.post("/v1/benefit-codes", {"code": "TRIAL2026", **tool})
    line = {"line_no": 1, "quantity": "1", "amount": {"currency_code": "CNY", "amount": "640.00"}}
    basket = {"identity_id": identity_id, "currency_code": "CNY", "lines": [line]}
    await admin.post("/v1/benefits:reserve", {"key": "trial", "basket": basket})


class Outcome:
    """What came of the requests: how many were sent, faults of ours, and by operation whether well-formed ones went
    through.
    """

    def __init__(self) -> None:
        self.sent = 0
        self.faults: list[str] = []
        self.well: dict[str, bool] = {}

    def share(self, verb: str = "") -> float:
        """The share of operations (of this verb) that took something."""
        taken = [well for label, well in self.well.items() if label.startswith(verb)]
        return sum(taken) / len(taken)

    def note(self, operation: Operation, mode: GenerationMode, case: Case[Operation], answer: Any) -> None:
        self.sent += 1
        if answer.status_code >= 500:
            request = case.as_curl_command()[:1000]
            self.faults.append(f"{operation.label}: {answer.status_code} {answer.text[:300]} for {request}")
        elif mode is GenerationMode.POSITIVE:
            self.well[operation.label] = self.well.get(operation.label, False) or answer.status_code < 300


def outcome_of(schema: Any, base_url: str, token: str, ids: dict[str, str]) -> Outcome:
    """Sends the requests, those that remove something last."""
    outcome = Outcome()
    operations = [result.ok() for result in schema.get_all_operations()]
    for operation in sorted(operations, key=lambda one: (one.method.upper() == "DELETE", one.path, one.method)):
        if LEFT_OUT.search(operation.path):
            continue
        known = ids.get(operation.path.split("/")[2].partition(":")[0])
        for mode in EXAMPLES:
            for number, case in enumerate(examples(operation, mode)):
                if mode is GenerationMode.POSITIVE:
                    reach_beyond_validation(case, known, plain=number == 0)
                # Made-up credentials would be all that is answered.
                case.headers.clear()
                case.cookies.clear()
                answer = case.call(base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
                outcome.note(operation, mode, case, answer)
    return outcome


def reach_beyond_validation(case: Case[Operation], known: str | None, *, plain: bool) -> None:
    """Names something that is there, as it is now; a plain request also asks for it without any condition."""
    if known and "id" in case.path_parameters:
        case.path_parameters["id"] = known
    if "service" in case.path_parameters:
        case.path_parameters["service"] = "leads"
    for name in list(case.query or {}):
        if plain or name in ("filter", "order_by", "page_token", "etag"):
            case.query.pop(name)
    if isinstance(case.body, dict):
        for name in ("etag", "id"):
            case.body.pop(name, None)


@pytest.mark.filterwarnings("ignore")
async def test_no_request_makes_any_operation_fail(admin: Person, company: Company, door: httpx2.AsyncClient) -> None:
    document = (await door.get("/openapi.json")).json()
    ids = await known_ids(admin, company, [path for path, item in document["paths"].items() if "get" in item])
    schema = schemathesis.openapi.from_dict(document)
    outcome = await asyncio.to_thread(outcome_of, schema, str(door.base_url), admin.token, ids)
    assert not outcome.faults, "\n".join(outcome.faults)
    assert outcome.sent > 500
    found = {verb: outcome.share(verb) for verb in SHARES}
    refused = sorted(label for label, well in outcome.well.items() if not well)
    assert all(found[verb] >= least for verb, least in SHARES.items()), f"{found}, nothing was taken by {refused}"
