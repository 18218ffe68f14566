"""Reads without a transaction, as a handler that only reads is given them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from google.protobuf.message import Message

from tercet_chassis import lists
from tercet_chassis.context import Context
from tercet_chassis.database import NOBODY
from tercet_chassis.entity import Entity
from tercet_chassis.principal import Principal
from tercet_chassis.row_json import JsonReply

if TYPE_CHECKING:
    from tercet_chassis.host import Host


class Look:
    """What a handler that only reads works with: who asks, and statements in the caller's tenant."""

    def __init__(self, runtime: Host, context: Context, *, json: bool = False) -> None:
        self.runtime, self.context = runtime, context
        # Masks are laid over messages: whoever has some is answered with one.
        self._json = json and not context.principal.masks
        self._now = runtime.clock.now()
        # Definitions of custom fields, by table.
        self.custom_fields: dict[str, dict[str, Any]] = {}

    @property
    def tenant_id(self) -> UUID:
        """The tenant; nobody's where there is none, so that no row is seen."""
        return self.context.tenant_id or NOBODY

    @property
    def principal(self) -> Principal:
        """Who is asking."""
        return self.context.principal

    def now(self) -> datetime:
        """Business time, the same through the whole look."""
        return self._now

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        """The rows of a statement in PostgreSQL's own words."""
        return await self.runtime.readers.fetch(self.tenant_id, statement, *values)

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        """The rows of a statement for rendering: times are numbers."""
        return await self.runtime.row_readers.fetch(self.tenant_id, statement, *values)

    async def page(self, entity: type[Entity], request: Message, *, response: type[Message]) -> Message | JsonReply:
        """One page of a list, as `Tx.page`, to be answered as it is: it may be JSON, where the caller asks for it."""
        if self._json:
            return await lists.page_as_json(self, entity, request, response)
        return await lists.page(self, entity, request, response)

    async def find(self, entity: type[Entity], id: str) -> Message | None:
        """The message of the row in the caller's reach, or None. Calls of one caller that come while another one looks
        share the next look.
        """
        try:
            key = UUID(id)
        except ValueError:
            return None
        query = lists.by_ids(self.runtime.bindings.of(entity), self.principal, self.context.permission)
        row = await self.runtime.row_readers.shared(self.tenant_id, query, key)
        return None if row is None else query.render(row)
