"""Files as people really send them: any encoding, delimiter and header, and rows that are none."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import xlsxwriter  # type: ignore[import-untyped]

from tercet_leads.imports.mapping import Mapper, harmless, neutral, parse_time, propose, wrong_columns
from tercet_leads.imports.tables import (
    LONGEST_ROW,
    NotInEncoding,
    NotTabular,
    TextRows,
    is_workbook,
    looks_like_data,
    read_text,
    sheet_rows,
    sniff,
    unique_names,
)

ROOT = Path(__file__).parents[4]
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_found_out(encoding: str, delimiter: str) -> None:
    lines = [["姓名", "手机", "公司名称"], ["王芳", "13800138001", "云星, 塑料"], ["李雷", "13800138002", ""]]
    text = "\r\n".join(delimiter.join(f'"{cell}"' for cell in line) for line in lines)
    layout = sniff(text.encode(encoding))
    assert layout.delimiter == delimiter
    assert layout.header == ["姓名", "手机", "公司名称"]


def test_traditional_file_in_big5_is_read_as_big5() -> None:
    layout = sniff("聯絡人,手機,公司名稱\r\n陳志明,0912345678,台北電子\r\n".encode("big5"))
    assert (layout.encoding, layout.header) == ("big5", ["聯絡人", "手機", "公司名稱"])


def test_wrong_encoding_is_refused() -> None:
    with pytest.raises(NotInEncoding):
        sniff("姓名,手机\n王芳,1\n".encode("gb18030"), encoding="utf-8")
    with pytest.raises(NotInEncoding):
        sniff(b"name\n", encoding="no-such-encoding")


def test_empty_and_binary_files_are_refused() -> None:
    for content in (b"", b"  \n", b"\x7fELF\x02\x01\x01\x00\x00\x00"):
        with pytest.raises(NotTabular):
            sniff(content)


def test_header_of_data_is_noticed() -> None:
    assert looks_like_data(["王芳", "13800138001"])
    assert not looks_like_data(["姓名", "手机"])
    assert not looks_like_data(["A", "B"])


def test_names_of_columns_are_unique_and_never_empty() -> None:
    assert unique_names(["姓名", "", "姓名", "  "]) == ["姓名", "column 2", "姓名 (2)"]


def test_line_ends_inside_quotation_marks_stay() -> None:
    text = 'name,remark\n王芳,"第一行\n第二行, 还有"\n李雷,x\n'
    for size in (1, 3, 1000):
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        rows = [row.cells for row in read_text(pieces, ",")]
        assert rows == [["name", "remark"], ["王芳", "第一行\n第二行, 还有"], ["李雷", "x"]]


def test_row_of_a_hundred_megabytes_is_refused_alone_and_in_constant_memory() -> None:
    rows = TextRows(",")
    tracemalloc.start()
    found = list(rows.feed("name,mobile\n王芳,1\n"))
    piece = "x" * (1 << 20)
    for _ in range(100):
        found += rows.feed(piece)
    found += rows.feed("\n李雷,2\n")
    found += rows.feed("", final=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(row.number, row.problem) for row in found] == [(0, ""), (1, ""), (2, "ROW_TOO_LONG"), (3, "")]
    assert peak < 16 << 20


def test_quotation_mark_nobody_closed_costs_no_more_than_its_neighbours() -> None:
    tail = "".join(f"客户{n},1380013{n:04d}\n" for n in range(40_000))
    pieces = ['name,mobile\n"王芳,1\n' + tail]
    rows = list(read_text(pieces, ","))
    assert any(row.problem == "ROW_TOO_LONG" for row in rows)
    assert len(rows) > 20_000


def test_bytes_that_are_no_character_mark_their_row() -> None:
    text = b"name,mobile\n\xff\xfe\xfd,1\nlilei,2\n".decode("utf-8", "replace")
    assert [row.problem for row in read_text([text], ",")] == ["", "ROW_ENCODING_BROKEN", ""]


def test_row_over_the_limit_in_one_piece_is_refused_alone() -> None:
    text = "name,mobile\n" + "x" * (LONGEST_ROW + 10) + ",1\nlilei,2\n"
    assert [row.problem for row in read_text([text], ",")] == ["", "ROW_TOO_LONG", ""]


def test_workbook_is_read_with_its_numbers_and_days() -> None:
    target = BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True})
    sheet = book.add_worksheet("客户")
    sheet.write_row(0, 0, ["姓名", "手机", "创建时间"])
    sheet.write_row(1, 0, ["王芳", 13800138001])
    sheet.write_datetime(1, 2, datetime(2025, 3, 1, 9, 30), book.add_format({"num_format": "yyyy-mm-dd hh:mm"}))  # noqa: DTZ001
    book.close()
    assert is_workbook(target.getvalue())
    names, rows = sheet_rows(target.getvalue(), "")
    assert names == ["客户"]
    assert [row.cells for row in rows] == [["姓名", "手机", "创建时间"], ["王芳", "13800138001", "2025-03-01 09:30:00"]]


def test_damaged_workbook_is_refused() -> None:
    with pytest.raises(NotTabular):
        sheet_rows(b"PK\x03\x04 this is no workbook", "")


def test_every_column_of_the_sample_file_is_mapped() -> None:
    layout = sniff((ROOT / "examples" / "leads.csv").read_bytes()[: 1 << 20])
    assert (layout.encoding, layout.delimiter) == ("utf-8", ",")
    columns = {column["name"]: column["lead_field"] for column in propose(layout.header)}
    assert columns == {
        "record_id": "external_id",
        "created_at": "occur_time",
        "source": "source_code",
        "lead_type": "kind",
        "name": "full_name",
        "company_name": "company_name",
        "title": "job_title",
        "mobile": "mobile",
        "phone": "phone",
        "email": "email",
        "wechat": "wechat",
        "openid": "openid",
        "id_no": "id_number",
        "uscc": "uscc",
        "tax_no": "tax_number",
        "license_no": "license_number",
        "province": "province",
        "city": "city",
        "address": "address",
        "lng": "longitude",
        "lat": "latitude",
        "website": "website",
        "remark": "remark",
    }


def test_wrong_mapping_is_told_by_its_path() -> None:
    columns = [
        {"name": "a", "lead_field": "mobile"},
        {"name": "b", "lead_field": "mobile"},
        {"name": "c", "lead_field": "nonsense"},
    ]
    paths = [path for path, _ in wrong_columns(columns, ["a", "b"])]
    assert paths == [
        "lead_import.columns[1].lead_field",
        "lead_import.columns[2].name",
        "lead_import.columns[2].lead_field",
    ]


def test_cells_become_a_submissions_values() -> None:
    header = ["姓名", "类型", "时间", "经度", "产品", "自定义"]
    columns = [*propose(header)[:5], {"name": "自定义", "lead_field": "custom.size"}]
    mapper = Mapper(header, columns, SHANGHAI, datetime(2026, 1, 1, tzinfo=UTC))
    mapped = mapper.row(["王芳", "个人", "2025/3/1 9:30", "121.5", "A1、B2", "大"])
    assert (mapped.values, mapped.kind, mapped.longitude, mapped.interests) == (
        {"full_name": "王芳"},
        "PERSON",
        121.5,
        ["A1", "B2"],
    )
    assert mapped.occur_time == datetime(2025, 3, 1, 1, 30, tzinfo=UTC)
    assert mapped.custom == {"size": "大"}


def test_odd_cells_are_kept_raw_and_flagged() -> None:
    header = ["姓名", "时间", "经度"]
    mapper = Mapper(header, propose(header), SHANGHAI, datetime(2026, 1, 1, tzinfo=UTC))
    mapped = mapper.row(['=HYPERLINK("http://x","点我")', "2031-01-01", "north"])
    assert mapped.flags == ["full_name:formula_neutralised", "occur_time:in_future", "longitude:not_degrees"]
    assert mapped.raw["姓名"] == '=HYPERLINK("http://x","点我")'
    assert not mapped.values["full_name"].startswith("=")


@pytest.mark.parametrize(
    ("cell", "text"),
    [('="13800138001"', "13800138001"), ("=1+1", "1+1"), ("@SUM(A1)", "SUM(A1)"), ("\t=x", "x"), ("王芳", "王芳")],
)
def test_formulas_are_neutralised_coming_in(cell: str, text: str) -> None:
    assert neutral(cell) == text


@pytest.mark.parametrize("cell", ["=1+1", "+8613800138001", "-1", "@x", "\tx"])
def test_formulas_are_neutralised_going_out(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "text", ["2025-03-01 09:30:00", "2025/03/01 09:30", "2025年3月1日 09:30", "2025-03-01T01:30:00Z"]
)
def test_times_are_understood(text: str) -> None:
    assert parse_time(text, SHANGHAI) == datetime(2025, 3, 1, 1, 30, tzinfo=UTC)
