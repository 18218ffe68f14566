"""Compiled conversion between messages and JSON values."""

from tercet_chassis.json_encoder import Encoder
from tercet_gateway.edge.codec.decoder import Decoder
from tercet_gateway.edge.codec.wellknown import Malformed

__all__ = ["Decoder", "Encoder", "Malformed"]
