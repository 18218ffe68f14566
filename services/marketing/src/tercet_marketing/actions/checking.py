"""Whether an action can be carried out as it is put together."""

from __future__ import annotations

from tercet_chassis import Tx
from tercet_marketing.actions.model import Action
from tercet_marketing.channels.accounts import carriers
from tercet_marketing.channels.errors import ChannelUnknown
from tercet_marketing.policies.matching import require_compatible
from tercet_marketing.templates import store as templates
from tercet_marketing.templates.errors import TemplateUnknown


async def check(action: Action, tx: Tx) -> None:
    """Refuses an action that does nothing, a tool and a policy that do not fit, and unknown channels and templates."""
    action.check()
    await require_compatible(tx, action.tool_code, action.policy_code, field="action.policy_code")
    if not action.channel_codes:
        return
    known = await carriers(tx)
    for code in action.channel_codes:
        if not known.knows(code):
            raise ChannelUnknown(channel_code=code)
    if not await templates.newest_versions(tx, [action.template_code]):
        raise TemplateUnknown(template_code=action.template_code)
