"""What a serving process keeps in memory is what it needs for serving."""

from __future__ import annotations

import subprocess
import sys

import pytest

SERVICES = ("tercet_leads", "tercet_sales", "tercet_marketing", "tercet_service_desk", "tercet_gateway")
# Each is megabytes and a tenth of a second, five times on one machine.
NEEDLESS = ("alembic", "mako", "rich", "pygments", "pypinyin", "opencc")
EXPORTING = ("opentelemetry.exporter", "opentelemetry.instrumentation")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_without_what_only_migrations_terminals_and_exporters_need(service: str) -> None:
    program = f"import sys, {service}.app as app; app.service.assemble(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    found = [name for name in loaded if name.split(".")[0] in NEEDLESS or name.startswith(EXPORTING)]
    assert found == []


def test_a_message_is_known_without_the_packages_nobody_asked_for() -> None:
    program = (
        "import sys; from tercet_chassis.contract import has_message, message_class\n"
        "assert message_class('tercet.leads.v1.Lead').DESCRIPTOR.name == 'Lead'\n"
        "assert not has_message('tercet.leads.v1.Nothing') and not has_message('tercet.nowhere.v1.Lead')\n"
        "assert not [name for name in sys.modules if name.startswith('tercet.marketing')]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
