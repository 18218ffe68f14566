"""A coupon's code at the till, over REST through the real services: a seller uses it, and it can be used again."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from support.gateway import PASSWORD, Company
from support.rest import Person, signed_in
from tercet_chassis.testing import Together
from tercet_local.demo import people
from tercet_local.demo.clients import CARS, SHELVES, Client
from tercet_local.demo.shop import Shops

TERMINAL = {"code": "T-100", "name": "智能终端", "unit_of_measure": "台", "active": True, "tax_percent": "13"}


def yuan(amount: str) -> dict[str, str]:
    return {"currency_code": "CNY", "amount": amount}


async def coupon_of(admin: Person, identity_id: str) -> dict[str, Any]:
    """A coupon with a code: 80 off from 500 on."""
    await admin.post("/v1/policies", {"code": "spring", "display_name": "春季满减"})
    numbers = {"threshold": "500", "off": "80"}
    version = {"policy_code": "spring", "currency_code": "CNY", "numbers": numbers, "redeem_limits": {"total": 1}}
    written = await admin.post("/v1/policy-versions", version)
    await admin.post(f"/v1/policy-versions/{written['id']}:publish")
    wanted = {"key": "c1", "identity_id": identity_id, "tool_code": "coupon", "policy_code": "spring"}
    return await admin.post("/v1/grants:issue", {**wanted, "with_code": True})


async def test_a_seller_uses_a_customers_code_and_a_cancelled_order_frees_it(
    admin: Person, company: Company, together: Together
) -> None:
    await admin.post("/v1/products", TERMINAL)
    await company.user("li@flows.example", "seller")
    await together.settled(20)
    seller = await signed_in(admin.http, company, "li@flows.example")
    customer = await seller.post("/v1/customers", {"kind": "PERSON", "full_name": "王芳"})
    held = await coupon_of(admin, customer["identity_id"])
    order = {
        "customer_id": customer["id"],
        "currency_code": "CNY",
        "prices_include_tax": True,
        "lines": [{"product_code": "T-100", "quantity": "1", "unit_price": yuan("640.00")}],
        "benefit_codes": [held["code"].lower()],
    }
    shown = await seller.post("/v1/orders:price", {"order": order})
    assert (shown["total"], shown["benefit_reduction"]) == (yuan("560.00"), yuan("80.00"))

    first = await seller.post("/v1/orders", order)
    assert first["total"] == yuan("640.00"), "a draft takes nothing yet"
    confirm = {"expected_benefit_reduction": shown["benefit_reduction"]}
    first = await seller.post(f"/v1/orders/{first['id']}:confirm", confirm, idempotency_key="first")
    assert (first["state"], first["total"], first["net"], first["tax"]) == (
        "CONFIRMED", yuan("560.00"), yuan("495.58"), yuan("64.42"),
    )  # fmt: skip
    (share,) = first["lines"][0]["adjustments"]
    assert (share["source"], share["grant_id"], share["policy_version"]) == ("coupon", held["id"], 1)
    await together.settled(20)
    used = await admin.get(f"/v1/grants/{held['id']}")
    assert (used["state"], used["reference"], used["amount"]) == ("REDEEMED", first["id"], yuan("80.00"))

    second = await seller.post("/v1/orders", order)
    refused = await seller.send("POST", f"/v1/orders/{second['id']}:confirm", {})
    assert (refused.status_code, refused.json()["reason"]) == (409, "BENEFITS_NOT_GIVEN")
    await seller.post(f"/v1/orders/{first['id']}:cancel", {"reason": "客户不要了"})
    await together.settled(20)
    assert (await admin.get(f"/v1/grants/{held['id']}"))["state"] == "ISSUED"
    second = await seller.post(f"/v1/orders/{second['id']}:confirm", {})
    assert (second["state"], second["total"]) == ("CONFIRMED", yuan("560.00"))
    await together.settled(20)
    assert (await admin.get(f"/v1/grants/{held['id']}"))["reference"] == second["id"]
    for service in ("sales", "marketing"):
        findings = (await admin.get(f"/v1/{service}/check"))["findings"]
        assert not [finding for finding in findings if not finding["holds"]]


async def test_the_sample_shops_use_coupons_as_every_order_does_and_once_however_often_a_day_is_begun(
    admin: Person, company: Company, together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "TENANT", company.code)
    monkeypatch.setattr(people, "PASSWORD", PASSWORD)
    manager = await people.Person(str(admin.http.base_url), company.email, "run").sign_in()
    for code, name, measure, *_ in SHELVES[CARS]:
        await admin.post("/v1/products", {"code": code, "name": name, "unit_of_measure": measure, "active": True})
    await together.settled(20)
    customer = await admin.post("/v1/customers", {"kind": "PERSON", "full_name": "王芳"})
    held = await coupon_of(admin, customer["identity_id"])
    shops, did = Shops(manager, 1, datetime.now(UTC), 7), Counter[str]()
    for _ in range(2):
        await shops.sell(Client("wang", CARS, "王芳", ""), customer["id"], 3, did)
    await manager.close()
    await together.settled(20)
    (order,) = (await admin.get("/v1/orders"))["orders"]
    assert (order["state"], order["benefit_reduction"]) == ("CONFIRMED", yuan("80.00"))
    used = await admin.get(f"/v1/grants/{held['id']}")
    assert (used["state"], used["reference"]) == ("REDEEMED", order["id"])
    assert did == {"shop_sales": 2, "benefits_used": 2}
