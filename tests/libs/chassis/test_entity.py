"""Entities: what the database knows of them without our code."""

from __future__ import annotations

from sqlalchemy import text

from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client


async def test_code_that_does_not_know_a_column_yet_inserts_rows_all_the_same(sut: Client) -> None:
    known = (
        "tenant_id, id, identity_id, party_id, customer_id, full_name, search, create_time, update_time, row_version"
    )
    values = ":tenant, :id, :id, :id, :id, '王芳', '', now(), now(), 1"
    async with sut.transaction() as tx:
        row = {"tenant": tx.tenant_id, "id": new_id()}
        await tx.session.execute(text(f"INSERT INTO contacts ({known}) VALUES ({values})"), row)
        query = text("SELECT job_title, remark, phones, active, preferred FROM fenced.contacts WHERE id = :id")
        stored = (await tx.session.execute(query, row)).one()
    assert tuple(stored) == ("unknown", "", [], True, False)
