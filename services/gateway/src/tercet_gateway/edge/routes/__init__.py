"""The hand-written remainder: pages, files, tracking links. Admission, errors and headers as elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from tercet_chassis.channels import Channels
from tercet_gateway.edge.backend import Backend
from tercet_gateway.edge.callers import SystemToken
from tercet_gateway.edge.codec import Encoder
from tercet_gateway.edge.gate import Gate
from tercet_gateway.edge.settings import EdgeSettings


@dataclass(frozen=True, slots=True)
class Tools:
    """What hand-written routes work with."""

    settings: EdgeSettings
    gate: Gate
    backend: Backend
    channels: Channels
    encoder: Encoder
    system_token: SystemToken
