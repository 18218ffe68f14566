"""The door: what is to be sent is checked as far as it can be now, and queued. It works on batches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_chassis import Refusal, Tx, new_id
from tercet_marketing.channels.accounts import Carriers, carriers
from tercet_marketing.channels.errors import ChannelUnknown
from tercet_marketing.profiles.deciding import check_point
from tercet_marketing.profiles.model import Profile
from tercet_marketing.profiles.rules import point_digest
from tercet_marketing.sends import store
from tercet_marketing.sends.attaching import Wanted, checked_files, files_of
from tercet_marketing.sends.errors import ContentMissing, RecipientMissing, RecipientOutOfReach, SendKeyReused
from tercet_marketing.sends.model import Send
from tercet_marketing.sends.owners import owner_of
from tercet_marketing.sends.rules import Json
from tercet_marketing.templates import store as templates
from tercet_marketing.templates.customers import customer_values
from tercet_marketing.templates.errors import TemplateBodyMissing, TemplateUnknown
from tercet_marketing.templates.rules import Source


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants to be sent."""

    purpose: str
    channel_codes: Sequence[str]
    identity_id: UUID | None = None
    address: Json | None = None
    key: str = ""
    id: UUID | None = None
    template_code: str = ""
    variables: Json = field(default_factory=dict)
    language: str = ""
    subject: str = ""
    text: str = ""
    html: str = ""
    short_text: str = ""
    not_before: datetime | None = None
    campaign_id: UUID | None = None
    strategy_id: UUID | None = None
    ticket_id: UUID | None = None
    order_id: UUID | None = None
    in_reply_to: str = ""
    files: Sequence[Wanted] = ()

    def digest(self) -> str:
        """What tells whether two drafts are the same."""
        told = {name: getattr(self, name) for name in self.__slots__ if name not in ("id", "key")}
        return hashlib.sha256(json.dumps(told, default=str, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(slots=True)
class _Known:
    """What a batch is checked against, read once."""

    carriers: Carriers
    versions: dict[str, int]
    sources: dict[tuple[str, int], Source]
    identities: dict[str, tuple[UUID, UUID]]
    profiles: dict[UUID, Profile]
    reachable: set[UUID] | None
    files: dict[Wanted, Json | Refusal]


async def accept(tx: Tx, drafts: Sequence[Draft]) -> list[Send | Refusal]:
    """Queues drafts, each once by its key; gives the sends, and for each that cannot be sent why. The caller has them
    looked at by `jobs.wake`.
    """
    keyed = [draft.key for draft in drafts if draft.key]
    if keyed:
        await tx.hold("send-key", keyed)
    taken = await store.by_keys(tx, keyed) if keyed else {}
    known = await _known(tx, drafts)
    answers: list[Send | Refusal] = []
    for draft in drafts:
        try:
            answers.append(_same(draft, taken[draft.key]) if draft.key in taken else _queued(tx, draft, known))
        except Refusal as refusal:
            answers.append(refusal)
            continue
        if draft.key:
            taken[draft.key] = answers[-1]  # type: ignore[assignment]  # a refusal has gone on
    return answers


def _same(draft: Draft, send: Send) -> Send:
    if send.request_hash != draft.digest():
        raise SendKeyReused(key=draft.key, send_id=send.id)
    return send


async def _known(tx: Tx, drafts: Sequence[Draft]) -> _Known:
    codes = {draft.template_code for draft in drafts if draft.template_code}
    versions = await templates.newest_versions(tx, codes) if codes else {}
    identities: dict[str, tuple[UUID, UUID]] = {}
    for draft in drafts:
        if draft.identity_id is None and draft.address is not None:
            key = point_digest(draft.address)
            if key not in identities:
                identities[key] = await owner_of(tx, key)
    wanted = {draft.identity_id for draft in drafts if draft.identity_id} | {each for each, _ in identities.values()}
    profiles = await store.profiles_of(tx, wanted)
    seen_all = tx.principal.is_system or "all" in tx.principal.scopes(tx.context.permission)
    return _Known(
        carriers=await carriers(tx),
        versions=versions,
        sources=await templates.sources(tx, versions.items()),
        identities=identities,
        profiles=profiles,
        reachable=None if seen_all else await store.reachable(tx, profiles),
        files=await files_of(tx, {each for draft in drafts for each in draft.files}),
    )


def _queued(tx: Tx, draft: Draft, known: _Known) -> Send:
    for code in draft.channel_codes:
        if not known.carriers.knows(code):
            raise ChannelUnknown(channel_code=code)
    identity_id, party_id, profile = _recipient(draft, known)
    version = _checked_content(draft, profile, known)
    id = draft.id or new_id()
    send = Send(
        id=id,
        key=draft.key or str(id),
        request_hash=draft.digest(),
        identity_id=identity_id,
        party_id=party_id,
        owner_id=profile.owner_id if profile else None,
        unit_id=profile.unit_id if profile else None,
        partner_party_id=profile.partner_party_id if profile else None,
        purpose=draft.purpose,
        state="QUEUED",
        channel_codes=list(draft.channel_codes),
        given_address=draft.address,
        template_code=draft.template_code,
        template_version=version,
        not_before=draft.not_before,
        next_time=max(draft.not_before or tx.now(), tx.now()),
        files=checked_files(draft.files, draft.channel_codes, known.files, known.carriers),
        **{name: getattr(draft, name) for name in _COPIED},
    )
    # Nobody else's than the customer's own people: a service that sends owns nothing.
    return tx.add(send)


_COPIED = (
    "variables",
    "language",
    "subject",
    "text",
    "html",
    "short_text",
    "campaign_id",
    "strategy_id",
    "ticket_id",
    "order_id",
    "in_reply_to",
)


def _recipient(draft: Draft, known: _Known) -> tuple[UUID, UUID, Profile | None]:
    if draft.address is not None:
        check_point(draft.address)
    if draft.identity_id is not None:
        identity_id, party_id = draft.identity_id, draft.identity_id
    elif draft.address is not None:
        identity_id, party_id = known.identities[point_digest(draft.address)]
    else:
        raise RecipientMissing
    profile = known.profiles.get(identity_id)
    if profile is None:
        return identity_id, party_id, None
    if known.reachable is not None and identity_id not in known.reachable:
        raise RecipientOutOfReach(identity_id=identity_id)
    return identity_id, profile.party_id, profile


def _checked_content(draft: Draft, profile: Profile | None, known: _Known) -> int:
    """The template's version. Refuses what would be refused when it is rendered, while somebody can still mend it."""
    if not draft.template_code:
        if not (draft.text or draft.html or draft.short_text):
            raise ContentMissing
        return 0
    version = known.versions.get(draft.template_code)
    if version is None:
        raise TemplateUnknown(template_code=draft.template_code)
    channel = known.carriers.channel_of(draft.channel_codes[0])
    source = known.sources[draft.template_code, version]
    try:
        source.render(channel, draft.language, values_for(draft.variables, profile, "", "-"))
    except TemplateBodyMissing:
        # A later channel of the chain may have its text.
        if len(draft.channel_codes) == 1:
            raise
    return version


def values_for(variables: Json, profile: Profile | None, language: str, link: str) -> dict[str, Any]:
    """What a text may use: what was handed in, the customer, and the way to say no."""
    values: dict[str, Any] = {**variables, "language": language}
    if profile is not None:
        known = {name: value for name, value in customer_values(profile).items() if value not in (None, "")}
        # What is said of a contact stands in where nothing is known of them.
        values["customer"] = {**customer_values(profile), **(variables.get("customer") or {}), **known}
    return values | {"unsubscribe_url": link, "preferences_url": link}
