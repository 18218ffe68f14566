"""Referral: members win members, and both may get something."""

from __future__ import annotations

from tercet_marketing.tools.contract import Act, Redemption, Reward, Tool
from tercet_marketing.tools.rules import Numbers
from tercet_marketing.tools.schemas import config_code, numbers, whole


class Referral(Tool):
    """Gives its holder a code to hand on; each newcomer who uses it rewards both."""

    code = "referral"
    display_name = "推荐有礼 Referral"
    schema = numbers(
        {
            "invites_max": whole("At most so many newcomers", 10_000),
            "inviter_tool_code": config_code("What the inviter gets"),
            "inviter_policy_code": config_code("By which policy"),
            "invitee_tool_code": config_code("What the newcomer gets"),
            "invitee_policy_code": config_code("By which policy"),
        },
        [],
        anyOf=[{"required": ["inviter_tool_code"]}, {"required": ["invitee_tool_code"]}],
        dependentRequired={
            f"{who}_{this}_code": [f"{who}_{that}_code"]
            for who in ("inviter", "invitee")
            for this, that in (("tool", "policy"), ("policy", "tool"))
        },
    )
    redeemed_by_others = True

    def rewards(self, numbers: Numbers) -> list[tuple[str, str]]:
        """What the inviter and the newcomer get."""
        named = [who for who in ("inviter", "invitee") if f"{who}_tool_code" in numbers]
        return [(numbers[f"{who}_tool_code"], numbers[f"{who}_policy_code"]) for who in named]

    async def redeem(self, act: Act, redemption: Redemption) -> list[Reward]:
        """A newcomer came: the rewards of both are due."""
        rewards = []
        for who, identity_id in (("inviter", act.identity_id), ("invitee", redemption.identity_id)):
            tool = act.numbers.get(f"{who}_tool_code")
            if tool is not None:
                rewards.append(Reward(tool, act.numbers[f"{who}_policy_code"], identity_id))
        return rewards
