"""What can be a member of a segment: leads and opportunities beside profiles, and what comes from outside the tree."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct

from support.deals import cny, new_customer
from support.leads import mobile, person
from support.loyalty import member, programme
from tercet.leads.v1.lead_service_pb2 import CreateLeadRequest, DeleteLeadRequest, Lead, UpdateLeadRequest
from tercet.marketing.v1 import segment_service_pb2 as pb
from tercet.sales.v1.opportunity_service_pb2 import CreateOpportunityRequest, LoseOpportunityRequest, Opportunity
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_marketing.segments import subjects as registry
from tercet_marketing.segments.subjects import SubjectBroken

OUTSIDE = """
from tercet.marketing.v1 import events_pb2 as events
from tercet_conditions import Field, FieldType
from tercet_marketing.loyalty.model import Membership
from tercet_marketing.segments.subjects import Subject

MEMBERSHIP = Subject(
    code="membership",
    entity=Membership,
    permission="marketing.membership.read",
    fields={"programme_code": Field(FieldType.TEXT), "points": Field(FieldType.DECIMAL)},
    lists={},
    told_by=(events.MembershipCreated, events.MembershipUpdated),
)
"""
ASSEMBLED = """
from tercet_marketing.app import service
service.assemble()
from tercet_marketing.segments.consumers import follow_subjects
print(sorted(event.DESCRIPTOR.name for event in follow_subjects.__tercet_consumer__[0]))
"""


def install(folder: Path, code: str, entry: str) -> None:
    """A distribution as an installer would leave it."""
    (folder / "outside_subjects.py").write_text(code, encoding="utf-8")
    info = folder / "outside_subjects-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside_subjects\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{entry}\n", encoding="utf-8")


@pytest.fixture
def membership(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    install(tmp_path, OUTSIDE, "membership = outside_subjects:MEMBERSHIP")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.subjects.cache_clear()
    yield
    monkeypatch.undo()
    registry.subjects.cache_clear()


async def live(marketing: Client, code: str, subject: str, condition: dict[str, Any]) -> pb.Segment:
    tree = Struct()
    tree.update(condition)
    segment = pb.Segment(code=code, display_name=code, subject=subject, condition=tree)
    made = await marketing.CreateSegment(pb.CreateSegmentRequest(segment=segment))
    activated: pb.Segment = await marketing.ActivateSegment(pb.ActivateSegmentRequest(id=made.id))
    await marketing.settled()
    return activated


async def inside(marketing: Client, segment: pb.Segment) -> set[str]:
    answer = await marketing.ListSegmentMembers(pb.ListSegmentMembersRequest(segment_id=segment.id))
    return {each.subject_id for each in answer.members}


async def counted(marketing: Client, segment: pb.Segment) -> int:
    asked = pb.PreviewSegmentRequest(subject=segment.subject, condition=segment.condition)
    return int((await marketing.PreviewSegment(asked)).count)


async def test_leads_are_members_one_by_one_and_leave_when_they_change_or_go(leads: Client, marketing: Client) -> None:
    touched = {"facts": {"kinds": ["touch"], "within": "30d", "op": ">=", "value": 1}}
    segment = await live(
        marketing, "shanghai", "lead", {"all": [{"path": "city", "op": "=", "value": "上海"}, touched]}
    )
    made = [
        await leads.CreateLead(CreateLeadRequest(lead=Lead(full_name=person(n), mobile=mobile(n), city=city)))
        for n, city in enumerate(["上海", "上海", "北京"])
    ]
    await leads.settled()
    assert await inside(marketing, segment) == {made[0].id, made[1].id}
    assert await counted(marketing, segment) == 2
    asked = pb.ExplainSegmentMemberRequest(id=segment.id, subject_id=made[2].id)
    explained = await marketing.ExplainSegmentMember(asked)
    assert (explained.holds, [term.holds for term in explained.terms]) == (False, [False, True])
    of_party = await marketing.ListSegmentMembers(pb.ListSegmentMembersRequest(party_id=made[0].party_id))
    assert [each.subject_id for each in of_party.members] == [made[0].id]
    await leads.UpdateLead(UpdateLeadRequest(lead=Lead(id=made[0].id, city="杭州"), update_mask={"paths": ["city"]}))
    await leads.DeleteLead(DeleteLeadRequest(id=made[1].id))
    await leads.settled()
    assert await inside(marketing, segment) == set()
    assert await counted(marketing, segment) == 0


async def test_opportunities_are_members_while_their_figures_fit(sales: Client, marketing: Client) -> None:
    big = {
        "all": [{"path": "state", "op": "=", "value": "OPEN"}, {"path": "expected_amount", "op": ">=", "value": 500}]
    }
    segment = await live(marketing, "big_deals", "opportunity", big)
    customer = await new_customer(sales, "王芳")
    made = [
        await sales.CreateOpportunity(
            CreateOpportunityRequest(
                opportunity=Opportunity(customer_id=customer.id, title="采购", expected_amount=cny(amount))
            )
        )
        for amount in ("499.99", "500")
    ]
    await sales.settled()
    assert await inside(marketing, segment) == {made[1].id}
    await sales.LoseOpportunity(LoseOpportunityRequest(id=made[1].id, reason_code="price"))
    await sales.settled()
    assert await inside(marketing, segment) == set()


async def test_a_subject_from_outside_the_tree_needs_no_edit_here(marketing: Client, membership: None) -> None:
    await programme(marketing)
    joined = await member(marketing, identity_id=str(new_id()))
    segment = await live(
        marketing, "club", "membership", {"all": [{"path": "programme_code", "op": "=", "value": "club"}]}
    )
    assert await inside(marketing, segment) == {joined.id}
    assert await counted(marketing, segment) == 1
    with refused("SEGMENT_SUBJECT_UNKNOWN", "segment.subject"):
        await marketing.CreateSegment(
            pb.CreateSegmentRequest(segment=pb.Segment(code="x", display_name="x", subject="ship"))
        )


def start(folder: Path) -> subprocess.CompletedProcess[str]:
    """The service put together in a process of its own, with one distribution more than is installed."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", ASSEMBLED], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_events_that_a_subject_names_are_followed(tmp_path: Path) -> None:
    install(tmp_path, OUTSIDE, "membership = outside_subjects:MEMBERSHIP")
    done = start(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "'MembershipCreated', 'MembershipUpdated', 'ProfileUpdated'" in done.stdout


@pytest.mark.parametrize(
    ("name", "value", "cause"),
    [
        ("odd", "nowhere.at.all:ODD", "it cannot be loaded"),
        ("odd", "builtins:dict", "it is no Subject"),
        ("odd", "tercet_marketing.segments.subjects:PROFILE", "must be the entry point's name"),
    ],
)
def test_a_subject_that_cannot_be_used_is_named(name: str, value: str, cause: str) -> None:
    with pytest.raises(SubjectBroken, match=rf"The segment subject {name} \({value}\) cannot be used") as raised:
        registry.load([EntryPoint(name, value, registry.GROUP)])
    assert cause in str(raised.value)


def test_two_subjects_of_one_code_are_refused() -> None:
    entry = EntryPoint("profile", "tercet_marketing.segments.subjects:PROFILE", registry.GROUP)
    with pytest.raises(SubjectBroken, match="another distribution brings a subject of the same code"):
        registry.load([entry, entry])


def test_a_broken_subject_stops_the_start(tmp_path: Path) -> None:
    install(tmp_path, "raise RuntimeError('half installed')", "ship = outside_subjects:SHIP")
    done = start(tmp_path)
    assert done.returncode != 0
    assert "The segment subject ship (outside_subjects:SHIP) cannot be used" in done.stderr
    assert "half installed" in done.stderr
