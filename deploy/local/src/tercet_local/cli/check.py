"""`check`: do the promises hold, in each service and between them?"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Annotated, Any

import typer

from tercet_local.cli.api import DEFAULT_URL, Api, ApiRefused, Url
from tercet_local.cli.output import AsJson, console, show_json, show_rows
from tercet_local.provisioning import SERVICES

_PAUSE_SECONDS = 0.25


def register(app: typer.Typer) -> None:
    app.command()(check)


def check(
    every: Annotated[bool, typer.Option("--all", help="Show the invariants that hold too.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait first until no event or job is on its way.")] = 10,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Check the invariants of every service, and that their numbers agree. Exit code 1 when one is broken.

    Whoever is signed in needs the permission `chassis.check.read` for all records and no other; the sample roles
    `admin` and `auditor` have it.
    """
    api = Api(url)
    _until_idle(api, wait)
    findings: list[dict[str, Any]] = []
    facts: dict[str, dict[str, str]] = defaultdict(dict)
    for service in SERVICES:
        try:
            answer = api.get(f"/v1/{service}/check")
        except ApiRefused as refusal:
            if refusal.status < 500:
                raise
            findings.append(_finding(service, "service.answers", False, 1, 1, [str(refusal)]))
            continue
        findings.append(_finding(service, "service.answers", True, 1, 0, []))
        for found in answer.get("findings") or ():
            counts = (int(found.get("checked_count") or 0), int(found.get("broken_count") or 0))
            examples = [str(example) for example in found.get("examples") or ()]
            waiting = int(found.get("waiting_count") or 0)
            holds = bool(found.get("holds"))
            findings.append(_finding(service, str(found.get("invariant")), holds, *counts, examples, waiting))
        for name, value in (answer.get("facts") or {}).items():
            facts[str(name)][service] = str(value)
    findings += [_agreement(name, said) for name, said in sorted(facts.items()) if len(said) > 1]
    broken = [finding for finding in findings if not finding["holds"]]
    if as_json:
        show_json({"holds": not broken, "findings": findings})
    else:
        _show(findings if every else broken, len(findings), len(broken))
        _tell_waiting(findings)
    if broken:
        raise typer.Exit(1)


def _until_idle(api: Api, seconds: float) -> None:
    """Lets what is on its way arrive. A system that is always busy, or partly away, is checked all the same."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if not any(waiting for service in SERVICES for waiting in api.get(f"/v1/{service}/backlog").values()):
                return
        except ApiRefused as refusal:
            if refusal.status < 500:
                raise
        if time.monotonic() > deadline:
            return
        time.sleep(_PAUSE_SECONDS)


def _finding(
    service: str, invariant: str, holds: bool, checked: int, broken: int, examples: list[str], waiting: int = 0
) -> dict[str, Any]:
    return {
        "service": service,
        "invariant": invariant,
        "holds": holds,
        "checked_count": checked,
        "broken_count": broken,
        "waiting_count": waiting,
        "examples": examples,
    }


def _agreement(name: str, said: dict[str, str]) -> dict[str, Any]:
    """A number that several services tell must be the same from all of them."""
    agree = len(set(said.values())) == 1
    examples = [] if agree else [f"{service} says {value}" for service, value in said.items()]
    return _finding(", ".join(said), f"{name} agrees", agree, len(said), 0 if agree else 1, examples)


def _show(findings: list[dict[str, Any]], all_count: int, broken_count: int) -> None:
    if findings:
        rows = [
            finding | {"holds": "yes" if finding["holds"] else "NO", "examples": "; ".join(finding["examples"])}
            for finding in findings
        ]
        show_rows("", ("service", "invariant", "holds", "checked_count", "broken_count", "examples"), rows, False)
    if broken_count:
        console.print(f"[bold red]{broken_count} of {all_count} invariants are broken.[/]")
    else:
        console.print(f"[bold green]All {all_count} invariants hold.[/]")


def _tell_waiting(findings: list[dict[str, Any]]) -> None:
    """What is whole and yet wants somebody's decision, such as two customers of one party."""
    for finding in findings:
        if finding["holds"] and finding["waiting_count"]:
            found = f"{finding['service']}: {finding['waiting_count']} wait for a decision ({finding['invariant']})"
            console.print(f"[yellow]{found}: {'; '.join(finding['examples'])}[/]")
