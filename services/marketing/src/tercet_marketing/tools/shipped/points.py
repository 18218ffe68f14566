"""Points: credited to the beneficiary at once."""

from __future__ import annotations

from decimal import Decimal

from tercet_marketing.loyalty import points as loyalty
from tercet_marketing.loyalty import store as programmes
from tercet_marketing.tools.contract import Act, Tool
from tercet_marketing.tools.schemas import config_code, numbers, whole


class Points(Tool):
    """Credits points of a programme."""

    code = "points"
    display_name = "积分 Points"
    schema = numbers(
        {
            "programme_code": config_code("The programme whose points they are"),
            "points": whole("How many", 1_000_000_000),
            "counts_for_tiers": {"type": "boolean", "title": "Whether they count towards a tier"},
        },
        ["programme_code", "points"],
    )
    redeemed_alone = False

    async def issue(self, act: Act) -> bool:
        """Credits them, and makes a member of who is none; nothing is left to redeem."""
        programme = await programmes.programme_of(act.tx, act.numbers["programme_code"])
        member = await loyalty.enrol(act.tx, programme, act.identity_id, act.party_id)
        await loyalty.earn(
            act.tx,
            programme,
            member,
            Decimal(act.numbers["points"]),
            key=act.key,
            reason="GRANT",
            reference=str(act.grant_id),
            counts_for_tiers=bool(act.numbers.get("counts_for_tiers", False)),
        )
        return True

    async def reverse(self, act: Act) -> None:
        """Takes them back; what is spent already is owed or written off, as the programme says."""
        programme = await programmes.programme_of(act.tx, act.numbers["programme_code"])
        await loyalty.reverse(act.tx, programme, f"{act.key}:reverse", act.key, reason="GRANT_REVERSED")
