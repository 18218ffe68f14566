"""`python -m tercet_leads serve | migrate | check`."""

from __future__ import annotations

from tercet_chassis import run
from tercet_leads.app import service

run(service)
