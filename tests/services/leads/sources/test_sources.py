"""Sources stand in a tree; used ones stay."""

from __future__ import annotations

from typing import Any

from support.leads import events_of, make, mobile, person
from tercet.leads.v1.source_service_pb2 import (
    CreateSourceRequest,
    DeleteSourceRequest,
    GetSourceRequest,
    ListSourcesRequest,
    Source,
    UpdateSourceRequest,
)
from tercet.leads.v1.touch_service_pb2 import ListTouchesRequest
from tercet_chassis.testing import Client, refused
from tercet_leads.sources.rules import SourceBook, SourceFacts


async def source(leads: Client, code: str, parent: str = "", **values: Any) -> Source:
    given = Source(
        code=code,
        display_name=values.pop("display_name", code),
        kind=Source.OFFLINE_EVENT,
        parent_code=parent,
        **values,
    )
    answer: Source = await leads.CreateSource(CreateSourceRequest(source=given))
    return answer


async def test_tree_of_three_levels_knows_its_paths(leads: Client) -> None:
    await source(leads, "own")
    await source(leads, "events", "own")
    leaf = await source(leads, "expo2026", "events")
    assert (leaf.path, leaf.level) == ("own/events/expo2026/", 3)
    found = await leads.ListSources(ListSourcesRequest(filter='path:"own/events/"', order_by="path"))
    assert [s.code for s in found.sources] == ["events", "expo2026"]


async def test_moved_branch_takes_all_below_it_along(leads: Client) -> None:
    for code, parent in (("own", ""), ("paid", ""), ("events", "own"), ("expo", "events")):
        await source(leads, code, parent)
    events = next(s for s in (await leads.ListSources(ListSourcesRequest())).sources if s.code == "events")
    events.parent_code = "paid"
    moved = await leads.UpdateSource(UpdateSourceRequest(source=events))
    assert moved.path == "paid/events/"
    expo = next(s for s in (await leads.ListSources(ListSourcesRequest())).sources if s.code == "expo")
    assert (expo.path, expo.level) == ("paid/events/expo/", 3)


async def test_source_cannot_stand_below_itself_or_nowhere(leads: Client) -> None:
    top = await source(leads, "own")
    await source(leads, "events", "own")
    top.parent_code = "events"
    with refused("SOURCE_TREE_BROKEN", "source.parent_code"):
        await leads.UpdateSource(UpdateSourceRequest(source=top))
    with refused("SOURCE_TREE_BROKEN", "source.parent_code"):
        await source(leads, "lost", "nowhere")


async def test_code_is_unique(leads: Client) -> None:
    await source(leads, "own")
    with refused("RESOURCE_ALREADY_EXISTS", "source.code"):
        await source(leads, "own")


async def test_used_source_and_one_with_branches_are_not_deleted(leads: Client) -> None:
    top = await source(leads, "own")
    leaf = await source(leads, "events", "own")
    with refused("SOURCE_IN_USE"):
        await leads.DeleteSource(DeleteSourceRequest(id=top.id))
    await make(leads, full_name=person(1), mobile=mobile(1), source_code="events")
    with refused("SOURCE_IN_USE"):
        await leads.DeleteSource(DeleteSourceRequest(id=leaf.id))
    assert (await leads.GetSource(GetSourceRequest(id=leaf.id))).used
    spare = await source(leads, "spare")
    await leads.DeleteSource(DeleteSourceRequest(id=spare.id))
    assert (await events_of(leads, spare.id))[-1].DESCRIPTOR.name == "SourceDeleted"


async def test_lead_keeps_first_and_last_source_and_an_ended_one_is_flagged(leads: Client) -> None:
    await source(leads, "web")
    await source(leads, "fair", end_date="2020-12-31")
    await make(leads, full_name=person(2), mobile=mobile(2), source_code="web")
    again = await make(leads, full_name=person(2), mobile=mobile(2), source_code="fair")
    assert (again.source_code, again.last_source_code) == ("web", "fair")
    touches = (await leads.ListTouches(ListTouchesRequest(order_by="create_time"))).touches
    assert "source_ended" in touches[1].flags


async def test_validity_that_ends_before_it_begins_is_refused(leads: Client) -> None:
    with refused("SOURCE_DATES_INVALID", "source.end_date"):
        await source(leads, "odd", start_date="2026-02-01", end_date="2026-01-01")


def test_source_is_found_by_code_name_and_path_whatever_the_width() -> None:
    book = SourceBook(
        [
            SourceFacts("expo", "展会名片", "OFFLINE_EVENT", "own/expo/"),
            SourceFacts("WEB", "官网表单", "WEBSITE", "WEB/"),
        ]
    )
    for given in ("expo", "EXPO", "展会名片", " 展会名片 ", "own/expo", "ｅｘｐｏ"):
        found = book.find(given)
        assert found is not None
        assert found.code == "expo"
    assert book.find("nothing") is None
