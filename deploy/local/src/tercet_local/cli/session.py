"""`token`: who you are towards an installation."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tercet_local.cli.api import DEFAULT_URL, Api, Url
from tercet_local.cli.output import AsJson, console, show_json


def register(app: typer.Typer) -> None:
    app.command()(token)


def token(
    tenant: Annotated[str | None, typer.Option(help="Code of the tenant to sign in to.")] = None,
    email: Annotated[str | None, typer.Option(help="E-mail address of the user.")] = None,
    password: Annotated[
        str | None,
        typer.Option(envvar="TERCET_PASSWORD", show_envvar=True, help="Asked for when left out; `-` reads one line."),
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="Sign out and forget the tokens.")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Sign in and print an access token; without options, a fresh one of the session that is kept.

    The tokens are kept in your configuration folder, readable by you alone, and used by all other commands.
    TERCET_TOKEN (an access token or an API key) goes before them.
    """
    api = Api(url)
    if end:
        api.sign_out()
        console.print("Signed out.")
        return
    if tenant is None and email is None:
        access_token = api.current_token()
    elif tenant is None or email is None:
        raise typer.BadParameter("give both --tenant and --email to sign in")
    else:
        access_token = str(api.sign_in(tenant, email, _password(password)).get("access_token", ""))
    if as_json:
        show_json({"url": api.url, "access_token": access_token})
    else:
        typer.echo(access_token)


def _password(given: str | None) -> str:
    if given == "-":
        return sys.stdin.readline().rstrip("\n")
    return given if given is not None else str(typer.prompt("Password", hide_input=True, err=True))
