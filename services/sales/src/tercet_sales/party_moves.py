"""Which party an identity belongs to after a move, for rows that hold more than the pair the chassis keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID


def moved(parties: Sequence[Mapping[str, Any]], newest: Mapping[UUID, UUID]) -> list[dict[str, Any]]:
    """The parties of a deal, each under the party its identity belongs to now."""
    known = {str(identity): str(party) for identity, party in newest.items()}
    return [{**party, "party_id": known.get(party["identity_id"], party["party_id"])} for party in parties]
