"""Profiles: a party's view, tags and consent."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from uuid import UUID

from google.protobuf import json_format
from google.protobuf.message import Message

from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1.profile_service_pb2 import (
    AddTagRequest,
    GetPartyProfileRequest,
    ListTagHistoryRequest,
    ListTagHistoryResponse,
    PartyProfile,
    ProfileTag,
    RemoveTagRequest,
    SetConsentRequest,
)
from tercet.marketing.v1.profile_service_pb2 import Profile as ProfileMessage
from tercet.marketing.v1.profile_service_pb2 import TagChange as TagChangeMessage
from tercet_chassis import Handlers, Tx
from tercet_chassis.binding import struct_value
from tercet_chassis.money import Money
from tercet_marketing.profiles import rules, store
from tercet_marketing.profiles.deciding import decide
from tercet_marketing.profiles.errors import PartyProfileNotFound
from tercet_marketing.profiles.jobs import expire_tag
from tercet_marketing.profiles.model import Profile
from tercet_marketing.profiles.rules import Json
from tercet_marketing.profiles.tagging import remember

HISTORY = 50


class ProfileService(Handlers):
    """Serves tercet.marketing.v1.ProfileService."""

    async def GetPartyProfile(self, request: GetPartyProfileRequest, tx: Tx) -> PartyProfile:
        """Takes a party's identities together. Refuses when nothing is known in the caller's reach."""
        party_id = UUID(request.party_id)
        known = await store.profiles_of_party(tx, party_id)
        members = [profile for profile in known if await tx.find(Profile, profile.id) is not None]
        if not members:
            raise PartyProfileNotFound(party_id=party_id)
        latest = max(members, key=lambda profile: (bool(profile.display_name), profile.update_time))
        answer = PartyProfile(party_id=str(party_id), display_name=latest.display_name)
        rendered: Any = [tx.render(profile) for profile in members]
        answer.members.extend(rendered)
        answer.order_count = sum(profile.order_count for profile in members)
        for amount in rules.summed(_money(each) for profile in members for each in profile.spent):
            answer.spent.add(currency_code=amount.currency, amount=amount.text())
        values = rules.latest_values(await store.values_of(tx, party_id))
        _extend(answer.contact_points, rules.joined_points(profile.contact_points for profile in members))
        _extend(answer.values, values)
        _extend(answer.consents, rules.strictest(each for profile in members for each in profile.consents))
        tags: list[Json] = []
        for profile in members:
            for tag in profile.tags:
                tags = rules.with_tag(tags, tag)
        _extend(answer.tags, tags)
        for name, touch in (
            ("first_touch", rules.earliest(profile.first_touch for profile in members)),
            ("last_touch", rules.latest(profile.last_touch for profile in members)),
        ):
            if touch is not None:
                json_format.ParseDict(touch, getattr(answer, name))
        furthest = rules.furthest(profile.lifecycle for profile in members)
        if furthest is not None:
            answer.lifecycle = ProfileMessage.Lifecycle.Value(furthest)  # type: ignore[assignment]
        return answer

    async def AddTag(self, request: AddTagRequest, tx: Tx) -> Profile:
        """Puts a tag on. Refuses one that would have fallen off by now."""
        profile = await tx.get(Profile, request.id, etag=request.etag, lock=True)
        expire = request.expire_time.ToDatetime(tzinfo=UTC) if request.HasField("expire_time") else None
        source = request.source or "manual"
        tag = profile.add_tag(request.tag_code, source, tx.now(), expire)
        if expire is not None:
            key = f"tag:{profile.id}:{request.tag_code}"
            tx.schedule(expire_tag, due=expire, key=key, profile_id=str(profile.id), tag_code=request.tag_code)
        remember(tx, profile, request.tag_code, "ADDED", source)
        tx.emit(events.TagAdded, profile, tag=json_format.ParseDict(tag, ProfileTag()))
        return profile

    async def RemoveTag(self, request: RemoveTagRequest, tx: Tx) -> Profile:
        """Takes a tag off. Refuses one that is not on, and what a segment holds."""
        profile = await tx.get(Profile, request.id, etag=request.etag, lock=True)
        profile.remove_tag(request.tag_code)
        remember(tx, profile, request.tag_code, "REMOVED", "manual")
        tx.emit(events.TagRemoved, profile, tag_code=request.tag_code)
        return profile

    async def ListTagHistory(self, request: ListTagHistoryRequest, tx: Tx) -> ListTagHistoryResponse:
        """Gives the latest changes of a profile's tags."""
        profile = await tx.get(Profile, request.id)
        response = ListTagHistoryResponse()
        for change in await store.tag_changes(tx, profile.id, request.page_size or HISTORY):
            told = response.changes.add(
                tag_code=change.tag_code,
                source=change.source,
                user_id=change.user_id or "",
                segment_code=change.segment_code,
            )
            told.action = TagChangeMessage.Action.Value(change.action)  # type: ignore[assignment]
            told.change_time.FromDatetime(change.change_time)
        return response

    async def SetConsent(self, request: SetConsentRequest, tx: Tx) -> Profile:
        """Records a decision with its proof. An older one than the one that is known changes nothing."""
        profile = await tx.get(Profile, request.id, etag=request.etag, lock=True)
        consent: Json = json_format.MessageToDict(request.consent, preserving_proto_field_name=True)
        moment = request.consent.decide_time.ToDatetime(tzinfo=UTC) if request.consent.HasField("decide_time") else None
        decide(tx, profile, consent, moment, struct_value(request.evidence))
        return profile


def _money(value: Json) -> Money:
    return Money.of(value["amount"], value["currency_code"])


def _extend(target: Any, items: list[Json]) -> None:
    for item in items:
        message: Message = target.add()
        json_format.ParseDict(item, message, ignore_unknown_fields=True)
