"""The timeline's weave: every happening once, newest first, whatever the page size and the ties."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from tercet_protos import import_all

from tercet_chassis.contract import repeated
from tercet_chassis.testing import refused
from tercet_gateway.views.timeline import SOURCES, Page, Place, Position, woven

START = datetime(2026, 11, 22, tzinfo=UTC)
PARTY = "018f0000-0000-7000-8000-000000000000"

# Lists of what is about a party and yet no happening of its own, each with the reason.
NOT_TOLD = {
    "ListAssetHoldings": "of one asset, which is asked by its id",
    "ListBenefitReservations": "held for a moment at the till; what comes of it are benefits",
    "ListContacts": "how things are, not what happened",
    "ListCustomerValues": "figures of a period",
    "ListDoNotDisturbs": "how things are, not what happened",
    "ListFacts": "marketing's copy of touches, orders, activities and tickets",
    "ListIdentities": "who somebody is held to be",
    "ListInAppMessages": "the same as sends, in the customer's own inbox",
    "ListLifecyclePositions": "where somebody stands; the steps are told",
    "ListOrderStandings": "figures over orders",
    "ListPartyDecisions": "who somebody is held to be",
    "ListPartyLinks": "who somebody is held to be",
    "ListPayouts": "how a red packet reaches its holder; the grant is told, when it was given and when it was paid",
    "ListProfiles": "how things are, not what happened",
    "ListProfileSegments": "the same as a segment's members, of one profile",
}


@dataclass
class Row:
    """What a list gives: an id and, under whatever name the source reads, its instant."""

    id: int
    ago: int

    def __getattr__(self, _name: str) -> Timestamp:
        stamp = Timestamp()
        stamp.FromDatetime(START - timedelta(hours=self.ago))
        return stamp


def _page(rows: list[Row], token: str, size: int) -> Page:
    at = int(token or 0)
    return Page(rows[at : at + size], str(at + size) if at + size < len(rows) else "")


_lists = st.dictionaries(
    st.sampled_from([source.kind for source in SOURCES]),
    st.lists(st.integers(0, 6), max_size=12),
    min_size=1,
    max_size=5,
)


@given(_lists, st.integers(1, 7))
def test_every_happening_comes_once_and_newest_first(lists: dict[str, list[int]], size: int) -> None:
    rows = {kind: [Row(at, ago) for at, ago in enumerate(sorted(agos))] for kind, agos in lists.items()}
    position = Position.begin(PARTY, START, list(rows))
    seen: list[tuple[int, str, int]] = []
    for _ in range(200):
        pages = {
            kind: _page(rows[kind], place.token, size) for kind, place in position.places.items() if not place.ended
        }
        items, position = woven(position, pages, size)
        assert len(items) <= size
        seen += [(row.ago, source.kind, row.id) for source, row in items]
        token = position.token()
        if not token:
            break
        position = Position.read(token, PARTY)
    assert [ago for ago, *_ in seen] == sorted(ago for ago, *_ in seen)
    assert sorted((kind, id) for _, kind, id in seen) == sorted((kind, row.id) for kind in rows for row in rows[kind])


def test_a_list_that_does_not_answer_keeps_its_place() -> None:
    position = Position(PARTY, START, {"lead.created": Place("x", 2), "touch.received": Place()})
    items, after = woven(position, {"touch.received": Page([Row(0, 1)], "")}, 10)
    assert [source.kind for source, _ in items] == ["touch.received"]
    assert after.places["lead.created"] == Place("x", 2)
    assert after.places["touch.received"].ended


@pytest.mark.parametrize(
    "token", ["", "x", "!!!", "bnVsbA", "W10", "WzEsMiwzXQ", Position.begin("other", START, []).token() + "A"]
)
def test_damaged_tokens_are_refused(token: str) -> None:
    with refused("PAGE_TOKEN_INVALID", "page_token"):
        Position.read(token, PARTY)


def test_a_token_of_another_party_is_refused() -> None:
    position: Any = Position.begin("018f0000-0000-7000-8000-000000000001", START, ["lead.created"])
    with refused("PAGE_TOKEN_INVALID", "page_token"):
        Position.read(position.token(), PARTY)


def test_whatever_is_about_a_party_is_told_or_says_why_not() -> None:
    lists = set()
    for file_name in import_all():
        for service in descriptor_pool.Default().FindFileByName(file_name).services_by_name.values():
            for method in service.methods:
                rows = [field.message_type for field in method.output_type.fields if repeated(field)]
                if method.name.startswith("List") and any("party_id" in row.fields_by_name for row in rows if row):
                    lists.add(method.name)
    told = {source.rpc for source in SOURCES}
    assert lists - told == set(NOT_TOLD)
    assert not told & set(NOT_TOLD)
