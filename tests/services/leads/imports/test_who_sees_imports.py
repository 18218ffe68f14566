"""A list of names is the affair of whoever brought it: its file, its preview, its refused rows."""

from __future__ import annotations

from support.leads import done, upload
from tercet.chassis.v1.operation_service_pb2 import GetOperationRequest, ListOperationsRequest
from tercet.leads.v1.import_service_pb2 import (
    CreateImportRequest,
    ExportImportErrorsRequest,
    Import,
    ListImportErrorsRequest,
    ListImportErrorsResponse,
    PreviewImportRequest,
    RunImportRequest,
)
from tercet_chassis.testing import Client, refused

CONTENT = "姓名,手机,来源\n王芳,13812345678,展会\n李四,13912345678,展会,,13712345678".encode()


def someone(leads: Client, **options: object) -> Client:
    return leads.as_(permissions={"leads.import.*": "own", "leads.lead.*": "own"}, **options)  # type: ignore[arg-type]


async def _ran(client: Client) -> Import:
    file_id = await upload(client, "名单.csv", CONTENT)
    item: Import = await client.CreateImport(CreateImportRequest(lead_import=Import(file_id=file_id)))
    await done(client, await client.RunImport(RunImportRequest(id=item.id)))
    return item


async def _refused_rows(client: Client, item: Import) -> ListImportErrorsResponse:
    asked = ListImportErrorsRequest(filter=f'import_id = "{item.id}"', count=True)
    answer: ListImportErrorsResponse = await client.ListImportErrors(asked)
    return answer


async def test_nobody_imports_or_previews_a_file_that_somebody_else_brought(leads: Client) -> None:
    mine, other = someone(leads), someone(leads)
    file_id = await upload(mine, "名单.csv", CONTENT)
    with refused("RESOURCE_NOT_FOUND"):
        await other.CreateImport(CreateImportRequest(lead_import=Import(file_id=file_id)))
    item = await mine.CreateImport(CreateImportRequest(lead_import=Import(file_id=file_id)))
    with refused("RESOURCE_NOT_FOUND"):
        await other.PreviewImport(PreviewImportRequest(id=item.id))


async def test_refused_rows_are_listed_counted_and_exported_only_where_the_import_is_seen(leads: Client) -> None:
    mine, other = someone(leads), someone(leads)
    item = await _ran(mine)
    assert (await _refused_rows(mine, item)).total_size == 1
    hidden = await _refused_rows(other, item)
    assert (list(hidden.import_errors), hidden.total_size) == ([], 0)
    with refused("RESOURCE_NOT_FOUND"):
        await other.ExportImportErrors(ExportImportErrorsRequest(id=item.id))
    assert (await _refused_rows(leads, item)).total_size == 1


async def test_rows_as_they_came_are_hidden_from_whoever_has_anything_masked(leads: Client) -> None:
    item = await _ran(leads)
    masked = leads.as_(masks=["PHONE"])
    assert (await masked.ExportImportErrors(ExportImportErrorsRequest(id=item.id))).content == b""
    [error] = (await _refused_rows(masked, item)).import_errors
    assert not any("13712345678" in cell or "13912345678" in cell for cell in error.cells)
    preview = await masked.PreviewImport(PreviewImportRequest(id=item.id))
    assert "13812345678" not in str(preview)


async def test_operations_are_their_callers_own(leads: Client) -> None:
    mine, other = someone(leads), someone(leads)
    file_id = await upload(mine, "名单.csv", CONTENT)
    item = await mine.CreateImport(CreateImportRequest(lead_import=Import(file_id=file_id)))
    operation = await done(mine, await mine.RunImport(RunImportRequest(id=item.id)))
    with refused("RESOURCE_NOT_FOUND"):
        await other.GetOperation(GetOperationRequest(id=operation.id))
    assert not (await other.ListOperations(ListOperationsRequest())).operations
