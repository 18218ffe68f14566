"""Builds the sample company: the tenant through the gateway's own door for operators, everything else through the
public API.
"""

from __future__ import annotations

from decimal import Decimal

from tercet_local.demo import company
from tercet_local.demo.people import PASSWORD, Person, once, step_id


async def build(admin: Person) -> None:
    """Units, people, sources, rules, products, prices and pipeline. Running it again changes nothing."""
    await _units_and_people(admin)
    await _leads_settings(admin)
    await _sales_settings(admin)


async def visitors(admin: Person) -> None:
    """Takes in, one by one, whom the company met at a fair abroad."""
    for name, firm, country, city, phone in company.VISITORS:
        lead = {
            "kind": "COMPANY",
            "full_name": name,
            "company_name": firm,
            "country_code": country,
            "city": city,
            "phone": phone,
            "email": f"contact@{step_id('firm', firm)[:8]}.example",
            "source_code": "展会名片",
        }
        await admin.post("/v1/leads", lead, firm)


async def _units_and_people(admin: Person) -> None:
    root = admin.unit_id
    for unit in company.UNITS:
        body = {**{key: value for key, value in unit.items() if key != "parent"}, "parent_id": root}
        await once(admin, "/v1/units", body, unit["code"])
    units = {unit["code"]: unit for unit in company.UNITS}
    for person in company.PEOPLE:
        home = units.get(person["unit"])
        unit_id = home["id"] if home else root
        user = {
            "id": person["id"],
            "email": person["email"],
            "display_name": person["name"],
            "unit_id": unit_id,
            "password": PASSWORD,
            "zone": home["zone"] if home else "Asia/Shanghai",
            "locale": "en" if person["unit"] == "overseas" else "zh-CN",
            "roles": [{"role_code": person["role"], "unit_id": unit_id}],
        }
        await once(admin, "/v1/users", user, person["email"])
        if person["role"] != "seller":
            continue
        employee = {
            "id": step_id("employee", person["email"]),
            "user_id": person["id"],
            "unit_id": unit_id,
            "display_name": person["name"],
            "position": "seller",
            "territories": home["territories"] if home else [],
            "capacity": 5000,
            "active": True,
            "languages": ["en", "de"] if person["unit"] == "overseas" else ["zh-CN"],
            "skills": ["company", "person"],
        }
        await once(admin, "/v1/employees", employee, person["email"])


async def _leads_settings(admin: Person) -> None:
    for code, name, kind, parent in company.SOURCES:
        await once(
            admin, "/v1/sources", {"code": code, "display_name": name, "kind": kind, "parent_code": parent}, code
        )
    for code, (parent, kind) in company.SOURCE_GROUPS.items():
        await once(
            admin, "/v1/sources", {"code": code, "display_name": code, "kind": kind, "parent_code": parent}, code
        )
    for code, name, condition, points in company.SCORING:
        body = {"code": code, "display_name": name, "condition": condition, "points": points, "active": True}
        await once(admin, "/v1/scoring-rules", body, code)
    await once(
        admin,
        "/v1/qualification-rules",
        {
            "code": "standard",
            "display_name": "可联系且已联系 Reachable and spoken to",
            "condition": "mobile:* OR phone:* OR email:* OR wechat:*",
            "automatic": False,
        },
        "standard",
    )
    for unit in company.UNITS:
        pool = {
            "code": f"pool-{unit['code']}",
            "display_name": f"{unit['name']}公海 pool",
            "unit_id": unit["id"],
            "fallback": unit["code"] == "east",
            "claim_quota": 3000,
            "recycle_hours": 336,
            "warn_hours": 12,
            "rest_hours": 24,
        }
        await once(admin, "/v1/pools", pool, pool["code"])
    abroad = {
        "code": "abroad",
        "display_name": "Leads from abroad",
        "priority": 5,
        "strategy": "LEAST_LOADED",
        "condition": 'country_code:* AND country_code != "CN"',
        "unit_id": step_id("unit", "overseas"),
        "active": True,
    }
    await once(admin, "/v1/assignment-rules", abroad, "abroad")
    # Good leads go to a seller of the territory, the rest into the territory's pool.
    for priority, unit in enumerate(unit for unit in company.UNITS if unit["territories"]):
        provinces = " OR ".join(f'province = "{name}"' for name in unit["territories"])
        good = {
            "code": f"good-{unit['code']}",
            "display_name": f"{unit['name']} good leads",
            "priority": 10 + priority,
            "strategy": "ROUND_ROBIN",
            "condition": f"score >= 30 AND ({provinces})",
            "unit_id": unit["id"],
            "active": True,
        }
        rest = {
            "code": f"rest-{unit['code']}",
            "display_name": f"{unit['name']} other leads",
            "priority": 50 + priority,
            "strategy": "POOL",
            "condition": provinces,
            "pool_code": f"pool-{unit['code']}",
            "active": True,
        }
        await once(admin, "/v1/assignment-rules", good, good["code"])
        await once(admin, "/v1/assignment-rules", rest, rest["code"])


async def _sales_settings(admin: Person) -> None:
    for code, name, measure, category, _ in company.PRODUCTS:
        body = {
            "code": code,
            "name": name,
            "unit_of_measure": measure,
            "category_code": category,
            "active": True,
            "tax_percent": "13",
        }
        await once(admin, "/v1/products", body, code)
    rate = {
        "from_currency": "EUR",
        "to_currency": "CNY",
        "rate_date": "2025-01-01",
        "rate": company.EUR_RATE,
        "source": "sample",
    }
    await once(admin, "/v1/currency-rates", rate, "EUR")
    for currency, factor in (("CNY", 1), ("EUR", 8)):
        book = {
            "code": f"list-{currency}",
            "name": f"List prices {currency}",
            "currency_code": currency,
            "priority": 1,
            "active": True,
            "start_date": "2025-01-01",
        }
        await once(admin, "/v1/price-books", book, currency)
        for code, *_, price in company.PRODUCTS:
            amount = str(Decimal(price) / factor)
            body = {
                "price_book_code": book["code"],
                "product_code": code,
                "min_quantity": "1",
                "start_date": "2025-01-01",
                "unit_price": {"currency_code": currency, "amount": amount},
            }
            await once(admin, "/v1/prices", body, currency, code)
    await once(
        admin,
        "/v1/pipelines",
        {"code": company.PIPELINE, "name": "标准流程 Standard", "active": True},
        company.PIPELINE,
    )
    for position, (code, name, category, probability) in enumerate(company.STAGES, 1):
        stage = {
            "pipeline_code": company.PIPELINE,
            "code": code,
            "name": name,
            "category": category,
            "position": position,
            "probability": probability,
        }
        await once(admin, "/v1/pipeline-stages", stage, code)
