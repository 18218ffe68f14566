"""Files that go with messages: somebody brought them to marketing before, and a message names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from google.protobuf.json_format import ParseDict

from tercet.marketing.v1 import send_service_pb2 as pb
from tercet_chassis import Refusal, Tx
from tercet_chassis.errors import ResourceNotFound
from tercet_marketing.channels.accounts import Carriers
from tercet_marketing.channels.contract import Ability, Attachment
from tercet_marketing.sends.errors import FilesNotCarried, FilesTooLarge, MessageFileUnknown
from tercet_marketing.sends.model import Send
from tercet_marketing.sends.rules import Json

# What most mail servers take, with what its coding adds.
LARGEST = 18 << 20


# A file, and the user who brought it where a service sends for one.
Wanted = tuple[UUID, UUID | None]


async def files_of(tx: Tx, wanted: Iterable[Wanted]) -> dict[Wanted, Json | Refusal]:
    """What is known of files, or why one may not be sent."""
    found: dict[Wanted, Json | Refusal] = {}
    for id, owner in sorted(set(wanted), key=str):
        try:
            file = await tx.known.callers_file(id, owner)
        except ResourceNotFound:
            found[id, owner] = MessageFileUnknown(file_id=id)
            continue
        found[id, owner] = message_file(file.name, file.media_type, int(file.size), id)
    return found


def message_file(name: str, content_type: str, byte_count: int, id: UUID | None) -> Json:
    """A file as messages name it."""
    told: Json = {"name": name, "content_type": content_type, "byte_count": byte_count}
    return told | ({"file_id": str(id)} if id else {})


def checked_files(
    wanted: Sequence[Wanted], channel_codes: Sequence[str], known: Mapping[Wanted, Json | Refusal], carriers: Carriers
) -> list[Json]:
    """The files of a message; of none that is sent without channels. Refuses those that are not there, are too large
    together, or that no channel carries.
    """
    files = []
    for each in wanted:
        file = known[each]
        if isinstance(file, Refusal):
            raise file
        files.append(file)
    if files and channel_codes and not any(carriers.can(code, Ability.FILES) for code in channel_codes):
        raise FilesNotCarried(channel_codes=", ".join(channel_codes))
    if sum(file["byte_count"] for file in files) > LARGEST:
        raise FilesTooLarge(limit=LARGEST >> 20)
    return files


def file_named(tx: Tx, files: Sequence[Json] | None, id: str) -> pb.MessageFile:
    """One of a message's files. Refuses others, and callers to whom something is masked: bytes cannot be."""
    named = [] if tx.principal.masks else [file for file in files or () if file.get("file_id") == id]
    if not named:
        raise ResourceNotFound(type="MessageFile", id=id)
    return ParseDict(named[0], pb.MessageFile())


def attachments(send: Send) -> tuple[Attachment, ...]:
    """The files of a send, for its channel."""
    return tuple(
        Attachment(file["name"], file["content_type"], int(file["byte_count"]), UUID(file["file_id"]))
        for file in send.files or ()
    )
