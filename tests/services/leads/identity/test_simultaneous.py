"""What comes at the same moment is decided as if it came in turn."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import text

from support.leads import make
from tercet.leads.v1.lead_service_pb2 import GetLeadRequest
from tercet_chassis.testing import Client, eventually
from tercet_leads.cleaning import clean_lead
from tercet_leads.identity.blocking import all_keys, strong_keys
from tercet_leads.identity.evidence import evidence_of
from tercet_leads.identity.recognition import Trace, recognise
from tercet_leads.leads.admit import admit
from tercet_leads.leads.rules import Submission

AT_HOME = {"full_name": "欧阳雨桐", "province": "山东省", "city": "济南市", "address": "舜耕路28号4幢2单元1602室"}


def submission(**values: str) -> Submission:
    return Submission(values=values, raw=dict(values), entry="API")


async def somebody_waits(client: Client) -> bool | None:
    """Whether a transaction waits for another's keys."""
    query = text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    async with client.running.runtime.database.connection() as connection:
        return bool(await connection.scalar(query)) or None


async def test_two_leads_of_one_home_without_phone_or_mail_become_one_lead(leads: Client) -> None:
    evidence = evidence_of(clean_lead({"name": "欧阳雨桐", "city": "济南市", "address": AT_HOME["address"]}))
    assert not strong_keys(evidence)
    async with leads.transaction("leads.lead.create") as tx:
        (first,) = await admit(tx, [submission(**AT_HOME)])
        second = asyncio.create_task(make(leads, **AT_HOME))
        await eventually(lambda: somebody_waits(leads))
    answered = await second
    assert first.lead is not None
    assert (answered.id, answered.duplicate_touch) == (str(first.lead.id), True)
    found = await leads.GetLead(GetLeadRequest(id=answered.id))
    assert found.touch_count == 2


async def test_two_companies_of_one_name_and_city_become_one_party(leads: Client) -> None:
    company = {"lead_type": "company", "company_name": "济南泉润环保设备有限公司", "city": "济南市"}
    async with leads.transaction() as tx:
        (first,) = await recognise(tx, [Trace(clean_lead(company))])

        async def other() -> Any:
            async with leads.transaction() as later:
                return await recognise(later, [Trace(clean_lead(company))])

        second = asyncio.create_task(other())
        await eventually(lambda: somebody_waits(leads))
    (again,) = await second
    assert again.party_id == first.party_id


async def test_a_large_batch_and_a_single_lead_wait_for_each_other(leads: Client) -> None:
    rows = [{"name": "欧阳雨桐", "city": "济南市", "address": f"舜耕路{number}号4幢1602室"} for number in range(1, 140)]
    keys = {key for row in rows for key in all_keys(evidence_of(clean_lead(row)))}
    assert len(keys) > 256
    async with leads.transaction() as tx:
        await recognise(tx, [Trace(clean_lead(row)) for row in rows])
        single = asyncio.create_task(make(leads, full_name="李强", mobile="13812341234"))
        await eventually(lambda: somebody_waits(leads))
    assert (await single).id


async def test_strangers_do_not_wait_for_each_other(leads: Client) -> None:
    async with leads.transaction("leads.lead.create") as tx:
        await admit(tx, [submission(**AT_HOME)])
        # Answered while the other transaction is still open.
        other = await make(leads, full_name="司马长风", city="青岛市", address="香港中路9号2幢501室")
    assert other.id
