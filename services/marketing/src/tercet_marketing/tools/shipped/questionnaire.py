"""Questionnaire: an invitation to answer, with a reward for whoever does."""

from __future__ import annotations

from tercet_marketing.tools.contract import Act, Redemption, Reward, Tool
from tercet_marketing.tools.rules import Numbers
from tercet_marketing.tools.schemas import config_code, numbers


class Questionnaire(Tool):
    """Invites to a form; who has answered gets the reward."""

    code = "questionnaire"
    display_name = "问卷 Questionnaire"
    schema = numbers(
        {
            "form_code": config_code("The form that is answered"),
            "reward_tool_code": config_code("What whoever answers gets"),
            "reward_policy_code": config_code("By which policy"),
        },
        ["form_code"],
        dependentRequired={"reward_tool_code": ["reward_policy_code"], "reward_policy_code": ["reward_tool_code"]},
    )

    def rewards(self, numbers: Numbers) -> list[tuple[str, str]]:
        """What whoever answers gets."""
        tool = numbers.get("reward_tool_code")
        return [] if tool is None else [(tool, numbers["reward_policy_code"])]

    async def redeem(self, act: Act, redemption: Redemption) -> list[Reward]:
        """It was answered: the reward is due."""
        return [Reward(tool, policy, act.identity_id) for tool, policy in self.rewards(act.numbers)]
