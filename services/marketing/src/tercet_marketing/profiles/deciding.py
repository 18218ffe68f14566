"""The one way in which a decision of a customer's is taken: on the profile as what holds, in the log as its proof."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.protobuf import json_format

from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1.profile_service_pb2 import ConsentDecision
from tercet_chassis import Tx
from tercet_marketing.profiles import rules
from tercet_marketing.profiles.errors import ContactPointInvalid
from tercet_marketing.profiles.model import ConsentProof, Profile, moment_text
from tercet_marketing.profiles.rules import Json


def check_point(point: Json) -> None:
    """Refuses a contact point that can reach nobody."""
    if not rules.point_key(point)[2] or (point["kind"] == "ACCOUNT" and not point.get("platform")):
        raise ContactPointInvalid(kind=point["kind"], value=point["value"])


def decide(
    tx: Tx, profile: Profile, consent: Json, decide_time: datetime | None = None, evidence: dict[str, Any] | None = None
) -> bool:
    """Takes a decision on a profile that the caller holds; whether it changed anything, as an older one than the one
    that is known does not. Its proof is kept either way. Refuses a contact point that can reach nobody.
    """
    point = consent["contact_point"]
    check_point(point)
    moment = min(decide_time or tx.now(), tx.now())
    consent = {**consent, "decide_time": moment_text(moment)}
    tx.add(
        ConsentProof(
            identity_id=profile.identity_id,
            party_id=profile.party_id,
            contact_point=point,
            point_key=rules.point_digest(point),
            channel_code=consent.get("channel_code", ""),
            purpose=consent["purpose"],
            state=consent["state"],
            decide_time=moment,
            source=consent.get("source", ""),
            evidence=evidence or {},
            user_id=tx.principal.user_id,
        )
    )
    if not profile.decide(consent):
        return False
    told = json_format.ParseDict(consent, ConsentDecision())
    tx.emit(events.ConsentChanged, profile, consent=told, occur_time=moment)
    return True
