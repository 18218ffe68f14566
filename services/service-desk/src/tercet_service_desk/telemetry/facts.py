"""What a rule of alarms may ask of an asset."""

from __future__ import annotations

from tercet_conditions import Facts, Field, FieldType, Vocabulary
from tercet_service_desk.assets.model import Asset

_T, _U = Field(FieldType.TEXT), Field(FieldType.UUID)
FIELDS: dict[str, Field] = {
    **dict.fromkeys("kind_code display_name serial_number product_code place external_system".split(), _T),
    "state": Field(FieldType.ENUM, values=("IN_STOCK", "IN_USE", "OUT_OF_SERVICE", "RETIRED")),
    **dict.fromkeys("parent_id unit_id owner_id partner_party_id".split(), _U),
    **dict.fromkeys("install_date warranty_start_date warranty_end_date".split(), Field(FieldType.DATE)),
}
ASSETS = Vocabulary(FIELDS)


def facts_of(asset: Asset) -> Facts:
    """An asset as conditions see it."""
    return {**{path: getattr(asset, path) for path in FIELDS}, "custom": dict(asset.custom or {})}
