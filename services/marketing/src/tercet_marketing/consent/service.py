"""Consent: may this go, what was decided, where nothing goes; and people who decide for themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast
from uuid import UUID

from google.protobuf import json_format

from tercet.marketing.v1 import consent_service_pb2 as pb
from tercet.marketing.v1.profile_service_pb2 import ConsentDecision, ProfileContactPoint
from tercet_chassis import Handlers, Tx
from tercet_marketing.consent import store
from tercet_marketing.consent.links import made_token, read_token
from tercet_marketing.consent.model import ContactPreference, DoNotDisturb, Suppression
from tercet_marketing.consent.rules import Ask, Json, hint_of
from tercet_marketing.profiles import store as profiles
from tercet_marketing.profiles.deciding import check_point, decide
from tercet_marketing.profiles.model import Profile
from tercet_marketing.profiles.rules import point_digest, strictest

PAGE, ONE_CLICK = "preference_page", "one_click"


class ConsentService(Handlers):
    """Serves tercet.marketing.v1.ConsentService."""

    async def CheckConsent(self, request: pb.CheckConsentRequest, tx: Tx) -> pb.CheckConsentResponse:
        """Whether a message may go now. Refuses a contact point that can reach nobody."""
        point = _point(request.contact_point)
        key = point_digest(point)
        if request.identity_id:
            profile = await profiles.profile_of(tx, UUID(request.identity_id))
            parties = [profile.party_id if profile else UUID(request.identity_id)]
        else:
            parties = [party for _, party in await store.deciders(tx, key)] or [tx.tenant_id]
        standing = await store.standing(tx, parties, [key])
        purpose = ConsentDecision.Purpose.Name(request.purpose)
        reasons = [standing.against(Ask(party, key, request.channel_code, purpose)) for party in parties]
        # Whoever it belongs to: if it may go to any of them it may go, unless somebody forbade it for all.
        reason = None if None in reasons else reasons[0]
        return pb.CheckConsentResponse(allowed=reason is None, withheld_code=reason or "")

    async def CreateSuppression(self, request: pb.CreateSuppressionRequest, tx: Tx) -> Suppression:
        """Sends nothing more to a contact point. Refuses one that can reach nobody, and one that is there."""
        entry = await tx.create(Suppression, request.suppression)
        check_point(entry.contact_point)
        entry.point_key = point_digest(entry.contact_point)
        entry.cause = entry.cause if request.suppression.cause else "MANUAL"
        return entry

    async def CreateDoNotDisturb(self, request: pb.CreateDoNotDisturbRequest, tx: Tx) -> DoNotDisturb:
        """Leaves somebody alone, and whoever is held to be the same party. Refuses a second wish of one identity, and
        somebody beyond the caller's reach.
        """
        identity_id = UUID(request.do_not_disturb.identity_id)
        profile = await profiles.profile_of(tx, identity_id)
        if profile is not None:
            await tx.get(Profile, profile.id)  # within the caller's reach
        party_id = await profiles.party_of(tx, identity_id)
        wish = await tx.create(DoNotDisturb, request.do_not_disturb)
        wish.party_id = party_id
        return wish

    async def MakePreferenceLink(self, request: pb.MakePreferenceLinkRequest, tx: Tx) -> pb.PreferenceLink:
        """The link to somebody's preferences. Refuses an unknown profile and a contact point that reaches nobody."""
        profile = await tx.get(Profile, request.profile_id)
        return pb.PreferenceLink(token=made_token(tx, profile.identity_id, _point(request.contact_point)))

    async def ReadPreferences(self, request: pb.ReadPreferencesRequest, tx: Tx) -> pb.Preferences:
        """What the bearer has decided so far. Refuses a link that we did not make."""
        identity_id, point = read_token(tx, request.token)
        return await _preferences(tx, await profiles.profile_of(tx, identity_id), identity_id, point)

    async def SetPreferences(self, request: pb.SetPreferencesRequest, tx: Tx) -> pb.Preferences:
        """Takes what the bearer decides. Refuses a link that we did not make, and a zone that no calendar has."""
        identity_id, point = read_token(tx, request.token)
        profile = await profiles.held_profile(tx, identity_id)
        for choice in request.choices:
            if choice.state:
                _decide(tx, profile, point, choice, PAGE)
        if request.HasField("language") or request.HasField("zone"):
            liked = await store.preference_of(tx, identity_id)
            if liked is None:
                liked = tx.add(ContactPreference(identity_id=identity_id, party_id=profile.party_id))
            language = request.language if request.HasField("language") else None
            liked.choose(language, request.zone if request.HasField("zone") else None)
        if request.HasField("left_alone"):
            await _leave_alone(tx, profile, wished=request.left_alone)
        await tx.flush()
        return await _preferences(tx, profile, identity_id, point)

    async def Unsubscribe(self, request: pb.UnsubscribeRequest, tx: Tx) -> pb.Preferences:
        """Withdraws consent to advertising at the contact point. Refuses a link that we did not make."""
        identity_id, point = read_token(tx, request.token)
        profile = await profiles.held_profile(tx, identity_id)
        purpose = ConsentDecision.MARKETING
        _decide(tx, profile, point, pb.Preferences.Choice(purpose=purpose, state=ConsentDecision.DENIED), ONE_CLICK)
        await tx.flush()
        return await _preferences(tx, profile, identity_id, point)


def _point(message: ProfileContactPoint) -> Json:
    point: Json = json_format.MessageToDict(message, preserving_proto_field_name=True)
    check_point(point)
    return point


def _decide(tx: Tx, profile: Profile, point: Json, choice: pb.Preferences.Choice, source: str) -> None:
    decision = {
        "contact_point": point,
        "purpose": ConsentDecision.Purpose.Name(choice.purpose),
        "state": ConsentDecision.State.Name(choice.state),
        "source": source,
    }
    if choice.channel_code:
        decision["channel_code"] = choice.channel_code
    decide(tx, profile, decision)
    if choice.channel_code or choice.state != ConsentDecision.GRANTED:
        return
    # A wish for everything takes back what was denied of its parts, or it would grant nothing there.
    for known in list(profile.consents):
        part = known.get("channel_code")
        same = (known["contact_point"], known["purpose"]) == (point, decision["purpose"])
        if part and same and known["state"] == "DENIED":
            decide(tx, profile, {**decision, "channel_code": part})


async def _leave_alone(tx: Tx, profile: Profile, *, wished: bool) -> None:
    if not wished:
        # They speak for themselves, under whichever trace we first heard it.
        for wish in await store.wishes_of_party(tx, profile.party_id):
            await tx.delete(wish)
    elif await store.wish_of(tx, profile.identity_id) is None:
        tx.add(
            DoNotDisturb(
                identity_id=profile.identity_id, party_id=profile.party_id, source=PAGE, transactions_pass=True
            )
        )


async def _preferences(tx: Tx, profile: Profile | None, identity_id: UUID, point: Json) -> pb.Preferences:
    party_id = profile.party_id if profile else identity_id
    language, zone = (await store.preferences(tx, [party_id])).get(party_id, ("", ""))
    answer = pb.Preferences(contact_hint=hint_of(point), language=language, zone=zone)
    answer.kind = cast(Any, ProfileContactPoint.Kind.Value(point["kind"]))
    standing = await store.standing(tx, [party_id], [point_digest(point)])
    answer.left_alone = any(wish.until is None or wish.until > tx.now() for wish in standing.wishes.get(party_id, ()))
    for consent in strictest(_about(profile, point)):
        choice = answer.choices.add(channel_code=consent.get("channel_code", ""))
        choice.purpose = cast(Any, ConsentDecision.Purpose.Value(consent["purpose"]))
        choice.state = cast(Any, ConsentDecision.State.Value(consent["state"]))
    return answer


def _about(profile: Profile | None, point: Json) -> Iterable[Json]:
    key = point_digest(point)
    for consent in profile.consents if profile else ():
        if point_digest(consent["contact_point"]) == key:
            yield consent
