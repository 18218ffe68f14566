"""Imports: looked at, previewed, run and undone as operations."""

from __future__ import annotations

import csv
import io
from contextlib import aclosing
from functools import partial

from tercet.leads.v1 import import_service_pb2 as pb
from tercet.leads.v1.lead_service_pb2 import Lead
from tercet_chassis import Handlers, Process, Refusal, Tx
from tercet_leads.imports import ahead, reading, running, store
from tercet_leads.imports.collecting import uncollected
from tercet_leads.imports.mapping import harmless
from tercet_leads.imports.model import Import, ImportRowError
from tercet_leads.imports.preparing import Preparer
from tercet_leads.imports.worker import opened
from tercet_leads.leads.draft import draft_of
from tercet_leads.leads.intake import checked
from tercet_leads.leads.rulebook import rulebook
from tercet_leads.sources.rules import UNKNOWN

_PREVIEW = 20


class ImportService(Handlers):
    """Serves tercet.leads.v1.ImportService."""

    async def CreateImport(self, request: pb.CreateImportRequest, tx: Tx) -> Import:
        """Looks at a file and proposes how to read it. Refuses what is no table."""
        item = await tx.create(Import, request.lead_import)
        item.time_zone = item.time_zone or tx.principal.zone
        await store.check_file(tx, item.file_id)
        await reading.look(tx, item)
        _ = item.zone
        return item

    async def UpdateImport(self, request: pb.UpdateImportRequest, tx: Tx) -> Import:
        """Changes how the file is read; another encoding, delimiter or sheet is looked at anew. Refuses once it was
        run.
        """
        given = request.lead_import
        item = await tx.get(Import, given.id, etag=given.etag, lock=True)
        item.check_ready()
        before = (item.encoding, item.delimiter, item.sheet_name)
        columns = [dict(column) for column in item.columns]
        await tx.patch(item, given, request.update_mask)
        if (item.encoding, item.delimiter, item.sheet_name) != before and item.columns == columns:
            # The columns were proposed for the file as it was read before.
            item.columns = []
        await reading.look(tx, item)
        _ = item.zone
        return item

    async def PreviewImport(self, request: pb.PreviewImportRequest, tx: Tx) -> pb.PreviewImportResponse:
        """The first rows as they would be taken in; nothing is kept."""
        item = await tx.get(Import, request.id)
        book = await rulebook(tx)
        response = pb.PreviewImportResponse()
        message = tx.render(item)
        assert isinstance(message, pb.Import)
        response.lead_import.CopyFrom(message)
        preparer = Preparer(running.plan_of(item, tx))
        unknown: set[str] = set()
        for row in await reading.first_rows(tx, item, request.rows or _PREVIEW):
            shown = response.rows.add(row_number=row.number, cells=row.cells)
            (prepared,) = preparer.rows([row], tx.now())
            if prepared is None:
                shown.reason, shown.message = running.problem_of(row, len(item.header))
                continue
            submission = running.submission_of(item, row, prepared)
            source = book.sources.find(submission.source_given) if submission.source_given else None
            if submission.source_given and source is None:
                unknown.add(submission.source_given)
            try:
                if submission.understood is None:
                    checked(submission)
                lead, _ = draft_of(submission, tx.now(), source.code if source else UNKNOWN)
            except Refusal as refused:
                shown.reason, shown.message = refused.reason, refused.message
                continue
            cleaned = tx.render(lead)
            assert isinstance(cleaned, Lead)
            shown.lead.CopyFrom(cleaned)
            for name in ("id", "identity_id", "party_id"):
                shown.lead.ClearField(name)
        response.problems.extend(_problems(item, sorted(unknown)))
        return response

    async def RunImport(self, request: pb.RunImportRequest, process: Process) -> pb.RunImportResult:
        """Takes the file in. Refuses one that was run; a row that is refused stops no other."""
        unit = partial(process.runtime.transaction, process.context)
        await process.step("begin", running.begin, request.id)
        done = 0
        async with aclosing(ahead.chunks(unit, request.id, running.ROWS_A_STEP)) as chunks:
            async for rows, packed in chunks:
                # From its opening until it is gone: a look in between would go over all of it.
                with uncollected():
                    prepared = None if packed is None else opened(packed)
                    await process.step(f"rows {done}", running.take, request.id, rows, prepared)
                    done += len(rows)
                    # It shall be gone before the next one is opened.
                    del rows, packed, prepared
                await process.progress(done, 0, f"{done} rows")
        item = await process.step("end", running.end, request.id)
        result = pb.RunImportResult()
        result.lead_import.CopyFrom(item)
        return result

    async def UndoImport(self, request: pb.UndoImportRequest, process: Process) -> pb.UndoImportResult:
        """Takes an import back. Refuses one that is not done."""
        begun = await process.step("begin", running.begin_undo, request.id)
        result, number, left = pb.UndoImportResult(), 0, True
        while left:
            counts = await process.step(f"touches {number}", running.take_back, request.id)
            result.deleted_count += counts["deleted"]
            result.restored_count += counts["restored"]
            result.kept_count += counts["kept"]
            result.forgotten_count += counts["forgotten"]
            number, left = number + 1, counts["touches"] > 0
            await process.progress(min(number * running.TOUCHES_A_STEP, begun["touches"]), begun["touches"])
        result.lead_import.CopyFrom(await process.step("end", running.end_undo, request.id))
        return result

    async def ListImportErrors(self, request: pb.ListImportErrorsRequest, tx: Tx) -> pb.ListImportErrorsResponse:
        """A page of the refused rows of imports that the caller sees."""
        page = await tx.page(ImportRowError, request, where=store.errors_seen(tx), response=pb.ListImportErrorsResponse)
        assert isinstance(page, pb.ListImportErrorsResponse)
        return page

    async def ExportImportErrors(self, request: pb.ExportImportErrorsRequest, tx: Tx) -> pb.ExportImportErrorsResponse:
        """The refused rows as a CSV file."""
        item = await tx.get(Import, request.id)
        target = io.StringIO()
        writer = csv.writer(target)
        writer.writerow([harmless(name) for name in [*item.header, "error"]])
        for error in await store.errors(tx, item.id):
            cells = [*error.cells, *[""] * (len(item.header) - len(error.cells))]
            writer.writerow([harmless(cell) for cell in [*cells, f"{error.reason}: {error.message}"]])
        name = item.file_name.rsplit(".", 1)[0]
        # The mark at the beginning tells spreadsheets that it is UTF-8.
        content = target.getvalue().encode("utf-8-sig")
        return pb.ExportImportErrorsResponse(
            file_name=f"{name}-errors.csv", media_type="text/csv; charset=utf-8", content=content
        )


def _problems(item: Import, unknown: list[str]) -> list[str]:
    found = []
    unmapped = [column["name"] for column in item.columns if not column.get("lead_field")]
    if len(unmapped) == len(item.columns):
        found.append("No column fills a field of the lead: map at least one.")
    elif unmapped:
        found.append(f"These columns are kept with the touch only: {', '.join(unmapped)}.")
    if unknown:
        found.append(f"These sources do not exist and would be taken as unknown: {', '.join(unknown[:20])}.")
    return found
