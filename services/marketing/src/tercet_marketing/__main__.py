"""`python -m tercet_marketing serve | migrate | check-migrations | new-migration`."""

from __future__ import annotations

from tercet_chassis import run
from tercet_marketing.app import service

run(service)
