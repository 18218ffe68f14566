"""`order_by`."""

from __future__ import annotations

import pytest

from support.conditions import SCHEMA
from tercet_conditions import ConditionError, OrderBy, Reason, parse_order_by


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        ("", ()),
        ("score", (OrderBy("score"),)),
        ("score desc, create_time", (OrderBy("score", True), OrderBy("create_time"))),
        (" score  asc ,custom.size   desc ", (OrderBy("score"), OrderBy("custom.size", True))),
    ],
)
def test_an_order_means(text: str, orders: tuple[OrderBy, ...]) -> None:
    assert parse_order_by(text, SCHEMA) == orders


@pytest.mark.parametrize(
    ("text", "reason", "position"),
    [
        ("scor", Reason.UNKNOWN_PATH, 0),
        ("score, phone", Reason.NOT_FILTERABLE, 7),
        ("tags", Reason.NOT_SORTABLE, 0),
        ("score down", Reason.SYNTAX, 0),
        ("score,", Reason.SYNTAX, 6),
        ("score, score desc", Reason.SYNTAX, 7),
        ("score," * 300, Reason.TOO_LONG, 0),
    ],
)
def test_an_order_is_refused(text: str, reason: Reason, position: int) -> None:
    with pytest.raises(ConditionError) as refused:
        parse_order_by(text, SCHEMA)
    assert (refused.value.reason, refused.value.position) == (reason, position)
