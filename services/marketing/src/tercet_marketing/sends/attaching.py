"""Files that go with messages: somebody brought them to marketing before, and a message names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from tercet_chassis import Refusal, Tx
from tercet_marketing.channels.accounts import Carriers
from tercet_marketing.channels.contract import Ability, Attachment
from tercet_marketing.sends.errors import FilesNotCarried, FilesTooLarge
from tercet_marketing.sends.model import Send
from tercet_marketing.sends.rules import Json

# What most mail servers take, with what its coding adds.
LARGEST = 18 << 20


async def files_of(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Json | Refusal]:
    """What is known of files, or why the caller may not send one."""
    found: dict[UUID, Json | Refusal] = {}
    for id in sorted(ids):
        try:
            file = await tx.known.callers_file(id)
        except Refusal as refusal:
            found[id] = refusal
            continue
        found[id] = message_file(file.name, file.media_type, int(file.size), id)
    return found


def message_file(name: str, content_type: str, byte_count: int, id: UUID | None) -> Json:
    """A file as messages name it."""
    told: Json = {"name": name, "content_type": content_type, "byte_count": byte_count}
    return told | ({"file_id": str(id)} if id else {})


def checked_files(
    ids: Sequence[UUID], channel_codes: Sequence[str], known: Mapping[UUID, Json | Refusal], carriers: Carriers
) -> list[Json]:
    """The files of a message. Refuses those that are not there, are too large together, or that no channel carries."""
    files = []
    for id in ids:
        file = known[id]
        if isinstance(file, Refusal):
            raise file
        files.append(file)
    if files and not any(carriers.can(code, Ability.FILES) for code in channel_codes):
        raise FilesNotCarried(channel_codes=", ".join(channel_codes))
    if sum(file["byte_count"] for file in files) > LARGEST:
        raise FilesTooLarge(limit=LARGEST >> 20)
    return files


def attachments(send: Send) -> tuple[Attachment, ...]:
    """The files of a send, for its channel."""
    return tuple(
        Attachment(file["name"], file["content_type"], int(file["byte_count"]), UUID(file["file_id"]))
        for file in send.files or ()
    )
