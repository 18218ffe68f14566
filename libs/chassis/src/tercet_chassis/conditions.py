"""Conditions that tenants write into rules: with their own fields among the paths, refused with every fault."""

from __future__ import annotations

from tercet_chassis.custom_fields import condition_field, definitions
from tercet_chassis.errors import ConditionInvalid
from tercet_chassis.host import Reading
from tercet_conditions import Condition, ConditionError, Field, Vocabulary

_NO_MASKS: frozenset[str] = frozenset()


async def own_fields(reading: Reading, table: str, masks: frozenset[str] = _NO_MASKS) -> dict[str, Field]:
    """The tenant's own fields of what a table holds, as conditions see them; those that `masks` hide are not asked."""
    known = await definitions(reading, table)
    return {key: condition_field(known[key], masks) for key in sorted(known)}


async def understood(reading: Reading, vocabulary: Vocabulary, table: str, text: str, field: str) -> Condition:
    """The condition of a rule that is being saved. Refuses one that does not parse, or asks what the table's resources
    have not, with every fault at `field`.
    """
    custom = await own_fields(reading, table) if "custom." in text else {}
    try:
        return vocabulary.condition(text, custom)
    except ConditionError as wrong:
        raise ConditionInvalid.at(field, wrong) from wrong
