"""What a channel is: the contract that every adapter keeps, those from outside this tree too.

An adapter is a class named by an entry point of the group `tercet.marketing.channels`. It holds no state between calls
but connections, and is called outside of any transaction. Its outcomes are exactly these: a `Receipt` when the provider
has the message; `Refused` when it never will; `Later` when it certainly has not, but may take it later; `Unclear` when
nobody can tell. Whatever else is raised counts as `Unclear`, so that nothing is sent twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from google.protobuf.message import Message as Proto

from tercet_chassis import Tx
from tercet_chassis.money import Money


class AddressKind(StrEnum):
    """The kinds of contact points, named as in profiles."""

    PHONE = "PHONE"
    EMAIL = "EMAIL"
    ACCOUNT = "ACCOUNT"
    DEVICE = "DEVICE"
    CUSTOMER = "CUSTOMER"
    URL = "URL"


class Ability(StrEnum):
    """What a channel can."""

    HTML = "HTML"
    SUBJECT = "SUBJECT"
    # Tells by our id what became of a message: `status` never answers UNKNOWN for want of trying.
    STATUS = "STATUS"
    RECEIVE = "RECEIVE"
    COST = "COST"
    # A message that is handed over twice under one id reaches the customer once.
    ONCE = "ONCE"
    # Is asked for what customers write, where the account says how.
    FETCH = "FETCH"
    FILES = "FILES"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of an account."""

    name: str
    description: str
    required: bool = False
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """How a tenant uses the channel. `secrets` are in clear here and nowhere else."""

    code: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    sender: str = ""
    sender_label: str = ""
    message_cost: Money | None = None
    # Whether addresses inside our own network may be called: in development only.
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets a message and where."""

    kind: AddressKind
    value: str
    platform: str = ""
    name: str = ""
    identity_id: UUID | None = None
    party_id: UUID | None = None
    owner_id: UUID | None = None
    unit_id: UUID | None = None
    partner_party_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message; its bytes are marketing's file `file_id`."""

    name: str
    content_type: str
    byte_count: int
    file_id: UUID


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. `id` is ours: the provider gets it as its idempotency key where it has one."""

    id: UUID
    to: Recipient
    purpose: str
    subject: str = ""
    text: str = ""
    html: str = ""
    short_text: str = ""
    language: str = ""
    in_reply_to: str = ""
    # Where one click withdraws consent; empty where that is not asked for.
    unsubscribe_url: str = ""
    write_time: datetime | None = None
    # No person wrote it: machines at the other end are told, so that none of them answers.
    automatic: bool = False
    files: tuple[Attachment, ...] = ()

    @property
    def brief(self) -> str:
        """The text for channels that count signs."""
        return self.short_text or self.text


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider has the message."""

    provider_id: str = ""
    delivered: bool = False
    cost: Money | None = None


class Fate(StrEnum):
    """What became of a message, as the provider tells."""

    SENT = "SENT"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    # The provider never had it: it may be handed over again.
    ABSENT = "ABSENT"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Status:
    """What became of a message. Either id names it; `bounced` and `complained` speak of the address for good."""

    fate: Fate
    message_id: UUID | None = None
    provider_id: str = ""
    detail: str = ""
    bounced: bool = False
    complained: bool = False
    cost: Money | None = None


@dataclass(frozen=True, slots=True)
class ArrivedFile:
    """A file that came with a message; without content when it was too large."""

    name: str
    content_type: str
    byte_count: int
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a customer wrote. `provider_id` names it once for ever within the account."""

    provider_id: str
    kind: AddressKind
    sender: str
    platform: str = ""
    sender_name: str = ""
    subject: str = ""
    text: str = ""
    html: str = ""
    in_reply_to: str = ""
    # Further names of messages that it follows, the newest last.
    references: tuple[str, ...] = ()
    # Ids of ours that those names contain, the nearest first: known before a provider's name is.
    message_ids: tuple[UUID, ...] = ()
    automatic: bool = False
    write_time: datetime | None = None
    # What it repeats of earlier messages; `text` is without it.
    quoted_text: str = ""
    files: tuple[ArrivedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What a provider pushed to us, as it came: header fields in lower case, `query` among them."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Caught:
    """One message as it lay at the provider. `cause` says why it was not fetched whole."""

    place: str
    raw: bytes
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Catch:
    """What was fetched, and the mark to go on from once all of it has been taken."""

    caught: Sequence[Caught]
    mark: str
    more: bool = False


class Unreadable(Exception):
    """What lay at the provider cannot be understood."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Refused(Exception):
    """The provider will not take the message, however often it is asked. `bounced`: the address takes nothing."""

    def __init__(self, detail: str, *, bounced: bool = False) -> None:
        super().__init__(detail)
        self.detail, self.bounced = detail, bounced


class Later(Exception):
    """The provider certainly has not taken the message and may take it later."""

    def __init__(self, detail: str, *, seconds: float | None = None) -> None:
        super().__init__(detail)
        self.detail, self.seconds = detail, seconds


class Unclear(Exception):
    """Nobody can tell whether the provider has the message."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider wants to hear to its report, word for word."""

    text: str


class ReportForged(Exception):
    """A report that is not the provider's."""


class House(Protocol):
    """What an adapter may use of Tercet: its own rows, and calls to other services. Each call is work of its own."""

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction in the tenant."""

    def now(self) -> datetime:
        """Business time."""

    async def call(self, service: str, rpc: str, request: Proto, *, request_id: str) -> Any:
        """Calls another service; the same request id again takes effect once."""


class Plugin(ABC):
    """What works through accounts that a tenant sets up."""

    code: str
    display_name: str
    settings: Sequence[Setting] = ()

    def check(self, account: Account) -> Mapping[str, str]:
        """What is wrong with an account, by setting. The base finds what is missing and what nobody knows."""
        known = {setting.name: setting for setting in self.settings}
        wrong = {name: f"{self.code} knows no such setting" for name in account.settings if name not in known}
        wrong |= {name: f"it is no secret of {self.code}" for name in account.secrets if not _secret(known.get(name))}
        for setting in self.settings:
            given = account.secrets if setting.secret else account.settings
            if setting.secret and setting.name in account.settings:
                wrong[setting.name] = "it is a secret; name it among `secrets`"
            elif setting.required and not given.get(setting.name):
                wrong[setting.name] = f"it is needed: {setting.description}"
        return wrong


class Channel(Plugin):
    """One way to reach somebody. Subclasses name what they are, and send."""

    address_kind: AddressKind
    # Of accounts at a messenger: which.
    platform: str = ""
    abilities: frozenset[Ability] = frozenset()
    # False where everything happens inside Tercet, so that no provider has to be set up first.
    needs_account: bool = True

    @abstractmethod
    async def send(self, message: Message, account: Account, house: House) -> Receipt:
        """Hands a message over. Raises `Refused`, `Later` or `Unclear`."""

    async def status(self, message_id: UUID, provider_id: str, account: Account, house: House) -> Status:
        """What became of a message, asked by our id."""
        return Status(Fate.UNKNOWN, message_id)

    async def receive(self, report: Report, account: Account, house: House) -> Sequence[Arrival | Status | Answer]:
        """What a pushed report says, and what is answered to it. Raises `ReportForged` when it is not
        the provider's.
        """
        raise ReportForged(f"the channel {self.code} takes no reports")

    def look_interval(self, account: Account) -> timedelta | None:
        """How long after a look for what customers wrote the next one comes; None when the account is not fetched."""
        return None

    async def fetch(self, account: Account, house: House, mark: str) -> Catch:
        """What lies at the provider beyond a mark, the oldest first; an empty mark is the first look ever. It changes
        nothing there, so whoever dies before the mark is kept fetches the same again. Raises `Later` or `Refused`.
        """
        raise Refused(f"the channel {self.code} is told, not asked")

    def read(self, raw: bytes, account: Account) -> Sequence[Arrival | Status]:
        """What one fetched message says. Raises `Unreadable`."""
        raise Unreadable(f"the channel {self.code} reads nothing")

    def cost(self, message: Message, account: Account) -> Money | None:
        """What the message costs; as the account says where the provider does not."""
        return account.message_cost


def _secret(setting: Setting | None) -> bool:
    return setting is not None and setting.secret
