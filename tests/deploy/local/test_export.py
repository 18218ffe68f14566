"""Lists into files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from support.stand_in_gateway import StandInGateway, stand_in_gateway
from tercet_local.cli.export import cell
from tercet_local.cli.main import app

ROWS = [
    {"id": "1", "full_name": "王芳", "phones": [{"value": "+8613800138000"}], "score": 61, "note": None},
    {"id": "2", "full_name": "=cmd|' /C calc'!A0", "phones": [], "score": 5, "note": "a,b\nc"},
]


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandInGateway]:
    with stand_in_gateway() as running:
        monkeypatch.setenv("TERCET_URL", running.url)
        monkeypatch.setenv("TERCET_TOKEN", "t")
        running.live.add("t")
        running.answers["/v1/leads"] = (200, {"leads": ROWS, "next_page_token": "", "total_size": 2})
        yield running


def test_a_list_becomes_a_csv_file_that_reads_back(gateway: StandInGateway, tmp_path: Path) -> None:
    target = tmp_path / "leads.csv"
    said = CliRunner().invoke(app, ["export", "leads", "--filter", "score > 0", "-o", str(target)])
    assert said.exit_code == 0, said.exception
    assert "filter=score+%3E+0" in gateway.asked[0][1]
    with target.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["full_name"] == "王芳"
    assert json.loads(rows[0]["phones"]) == [{"value": "+8613800138000"}]
    assert rows[1]["full_name"].startswith("'=")
    assert rows[1]["note"] == "a,b\nc"
    assert target.read_bytes().startswith(b"\xef\xbb\xbf")


def test_chosen_fields_as_json_lines_on_standard_output(gateway: StandInGateway) -> None:
    said = CliRunner().invoke(app, ["export", "leads", "--format", "jsonl", "--fields", "id, score"])
    assert [json.loads(line) for line in said.stdout.splitlines()] == [
        {"id": "1", "score": 61},
        {"id": "2", "score": 5},
    ]


def test_a_refused_export_leaves_no_file(gateway: StandInGateway, tmp_path: Path) -> None:
    gateway.answers["/v1/leads"] = (422, {"detail": "The filter does not parse.", "reason": "FILTER_UNREADABLE"})
    target = tmp_path / "leads.csv"
    said = CliRunner().invoke(app, ["export", "leads", "-o", str(target)])
    assert "FILTER_UNREADABLE" in str(said.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("harmless", ["+86 138 0013 8000", "-12.50", "王芳", "a=b"])
def test_phone_numbers_and_amounts_stay_as_they_are(harmless: str) -> None:
    assert cell(harmless) == harmless


@pytest.mark.parametrize("formula", ["=1+1", "@SUM(A1)", "+cmd|x", "-2+3+cmd", "\t=1"])
def test_what_a_spreadsheet_would_run_is_quoted(formula: str) -> None:
    assert cell(formula) == "'" + formula
