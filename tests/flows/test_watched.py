"""What alerts, dashboards and scalers ask for is what running services tell, and each alert says what to do."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import REGISTRY, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from support.rest import Person
from support.servers import Servers
from tercet_chassis.testing import Together

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "tercet"
# What Prometheus adds to everything that a ServiceMonitor finds.
ADDED = {"namespace", "job", "service", "pod", "container", "endpoint", "instance", "component"}
# What others tell: Prometheus itself, and kube-state-metrics as its documentation names it.
OTHERS = {
    "up": set[str](),
    "kube_job_status_failed": {"namespace", "job_name", "reason"},
    "kube_pod_init_container_status_running": {"namespace", "pod", "container"},
}
Asked = dict[str, dict[str, set[str]]]


@dataclass(frozen=True)
class Query:
    """A query and where it stands."""

    place: str
    text: str


def rendered() -> list[dict[str, Any]]:
    text = (CHART / "ci" / "rendered" / "production.yaml").read_text(encoding="utf-8")
    return [each for each in yaml.safe_load_all(text) if each]


def rules() -> list[dict[str, Any]]:
    (found,) = [each for each in rendered() if each["kind"] == "PrometheusRule"]
    return [rule for group in found["spec"]["groups"] for rule in group["rules"]]


def queries() -> Iterator[Query]:
    for rule in rules():
        yield Query(str(rule.get("alert", rule.get("record"))), rule["expr"])
    for file in (CHART / "dashboards").glob("*.json"):
        board = json.loads(file.read_text(encoding="utf-8"))
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield Query(panel["title"], target["expr"].replace("$namespace", "crm"))
        for variable in board["templating"]["list"]:
            asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"])
            if asked:
                yield Query(variable["name"], f"count by ({asked[2]}) ({asked[1]})")


def asked_of(query: str) -> Asked:
    """The metrics of a query, each with the labels that are asked of it and the values that they must have."""
    found: Asked = {}
    groups: set[str] = set()

    def visit(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            labels = found.setdefault(str(node.name), {})
            for matcher in node.matchers.matchers:
                exact = {matcher.value} if matcher.op == promql_parser.MatchOp.Equal else set[str]()
                labels.setdefault(matcher.name, set()).update(exact)
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            groups.update(node.modifier.labels)

    promql_parser.walk(promql_parser.parse(query), visit)
    for labels in found.values():
        labels.update({name: set() for name in groups if name not in labels})
    return found


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return str(answer.read().decode())


def scraped(port: int) -> dict[str, dict[str, set[str]]]:
    """What a service's /metrics tells: samples, their labels and the values of these."""
    told: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(fetched(f"http://127.0.0.1:{port}/metrics")):
        for sample in family.samples:
            labels = told.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return told


async def test_every_metric_and_label_that_is_asked_for_is_told(admin: Person, together: Together) -> None:
    await admin.get("/v1/leads")
    await together.settled(20)
    server, thread = start_http_server(0, addr="127.0.0.1", registry=REGISTRY)
    try:
        told = scraped(server.server_port)
    finally:
        server.shutdown()
        thread.join()
    recorded = {rule["record"]: rule["labels"].keys() for rule in rules() if "record" in rule}
    asked = list(queries())
    assert len(asked) > 20
    for query in asked:
        for metric, labels in asked_of(query.text).items():
            if metric in recorded or metric in OTHERS:
                assert labels.keys() <= set(recorded.get(metric, OTHERS.get(metric, ()))) | ADDED, query
                continue
            assert metric in told, query
            assert labels.keys() - ADDED <= told[metric].keys(), query
            for name, values in labels.items():
                assert name in ADDED or values <= told[metric][name], query


async def test_scalers_ask_for_every_consumer_that_there_is_and_no_other(admin: Person, servers: Servers) -> None:
    told = json.loads(fetched(f"{servers.nats_monitor_url}/jsz?consumers=true"))
    there = {
        (stream["name"], consumer["name"])
        for account in told["account_details"]
        for stream in account.get("stream_detail", ())
        for consumer in stream.get("consumer_detail", ())
    }
    asked = {
        (trigger["metadata"]["stream"], trigger["metadata"]["consumer"])
        for each in rendered()
        if each["kind"] == "ScaledObject"
        for trigger in each["spec"]["triggers"]
        if trigger["type"] == "nats-jetstream"
    }
    assert asked == there


@pytest.mark.parametrize("times", [14.4, 6.0, 1.0])
def test_the_error_budget_is_watched_in_a_long_window_and_a_short_one(times: float) -> None:
    windows = [
        re.findall(r"ratio_rate(\w+)\{", rule["expr"])
        for rule in rules()
        if rule.get("alert") == "TercetErrorBudgetBurns" and f"({times:g} * 0.001)" in rule["expr"]
    ]
    assert windows == [{14.4: ["1h", "5m"], 6.0: ["6h", "30m"], 1.0: ["3d", "6h"]}[times]]


def test_each_alert_says_where_it_is_told_what_to_do() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", guide, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    alerts = [rule for rule in rules() if "alert" in rule]
    assert len(alerts) > 8
    for rule in alerts:
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert page.endswith("docs/operations.md")
        assert anchor in anchors, rule["alert"]
        assert anchor == re.sub(r"(?<!^)(?=[A-Z])", "-", rule["alert"]).lower()
