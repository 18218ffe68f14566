"""Tools as plugins: found by entry point, from outside the tree too; a broken one stops the start and is named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from support.benefits import basket, grant, policy
from tercet.marketing.v1.benefit_service_pb2 import EvaluateBenefitsRequest
from tercet.marketing.v1.policy_service_pb2 import GetCompatibilityMatrixRequest
from tercet.marketing.v1.tool_service_pb2 import GetToolRequest, ListToolsRequest
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_marketing.tools import registry
from tercet_marketing.tools.errors import ToolBroken

SHIPPED = ["coupon", "full_gift", "full_reduction", "gift", "points", "questionnaire", "red_packet", "referral"]
OUTSIDE = '''
from tercet_chassis.money import Money
from tercet_marketing.tools.contract import Tool
from tercet_marketing.tools.rules import Benefit


class RoundDown(Tool):
    """Takes the odd cents off."""

    code = "round_down"
    display_name = "抹零 Round down"
    schema = {"type": "object", "properties": {"cents": {"const": True}}, "required": ["cents"]}
    acts_on_orders = True

    def evaluate(self, numbers, basket):
        every = range(len(basket.lines))
        left = basket.left_of(every)
        return Benefit(basket.spread(Money(left.amount % 1, basket.currency), every))
'''


def install(folder: Path, name: str, code: str, value: str) -> None:
    """A distribution as an installer would leave it."""
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{value}\n", encoding="utf-8")


@pytest.fixture
def round_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    install(tmp_path, "outside_tools", OUTSIDE, "round_down = outside_tools:RoundDown")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.installed.cache_clear()
    yield
    monkeypatch.undo()
    registry.installed.cache_clear()


async def test_the_eight_tools_are_installed(marketing: Client) -> None:
    tools = (await marketing.ListTools(ListToolsRequest())).tools
    assert [tool.code for tool in tools] == SHIPPED
    assert {tool.distribution for tool in tools} == {"tercet-marketing"}
    coupon = await marketing.GetTool(GetToolRequest(code="coupon"))
    assert coupon.acts_on_orders
    assert coupon.schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    with refused("TOOL_UNKNOWN", "tool_code"):
        await marketing.GetTool(GetToolRequest(code="lottery"))


async def test_a_tool_from_outside_the_tree_works_without_an_edit(marketing: Client, round_down: None) -> None:
    assert "round_down" in [tool.code for tool in (await marketing.ListTools(ListToolsRequest())).tools]
    await policy(marketing, "cents", {"cents": True})
    matrix = await marketing.GetCompatibilityMatrix(GetCompatibilityMatrixRequest())
    assert [(row.policy_code, list(row.tool_codes)) for row in matrix.rows] == [("cents", ["round_down"])]
    buyer = new_id()
    held = await grant(marketing, buyer, "round_down", "cents")
    answer = await marketing.EvaluateBenefits(EvaluateBenefitsRequest(basket=basket(buyer, "10.40", "5.23")))
    assert (answer.total.amount, answer.applied[0].grant_id) == ("0.63", held.id)


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("nowhere.at.all:Tool", "it cannot be loaded"),
        ("tercet_marketing.tools.contract:Act", "it cannot be loaded"),
        ("builtins:dict", "it is no Tool"),
        ("tercet_marketing.tools.contract:Tool", "it declares no code"),
        ("tercet_marketing.tools.shipped.coupon:Coupon", "must be the entry point's name"),
    ],
)
def test_a_tool_that_cannot_be_used_is_named(value: str, cause: str) -> None:
    entry = EntryPoint("odd", value, registry.GROUP)
    with pytest.raises(ToolBroken, match=r"The marketing tool odd \(.*\) cannot be used") as raised:
        registry.load([entry])
    assert cause in str(raised.value)
    assert value in str(raised.value)


def test_a_tool_whose_schema_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from tercet_marketing.tools.shipped.coupon import Coupon

    monkeypatch.setattr(Coupon, "schema", {"type": "objekt"})
    with pytest.raises(ToolBroken, match=r"coupon .* its schema is no JSON Schema 2020-12"):
        registry.load([EntryPoint("coupon", "tercet_marketing.tools.shipped.coupon:Coupon", registry.GROUP)])


def test_two_tools_of_one_code_are_refused() -> None:
    entry: Any = EntryPoint("coupon", "tercet_marketing.tools.shipped.coupon:Coupon", registry.GROUP)
    with pytest.raises(ToolBroken, match="brings a tool of the same code"):
        registry.load([entry, entry])


def test_a_broken_plugin_stops_the_start(tmp_path: Path) -> None:
    install(tmp_path, "broken_tools", "raise RuntimeError('half installed')", "lottery = broken_tools:Lottery")
    program = "from tercet_marketing.app import service; service.assemble()"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "The marketing tool lottery (broken_tools:Lottery) cannot be used" in done.stderr
    assert "half installed" in done.stderr
