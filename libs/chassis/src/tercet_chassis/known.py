"""What a service knows of its surroundings: its copies of tenant and units, who identities are, files beside its rows.

Slices ask `tx.known` and name no table of the chassis.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, func, literal, select, update

from tercet.chassis.v1.file_service_pb2 import File
from tercet_chassis import stored_files
from tercet_chassis.tables import LINK_PARTY, jobs, party_links, tenants, units

if TYPE_CHECKING:
    from tercet_chassis.host import Writing

_SCOPES_OF_UNITS = ("own", "unit", "partner", "shared")


class Moved(NamedTuple):
    """Who went where when parties were merged or split."""

    # The party of each identity that moved, by the newest move that is known, which may be newer than this one.
    newest: dict[UUID, UUID]
    # All parties that lost or won somebody.
    parties: set[UUID]


class Known:
    """The surroundings of one transaction."""

    def __init__(self, tx: Writing) -> None:
        self._tx = tx

    # -- tenant and units ---------------------------------------------------------------------------------------------
    async def region(self) -> str:
        """The tenant's country, in which phone numbers without a prefix are read; empty while it is not known."""
        return str(await self._tx.session.scalar(select(tenants.c.region).where(self._tenant)) or "")

    async def tenant_code(self) -> str:
        """The tenant's code, which stands in links; empty while it is not known."""
        return str(await self._tx.session.scalar(select(tenants.c.code).where(self._tenant)) or "")

    async def zone_and_currency(self, unit_id: UUID | None) -> tuple[str, str]:
        """Time zone and reporting currency of a unit, each the tenant's where the unit has none or is not known here;
        UTC and nothing while the tenant is not.
        """
        own = select(units).where(units.c.tenant_id == self._tx.tenant_id, units.c.id == unit_id).subquery()
        query = select(
            func.coalesce(func.nullif(own.c.zone, ""), tenants.c.zone),
            func.coalesce(func.nullif(own.c.reporting_currency, ""), tenants.c.reporting_currency),
        ).select_from(tenants.outerjoin(own, literal(True)))
        row = (await self._tx.session.execute(query.where(self._tenant))).one_or_none()
        return ("UTC", "") if row is None else (str(row[0]), str(row[1]))

    async def unit_line(self, unit_id: UUID | None) -> tuple[UUID, ...]:
        """The unit and those above it, nearest first; of an unknown unit only itself."""
        if unit_id is None:
            return ()
        mine = units.c.tenant_id == self._tx.tenant_id
        own = select(units.c.path).where(mine, units.c.id == unit_id).scalar_subquery()
        query = (
            select(units.c.id)
            .where(mine, own.startswith(units.c.path), units.c.id != unit_id, units.c.path != literal(""))
            .order_by(func.length(units.c.path).desc(), units.c.id)
        )
        return (unit_id, *(await self._tx.session.scalars(query)).all())

    async def may_act_for(self, unit_id: UUID) -> bool:
        """Whether the caller's permission for this call reaches a unit: any with `all`, otherwise those that it is
        held for, with `unit_below` those below them too, and the caller's own.
        """
        principal, permission = self._tx.principal, self._tx.context.permission
        held = principal.scopes(permission) if permission else frozenset({"all"})
        if principal.is_system or "all" in held or unit_id == principal.unit_id:
            return True
        if any(unit_id in principal.units(permission, scope) for scope in _SCOPES_OF_UNITS if scope in held):
            return True
        if "unit_below" not in held:
            return False
        return not set(principal.units(permission, "unit_below")).isdisjoint(await self.unit_line(unit_id))

    @property
    def _tenant(self) -> ColumnElement[bool]:
        return tenants.c.id == self._tx.tenant_id

    # -- who is who ---------------------------------------------------------------------------------------------------
    async def follow_move(self, identity_id: UUID, party_id: UUID, version: int) -> UUID:
        """Puts an identity under a party in this whole service and answers the party it belongs to now, as a newer move
        may be known. Whoever handles another move of it waits until this transaction ends.
        """
        await apply_move(self._tx, identity_id, party_id, version)
        return await self.party_of(identity_id) or party_id

    async def follow_moves(self, moves: Iterable[Any]) -> Moved:
        """The same for all identities of a merge or split, in one order everywhere. Consumers beside each other all
        apply them, so that whoever hears first reads the newest.
        """
        newest: dict[UUID, UUID] = {}
        parties: set[UUID] = set()
        for move in sorted(moves, key=lambda move: move.identity_id):
            identity_id, to_party_id = UUID(move.identity_id), UUID(move.to_party_id)
            newest[identity_id] = await self.follow_move(identity_id, to_party_id, int(move.version))
            parties |= {to_party_id, newest[identity_id]}
            if move.from_party_id:
                parties.add(UUID(move.from_party_id))
        return Moved(newest, parties)

    async def party_of(self, identity_id: UUID) -> UUID | None:
        """The party of an identity that was moved; None of one that never was."""
        mine = (party_links.c.tenant_id == self._tx.tenant_id, party_links.c.identity_id == identity_id)
        return await self._tx.session.scalar(select(party_links.c.party_id).where(*mine))

    # -- jobs ---------------------------------------------------------------------------------------------------------
    async def scheduled(self, job: Callable[..., Any], key: str | None = None) -> dict[str, datetime]:
        """When the jobs of a function that wait are due, by their keys: all of them, or the one of this key."""
        mine = (jobs.c.tenant_id == self._tx.tenant_id) & (jobs.c.name == self._tx.runtime.job_name(job))
        query = select(jobs.c.key, jobs.c.due_time).where(mine, jobs.c.state == "WAITING")
        rows = await self._tx.session.execute(query if key is None else query.where(jobs.c.key == key))
        return {row.key: row.due_time for row in rows}

    # -- files --------------------------------------------------------------------------------------------------------
    async def file(self, id: UUID) -> File:
        """What is known of a file, whoever brought it. Refuses with NOT_FOUND."""
        return await stored_files.stored(self._tx, str(id))

    async def callers_file(self, id: UUID, owner: UUID | None = None) -> File:
        """What the caller may know of a file, or the owner for whom a service acts. Refuses with NOT_FOUND one that
        somebody else brought.
        """
        return await stored_files.readable(self._tx, str(id), owner)

    async def file_piece(self, id: UUID, sequence: int) -> bytes | None:
        """One piece of a file, from 0; None after the last."""
        return await stored_files.chunk(self._tx, str(id), sequence)

    def file_pieces(self, id: UUID) -> AsyncIterator[bytes]:
        """A file's bytes, piece by piece."""
        return stored_files.read(self._tx, str(id))

    async def keep_file(self, name: str, media_type: str, content: bytes) -> UUID:
        """Keeps a file that came otherwise than by an upload; gives its id. Services see it, people do not."""
        return await stored_files.keep(self._tx, name, media_type, content)


async def apply_move(tx: Writing, identity_id: UUID, party_id: UUID, version: int) -> bool:
    """Puts one identity under a party in this whole service; False when a newer move is known already."""
    values = {"tenant": tx.tenant_id, "identity": identity_id, "party": party_id, "version": version}
    if not (await tx.session.execute(LINK_PARTY, values)).scalar_one():
        return False
    for entity in tx.runtime.linked_entities:
        table = entity.__table__
        change = (
            update(table)
            .where(table.c.identity_id == bindparam("identity"), table.c.party_id != bindparam("party"))
            .values(party_id=bindparam("party"), row_version=table.c.row_version + 1, update_time=tx.now())
        )
        await tx.session.execute(change, {"identity": identity_id, "party": party_id})
    return True
