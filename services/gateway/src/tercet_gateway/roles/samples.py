"""The roles that a new tenant starts with; all but `admin` may be changed."""

from __future__ import annotations

from typing import Any

ADMIN = "admin"


def _role(
    code: str, name: str, description: str, grants: dict[str, str], masks: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        "code": code,
        "name": name,
        "description": description,
        "grants": [{"permission": permission, "scope": scope} for permission, scope in grants.items()],
        "masks": list(masks),
        "builtin": code == ADMIN,
    }


SAMPLE_ROLES = [
    _role(ADMIN, "管理员 Administrator", "Everything in the tenant.", {"*": "ALL"}),
    _role(
        "sales_manager",
        "销售经理 Sales manager",
        "Leads, customers and deals of the unit and below; sets up pools, rules, products and prices.",
        {
            "leads.*": "UNIT_BELOW",
            "sales.*": "UNIT_BELOW",
            "marketing.profile.read": "UNIT_BELOW",
            "marketing.segment.read": "ALL",
            "service-desk.ticket.read": "UNIT_BELOW",
            "gateway.unit.read": "ALL",
            "gateway.employee.*": "UNIT_BELOW",
            "gateway.user.read": "ALL",
            "gateway.role.read": "ALL",
        },
    ),
    _role(
        "seller",
        "销售 Seller",
        "Own leads, customers and deals; sees what the unit's pool offers.",
        {
            "leads.lead.*": "OWN",
            # What waits in the unit's pool belongs to nobody yet: a seller must see it to claim it.
            "leads.lead.read": "UNIT",
            "leads.lead.claim": "UNIT",
            "leads.pool.read": "UNIT",
            "leads.seller.read": "UNIT",
            "leads.party.read": "UNIT",
            "leads.source.read": "ALL",
            "leads.placement.read": "ALL",
            "leads.touch.read": "OWN",
            "leads.form.read": "ALL",
            "leads.identity.read": "UNIT",
            "sales.activity.*": "OWN",
            "sales.customer.*": "OWN",
            "sales.contact.*": "OWN",
            "sales.relation.*": "OWN",
            "sales.opportunity.*": "OWN",
            "sales.quote.*": "OWN",
            "sales.contract.*": "OWN",
            "sales.order.*": "OWN",
            "sales.payment.*": "OWN",
            "sales.transaction.read": "OWN",
            "sales.customer_value.read": "OWN",
            "sales.*.read": "OWN",
            "sales.product.read": "ALL",
            "sales.price.read": "ALL",
            "sales.price_book.read": "ALL",
            "sales.pipeline.read": "ALL",
            "sales.currency_rate.read": "ALL",
            "marketing.profile.read": "OWN",
            "service-desk.ticket.read": "UNIT",
            "gateway.unit.read": "ALL",
            "gateway.employee.read": "ALL",
        },
    ),
    _role(
        "marketer",
        "市场 Marketer",
        "Sources, forms and profiles; sees leads and value, changes no deal; numbers and addresses are shortened.",
        {
            "leads.source.*": "ALL",
            "leads.placement.*": "ALL",
            "leads.form.*": "ALL",
            "leads.touch.read": "ALL",
            "leads.lead.read": "ALL",
            "leads.scoring_rule.read": "ALL",
            "marketing.*": "ALL",
            "sales.customer_value.read": "ALL",
            "sales.transaction.read": "ALL",
            "gateway.unit.read": "ALL",
        },
        ("PHONE", "ID_NUMBER", "ADDRESS"),
    ),
    _role(
        "service_agent",
        "客服 Service agent",
        "Tickets of the unit; sees the customer, the orders and the history.",
        {
            "service-desk.*": "UNIT",
            "leads.party.read": "ALL",
            "leads.identity.read": "ALL",
            "sales.customer.read": "ALL",
            "sales.contact.read": "ALL",
            "sales.order.read": "ALL",
            "sales.activity.read": "ALL",
            "marketing.profile.read": "ALL",
            "gateway.unit.read": "ALL",
            "gateway.employee.read": "ALL",
        },
    ),
    _role(
        "dealer",
        "经销商 Dealer partner",
        "A dealer's people: only what belongs to their own company.",
        {
            "leads.lead.read": "PARTNER",
            "leads.lead.update": "PARTNER",
            "leads.lead.qualify": "PARTNER",
            "leads.lead.convert": "PARTNER",
            "sales.customer.read": "PARTNER",
            "sales.opportunity.*": "PARTNER",
            "sales.quote.read": "PARTNER",
            "sales.order.read": "PARTNER",
            "sales.activity.*": "PARTNER",
            "sales.product.read": "ALL",
            "service-desk.ticket.read": "PARTNER",
            "service-desk.ticket.create": "PARTNER",
        },
    ),
    _role(
        "auditor",
        "审计 Auditor",
        "Reads everything, changes nothing; personal data are shortened.",
        {"*.*.read": "ALL"},
        ("NAME", "PHONE", "EMAIL", "ID_NUMBER", "ADDRESS", "ACCOUNT", "BIRTH_DATE", "FREE_TEXT", "RAW"),
    ),
]
