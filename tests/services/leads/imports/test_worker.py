"""Rows are prepared in a process of their own: with the same result, whatever becomes of it, and it never stays."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.leads import company, done, mobile, person, upload
from tercet.leads.v1.import_service_pb2 import CreateImportRequest, GetImportRequest, Import, RunImportRequest
from tercet.leads.v1.lead_service_pb2 import Lead, ListLeadsRequest
from tercet_chassis.testing import Client, eventually
from tercet_leads.imports import ahead, running, service, worker
from tercet_leads.imports.mapping import propose
from tercet_leads.imports.preparing import Plan, Prepared, Preparer, submission_of
from tercet_leads.imports.tables import Row
from tercet_leads.imports.worker import Packed, Preparing, Worker, opened

HEADER = ("编号", "姓名", "公司", "手机", "电话", "邮箱", "城市", "地址", "来源", "创建时间", "经度", "备注")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
PLAN = Plan(
    import_id="test",
    header=HEADER,
    columns=tuple(propose(HEADER)),
    zone="Asia/Shanghai",
    country_code="CN",
    searched=(("full_name", 1), ("company_name", 0), ("mobile", 2), ("phone", 2), ("email", 3)),
)
CELLS = st.one_of(
    st.just(""),
    st.sampled_from(["王芳", "欧阳雨桐", "13812341234", "0531-88881234转8", "+49 30 901820", "a@b.cn", "=1+1", "无"]),
    st.sampled_from(["济南泉润环保设备有限公司", "济南市", "舜耕路28号4幢1602室", "2025-01-01 00:01", "120.1", "重庆"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
ROWS = st.lists(st.lists(CELLS, max_size=len(HEADER) + 1), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def apart() -> Iterator[Worker]:
    process = Worker(PLAN)
    yield process
    process.close()


def rows_of(cells: list[list[str]]) -> list[Row]:
    return [Row(number, row) for number, row in enumerate(cells, start=1)]


def gone(pid: int) -> bool:
    """Whether no such process runs; one that nobody has asked after yet is gone too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@settings(max_examples=60, deadline=None)
@given(cells=ROWS)
def test_rows_become_the_same_in_either_process(apart: Worker, cells: list[list[str]]) -> None:
    rows = rows_of(cells)
    here = Preparer(PLAN).rows(rows, NOW)
    there = opened(asyncio.run(apart.packed(rows, NOW)))
    assert there == here
    for found, other in zip(here, there, strict=True):
        if found is not None and other is not None:
            assert submission_of(found) == submission_of(other)


async def test_rows_are_prepared_here_once_the_process_is_dead() -> None:
    rows = rows_of([["1", "王芳", "", "13812341234"], ["2", "李雷"]])
    preparing = Preparing(PLAN, apart=True)
    before = opened(await preparing.packed(rows, NOW))
    assert preparing.worker is not None
    preparing.worker.process.kill()
    assert opened(await preparing.packed(rows, NOW)) == before
    assert preparing.worker is None


async def test_chunks_that_are_asked_for_at_once_get_their_own_answers() -> None:
    chunks = [rows_of([[str(number), person(number), "", mobile(number)]] * 40) for number in range(6)]
    preparing = Preparing(PLAN, apart=True)
    try:
        answers = await asyncio.gather(*(preparing.packed(rows, NOW) for rows in chunks))
        assert [opened(answer) for answer in answers] == [Preparer(PLAN).rows(rows, NOW) for rows in chunks]
        assert preparing.worker is not None
    finally:
        preparing.close()


def killed_service() -> int:
    """The worker of a service that was killed."""
    script = (
        "import time; from tercet_leads.imports.preparing import Plan; from tercet_leads.imports.worker import Worker\n"
        "made = Worker(Plan('x', (), (), 'UTC')); print(made.process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        pid = int(service.stdout.readline())
        assert not gone(pid)
        service.send_signal(signal.SIGKILL)
    return pid


async def test_process_ends_when_its_service_is_killed() -> None:
    pid = killed_service()
    await eventually(lambda: gone(pid), hint="the worker outlived its service")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Worker]:
    """The processes that imports start from now on; every file is large enough for one."""
    made: list[Worker] = []

    class Noted(Worker):
        def __init__(self, plan: Plan) -> None:
            super().__init__(plan)
            made.append(self)

    monkeypatch.setattr(worker, "Worker", Noted)
    monkeypatch.setattr(ahead, "APART_FROM", 0)
    monkeypatch.setattr(running, "ROWS_A_STEP", 30)
    return made


def file_of(count: int) -> bytes:
    rows = [f"R{n},{person(n)},{company(n)},{mobile(n)},展会名片" for n in range(count)]
    return "\n".join(["编号,姓名,公司,手机,来源", *rows, "R,,,,"]).encode()


async def begun(leads: Client, content: bytes) -> tuple[Import, Any]:
    made = Import(file_id=await upload(leads, "名单.csv", content))
    item: Import = await leads.CreateImport(CreateImportRequest(lead_import=made))
    return item, await leads.RunImport(RunImportRequest(id=item.id))


async def shown(leads: Client, item: Import, operation: Any) -> tuple[Import, list[Lead]]:
    await done(leads, operation)
    found = await leads.ListLeads(ListLeadsRequest(page_size=200, order_by="mobile"))
    answer: Import = await leads.GetImport(GetImportRequest(id=item.id))
    return answer, list(found.leads)


async def test_import_leaves_no_process_behind(leads: Client, started: list[Worker]) -> None:
    item, _ = await shown(leads, *await begun(leads, file_of(100)))
    assert (item.state, item.created_count, item.error_count) == (Import.DONE, 100, 1)
    (process,) = started
    assert gone(process.process.pid)
    found = await leads.ListLeads(ListLeadsRequest(q=person(7), count=True))
    assert found.total_size >= 1, "words that were made apart are searched like any others"


async def test_no_look_for_cycles_from_the_opening_of_a_chunk_until_it_is_gone(
    leads: Client, started: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Held(list[Prepared | None]):
        """A chunk that says so when it goes."""

        def __del__(self) -> None:
            looking.append(gc.isenabled())

    looking: list[bool] = []

    def noted(packed: Packed) -> list[Prepared | None]:
        looking.append(gc.isenabled())
        return Held(opened(packed))

    monkeypatch.setattr(service, "opened", noted)
    item, _ = await shown(leads, *await begun(leads, file_of(60)))
    assert (item.state, item.created_count) == (Import.DONE, 60)
    assert looking == [False] * 6, "three chunks, each opened and gone without a look"
    assert gc.isenabled()


async def test_import_goes_on_when_its_process_is_killed(leads: Client, started: list[Worker]) -> None:
    item, operation = await begun(leads, file_of(150))
    await eventually(lambda: bool(started), hint="no process was started")
    os.kill(started[0].process.pid, signal.SIGKILL)
    item, found = await shown(leads, item, operation)
    assert (item.state, item.row_count, item.created_count, item.error_count) == (Import.DONE, 151, 150, 1)
    assert len({lead.mobile for lead in found}) == 150


async def test_leads_are_the_same_with_and_without_a_process(
    leads: Client, started: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "APART_FROM", 1 << 30)
    _, here = await shown(leads, *await begun(leads, file_of(70)))
    other = leads.as_(tenant_id=(await leads.running.tenant()).tenant_id)
    monkeypatch.setattr(ahead, "APART_FROM", 0)
    _, apart = await shown(other, *await begun(other, file_of(70)))
    assert len(started) == 1
    own = ("id", "etag", "identity_id", "party_id", "create_time", "update_time", "occur_time", "last_touch_time")
    for lead in (*here, *apart):
        for name in (*own, "score_time", "unit_id", "owner_id"):
            lead.ClearField(name)
    assert here == apart


async def test_what_was_taken_in_before_an_interruption_is_not_prepared_again(
    leads: Client, started: list[Worker]
) -> None:
    made = Import(file_id=await upload(leads, "名单.csv", file_of(100)))
    item: Import = await leads.CreateImport(CreateImportRequest(lead_import=made))

    def unit() -> Any:
        return leads.transaction()

    async with leads.transaction() as tx:
        await running.begin(tx, item.id)
    chunks = ahead.chunks(unit, item.id, 30)
    rows, packed = await anext(chunks)
    assert packed is not None
    async with leads.transaction() as tx:
        await running.take(tx, item.id, rows, opened(packed))
    await chunks.aclose()
    assert gone(started[0].process.pid)
    again = [(len(rows), packed is None) async for rows, packed in ahead.chunks(unit, item.id, 30)]
    assert again == [(30, True), (30, False), (30, False), (11, False)]
