"""The chart renders what Kubernetes takes, keeps pods within bounds, and says why it refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tercet_local.kubernetes import Placement
from tercet_local.kubernetes import manifests as secret_manifests

from .conftest import CHART, EXAMPLES, Manifest, example, helm, manifests, rendered

SERVICES = ("leads", "sales", "marketing", "service-desk", "gateway")
# What no Kubernetes has by itself; tried against the projects' own definitions where a cluster is at hand.
OPTIONAL = {
    "keda.sh",
    "gateway.networking.k8s.io",
    "monitoring.coreos.com",
    "external-secrets.io",
    "postgresql.cnpg.io",
}


def of_kind(found: list[Manifest], *kinds: str) -> list[Manifest]:
    return [each for each in found if each["kind"] in kinds]


def pods(found: list[Manifest]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod that comes of the manifests, by the name of what it comes of."""
    for each in found:
        name = f"{each['kind']}/{each['metadata']['name']}"
        if each["kind"] == "Pod":
            yield name, each["spec"]
        elif each["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield name, each["spec"]["template"]["spec"]
        elif each["kind"] == "CronJob":
            yield name, each["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def containers(found: list[Manifest]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, pod in pods(found):
        for container in [*pod.get("initContainers", ()), *pod["containers"]]:
            yield f"{name}/{container['name']}", container


def test_helm_finds_nothing_to_complain_of() -> None:
    for name in EXAMPLES:
        done = helm("lint", "--strict", str(CHART), *example(name))
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_renders_as_it_was_looked_at(name: str) -> None:
    """`make charts` writes them anew, for a change that somebody looks at in the diff."""
    assert rendered(*example(name)) == (CHART / "ci" / "rendered" / f"{name}.yaml").read_text(encoding="utf-8")


def test_kubernetes_knows_every_field(examples: dict[str, list[Manifest]]) -> None:
    seen = set()
    for found in examples.values():
        for each in found:
            if each["apiVersion"].partition("/")[0] not in OPTIONAL:
                kubernetes_validate.validate(each, "1.34", strict=True)
                seen.add(each["kind"])
    assert {"Deployment", "StatefulSet", "Job", "NetworkPolicy", "PodDisruptionBudget", "Ingress"} <= seen


def test_every_pod_is_restricted_and_has_no_token(examples: dict[str, list[Manifest]]) -> None:
    for found in examples.values():
        for name, pod in pods(found):
            security = pod["securityContext"]
            assert security["runAsNonRoot"] is True, name
            assert security["runAsUser"] > 0, name
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
            assert pod["automountServiceAccountToken"] is False, name
            assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
            assert all("hostPath" not in volume for volume in pod.get("volumes", ())), name
        for name, container in containers(found):
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, name
            assert security["readOnlyRootFilesystem"] is True, name
            assert security["capabilities"] == {"drop": ["ALL"]}, name
            resources = container["resources"]
            assert {"cpu", "memory"} <= resources["requests"].keys(), name
            assert "memory" in resources["limits"], name
            assert "cpu" not in resources["limits"], name


def test_services_are_probed_by_grpc_and_drain_before_they_end(examples: dict[str, list[Manifest]]) -> None:
    for found in examples.values():
        deployments = of_kind(found, "Deployment")
        assert {each["metadata"]["name"] for each in deployments} == {f"tercet-{name}" for name in SERVICES}
        for each in deployments:
            pod = each["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            assert {container[f"{kind}Probe"]["grpc"]["service"] for kind in ("startup", "liveness")} == {"liveness"}
            assert container["readinessProbe"]["grpc"]["service"] == "readiness"
            assert pod["terminationGracePeriodSeconds"] > container["lifecycle"]["preStop"]["sleep"]["seconds"] + 25
            assert pod["initContainers"][0]["args"][0] == "await-migrations"
            assert each["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
            assert "checksum/config" in each["spec"]["template"]["metadata"]["annotations"]


def test_a_changed_setting_makes_new_pods() -> None:
    def checksum(*arguments: str) -> str:
        first = of_kind(manifests(*arguments), "Deployment")[0]
        return str(first["spec"]["template"]["metadata"]["annotations"]["checksum/config"])

    assert checksum() == checksum()
    assert checksum("--set", "logLevel=DEBUG") != checksum()


def test_clients_find_every_pod_of_a_service(examples: dict[str, list[Manifest]]) -> None:
    headless = {
        each["metadata"]["name"] for each in of_kind(examples[""], "Service") if each["spec"].get("clusterIP") == "None"
    }
    assert {f"tercet-{name}" for name in SERVICES} <= headless
    (config,) = [each for each in of_kind(examples[""], "ConfigMap") if each["metadata"]["name"] == "tercet"]
    peers = dict(pair.split("=") for pair in config["data"]["TERCET_PEERS"].split(","))
    assert peers == {name: f"tercet-{name}.crm.svc.cluster.local:9090" for name in SERVICES}


def test_a_pod_reads_of_the_secret_what_is_its_own_and_the_command_writes_all_of_it(
    examples: dict[str, list[Manifest]], tmp_path: Path
) -> None:
    written = secret_manifests(Placement("tercet", "crm", "tercet-secrets"), "db:5432", "", 3, tmp_path, True)
    kept = {item["metadata"]["name"]: item["stringData"].keys() for item in written}
    for found in examples.values():
        for name, pod in pods(found):
            for volume in pod.get("volumes", ()):
                if "secret" not in volume:
                    continue
                keys = {item["key"] for item in volume["secret"]["items"]}
                assert keys <= kept[volume["secret"]["secretName"]], name
                if name.startswith("Deployment/"):
                    service = name.removeprefix("Deployment/tercet-")
                    private = {key for key in keys if key.endswith((".private.jwk", "-url")) and key != "nats-url"}
                    assert private == {f"{service}.private.jwk", f"{service}.database-url"}, name
    (cluster,) = of_kind(examples["production"], "Cluster")
    assert {role["passwordSecret"]["name"] for role in cluster["spec"]["managed"]["roles"]} <= kept.keys()


def test_network_policies_deny_all_but_calls_between_services(examples: dict[str, list[Manifest]]) -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in of_kind(examples[""], "NetworkPolicy")}
    denied = policies["tercet-deny"]
    assert (denied["policyTypes"], denied.keys() & {"ingress", "egress"}) == (["Ingress", "Egress"], set())
    allowed = {
        (caller, service)
        for service in SERVICES
        for rule in policies[f"tercet-{service}"]["ingress"]
        for peer in rule.get("from", ())
        for term in peer.get("podSelector", {}).get("matchExpressions", ())
        for caller in term["values"]
    }
    way_out = {
        (service, called)
        for service in SERVICES
        for rule in policies[f"tercet-{service}"]["egress"]
        if rule.get("ports") == [{"port": 9090, "protocol": "TCP"}]
        for peer in rule["to"]
        for called in peer["podSelector"]["matchExpressions"][0]["values"]
    }
    assert allowed == way_out
    # Each asks each when promises between them are checked.
    assert allowed == {(caller, called) for caller in SERVICES for called in SERVICES if caller != called}
    stores = {name: policies[f"tercet-{name}"]["ingress"] for name in ("nats",)}
    (clients, *_) = stores["nats"]
    assert set(clients["from"][0]["podSelector"]["matchExpressions"][0]["values"]) == {
        *SERVICES,
        "migrations",
        "backup",
        "restore",
    }


def test_autoscaling_leaves_the_number_of_pods_alone() -> None:
    for mode, kind in (("hpa", "HorizontalPodAutoscaler"), ("keda", "ScaledObject")):
        found = manifests("--set", f"defaults.autoscaling.mode={mode}")
        assert len(of_kind(found, kind)) == len(SERVICES)
        assert all("replicas" not in each["spec"] for each in of_kind(found, "Deployment"))
    scaled = of_kind(manifests("--set", "defaults.autoscaling.mode=keda"), "ScaledObject")
    asked = {trigger["metadata"].get("stream") for each in scaled for trigger in each["spec"]["triggers"]}
    assert {"TERCET_SALES", "TERCET_SERVICEDESK"} <= asked


def test_a_digest_holds_above_the_tag() -> None:
    digest = f"sha256:{'a' * 64}"
    found = manifests(
        "--set", f"image.digests.leads={digest}", "--set", "imageRegistry=r.example/", "--set", "image.tag=v2"
    )
    images = {container["image"] for _, container in containers(found)}
    assert {f"r.example/tercet-leads@{digest}", "r.example/tercet-sales:v2"} <= images
    assert not any(image.startswith("r.example/tercet-leads:") for image in images)


def test_migrations_run_once_a_release_before_pods_serve(examples: dict[str, list[Manifest]]) -> None:
    jobs = of_kind(examples[""], "Job")
    assert len(jobs) == len(SERVICES)
    assert all("helm.sh/hook" not in each["metadata"].get("annotations", {}) for each in jobs)
    hooks = of_kind(examples["airgapped"], "Job")
    assert {each["metadata"]["annotations"]["helm.sh/hook"] for each in hooks} == {"pre-install,pre-upgrade"}
    for _, container in containers(hooks):
        assert all("valueFrom" not in variable for variable in container["env"]), "nothing else is there before a hook"
    assert of_kind(manifests("--set", "migrations.mode=none"), "Job") == []


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("replicaz=1", "additional properties 'replicaz' not allowed|Additional property replicaz is not allowed"),
        ("services.billing.replicas=1", "there is no such service"),
        ("nats.replicas=2", "a cluster that can lose a server has 3"),
        ("nats.replicas=1", "lower the first or raise the second"),
        ("ingress.enabled=true", "give at least one host name"),
        ("gatewayApi.enabled=true", "name the Gateway"),
        ("secrets.externalSecret.enabled=true", "name the SecretStore"),
        ("termination.grace=20", "give it more than both"),
        ("defaults.env[0].name=TERCET_PEERS", "which the chart sets itself"),
        ("defaults.autoscaling.mode=keda,nats.mode=external", "use hpa"),
        ("migrations.mode=hook,postgres.mode=embedded", "use migrations.mode job"),
        ("imageRegistry=registry.example", "imageRegistry"),
    ],
)
def test_a_contradiction_is_refused_with_its_remedy(setting: str, words: str) -> None:
    done = helm("template", "tercet", str(CHART), "--set", setting)
    assert done.returncode != 0
    assert re.search(words, done.stderr), done.stderr


def test_every_value_is_told_of() -> None:
    """The chart's README lists each top-level value that can be set."""
    told = (CHART / "README.md").read_text(encoding="utf-8")
    for name in yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8")):
        assert f"`{name}" in told, name


def test_backups_and_restores_have_what_they_need_and_nothing_runs_meanwhile() -> None:
    assert not [each for each in manifests() if each["kind"] in ("CronJob", "PersistentVolumeClaim")], "asked for"
    by_night = manifests("--set", "backup.enabled=true,backup.keep=3")
    (claim,) = of_kind(by_night, "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    (cron,) = of_kind(by_night, "CronJob")
    assert (cron["spec"]["concurrencyPolicy"], cron["spec"]["suspend"]) == ("Forbid", False)
    (container,) = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["dump", "/backups", "--keep", "3"]
    volumes = [each["spec"]["template"]["spec"].get("volumes") for each in of_kind(by_night, "Job")]
    first_use = [{"name": "backups", "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}}]
    assert first_use in volumes, "or `--wait` waits for a volume that nobody asks for"
    own = manifests("--set", "backup.enabled=true,backup.existingClaim=kept")
    assert not of_kind(own, "PersistentVolumeClaim")
    assert len(of_kind(own, "Job")) == len(volumes) - 1

    restoring = manifests(
        *("--set", "restore.archive=tercet-20260101T020000Z.tar,restore.replace=true"),
        *("--set", "defaults.autoscaling.mode=hpa,backup.enabled=true"),
    )
    assert {each["spec"]["replicas"] for each in of_kind(restoring, "Deployment")} == {0}
    assert not of_kind(restoring, "HorizontalPodAutoscaler")
    (job,) = of_kind(restoring, "Job")
    assert of_kind(restoring, "CronJob")[0]["spec"]["suspend"] is True
    pod = job["spec"]["template"]["spec"]
    steps = [*pod["initContainers"], *pod["containers"]]
    assert [step["name"] for step in steps] == [step["image"].partition("tercet-")[2].split(":")[0] for step in steps]
    assert {step["name"] for step in steps} == set(SERVICES)
    assert {step["args"][1] for step in steps} == {"/backups/tercet-20260101T020000Z.tar"}
    assert all("--replace" in step["args"] for step in steps)
    assert ["--verified" in step["args"] for step in steps] == [False, True, True, True, True]
    allowed = of_kind(restoring, "NetworkPolicy")
    assert {"tercet-backup", "tercet-restore"} <= {each["metadata"]["name"] for each in allowed}
    for found in (by_night, own, restoring):
        for each in found:
            if each["apiVersion"].partition("/")[0] not in OPTIONAL:
                kubernetes_validate.validate(each, "1.34", strict=True)
    refusal = helm("template", "tercet", str(CHART), "--set", "restore.archive=../etc/passwd")
    assert refusal.returncode != 0
