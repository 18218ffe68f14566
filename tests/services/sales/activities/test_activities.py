"""Activities over the real service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from services.sales.builders import company, opportunity, person
from sqlalchemy import select, text

from tercet.sales.v1 import activity_service_pb2 as pb
from tercet.sales.v1 import opportunity_service_pb2 as opportunities
from tercet.type.v1.reference_pb2 import ResourceRef
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, eventually, refused
from tercet_sales.activities.model import ActivityEdit

HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


def stamp(moment: datetime) -> Timestamp:
    value = Timestamp()
    value.FromDatetime(moment)
    return value


def about(type: str, id: str, service: str = "sales") -> ResourceRef:
    return ResourceRef(service=service, type=type, id=id)


async def activity(sales: Client, kind: Any = pb.Activity.CALL, title: str = "回访", **values: Any) -> pb.Activity:
    given = pb.Activity(kind=kind, title=title, **values)
    made: pb.Activity = await sales.CreateActivity(pb.CreateActivityRequest(activity=given))
    return made


async def test_a_visit_is_recorded_as_done_in_one_call_and_its_next_step_is_a_task(sales: Client) -> None:
    customer = await company(sales)
    deal = await opportunity(sales, customer.id)
    made = await activity(
        sales,
        pb.Activity.VISIT,
        "上门拜访",
        subject=about("opportunity", deal.id),
        done_time=stamp(now() - HOUR),
        intent_level=4,
        key_events=["demo"],
        next_step="发报价",
        next_due_time=stamp(now() + 24 * HOUR),
    )
    assert (made.state, made.party_id, made.identity_id) == (pb.Activity.DONE, customer.party_id, customer.identity_id)
    task = await sales.GetActivity(pb.GetActivityRequest(id=made.next_activity_id))
    assert (task.kind, task.title, task.subject.id, task.owner_id) == (
        pb.Activity.TASK,
        "发报价",
        deal.id,
        made.owner_id,
    )
    known = await sales.GetOpportunity(opportunities.GetOpportunityRequest(id=deal.id))
    assert (known.intent_level, list(known.key_events), known.next_step) == (4, ["demo"], "发报价")
    zone = ZoneInfo("Asia/Shanghai")
    assert known.next_step_date == made.next_due_time.ToDatetime(tzinfo=UTC).astimezone(zone).date().isoformat()
    assert known.last_activity_time == made.done_time


async def test_an_older_activity_does_not_overwrite_what_a_newer_one_said(sales: Client) -> None:
    deal = await opportunity(sales, (await company(sales)).id)
    subject = about("opportunity", deal.id)
    await activity(sales, subject=subject, done_time=stamp(now() - HOUR), intent_level=5, key_events=["demo"])
    await activity(sales, subject=subject, done_time=stamp(now() - 48 * HOUR), intent_level=1, key_events=["budget"])
    known = await sales.GetOpportunity(opportunities.GetOpportunityRequest(id=deal.id))
    assert (known.intent_level, list(known.key_events)) == (5, ["demo", "budget"])


async def test_completing_happens_once(sales: Client) -> None:
    made = await activity(sales, text="准备资料", due_time=stamp(now() + HOUR))
    done = await sales.CompleteActivity(
        pb.CompleteActivityRequest(id=made.id, etag=made.etag, text="已沟通", outcome_code="reached")
    )
    assert (done.state, done.text, done.outcome_code) == (pb.Activity.DONE, "准备资料\n已沟通", "reached")
    assert done.HasField("done_time")
    with refused("ACTIVITY_NOT_OPEN"):
        await sales.CompleteActivity(pb.CompleteActivityRequest(id=made.id))
    with refused("ACTIVITY_NOT_OPEN"):
        await sales.CancelActivity(pb.CancelActivityRequest(id=made.id))
    with refused("DONE_IN_FUTURE", "done_time"):
        await activity(sales, done_time=stamp(now() + HOUR))


async def test_what_was_made_offline_is_sent_twice_and_kept_once(sales: Client) -> None:
    given = pb.Activity(id=str(new_id()), kind=pb.Activity.NOTE, title="离线笔记")
    request = pb.CreateActivityRequest(activity=given)
    first = await sales.CreateActivity(request, request_id="phone-1")
    again = await sales.CreateActivity(request, request_id="phone-1")
    assert first == again
    with refused("RESOURCE_ALREADY_EXISTS"):
        await sales.CreateActivity(request, request_id="phone-2")


async def test_every_edit_keeps_what_was_said_before(sales: Client) -> None:
    made = await activity(sales, text="客户预算五十万")
    for said in ("客户预算六十万", "客户预算六十万"):
        change = pb.Activity(id=made.id, text=said)
        await sales.UpdateActivity(pb.UpdateActivityRequest(activity=change, update_mask=FieldMask(paths=["text"])))
    change = pb.Activity(id=made.id, title="二次回访")
    last = await sales.UpdateActivity(pb.UpdateActivityRequest(activity=change, update_mask=FieldMask(paths=["title"])))
    assert last.edit_count == 2
    edits = (await sales.ListActivityEdits(pb.ListActivityEditsRequest(id=made.id))).activity_edits
    assert [(edit.number, list(edit.fields), edit.before.title, edit.before.text) for edit in edits] == [
        (2, ["title"], "回访", "客户预算六十万"),
        (1, ["text"], "回访", "客户预算五十万"),
    ]
    masked = (
        await sales.as_(masks=["FREE_TEXT"]).ListActivityEdits(pb.ListActivityEditsRequest(id=made.id))
    ).activity_edits
    assert "五十万" not in masked[1].before.text


async def test_a_cancelled_activity_is_not_changed(sales: Client) -> None:
    made = await activity(sales)
    assert (await sales.CancelActivity(pb.CancelActivityRequest(id=made.id))).state == pb.Activity.CANCELED
    with refused("ACTIVITY_CANCELED"):
        change = pb.Activity(id=made.id, title="x")
        await sales.UpdateActivity(pb.UpdateActivityRequest(activity=change, update_mask=FieldMask(paths=["title"])))


async def test_overdue_is_worked_out_when_it_is_read(sales: Client) -> None:
    late = await activity(sales, due_time=stamp(now() - HOUR))
    coming = await activity(sales, due_time=stamp(now() + HOUR))
    assert (late.overdue, coming.overdue) == (True, False)
    listed = {item.id: item.overdue for item in (await sales.ListActivities(pb.ListActivitiesRequest())).activities}
    assert listed == {late.id: True, coming.id: False}
    assert not (await sales.CompleteActivity(pb.CompleteActivityRequest(id=late.id))).overdue


async def test_an_activity_may_be_about_anything_but_not_about_what_one_may_not_see(sales: Client) -> None:
    ticket = str(new_id())
    elsewhere = await activity(sales, subject=about("ticket", ticket, "service-desk"))
    assert (elsewhere.subject.id, elsewhere.party_id) == (ticket, "")
    customer = await person(sales, owner_id=str(new_id()))
    seller = sales.as_(permissions={"sales.*": "own"})
    with refused("SUBJECT_UNKNOWN", "activity.subject"):
        await activity(seller, subject=about("customer", customer.id))
    found = await sales.ListActivities(pb.ListActivitiesRequest(filter=f'party_id = "{customer.party_id}"'))
    assert not found.activities


async def test_the_days_work_is_overdue_then_due_then_opportunities(sales: Client) -> None:
    me = sales.as_(permissions={"sales.*": "own"}, user_id=new_id())
    customer = await company(me)
    planned, idle = await opportunity(me, customer.id, "有计划"), await opportunity(me, customer.id, "没计划")
    zone = ZoneInfo("Asia/Shanghai")
    ahead = now().astimezone(zone).replace(hour=23, minute=59, second=59, microsecond=0)
    old = await activity(me, due_time=stamp(now() - 72 * HOUR))
    late = await activity(me, due_time=stamp(now() - HOUR), subject=about("opportunity", planned.id))
    today = await activity(me, due_time=stamp(ahead))
    await activity(me, due_time=stamp(ahead + 2 * HOUR))
    await activity(sales, due_time=stamp(now() - HOUR))
    done = await activity(me, due_time=stamp(now() - HOUR))
    await me.CompleteActivity(pb.CompleteActivityRequest(id=done.id))
    worklist = await me.GetWorklist(pb.GetWorklistRequest())
    assert [(item.reason, item.activity.id or item.opportunity.id) for item in worklist.items] == [
        (pb.Worklist.OVERDUE, old.id),
        (pb.Worklist.OVERDUE, late.id),
        (pb.Worklist.DUE_TODAY, today.id),
        (pb.Worklist.OPPORTUNITY, idle.id),
    ]
    assert (worklist.overdue_count, worklist.due_count, worklist.time_zone) == (2, 1, "Asia/Shanghai")
    assert worklist == await me.GetWorklist(pb.GetWorklistRequest())
    with refused("TIME_ZONE_UNKNOWN", "time_zone"):
        await me.GetWorklist(pb.GetWorklistRequest(time_zone="Nowhere"))


async def test_a_worklist_of_another_shows_only_what_is_in_reach(sales: Client) -> None:
    colleague = new_id()
    await activity(sales, due_time=stamp(now() - HOUR), owner_id=str(colleague))
    request = pb.GetWorklistRequest(owner_id=str(colleague))
    assert len((await sales.GetWorklist(request)).items) == 1
    assert not (await sales.as_(permissions={"sales.activity.read": "own"}).GetWorklist(request)).items


async def test_activities_are_seen_by_scope(sales: Client) -> None:
    seller = new_id()
    mine = await activity(sales, owner_id=str(seller))
    other = await activity(sales, owner_id=str(new_id()))
    reader = sales.as_(permissions={"sales.activity.*": "own"}, user_id=seller)
    assert [item.id for item in (await reader.ListActivities(pb.ListActivitiesRequest())).activities] == [mine.id]
    for call in (
        reader.GetActivity(pb.GetActivityRequest(id=other.id)),
        reader.CompleteActivity(pb.CompleteActivityRequest(id=other.id)),
        reader.ListActivityEdits(pb.ListActivityEditsRequest(id=other.id)),
    ):
        with refused("RESOURCE_NOT_FOUND"):
            await call


async def reminders(sales: Client, id: str) -> int:
    async with sales.transaction() as tx:
        query = text(
            "SELECT count(*) FROM outbox WHERE resource_id = CAST(:id AS uuid) AND subject LIKE '%.activity.reminded.%'"
        )
        return int(await tx.session.scalar(query, {"id": id}) or 0)


async def test_an_owner_is_reminded_once(sales: Client) -> None:
    made = await activity(sales, due_time=stamp(now() + HOUR), remind_time=stamp(now()))
    gone = await activity(sales, due_time=stamp(now() + HOUR), remind_time=stamp(now() + 24 * HOUR))
    await eventually(lambda: reminders(sales, made.id))
    await sales.settled()
    assert await reminders(sales, made.id) == 1
    assert await reminders(sales, gone.id) == 0


async def test_a_deleted_activity_takes_along_what_it_said_before(sales: Client) -> None:
    made = await activity(sales, text="客户预算五十万")
    change = pb.Activity(id=made.id, text="x")
    await sales.UpdateActivity(pb.UpdateActivityRequest(activity=change, update_mask=FieldMask(paths=["text"])))
    with refused("ETAG_MISMATCH", "etag"):
        await sales.DeleteActivity(pb.DeleteActivityRequest(id=made.id, etag=made.etag))
    await sales.DeleteActivity(pb.DeleteActivityRequest(id=made.id))
    async with sales.transaction() as tx:
        assert await tx.session.scalar(select(ActivityEdit.id)) is None
