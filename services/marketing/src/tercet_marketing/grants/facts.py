"""What must be known to give benefits, asked once for however many are given together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tercet_chassis import Tx
from tercet_marketing.grants import store
from tercet_marketing.grants.errors import PolicyMissing, ZoneUnknown
from tercet_marketing.policies import matching
from tercet_marketing.policies import store as policies
from tercet_marketing.policies.errors import ToolPolicyIncompatible
from tercet_marketing.policies.model import PolicyVersion
from tercet_marketing.policies.rules import Standing
from tercet_marketing.tools import registry


class Wanted(Protocol):
    """What is asked about: a tool, a policy, and somebody."""

    @property
    def identity_id(self) -> UUID: ...
    @property
    def tool_code(self) -> str: ...
    @property
    def policy_code(self) -> str: ...
    @property
    def version(self) -> int: ...


class Facts:
    """Versions, people and zones of one transaction, each asked for once."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._people: dict[UUID, tuple[UUID, Standing]] = {}
        self._versions: dict[tuple[str, int], PolicyVersion] = {}
        self._fitting: set[tuple[str, str, int]] = set()
        self._zone = ""

    async def expect(self, wanted: Iterable[Wanted]) -> None:
        """Asks for what several need together."""
        several = list(wanted)
        self._people |= await store.standings_of(self._tx, {one.identity_id for one in several})
        present = {one.policy_code for one in several if one.policy_code and not one.version}
        self._versions |= {(code, 0): found for code, found in (await policies.all_in_force(self._tx, present)).items()}
        early = {(one.policy_code, one.version) for one in several if one.policy_code and one.version}
        self._versions |= await policies.versions(self._tx, early)

    async def person(self, identity_id: UUID) -> tuple[UUID, Standing]:
        """Who an identity is held to be, and what rows of policies ask about them."""
        if identity_id not in self._people:
            self._people |= await store.standings_of(self._tx, [identity_id])
        return self._people[identity_id]

    async def version(self, wanted: Wanted) -> PolicyVersion | None:
        """The version that counts, None without a policy. Refuses a policy that is not in force, and one that the
        tool cannot work with.
        """
        tool, code, number = wanted.tool_code, wanted.policy_code, wanted.version
        if not code:
            if registry.tool(tool).faults({}, ""):
                raise PolicyMissing(tool_code=tool)
            return None
        found = self._versions.get((code, number))
        if found is None:
            pair = (code, number)
            found = (await policies.versions(self._tx, [pair])).get(pair) if number else None
            found = found or await policies.in_force(self._tx, code)
            self._versions[pair] = found
        if (tool, code, number) not in self._fitting:
            wrong = matching.faults_for(tool, found)
            if wrong:
                detail = " ".join(f"{fault.path}: {fault.text}" for fault in wrong[:3])
                raise ToolPolicyIncompatible(tool_code=tool, policy_code=code, detail=detail)
            self._fitting.add((tool, code, number))
        return found

    async def zone(self, given: str) -> str:
        """The zone that is given, else the tenant's. Refuses one that there is not."""
        if not given:
            self._zone = self._zone or (await self._tx.known.zone_and_currency(None))[0]
            return self._zone
        try:
            ZoneInfo(given)
        except (ZoneInfoNotFoundError, ValueError) as unknown:
            raise ZoneUnknown(zone=given) from unknown
        return given
