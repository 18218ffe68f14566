"""`python -m tercet_gateway serve | migrate | check`."""

from __future__ import annotations

from tercet_chassis import run

from tercet_gateway.app import service

run(service)
