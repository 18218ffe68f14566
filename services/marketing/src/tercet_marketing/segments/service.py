"""Segments are written, made live, tried, explained and listed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from google.protobuf import json_format
from google.protobuf.message import Message
from sqlalchemy import or_

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1 import segment_service_pb2 as pb
from tercet_chassis import Handlers, Process, Tx, invariant
from tercet_chassis.entity import view
from tercet_chassis.errors import ResourceNotFound
from tercet_chassis.invariants import finding
from tercet_marketing.segments import checking, rules, store
from tercet_marketing.segments.errors import MemberFileInvalid, SegmentConditionInvalid, SegmentInUse, SegmentNotLive
from tercet_marketing.segments.explaining import explained, explained_tags
from tercet_marketing.segments.jobs import PIECE, begin_building, build_piece, empty_segment
from tercet_marketing.segments.judge import faults, put
from tercet_marketing.segments.model import Segment, SegmentMember, SegmentVersion
from tercet_marketing.segments.subjects import PROFILE, subjects

Finding = CheckInvariantsResponse.Finding
MOST_LINES = 100_000
AT_ONCE = 1_000


class SegmentService(Handlers):
    """Serves tercet.marketing.v1.SegmentService."""

    async def CreateSegment(self, request: pb.CreateSegmentRequest, tx: Tx) -> Segment:
        """Creates a draft. Refuses a condition that cannot be judged."""
        segment = await tx.create(Segment, request.segment)
        segment.state, segment.version, segment.built_version = "DRAFT", 1, 0
        await checking.settle(tx, segment, request.segment.condition_text)
        _remember(tx, segment)
        tx.emit(events.SegmentCreated, segment)
        return segment

    async def UpdateSegment(self, request: pb.UpdateSegmentRequest, tx: Tx) -> Segment:
        """Changes a segment; another condition is the next version, by which a live one is built."""
        sent = request.segment
        segment = await tx.get(Segment, sent.id, etag=sent.etag, lock=True)
        segment.check_open()
        before = (dict(segment.condition), segment.condition_text, segment.time_zone)
        await tx.patch(segment, sent, request.update_mask if request.HasField("update_mask") else None)
        text = ""
        if segment.condition_text != before[1] and dict(segment.condition) == before[0]:
            segment.condition, text = {}, segment.condition_text
        after = (dict(segment.condition), segment.condition_text, segment.time_zone)
        if after != before:
            await checking.settle(tx, segment, text)
        if (dict(segment.condition), segment.time_zone) != (before[0], before[2]):
            segment.version, segment.fault = segment.version + 1, ""
            _remember(tx, segment)
            if segment.state == "LIVE":
                self._build(tx, segment)
        tx.emit(events.SegmentUpdated, segment)
        return segment

    async def ActivateSegment(self, request: pb.ActivateSegmentRequest, tx: Tx) -> Segment:
        """Makes a draft live and has everybody judged."""
        segment = await tx.get(Segment, request.id, etag=request.etag, lock=True)
        segment.activate()
        await checking.check_asked(tx, segment)
        self._build(tx, segment)
        tx.emit(events.SegmentActivated, segment)
        return segment

    async def ArchiveSegment(self, request: pb.ArchiveSegmentRequest, tx: Tx) -> Segment:
        """Ends a segment and has its members leave. Refuses while a live one asks it."""
        segment = await tx.get(Segment, request.id, etag=request.etag, lock=True)
        others = await store.reads_by_code(tx, segment.subject)
        users = [
            code
            for code, (state, reads) in others.items()
            if state == "LIVE" and segment.code in rules.asked_segments(reads)
        ]
        if users:
            raise SegmentInUse(code=segment.code, users=", ".join(sorted(users)))
        segment.archive()
        # Again a while later: somebody may have been judged by it in the moment it ended.
        for name, due in (("now", tx.now()), ("again", tx.now() + timedelta(minutes=1))):
            tx.schedule(empty_segment, due=due, key=f"segments:empty:{name}:{segment.id}", segment_id=str(segment.id))
        tx.emit(events.SegmentArchived, segment)
        return segment

    async def RebuildSegment(self, request: pb.RebuildSegmentRequest, process: Process) -> pb.RebuildSegmentResponse:
        """Judges everybody anew, piece by piece; may be cancelled between two."""
        total = int(await process.step("count", _total, request.id))
        answer, last, number = pb.RebuildSegmentResponse(), "", 0
        while True:
            piece = await process.step(f"piece:{number}", _piece, request.id, last)
            last, number = piece["last"], number + 1
            answer.judged_count += piece["judged"]
            answer.entered_count += piece["entered"]
            answer.left_count += piece["left"]
            await process.progress(min(number * PIECE, total), total, f"{answer.judged_count} judged")
            if not last:
                break
        await process.step("built", _built, request.id)
        return answer

    async def PreviewSegment(self, request: pb.PreviewSegmentRequest, tx: Tx) -> pb.PreviewSegmentResponse:
        """Counts and samples who fits, within the caller's reach."""
        subject = checking.subject_of(request.subject)
        condition = json_format.MessageToDict(request.condition) if request.HasField("condition") else {}
        zone = await checking.zone_of(tx, request.time_zone)
        codes = await store.reads_by_code(tx, subject.code)
        judging = await checking.judged(tx, subject, condition, request.condition_text, zone, codes, "condition")
        size = request.sample_size if subject is PROFILE else 0
        count, sample = await store.count_and_sample(tx, judging.at(tx.now()), size)
        answer = pb.PreviewSegmentResponse(count=count)
        rendered: Any = [tx.render(entity) for entity in sample]
        answer.sample.extend(rendered)
        return answer

    async def ExplainSegmentMember(self, request: pb.ExplainSegmentMemberRequest, tx: Tx) -> pb.SegmentExplanation:
        """Tells why somebody fits or not. Refuses whom the caller may not see."""
        return await explained(tx, await tx.get(Segment, request.id), UUID(request.subject_id))

    async def ExplainProfileTags(self, request: pb.ExplainProfileTagsRequest, tx: Tx) -> pb.ExplainProfileTagsResponse:
        """Tells of each tag why it is on. Refuses a profile that the caller may not see."""
        return await explained_tags(tx, UUID(request.profile_id))

    async def ListSegmentMembers(self, request: pb.ListSegmentMembersRequest, tx: Tx) -> Message:
        """Lists who is in, or what a party is and was in, of those whom the caller may see."""
        if request.party_id:
            mine = view(SegmentMember).c.party_id == UUID(request.party_id)
            seen = or_(*(store.visible_members(tx, subject) for subject in subjects().values()))
            return await tx.page(SegmentMember, request, response=pb.ListSegmentMembersResponse, where=[mine, seen])
        segment = await tx.get(Segment, request.segment_id)
        members = view(SegmentMember).c
        where = [
            members.segment_id == segment.id,
            members.state == "IN",
            store.visible_members(tx, subjects()[segment.subject]),
        ]
        return await tx.page(SegmentMember, request, response=pb.ListSegmentMembersResponse, where=where)

    async def ListProfileSegments(self, request: pb.ListProfileSegmentsRequest, tx: Tx) -> Message:
        """Lists what a profile is in, when the caller may see it."""
        members, profile_id = view(SegmentMember).c, UUID(request.profile_id)
        if not await store.within_reach(tx, PROFILE, [profile_id]):
            raise ResourceNotFound(type="Profile", id=profile_id)
        where = [members.subject_id == profile_id, members.state == "IN"]
        return await tx.page(SegmentMember, request, response=pb.ListProfileSegmentsResponse, where=where)

    async def AddSegmentMembers(self, request: pb.AddSegmentMembersRequest, tx: Tx) -> pb.ChangeSegmentMembersResponse:
        """Puts members in by hand. Refuses dynamic segments, those that are not live, and a file that holds no ids."""
        ids = [UUID(id) for id in request.profile_ids]
        if request.file_id:
            ids += await _ids_of_file(tx, UUID(request.file_id))
        return await _put(tx, request.id, ids, inside=True)

    async def RemoveSegmentMembers(
        self, request: pb.RemoveSegmentMembersRequest, tx: Tx
    ) -> pb.ChangeSegmentMembersResponse:
        """Takes members out by hand. Refuses what AddSegmentMembers refuses."""
        return await _put(tx, request.id, [UUID(id) for id in request.profile_ids], inside=False)

    @staticmethod
    def _build(tx: Tx, segment: Segment) -> None:
        if segment.kind == "STATIC":
            segment.built(segment.version, tx.now())
            return
        begin_building(tx, segment)


def _remember(tx: Tx, segment: Segment) -> None:
    version = SegmentVersion(
        segment_id=segment.id,
        version=segment.version,
        condition=dict(segment.condition),
        time_zone=segment.time_zone,
        user_id=tx.principal.user_id,
    )
    tx.add(version)


async def _total(tx: Tx, id: str) -> int:
    segment = await tx.get(Segment, id)
    if segment.state != "LIVE":
        raise SegmentNotLive(code=segment.code)
    subject = subjects()[segment.subject]
    fault = next((fault for live, fault in await faults(tx, [subject]) if live.id == segment.id), "")
    if fault:
        raise SegmentConditionInvalid(detail=fault)
    return await store.total(tx, subject)


async def _piece(tx: Tx, id: str, last: str) -> dict[str, Any]:
    segment = await tx.get(Segment, id)
    following, judged = await build_piece(tx, segment, last)
    return {"last": following, "judged": judged.count, "entered": judged.entered, "left": judged.left}


async def _built(tx: Tx, id: str) -> None:
    segment = await tx.get(Segment, id, lock=True)
    segment.built(segment.version, tx.now())


@invariant
async def each_can_be_judged(tx: Tx) -> Finding:
    """No live segment asks what there is no more."""
    known = await faults(tx, subjects().values())
    broken = [f"{live.code}: {fault}" for live, fault in known if fault]
    return finding("segments.each_can_be_judged", len(known), broken)


async def _ids_of_file(tx: Tx, file_id: UUID) -> list[UUID]:
    await tx.known.callers_file(file_id)
    content = b"".join([piece async for piece in tx.known.file_pieces(file_id)])
    lines = content.decode("utf-8-sig", "replace").splitlines()
    ids: list[UUID] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        try:
            ids.append(UUID(text))
        except ValueError as wrong:
            raise MemberFileInvalid(line=number, most=MOST_LINES) from wrong
        if len(ids) > MOST_LINES:
            raise MemberFileInvalid(line=number, most=MOST_LINES)
    return ids


async def _put(tx: Tx, id: str, ids: Sequence[UUID], *, inside: bool) -> pb.ChangeSegmentMembersResponse:
    segment = await tx.get(Segment, id, lock=True)
    segment.check_list()
    subject = subjects()[segment.subject]
    given = sorted(set(ids))
    answer = pb.ChangeSegmentMembersResponse()
    for start in range(0, len(given), AT_ONCE):
        piece = given[start : start + AT_ONCE]
        known = await store.within_reach(tx, subject, piece)
        answer.unknown_ids.extend(str(id) for id in piece if id not in known)
        judged = await put(tx, segment.id, segment.code, subject, sorted(known), inside=inside)
        answer.changed_count += judged.entered + judged.left
    return answer
