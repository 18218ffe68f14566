"""Things that tests of sales need again and again, with Chinese data as the normal case."""

from __future__ import annotations

from typing import Any

from tercet.sales.v1 import customer_service_pb2 as customers
from tercet.sales.v1 import opportunity_service_pb2 as pb
from tercet.type.v1.money_pb2 import Money
from tercet_chassis.testing import Client


def money(amount: str, currency: str = "CNY") -> Money:
    """An amount as the contract writes it."""
    return Money(currency_code=currency, amount=amount)


async def company(sales: Client, name: str = "上海星河科技有限公司", **values: Any) -> customers.Customer:
    """A company customer."""
    given = customers.Customer(kind=customers.Customer.COMPANY, company_name=name, **values)
    made: customers.Customer = await sales.CreateCustomer(customers.CreateCustomerRequest(customer=given))
    return made


async def person(sales: Client, name: str = "王芳", **values: Any) -> customers.Customer:
    """A person as customer."""
    given = customers.Customer(kind=customers.Customer.PERSON, full_name=name, **values)
    made: customers.Customer = await sales.CreateCustomer(customers.CreateCustomerRequest(customer=given))
    return made


async def opportunity(sales: Client, customer_id: str, title: str = "二十台工作站", **values: Any) -> pb.Opportunity:
    """An opportunity of a customer."""
    given = pb.Opportunity(customer_id=customer_id, title=title, **values)
    made: pb.Opportunity = await sales.CreateOpportunity(pb.CreateOpportunityRequest(opportunity=given))
    return made
