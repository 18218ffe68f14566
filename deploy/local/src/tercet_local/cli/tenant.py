"""`tenant`: makes the first company of an installation."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from tercet_local.cli.local import Data
from tercet_local.cli.operator import Gateway, Keys, operator
from tercet_local.cli.output import console
from tercet_local.folder import DEFAULT, DataFolder


def register(app: typer.Typer) -> None:
    app.command("tenant")(tenant)


def tenant(
    code: Annotated[str, typer.Argument(help="Short name used at sign-in, such as `acme`.")],
    name: Annotated[str, typer.Option(help="Name for people.")],
    email: Annotated[str, typer.Option(help="E-mail address of the first administrator.")],
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Its password.")
    ],
    data: Data = DEFAULT,
    keys: Keys = None,
    gateway: Gateway = "",
    locale: Annotated[str, typer.Option(help="Language of users who chose none.")] = "zh-CN",
    zone: Annotated[str, typer.Option(help="Time zone of days that nobody fixes.")] = "Asia/Shanghai",
    currency: Annotated[str, typer.Option(help="Currency that reports are in.")] = "CNY",
    region: Annotated[str, typer.Option(help="Country of phone numbers without a country code.")] = "CN",
) -> None:
    """Make a tenant with its first administrator, on the system that runs on the data folder, or on one elsewhere."""
    # Imported here: the chassis takes most of a second, which every other command would pay.
    from tercet.gateway.v1.tenant_service_pb2 import Tenant
    from tercet.gateway.v1.unit_service_pb2 import Unit
    from tercet.gateway.v1.user_service_pb2 import User
    from tercet_chassis.ids import new_id
    from tercet_local.bootstrap import create_tenant

    made = Tenant(code=code, name=name, locale=locale, zone=zone, reporting_currency=currency, region=region)
    admin = User(email=email, display_name=email.partition("@")[0], password=password, locale=locale, zone=zone)
    root = Unit(code=code, name=name, type=Unit.Type.GROUP, reporting_currency=currency, zone=zone)
    with operator(DataFolder(data), keys, gateway) as operates:
        asyncio.run(create_tenant(operates.keys, operates.gateway, new_id(), made, admin, root))
    console.print(f"Made tenant [bold]{code}[/]; sign in with `tercet token --tenant {code} --email {email}`.")
