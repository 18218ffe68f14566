"""`events`: what could not be processed, and telling the state of things again."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tercet_local.cli.api import DEFAULT_URL, Api, Url
from tercet_local.cli.output import AsJson, console, show_json, show_rows
from tercet_local.provisioning import SERVICES

events = typer.Typer(no_args_is_help=True, help="Events that could not be processed, and announcing resources again.")


def _service_names(incomplete: str) -> list[str]:
    return [name for name in SERVICES if name.startswith(incomplete)]


ServiceName = Annotated[
    str, typer.Argument(autocompletion=_service_names, help="Service: " + ", ".join(SERVICES) + ".")
]
OneId = Annotated[str, typer.Argument(help="Id of the dead letter.")]


def register(app: typer.Typer) -> None:
    app.add_typer(events, name="events")


@events.command("dead-letters")
def dead_letters(
    service: Annotated[
        str | None, typer.Option(autocompletion=_service_names, help="Only of this service; of all when left out.")
    ] = None,
    state: Annotated[str, typer.Option(help="OPEN, RETRIED or DISCARDED.")] = "OPEN",
    limit: Annotated[int, typer.Option(min=1, help="At most this many of each service.")] = 100,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """List the events that a consumer could not process, newest first, with the reason."""
    api = Api(url)
    rows: list[dict[str, Any]] = []
    for name in [service] if service else SERVICES:
        rows += [{"service": name, **letter} for letter in _pages(api, name, state, limit)]
    show_rows("", ("service", "id", "consumer", "subject", "reason", "attempts", "create_time"), rows, as_json)


def _pages(api: Api, service: str, state: str, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token: str | None = None
    while len(found) < limit:
        page_size = min(500, limit - len(found))
        answer = api.get(f"/v1/{service}/dead-letters", state=state, page_size=page_size, page_token=token)
        found += answer.get("dead_letters") or []
        token = answer.get("next_page_token") or None
        if token is None:
            break
    return found


@events.command()
def retry(service: ServiceName, dead_letter: OneId, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Process a dead letter again now. Refused with the consumer's reason when it fails again."""
    _act(Api(url), service, dead_letter, "retry", as_json)


@events.command()
def discard(service: ServiceName, dead_letter: OneId, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Put a dead letter aside; it stays visible as DISCARDED."""
    _act(Api(url), service, dead_letter, "discard", as_json)


def _act(api: Api, service: str, dead_letter: str, verb: str, as_json: bool) -> None:
    letter = api.post(f"/v1/{service}/dead-letters/{dead_letter}:{verb}", {})
    if as_json:
        show_json(letter)
    else:
        console.print(f"{letter.get('id', dead_letter)} is {letter.get('state', verb)}.")


@events.command("replay")
@events.command("announce", hidden=True)
def replay(
    service: ServiceName,
    event: Annotated[str, typer.Argument(help="Event message to announce each resource by, such as CustomerUpdated.")],
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Announce the present state of all resources of a kind: a new or broken read model is built from that."""
    answer = Api(url).post(f"/v1/{service}/announcements", {"event": event})
    if as_json:
        show_json(answer)
    else:
        console.print(f"Announced {answer.get('announced_count', 0)} resources.")
