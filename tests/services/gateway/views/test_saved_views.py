"""Saved views: kept for their owner, shared as far as the owner says, and always of something that exists."""

from __future__ import annotations

from typing import Any

import pytest

from support.gateway import Company, found_company
from tercet.gateway.v1.saved_view_service_pb2 import (
    CreateSavedViewRequest,
    DeleteSavedViewRequest,
    GetSavedViewRequest,
    ListSavedViewsRequest,
    SavedView,
    UpdateSavedViewRequest,
)
from tercet_chassis.testing import Client, refused


async def _save(client: Client, name: str = "热线索", **values: Any) -> SavedView:
    view = SavedView(
        **{"name": name, "collection": "leads", "columns": ["full_name", "score"], "filter": "score >= 60", **values}
    )
    made: SavedView = await client.CreateSavedView(CreateSavedViewRequest(saved_view=view))
    return made


async def _seen(client: Client) -> set[str]:
    return {view.name for view in (await client.ListSavedViews(ListSavedViewsRequest())).saved_views}


async def test_views_are_seen_as_far_as_they_are_shared(company: Company) -> None:
    await company.user("li@shangqi.example", "seller")
    await company.user("wang@shangqi.example", "marketer")
    li, wang = await company.signed_in("li@shangqi.example"), await company.signed_in("wang@shangqi.example")
    private = await _save(li, "mine")
    await _save(li, "ours", sharing=SavedView.UNIT)
    shared = await _save(li, "everybody's", sharing=SavedView.TENANT, order_by="score desc")
    assert await _seen(li) == {"mine", "ours", "everybody's"}
    assert await _seen(wang) == {"ours", "everybody's"}
    stranger = company.admin.as_()
    assert await _seen(stranger) == {"everybody's"}
    assert (await wang.GetSavedView(GetSavedViewRequest(id=shared.id))).owner_id == str(li.principal.user_id)
    for call in (
        wang.GetSavedView(GetSavedViewRequest(id=private.id)),
        wang.UpdateSavedView(UpdateSavedViewRequest(saved_view=SavedView(id=shared.id, name="theirs"))),
        wang.DeleteSavedView(DeleteSavedViewRequest(id=shared.id)),
    ):
        with refused("RESOURCE_NOT_FOUND"):
            await call
    await li.DeleteSavedView(DeleteSavedViewRequest(id=private.id, etag=private.etag))
    assert "mine" not in await _seen(li)


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"collection": "unicorns"}, "COLLECTION_UNKNOWN", "saved_view.collection"),
        ({"columns": ["horn"]}, "COLUMN_UNKNOWN", "saved_view.columns"),
        ({"filter": "horn = 1"}, "VIEW_FILTER_INVALID", "saved_view.filter"),
        ({"filter": "score >="}, "VIEW_FILTER_INVALID", "saved_view.filter"),
        ({"order_by": "horn desc"}, "VIEW_ORDER_INVALID", "saved_view.order_by"),
        ({"name": ""}, "REQUEST_INVALID", "saved_view.name"),
    ],
)
async def test_view_of_what_is_not_there_is_refused(
    company: Company, values: dict[str, Any], reason: str, field: str
) -> None:
    with refused(reason, field):
        await _save(company.admin, **values)


async def test_a_tenant_s_own_fields_may_be_shown_and_asked_for(company: Company) -> None:
    made = await _save(company.admin, columns=["full_name", "custom.car_model"], filter='custom.car_model = "汉"')
    assert list(made.columns) == ["full_name", "custom.car_model"]
    with refused("RESOURCE_ALREADY_EXISTS", "saved_view.name"):
        await _save(company.admin)


async def test_another_tenant_s_view_is_not_found(gateway: Client, company: Company) -> None:
    other = await found_company(gateway)
    made = await _save(company.admin, sharing=SavedView.TENANT)
    assert await _seen(other.admin) == set()
    with refused("RESOURCE_NOT_FOUND"):
        await other.admin.GetSavedView(GetSavedViewRequest(id=made.id))
