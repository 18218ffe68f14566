"""What rules may ask of a lead: the paths of scoring, qualification and assignment conditions."""

from __future__ import annotations

from tercet_conditions import Field, FieldType, Vocabulary

GRADES = ("A", "B", "C", "D")
_T, _I, _B = Field(FieldType.TEXT), Field(FieldType.INTEGER), Field(FieldType.BOOLEAN)
_AT, _U, _L = Field(FieldType.INSTANT), Field(FieldType.UUID), Field(FieldType.LIST)

FIELDS: dict[str, Field] = {
    **dict.fromkeys(
        "full_name company_name job_title mobile phone email wechat website remark "
        "country_code province city district address source_code source_kind "
        "source_path last_source_code external_system".split(),
        _T,
    ),
    "kind": Field(FieldType.ENUM, values=("PERSON", "COMPANY")),
    "link_state": Field(FieldType.ENUM, values=("UNRESOLVED", "PROBABLE", "CONFIRMED")),
    "entry": Field(FieldType.ENUM, values=("API", "BATCH", "IMPORT", "FORM")),
    "grade": Field(FieldType.ENUM, values=GRADES),
    **dict.fromkeys(("score", "touch_count"), _I),
    **dict.fromkeys(("mobile_valid", "email_valid", "identified", "existing_customer"), _B),
    **dict.fromkeys(("occur_time", "last_touch_time"), _AT),
    **dict.fromkeys(("campaign_id", "placement_id", "unit_id"), _U),
    **dict.fromkeys(("interests", "flags"), _L),
}

LEADS = Vocabulary(FIELDS)
