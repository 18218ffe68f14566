"""The installed tools. Read when the service is put together, so that a broken plugin stops the start."""

from __future__ import annotations

from google.protobuf import json_format

from tercet.marketing.v1 import tool_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_marketing.tools import registry
from tercet_marketing.tools.registry import Installed

registry.installed()


class ToolService(Handlers):
    """Serves tercet.marketing.v1.ToolService."""

    async def ListTools(self, request: pb.ListToolsRequest, tx: Tx) -> pb.ListToolsResponse:
        """Every installed tool."""
        return pb.ListToolsResponse(tools=[_shown(known) for known in registry.installed().values()])

    async def GetTool(self, request: pb.GetToolRequest, tx: Tx) -> pb.Tool:
        """One tool. Refuses one that is not installed."""
        return _shown(registry.tool(request.code))


def _shown(known: Installed) -> pb.Tool:
    tool = known.tool
    shown = pb.Tool(
        code=tool.code,
        display_name=tool.display_name,
        acts_on_orders=tool.acts_on_orders,
        spends_at_issue=tool.spends_at_issue,
        redeemed_by_others=tool.redeemed_by_others,
        distribution=known.distribution,
    )
    json_format.ParseDict(dict(tool.schema), shown.schema)
    return shown
