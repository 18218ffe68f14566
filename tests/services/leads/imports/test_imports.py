"""A file is looked at, previewed, taken in once, and taken back."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from support.leads import company, done, events_of, make, mobile, person, upload
from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.chassis.v1.operation_service_pb2 import Operation
from tercet.leads.v1.identity_service_pb2 import MergePartiesRequest, UnmergePartiesRequest
from tercet.leads.v1.import_service_pb2 import (
    CreateImportRequest,
    ExportImportErrorsRequest,
    GetImportRequest,
    Import,
    ListImportErrorsRequest,
    PreviewImportRequest,
    RunImportRequest,
    UndoImportRequest,
    UndoImportResult,
    UpdateImportRequest,
)
from tercet.leads.v1.lead_service_pb2 import GetLeadRequest, Lead, ListLeadsRequest, RecordContactRequest
from tercet.leads.v1.touch_service_pb2 import ListTouchesRequest
from tercet_chassis.testing import Client, refused
from tercet_leads.imports import running
from tercet_leads.imports.tables import read_text


def file_of(count: int, *extra: str) -> bytes:
    rows = [f"R{n},{person(n)},{company(n)},{mobile(n)},展会名片" for n in range(count)]
    return "\n".join(["编号,姓名,公司,手机,来源", *rows, *extra]).encode()


async def looked_at(leads: Client, content: bytes, name: str = "名单.csv", **values: Any) -> Import:
    item: Import = await leads.CreateImport(
        CreateImportRequest(lead_import=Import(file_id=await upload(leads, name, content), **values))
    )
    return item


async def run(leads: Client, item: Import) -> Import:
    operation = await done(leads, await leads.RunImport(RunImportRequest(id=item.id)))
    assert operation.state == Operation.DONE, operation
    answer: Import = await leads.GetImport(GetImportRequest(id=item.id))
    return answer


async def test_file_is_looked_at_and_previewed_before_anything_is_kept(leads: Client) -> None:
    item = await looked_at(leads, file_of(3).decode().encode("gb18030"))
    assert (item.state, item.encoding, item.delimiter) == (Import.READY, "gb18030", ",")
    assert [c.lead_field for c in item.columns] == ["external_id", "full_name", "company_name", "mobile", "source_code"]
    preview = await leads.PreviewImport(PreviewImportRequest(id=item.id))
    assert [row.lead.mobile for row in preview.rows] == [f"+86{mobile(n)}" for n in range(3)]
    assert any("展会名片" in problem for problem in preview.problems)
    assert not (await leads.ListLeads(ListLeadsRequest())).leads


async def test_rows_come_in_once_and_refused_ones_are_listed(leads: Client) -> None:
    content = file_of(40, "R3,,,,", f"R1,{person(1)},{company(1)},{mobile(1)},电话", "R9,a,b,c,d,e,f")
    item = await run(leads, await looked_at(leads, content))
    assert (item.state, item.created_count, item.touched_count) == (Import.DONE, 40, 1)
    assert item.row_count == item.created_count + item.touched_count + item.error_count
    errors = (await leads.ListImportErrors(ListImportErrorsRequest(filter=f'import_id = "{item.id}"'))).import_errors
    assert {error.reason for error in errors} == {"LEAD_EMPTY", "ROW_TOO_WIDE"}
    exported = await leads.ExportImportErrors(ExportImportErrorsRequest(id=item.id))
    assert "LEAD_EMPTY" in exported.content.decode("utf-8-sig")
    assert (await leads.ListLeads(ListLeadsRequest(count=True))).total_size == 40
    created = [event for event in await events_of(leads) if event.DESCRIPTOR.name == "LeadCreated"]
    assert len(created) == 40


async def test_import_is_run_only_once(leads: Client) -> None:
    item = await run(leads, await looked_at(leads, file_of(5)))
    operation = await done(leads, await leads.RunImport(RunImportRequest(id=item.id)))
    assert (operation.state, operation.error_reason) == (Operation.REFUSED, "IMPORT_NOT_READY")
    with refused("IMPORT_NOT_READY"):
        await leads.UpdateImport(
            UpdateImportRequest(lead_import=Import(id=item.id, source_code="x", file_id=item.file_id))
        )
    assert (await leads.ListTouches(ListTouchesRequest(count=True))).total_size == 5


async def test_undo_deletes_what_came_and_restores_what_was_there(leads: Client) -> None:
    before = await make(leads, full_name=person(1), company_name=company(1), mobile=mobile(1))
    content = file_of(30).replace(b"\xe5\x8f\xb7,", "号,职位,".encode(), 1)
    lines = content.decode().splitlines()
    content = "\n".join([lines[0], *(line.replace(",", ",经理,", 1) for line in lines[1:])]).encode()
    item = await run(leads, await looked_at(leads, content))
    touched = await leads.GetLead(GetLeadRequest(id=before.id))
    assert (touched.touch_count, touched.job_title) == (2, "经理")
    worked = next(lead for lead in (await leads.ListLeads(ListLeadsRequest())).leads if lead.full_name == person(7))
    await leads.RecordContact(RecordContactRequest(id=worked.id))
    operation = await done(leads, await leads.UndoImport(UndoImportRequest(id=item.id)))
    assert operation.state == Operation.DONE, operation
    left = (await leads.ListLeads(ListLeadsRequest())).leads
    assert {lead.id for lead in left} == {before.id, worked.id}
    restored = await leads.GetLead(GetLeadRequest(id=before.id))
    assert (restored.touch_count, restored.job_title) == (1, "")
    findings = (await leads.CheckInvariants(CheckInvariantsRequest())).findings
    ours = {finding.invariant: finding.holds for finding in findings if finding.invariant.startswith("leads.")}
    assert ours["leads.touches_counted"]
    assert all(ours.values()), ours
    assert (await leads.GetImport(GetImportRequest(id=item.id))).state == Import.UNDONE


async def known(leads: Client) -> dict[str, Any]:
    """Who is known, by what and under which keys."""
    async with leads.transaction() as tx:
        found = {
            "identities": "SELECT id, party_id FROM fenced.identities ORDER BY id",
            "parties": "SELECT id, member_count, phones, evidence, display_name FROM fenced.parties ORDER BY id",
            "keys": "SELECT key, party_id FROM party_keys ORDER BY key, party_id",
        }
        return {name: (await tx.session.execute(text(query))).all() for name, query in found.items()}


async def test_undo_forgets_who_was_known_by_the_file_alone(leads: Client) -> None:
    await make(leads, full_name=person(1), company_name=company(1), mobile=mobile(1))
    before = await known(leads)
    item = await run(leads, await looked_at(leads, file_of(30)))
    assert len((await known(leads))["identities"]) == 31
    await done(leads, await leads.UndoImport(UndoImportRequest(id=item.id)))
    assert await known(leads) == before
    findings = (await leads.CheckInvariants(CheckInvariantsRequest())).findings
    assert all(finding.holds for finding in findings if finding.invariant.startswith("parties."))
    # A wrong file must recognise nobody afterwards.
    later = await make(leads, full_name=person(7), company_name=company(7), mobile=mobile(7))
    assert later.party_id not in {str(row.id) for row in before["parties"]}


async def test_undo_keeps_whom_something_else_is_about_and_what_people_decided(leads: Client) -> None:
    item = await run(leads, await looked_at(leads, file_of(6)))
    made = {lead.full_name: lead for lead in (await leads.ListLeads(ListLeadsRequest())).leads}
    worked, first, second = made[person(1)], made[person(2)], made[person(3)]
    await leads.RecordContact(RecordContactRequest(id=worked.id))
    merge = await leads.MergeParties(MergePartiesRequest(id=first.party_id, other_party_ids=[second.party_id]))
    operation = await done(leads, await leads.UndoImport(UndoImportRequest(id=item.id)))
    result = UndoImportResult()
    operation.result.Unpack(result)
    assert (result.deleted_count, result.kept_count, result.forgotten_count) == (5, 1, 3)
    kept = {str(row.id) for row in (await known(leads))["identities"]}
    assert kept == {worked.identity_id, first.identity_id, second.identity_id}
    await leads.UnmergeParties(UnmergePartiesRequest(id=first.party_id, decision_id=merge.id))
    findings = (await leads.CheckInvariants(CheckInvariantsRequest())).findings
    assert all(finding.holds for finding in findings if finding.invariant.startswith("parties."))


async def test_imported_leads_wake_no_automation_unless_asked(leads: Client) -> None:
    await run(leads, await looked_at(leads, file_of(1)))
    assert await origins(leads) == ["import"]
    await run(leads, await looked_at(leads, file_of(3).replace(b"R0", b"X0"), automations=True))
    assert "live" in await origins(leads)


async def origins(leads: Client) -> list[str]:
    from sqlalchemy import select

    from tercet_chassis.tables import outbox

    async with leads.running.runtime.database.connection() as connection:
        query = select(outbox.c.headers).where(
            outbox.c.tenant_id == leads.tenant_id, outbox.c.subject.contains("lead.created")
        )
        return [
            headers["tercet-origin"] for headers in (await connection.execute(query.order_by(outbox.c.id))).scalars()
        ]


async def test_other_column_can_be_chosen_and_wrong_ones_are_refused(leads: Client) -> None:
    item = await looked_at(leads, "谁,号码\n王芳,13824681357\n".encode())
    assert [c.lead_field for c in item.columns] == ["", ""]
    columns = [Import.Column(name="谁", lead_field="full_name"), Import.Column(name="号码", lead_field="mobile")]
    await leads.UpdateImport(UpdateImportRequest(lead_import=Import(id=item.id, file_id=item.file_id, columns=columns)))
    assert (await run(leads, item)).created_count == 1
    with refused("MAPPING_INVALID", "lead_import.columns[0].lead_field"):
        wrong = [Import.Column(name="谁", lead_field="no_such_field")]
        await looked_at(leads, "谁,号码\n王芳,1\n".encode(), columns=wrong)


async def test_file_that_is_no_table_is_refused_with_the_reason(leads: Client) -> None:
    with refused("FILE_NOT_READABLE", "lead_import.file_id"):
        await looked_at(leads, b"\x7fELF\x00\x00\x00")
    with refused("FILE_HAS_NO_HEADER", "lead_import.file_id"):
        await looked_at(leads, "王芳,13800138001\n李雷,13800138002\n".encode())
    with refused("FILE_ENCODING_UNKNOWN", "lead_import.encoding"):
        await looked_at(leads, "姓名,手机\n王芳,1\n".encode("gb18030"), encoding="utf-8")
    with refused("TIME_ZONE_UNKNOWN", "lead_import.time_zone"):
        await looked_at(leads, file_of(1), time_zone="Mars/Olympus")


async def test_row_with_formula_comes_in_harmless(leads: Client) -> None:
    item = await run(leads, await looked_at(leads, '姓名,手机,备注\n王芳,"=""13824681357""",=cmd|x\n'.encode()))
    assert item.created_count == 1
    (lead,) = (await leads.ListLeads(ListLeadsRequest())).leads
    assert (lead.mobile, lead.state) == ("+8613824681357", Lead.OPEN)
    assert not lead.remark.startswith("=")
    (touch,) = (await leads.ListTouches(ListTouchesRequest())).touches
    assert touch.raw["备注"] == "=cmd|x"


async def test_file_of_another_tenant_is_not_there(leads: Client) -> None:
    file_id = await upload(leads, "a.csv", file_of(1))
    from tercet_chassis import new_id

    stranger = leads.as_(tenant_id=new_id())
    with refused("RESOURCE_NOT_FOUND"):
        await stranger.CreateImport(CreateImportRequest(lead_import=Import(file_id=file_id)))


async def test_rows_that_come_again_after_a_crash_are_taken_once(leads: Client) -> None:
    item = await looked_at(leads, file_of(25))
    rows = [row for row in read_text([file_of(25).decode()], ",") if row.number > 0]
    async with leads.transaction() as tx:
        await running.begin(tx, item.id)
    for _ in range(2):
        async with leads.transaction() as tx:
            await running.take(tx, item.id, rows)
    assert (await leads.ListTouches(ListTouchesRequest(count=True))).total_size == 25
    assert (await leads.GetImport(GetImportRequest(id=item.id))).created_count == 25
    assert len([event for event in await events_of(leads) if event.DESCRIPTOR.name == "LeadCreated"]) == 25


async def test_crash_inside_a_chunk_leaves_nothing_half_done(leads: Client) -> None:
    item = await looked_at(leads, file_of(25))
    rows = [row for row in read_text([file_of(25).decode()], ",") if row.number > 0]

    async def interrupted() -> None:
        async with leads.transaction() as tx:
            await running.begin(tx, item.id)
            await running.take(tx, item.id, rows)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await interrupted()
    assert not (await leads.ListLeads(ListLeadsRequest())).leads
    assert not (await leads.ListTouches(ListTouchesRequest())).touches
    assert not await events_of(leads)
    assert (await run(leads, item)).created_count == 25
