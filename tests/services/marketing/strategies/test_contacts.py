"""Contacts hear of what their company is given, by role and by their own consent and name; zones are those chosen."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from support.deals import new_customer
from support.sending import decides, email, ended, somebody
from support.strategies import action, decisions, draft, running, template, wanted
from tercet.marketing.v1 import strategy_service_pb2 as pb
from tercet.marketing.v1.channel_service_pb2 import ListConsoleMessagesRequest
from tercet.marketing.v1.grant_service_pb2 import ListGrantsRequest
from tercet.marketing.v1.send_service_pb2 import Send
from tercet.sales.v1.contact_service_pb2 import Contact, CreateContactRequest, DeleteContactRequest
from tercet.sales.v1.customer_service_pb2 import Customer
from tercet_chassis.testing import Client
from tercet_marketing.consent.model import ContactPreference

CHOSEN, WITHHELD = pb.StrategyDecision.CHOSEN, pb.StrategyDecision.WITHHELD


async def company(sales: Client, name: str = "华强电子") -> Customer:
    return await new_customer(sales, "", kind="COMPANY", company_name=name, emails=[{"address": "office@hq.example"}])


async def contact(sales: Client, of: Customer, name: str, role: int, **more: Any) -> Contact:
    values: dict[str, Any] = {"customer_id": of.id, "full_name": name, "buying_role": role, **more}
    made: Contact = await sales.CreateContact(CreateContactRequest(contact=Contact(**values)))
    return made


async def test_the_first_contact_whom_a_channel_reaches_is_told_and_the_company_holds_the_benefit(
    sales: Client, marketing: Client
) -> None:
    await template(marketing)
    await action(marketing, channel_codes=["email"], template_code="gift")
    roles = ["DECISION_MAKER", "BUYER"]
    await running(marketing, draft("b2b", purpose=pb.Strategy.SERVICE, recipient_roles=roles, reentry_days=0))
    firm = await company(sales)
    await contact(sales, firm, "总经理", Contact.DECISION_MAKER, phones=[{"number": "13800138000"}])
    buyer = await contact(sales, firm, "采购王芳", Contact.BUYER, emails=[{"address": "buyer@hq.example"}])
    await sales.settled()
    await marketing.settled()
    identity = UUID(firm.identity_id)
    await wanted(marketing, [identity], "1")
    (told,) = await decisions(marketing, occasion="1")
    assert (told.outcome, told.contact_id, told.identity_id) == (CHOSEN, buyer.id, firm.identity_id)
    sent = await ended(marketing, Send(id=told.send_id))
    assert (sent.state, sent.address.value) == (Send.DELIVERED, "buyer@hq.example")
    (message,) = (await marketing.ListConsoleMessages(ListConsoleMessagesRequest())).console_messages
    assert message.text == "采购王芳: 10.00 CNY"
    (given,) = (await marketing.ListGrants(ListGrantsRequest())).grants
    assert given.identity_id == firm.identity_id
    await sales.DeleteContact(DeleteContactRequest(id=buyer.id))
    await sales.settled()
    await marketing.settled()
    await wanted(marketing, [identity], "2")
    (gone,) = await decisions(marketing, occasion="2")
    assert (gone.reason, gone.checks[-1].cause) == ("CHANNEL", "NO_ADDRESS")


async def test_a_contacts_own_consent_counts_and_roles_that_nobody_has_are_named(
    sales: Client, marketing: Client
) -> None:
    await template(marketing)
    await action(marketing, channel_codes=["email"], template_code="gift")
    await running(marketing, draft("ads", recipient_roles=["BUYER"], reentry_days=0))
    firm = await company(sales)
    await sales.settled()
    await marketing.settled()
    identity = UUID(firm.identity_id)
    await decides(marketing, identity, email("office@hq.example"))
    await wanted(marketing, [identity], "1")
    point = email("buyer@hq.example")
    fang = await somebody(marketing, "王芳", point)
    await contact(sales, firm, "王芳", Contact.BUYER, emails=[{"address": point.value}], identity_id=str(fang))
    await sales.settled()
    await marketing.settled()
    await wanted(marketing, [identity], "2")
    await decides(marketing, fang, point)
    await wanted(marketing, [identity], "3")
    made = [one for one in await decisions(marketing) if one.occasion in ("1", "2", "3")]
    found = {one.occasion: (one.outcome, one.checks[-1].cause) for one in made}
    assert found == {"1": (WITHHELD, "NO_CONTACT"), "2": (WITHHELD, "NO_CONSENT"), "3": (CHOSEN, "")}


async def test_whoever_is_no_company_is_told_themselves(marketing: Client) -> None:
    await template(marketing)
    await action(marketing, channel_codes=["email"], template_code="gift")
    await running(marketing, draft(recipient_roles=["BUYER"]))
    point = email("fang@example.com")
    fang = await somebody(marketing, "王芳", point)
    await decides(marketing, fang, point)
    await wanted(marketing, [fang])
    (decision,) = await decisions(marketing)
    assert (decision.outcome, decision.contact_id, decision.channel_code) == (CHOSEN, "", "email")


@pytest.mark.usefixtures("noon")
async def test_quiet_hours_are_those_of_the_zone_that_a_customer_chose(marketing: Client) -> None:
    await action(marketing)
    # Noon in Shanghai is eleven in the evening in New York, or midnight in summer.
    night = pb.StrategyQuietHours(begin="21:00", end="08:00")
    await running(marketing, draft(quiet_hours=night))
    here, there = await somebody(marketing, "王芳"), await somebody(marketing, "John")
    async with marketing.transaction() as tx:
        tx.add(ContactPreference(identity_id=there, party_id=there, language="en", zone="America/New_York"))
    await wanted(marketing, [here, there])
    found = {one.identity_id: one for one in await decisions(marketing)}
    assert found[str(here)].outcome == CHOSEN
    late = found[str(there)]
    assert (late.outcome, late.reason) == (pb.StrategyDecision.DEFERRED, "QUIET_HOURS")
    assert late.HasField("due_time")
