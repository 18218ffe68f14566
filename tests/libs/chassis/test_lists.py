"""Lists: filters, orders, pages without gaps, search in Chinese and Latin, and that a list is what may be got."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import orjson
import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from support.bench.requests import activity, create, everything, names
from tercet.chassis.v1 import custom_field_service_pb2 as fields
from tercet.sales.v1 import activity_service_pb2 as activities
from tercet.sales.v1 import contact_service_pb2 as pb
from tercet_chassis import lists, migrations
from tercet_chassis.entity import view
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.json_encoder import Encoder
from tercet_chassis.row_json import ASKS
from tercet_chassis.tables import shares
from tercet_chassis.testing import Client, refused

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


async def all_activities(client: Client, page_size: int, **query: Any) -> list[activities.Activity]:
    found: list[activities.Activity] = []
    token = ""
    while True:
        request = activities.ListActivitiesRequest(page_size=page_size, page_token=token, **query)
        page = await client.ListActivities(request)
        assert len(page.activities) <= page_size
        found += page.activities
        token = page.next_page_token
        if not token:
            return found


async def titles(client: Client, filter: str) -> list[str]:
    return sorted(one.title for one in await all_activities(client, 50, filter=filter))


async def test_newest_come_first_without_an_order(sut: Client) -> None:
    made = [(await create(sut, f"N{number}")).id for number in range(5)]
    assert [one.id for one in await everything(sut, page_size=2)] == made[::-1]


async def test_filter_is_aip_160_text(sut: Client) -> None:
    await activity(sut, "a", intent_level=1, kind="CALL", due_time=NOON, key_events=["x", "y"])
    await activity(sut, "b", intent_level=5, kind="VISIT", due_time=NOON + timedelta(days=1))
    await activity(sut, "c", kind="TASK")
    assert await titles(sut, "intent_level >= 5") == ["b"]
    assert await titles(sut, 'kind = CALL OR title = "c"') == ["a", "c"]
    assert await titles(sut, "NOT due_time:*") == ["c"]
    assert await titles(sut, 'due_time < "2026-04-01T00:00:00Z"') == ["a"]
    assert await titles(sut, 'key_events:"x"') == ["a"]
    for wrong in ("nonsense = 1", "title =", "kind = FLYING", 'custom.unknown = "1"'):
        with refused("CONDITION_INVALID", "filter"):
            await titles(sut, wrong)
    with refused("CONDITION_INVALID", "order_by"):
        await all_activities(sut, 5, order_by="nonsense")


async def test_custom_fields_filter_and_sort(sut: Client) -> None:
    await sut.SetCustomField(
        fields.SetCustomFieldRequest(custom_field=fields.CustomField(resource="activities", key="size", type="DECIMAL"))
    )
    for title, size in (("a", "9.5"), ("b", "10"), ("c", None), ("d", "-1")):
        custom = Struct()
        if size is not None:
            custom.update({"size": size})
        await activity(sut, title, custom=custom)
    assert await titles(sut, "custom.size > 9") == ["a", "b"]
    for order, expected in (("custom.size", "dabc"), ("custom.size desc", "badc")):
        found = await all_activities(sut, 1, order_by=order)
        assert "".join(one.title for one in found) == expected


@pytest.fixture(scope="module")
async def many(bench_running: Any) -> Client:
    """Forty activities with ties and missing values."""
    client: Client = await bench_running.tenant()
    for number in range(40):
        values: dict[str, Any] = {}
        if number % 3:
            values["intent_level"] = 1 + number % 5
        if number % 4:
            values["due_time"] = NOON + timedelta(days=number % 7)
        await activity(client, f"T{number % 6}", outcome_code=("", "won", "lost")[number % 3], **values)
    return client


ORDERS = st.lists(
    st.tuples(
        st.sampled_from(["title", "intent_level", "due_time", "outcome_code", "create_time", "kind"]),
        st.sampled_from(["", " desc"]),
    ),
    max_size=3,
    unique_by=lambda item: item[0],
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=ORDERS, page_size=st.integers(1, 13))
async def test_pages_hold_every_row_once_and_in_order(
    many: Client, order: list[tuple[str, str]], page_size: int
) -> None:
    order_by = ", ".join(path + direction for path, direction in order)
    found = await all_activities(many, page_size, order_by=order_by)
    whole = await all_activities(many, 500, order_by=order_by)
    assert [one.id for one in found] == [one.id for one in whole]
    assert len({one.id for one in found}) == 40

    def value(one: activities.Activity, path: str) -> Any:
        if path in ("due_time", "create_time"):
            return getattr(one, path).ToNanoseconds() if one.HasField(path) else None
        if path == "intent_level":
            return one.intent_level if one.HasField(path) else None
        return activities.Activity.Kind.Name(one.kind) if path == "kind" else getattr(one, path) or None

    for before, after in pairwise(whole):
        for path, direction in order:
            left, right = value(before, path), value(after, path)
            if left == right:
                continue
            in_order = right is None or (left is not None and ((left > right) if direction else (left < right)))
            assert in_order, f"{order_by}: {left} before {right}"
            break


async def test_page_token_belongs_to_its_query(sut: Client) -> None:
    for number in range(3):
        await create(sut, f"P{number}")
    token = (await sut.ListContacts(pb.ListContactsRequest(page_size=1))).next_page_token
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    raw[-3] ^= 1
    damaged = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    for request in (
        pb.ListContactsRequest(page_token=token, filter='full_name = "x"'),
        pb.ListContactsRequest(page_token=token, order_by="full_name"),
        pb.ListContactsRequest(page_token=token, q="x"),
        pb.ListContactsRequest(page_token=damaged),
        pb.ListContactsRequest(page_token="nonsense!"),
    ):
        with refused("PAGE_TOKEN_INVALID", "page_token"):
            await sut.ListContacts(request)
    with refused("PAGE_TOKEN_INVALID"):
        await sut.as_().ListContacts(pb.ListContactsRequest(page_token=token))
    assert len((await sut.ListContacts(pb.ListContactsRequest(page_token=token, page_size=2))).contacts) == 2


async def test_all_are_counted_when_asked_for(sut: Client) -> None:
    for number in range(4):
        await create(sut, "王" if number else "李")
    page = await sut.ListContacts(pb.ListContactsRequest(page_size=1, count=True, q="王"))
    assert page.total_size == 3
    assert not (await sut.ListContacts(pb.ListContactsRequest())).HasField("total_size")


async def test_search_finds_chinese_latin_and_pinyin(sut: Client) -> None:
    await create(sut, "尚祈科技王芳", phones=[{"number": "+8613812345678"}])
    await create(sut, "Müller GmbH")
    await create(sut, "李小龍", emails=[{"address": "bruce.lee@example.com"}])

    async def found(q: str) -> list[str]:
        return names((await sut.ListContacts(pb.ListContactsRequest(q=q))).contacts)

    for q in ("尚祈", "王芳", "祈科", "shangqi", "shang", "sqkjwf", "5678", "尚祈 王", "+86138"):
        assert await found(q) == ["尚祈科技王芳"], q
    for q in ("müll", "MÜLLER", "gmb", "müller gmbh"):
        assert await found(q) == ["Müller GmbH"], q
    for q in ("李小龙", "李小龍", "lixiao", "lxl", "bruce"):
        assert await found(q) == ["李小龍"], q
    for q in ("祈尚", "芳科", "mullerx", "王李"):
        assert await found(q) == [], q
    assert len(await found("!?")) == 3


async def test_search_follows_changes(sut: Client) -> None:
    made = await create(sut, "赵一")
    await sut.UpdateContact(pb.UpdateContactRequest(contact=pb.Contact(id=made.id, full_name="钱二")))
    assert names(await everything(sut, q="钱二")) == ["钱二"]
    assert await everything(sut, q="赵一") == []


async def test_masked_values_neither_show_nor_filter_nor_sort_nor_are_found(sut: Client) -> None:
    made = await create(sut, "王芳芳", birth_date="1990-12-31", phones=[{"number": "13812345678"}])
    caller = sut.as_(masks=["PHONE", "BIRTH_DATE"])
    got = await caller.GetContact(pb.GetContactRequest(id=made.id))
    assert got.phones[0].number == "138****5678"
    assert got.birth_date != "1990-12-31"
    assert got.full_name == "王芳芳"
    for query in ({"filter": 'birth_date = "1990-12-31"'}, {"order_by": "birth_date"}):
        with refused("CONDITION_INVALID"):
            await everything(caller, **query)
    assert await everything(caller, q="13812345678") == []
    assert await everything(caller, q="1381") == []
    assert names(await everything(caller, q="王芳")) == ["王芳芳"]
    assert len(await everything(sut, q="13812345678")) == 1
    assert await everything(sut.as_(masks=["NAME"]), q="王芳") == []


async def test_mask_holds_in_replies_to_writes(sut: Client) -> None:
    caller = sut.as_(masks=["NAME"])
    assert (await create(caller, "诸葛孔明先生")).full_name != "诸葛孔明先生"


SCOPES = ("own", "unit", "unit_below", "partner", "shared", "all")


@pytest.mark.parametrize("scope", SCOPES)
async def test_list_is_what_may_be_got(sut: Client, scope: str) -> None:
    region, team, elsewhere = new_id(), new_id(), new_id()
    below = await sut.know_unit(region)
    await sut.know_unit(team, parent_path=below)
    await sut.know_unit(elsewhere)
    me, partner = new_id(), new_id()
    everybody = {
        "mine": {"owner_id": str(me), "unit_id": str(elsewhere)},
        "region": {"owner_id": str(new_id()), "unit_id": str(region)},
        "team": {"owner_id": str(new_id()), "unit_id": str(team)},
        "elsewhere": {"owner_id": str(new_id()), "unit_id": str(elsewhere)},
        "partner": {"owner_id": str(new_id()), "unit_id": str(elsewhere), "partner_party_id": str(partner)},
    }
    made = {name: await create(sut, name, **values) for name, values in everybody.items()}
    async with sut.running.runtime.database.connection() as connection:
        shared = {"resource_type": "contacts", "resource_id": UUID(made["elsewhere"].id), "subject": str(me)}
        await connection.execute(shares.insert().values(tenant_id=sut.tenant_id, **shared))
    caller = sut.as_(permissions={"sales.contact.*": scope}, user_id=me, unit_id=region, partner_party_id=partner)
    expected = {
        "own": {"mine"},
        "unit": {"region", "mine"},
        "unit_below": {"region", "team", "mine"},
        "partner": {"partner"},
        "shared": {"elsewhere"},
        "all": set(everybody),
    }[scope]
    assert set(names(await everything(caller))) == expected
    assert (await caller.ListContacts(pb.ListContactsRequest(count=True))).total_size == len(expected)
    for name, one in made.items():
        request = pb.UpdateContactRequest(contact=pb.Contact(id=one.id, remark="seen"))
        if name in expected:
            assert (await caller.GetContact(pb.GetContactRequest(id=one.id))).id == one.id
            await caller.UpdateContact(request)
        else:
            with refused("RESOURCE_NOT_FOUND"):
                await caller.GetContact(pb.GetContactRequest(id=one.id))
            with refused("RESOURCE_NOT_FOUND"):
                await caller.UpdateContact(request)


async def test_without_the_permission_nothing_is_listed(sut: Client) -> None:
    with refused("PERMISSION_MISSING"):
        await sut.as_(permissions={"sales.activity.*": "all"}).ListContacts(pb.ListContactsRequest())


async def test_lists_read_by_the_index(sut: Client, bench_servers: Any) -> None:
    async with sut.transaction() as tx:
        columns = view(next(e for e in tx.runtime.service.entities if e.__tablename__ == "contacts")).c
        row = {"t": str(sut.tenant_id)}
        await tx.session.execute(
            text(
                "INSERT INTO contacts (tenant_id, id, identity_id, party_id, customer_id, full_name, job_title,"
                " department, preferred, phones, emails, accounts, active, remark, custom, create_time, update_time,"
                " row_version, search) SELECT"
                " CAST(:t AS uuid), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),"
                " 'n' || i, '', '', false, '[]', '[]', '[]', true, '', '{}', now(), now(), 1,"
                " array_to_tsvector(ARRAY['n' || i]) FROM generate_series(1, 20000) AS i"
            ),
            row,
        )
    assert columns.id.nullable is False
    await migrations.with_owner(bench_servers.owner_url, lambda owner: owner.exec_driver_sql("ANALYZE contacts"))
    async with sut.transaction() as tx:
        plans = {}
        for name, query in {
            "newest": "SELECT * FROM fenced.contacts ORDER BY id DESC LIMIT 51",
            "next page": "SELECT * FROM fenced.contacts WHERE ROW(id) < ROW(:id) ORDER BY id DESC LIMIT 51".replace(
                ":id", f"'{new_id()}'::uuid"
            ),
            "search": "SELECT id FROM fenced.contacts WHERE search @@ '''n777'''::tsquery",
        }.items():
            plans[name] = "\n".join(row[0] for row in await tx.session.execute(text(f"EXPLAIN {query}")))
    assert "Sort" not in plans["newest"], plans["newest"]
    assert "contacts_pk" in plans["newest"], plans["newest"]
    assert "Sort" not in plans["next page"], plans["next page"]
    assert "contacts_search" in plans["search"], plans["search"]


async def test_refusals_of_lists_reach_nobody_elses_rows(sut: Client) -> None:
    other = await sut.running.tenant()
    await create(other, "秘密")
    assert await everything(sut, filter='full_name = "秘密"') == []
    with pytest.raises(Refusal):
        await everything(sut, filter="tenant_id = 1")


async def raw_list(client: Client, **query: Any) -> bytes:
    """A page of contacts as the edge gets it."""
    together, method = client.running.together, client.running.method("ListContacts")
    metadata = [("authorization", f"Bearer {together.signer.token(client.principal)}"), ASKS]
    invoke: Any = together.channel(client.running.runtime).unary_unary(method.path)
    body = pb.ListContactsRequest(**query).SerializeToString()
    answer: bytes = await invoke(body, metadata=metadata, timeout=20.0)
    return answer


async def test_a_list_as_json_says_what_the_message_says(sut: Client) -> None:
    for number in range(3):
        await create(sut, f"王芳{number}", phones=[{"number": f"1390000000{number}"}])
    for page in ({"page_size": 2}, {"page_size": 2, "filter": 'full_name = "nobody"'}, {"q": "王芳1"}):
        shown = orjson.loads(await raw_list(sut, **page))
        message = await sut.ListContacts(pb.ListContactsRequest(**page))
        assert shown == Encoder().of(message.DESCRIPTOR)(message)
    assert len(orjson.loads(await raw_list(sut, page_size=2))["contacts"]) == 2


async def test_a_page_too_long_for_json_comes_as_a_message(sut: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await create(sut, "王芳")
    monkeypatch.setattr(lists, "LONGEST_JSON", 100)
    answer = pb.ListContactsResponse.FromString(await raw_list(sut))
    assert answer == await sut.ListContacts(pb.ListContactsRequest())


async def test_from_whom_something_is_hidden_gets_a_message_which_can_be_masked(sut: Client) -> None:
    await create(sut, "王芳", phones=[{"number": "13812345678"}])
    answer = pb.ListContactsResponse.FromString(await raw_list(sut.as_(masks=["PHONE"])))
    assert answer.contacts[0].full_name == "王芳"
    assert answer.contacts[0].phones[0].number == "138****5678"


async def test_nobody_elses_rows_come_as_json(sut: Client) -> None:
    await create(sut, "王芳")
    assert orjson.loads(await raw_list(sut.as_(tenant_id=new_id())))["contacts"] == []
    assert orjson.loads(await raw_list(sut.as_(permissions={"*": "own"})))["contacts"] == []
