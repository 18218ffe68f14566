"""`demo`: the sample company and its week."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from tercet_local.cli.api import DEFAULT_URL, Url
from tercet_local.cli.local import Data
from tercet_local.cli.operator import Gateway, Keys, Operator, operator
from tercet_local.cli.output import console
from tercet_local.errors import LocalError
from tercet_local.folder import DEFAULT, DataFolder

Leads = Annotated[Path, typer.Option("--leads", help="The file of leads to take in.")]
Days = Annotated[int, typer.Option("--days", min=1, max=7, help="How many days the sellers work.")]
SAMPLE_LEADS = Path("examples/leads.csv")


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    data: Data = DEFAULT,
    url: Url = DEFAULT_URL,
    leads: Leads = SAMPLE_LEADS,
    days: Days = 7,
    keys: Keys = None,
    gateway: Gateway = "",
) -> None:
    """Make the sample company, take 20,000 leads in and let its sellers work through the past week.

    What an earlier run did is not repeated; one that was killed goes on where it stopped. A system elsewhere must run
    for development, since the week passes on a virtual clock.
    """
    from tercet_local.demo.run import run  # here, as `_tenant` says

    if not leads.exists():
        raise LocalError(f"There is no file {leads}; name another with --leads.")
    folder = DataFolder(data)
    with operator(folder, keys, gateway) as operates:
        _tenant(operates)
    asyncio.run(run(url, _journal(folder, keys), leads, console, days))


def _journal(folder: DataFolder, keys: Path | None) -> Path:
    """Where is written what was done: beside the system's data, or beside the keys of one elsewhere."""
    return folder.path / "demo.json" if keys is None else keys.with_suffix(".demo.json")


def _tenant(operates: Operator) -> None:
    # Imported here: the chassis takes most of a second, which every other command would pay.
    from tercet.gateway.v1.tenant_service_pb2 import Tenant
    from tercet.gateway.v1.unit_service_pb2 import Unit
    from tercet.gateway.v1.user_service_pb2 import User
    from tercet_local.bootstrap import TenantRefused, create_tenant
    from tercet_local.demo import company
    from tercet_local.demo.people import PASSWORD, TENANT, step_id

    tenant = Tenant(
        code=TENANT, name=company.NAME, locale="zh-CN", zone="Asia/Shanghai", reporting_currency="CNY", region="CN"
    )
    admin = User(
        email=company.ADMIN,
        display_name="管理员 Administrator",
        password=PASSWORD,
        locale="zh-CN",
        zone="Asia/Shanghai",
    )
    root = Unit(code=TENANT, name=company.NAME, type=Unit.Type.GROUP, reporting_currency="CNY", zone="Asia/Shanghai")
    try:
        asyncio.run(create_tenant(operates.keys, operates.gateway, UUID(step_id("tenant")), tenant, admin, root))
    except TenantRefused as refused:
        if not refused.exists:
            raise
