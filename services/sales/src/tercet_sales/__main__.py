"""`python -m tercet_sales serve | migrate | check`."""

from __future__ import annotations

from tercet_chassis import run
from tercet_sales.app import service

run(service)
