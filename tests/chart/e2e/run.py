"""Installs the chart in a cluster, works with it, upgrades and rolls back under load, and takes it away again.

The cluster is the one of KUBECONFIG; IMAGE_LOAD is a command that takes names of images and puts them where its nodes
find them. Ends with 0 when nothing failed; the table it prints is the report in docs/operations.md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from chart.e2e.builds import ROOT, Builds
from chart.e2e.chaos import Chaos
from chart.e2e.cluster import CHART, RELEASE, Cluster, Failed, run, wait_until
from chart.e2e.report import Report, Step
from chart.e2e.story import Story
from chart.e2e.traffic import Result, Traffic

EXAMPLES = ("trial", "production", "airgapped")
THIS, NEXT = "e2e-a", "e2e-b"
KEYS_LINGER = 90
LEADS = ROOT / "examples" / "leads.csv"


def main() -> None:
    """Every step in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--namespace", default="tercet-e2e")
    parser.add_argument("--registry", default="tercet.local/", help="put before the images' names")
    parser.add_argument("--base-image", default=os.environ.get("BASE_IMAGE", ""))
    parser.add_argument("--leads", type=Path, default=LEADS)
    parser.add_argument("--workers", type=int, default=6, help="connections of the load")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument(
        "--nats-replicas", type=int, choices=(1, 3), default=1, help="NATS servers, and copies of streams"
    )
    parser.add_argument("--keep", action="store_true", help="leave the release where it is")
    options = parser.parse_args()
    report = Report()
    cluster = Cluster(options.namespace)
    with tempfile.TemporaryDirectory() as place:
        trial = Trial(cluster, Builds(options.registry, options.base_image), report, Path(place), options.nats_replicas)
        try:
            trial.prepare()
            trial.validate()
            trial.install()
            trial.work(options.leads)
            trial.change_under_load(options.workers, options.seed)
            trial.restore()
            if not options.keep:
                trial.uninstall()
        except Failed as failed:
            sys.stdout.write(f"FAILED (seed {options.seed}): {failed}\n")
            sys.exit(1)
        finally:
            sys.stdout.write("\n" + report.table() + "\n")


class Trial:
    """One installation, from its images to its end."""

    def __init__(self, cluster: Cluster, builds: Builds, report: Report, place: Path, nats_replicas: int) -> None:
        self.cluster = cluster
        self.builds = builds
        self.report = report
        self.nats_replicas = nats_replicas
        self.keys = place / "secrets.json"
        self.values = place / "values.json"
        self.story = Story(cluster, self.keys, place)
        self.archive = ""
        self.backed_up: set[str] = set()

    def prepare(self) -> None:
        """Both versions' images on the nodes."""
        for tag, build in ((THIS, self.builds.build), (NEXT, self.builds.build_next)):
            with self.report.step(f"images {tag}"):
                build(tag)
                self.builds.load(tag)

    def install(self) -> None:
        """The trial values with images of our own."""
        server = {"runAsUser": 10001}
        values = {
            "imageRegistry": self.builds.registry,
            "image": {"tag": THIS},
            "postgres": {"embedded": {"image": {"repository": "tercet-postgres", "tag": THIS}, **server}},
            "nats": {
                "image": {"repository": "tercet-nats", "tag": THIS},
                "replicas": self.nats_replicas,
                "streamReplicas": self.nats_replicas,
                **server,
            },
            "backup": {"enabled": True, "storage": {"size": "2Gi"}},
        }
        self.values.write_text(json.dumps(values))
        with self.report.step("install") as step:
            self.story.tercet(
                "secrets", "--out", str(self.keys), "--postgres", "embedded",
                "--nats-replicas", str(self.nats_replicas), "--namespace", self.cluster.namespace,
            )  # fmt: skip
            self.cluster.kubectl("apply", "--filename", str(self.keys))
            self.cluster.helm("install", RELEASE, str(CHART), *self._arguments(), "--wait", "--timeout", "5m")
            step.saw(f"{len(self.cluster.pods())} pods ready")
        with self.report.step("helm test") as step:
            self.story.tenant("helm-test", "helm-test@tercet.example", self.story.secret("test-password"))
            self.cluster.helm("test", RELEASE, "--timeout", "3m")
            step.saw("signed in, created a lead, marketing heard of it")

    def validate(self) -> None:
        """What the examples render, judged by the API server, as far as it knows the kinds; in a new namespace that
        admits restricted pods only.
        """
        label = "pod-security.kubernetes.io/enforce=restricted"
        with self.report.step("the API server takes the examples") as step:
            run(["kubectl", "create", "namespace", self.cluster.namespace])
            run(["kubectl", "label", "namespace", self.cluster.namespace, label])
            for example in EXAMPLES:
                rendered = self.cluster.helm(
                    "template", RELEASE, str(CHART), "--values", str(CHART / "ci" / f"{example}-values.yaml")
                )
                step.saw(f"{example}: {self._dry_run(rendered)}")

    def _dry_run(self, rendered: str) -> str:
        command = ["kubectl", "--namespace", self.cluster.namespace, "apply", "--dry-run=server", "--filename", "-"]
        done = subprocess.run(command, input=rendered, capture_output=True, text=True, timeout=300, check=False)
        unknown = sorted(set(re.findall(r'no matches for kind "(\w+)"', done.stderr)))
        hints = ("no matches for kind", "ensure CRDs", "missing the kubectl.kubernetes.io/last-applied")
        wrong = [line for line in done.stderr.splitlines() if not any(hint in line for hint in hints)]
        if wrong:
            raise Failed("\n".join(wrong[:10]))
        taken = f"{done.stdout.count('server dry run')} objects taken"
        return f"{taken}, not known to this cluster: {', '.join(unknown)}" if unknown else taken

    def work(self, leads: Path) -> None:
        """The main job, through a port-forward."""
        with self.report.step("tercet demo") as step:
            step.saw(self.story.demo(leads))
        with self.report.step("tercet import") as step:
            step.saw(self.story.imports(leads))
        with self.report.step("tercet check") as step:
            step.saw(self.story.check("sample", "admin@galaxy.example"))
        for pod in json.loads(self.cluster.kubectl("get", "--raw", self._usage()))["items"]:
            use = pod["containers"][0]["usage"]
            name = pod["metadata"]["labels"]["app.kubernetes.io/component"]
            self.report.steps[-1].saw(f"{name} {int(use['memory'][:-2]) >> 10} MiB")

    def change_under_load(self, workers: int, seed: int) -> None:
        """Scaling, upgrade, rollback, deletions and a drain while requests come in."""
        with self.report.step("two pods of each service"):
            self._upgrade(THIS)
        image = f"{self.builds.registry}tercet-gateway:{THIS}"
        traffic = Traffic(self.cluster, image, workers)
        before = self.story.leads()
        with self.report.step("load begins"):
            traffic.start()
        with self.report.step("upgrade to the next version, one migration") as step:
            self._upgrade(NEXT)
            traffic.wait_for_more(50)
            step.saw(traffic.progress())
        with self.report.step("pods deleted at random") as step:
            with Chaos(self.cluster, seed) as chaos:
                wait_until("eight deletions", lambda: len(chaos.deleted) >= 8, 600)
            self.cluster.settle()
            step.saw(f"of {', '.join(chaos.deleted)} (seed {seed})")
            step.saw(traffic.progress())
        with self.report.step("rollback, the schema stays") as step:
            self.cluster.helm("rollback", RELEASE, "--wait", "--timeout", "5m")
            self.cluster.settle()
            traffic.wait_for_more(50)
            step.saw(traffic.progress())
        with self.report.step("a node drained") as step:
            self._drain(step)
            traffic.wait_for_more(50)
            step.saw(traffic.progress())
        with self.report.step("keys exchanged in three steps") as step:
            self._rotate_keys()
            traffic.wait_for_more(50)
            step.saw(traffic.progress())
        with self.report.step("backup while requests come in") as step:
            self.archive = self._backup(step)
            step.saw(traffic.progress())
        with self.report.step("load ends") as step:
            self._judge(traffic.stop(), before, step)

    def restore(self) -> None:
        """Back to the backup's moment, over what came after it, with the version whose schema the backup holds."""
        with self.report.step("restore") as step:
            now = self.story.leads()
            arguments = ("--set", f"image.tag={NEXT}", "--set", f"restore.archive={self.archive}")
            self.cluster.helm(
                "upgrade", RELEASE, str(CHART), *self._arguments(), *arguments, "--set", "restore.replace=true"
            )
            chosen = ("job", "--selector", "app.kubernetes.io/component=restore")
            self.cluster.kubectl("wait", *chosen, "--for=condition=complete", "--timeout=600s", timeout=630)
            self._upgrade(NEXT)
            after = self.story.leads()
            lost = self.backed_up - after
            step.saw(
                f"{len(after)} leads, all {len(self.backed_up)} that were there before the backup; {len(now)} before"
            )
            if lost or not after <= now:
                raise Failed(f"lost by the restore: {sorted(lost)[:5]}")
            for tenant, email in (("helm-test", "helm-test@tercet.example"), ("sample", "admin@galaxy.example")):
                step.saw(f"{tenant}: {self.story.check(tenant, email)}")

    def _rotate_keys(self) -> None:
        """As docs/operations.md says; what was signed with the old keys has died before they go."""
        for step in ("announce", "sign", "retire"):
            if step == "retire":
                time.sleep(KEYS_LINGER)
            self.story.tercet("rotate-keys", str(self.keys), "--step", step)
            self.cluster.kubectl("apply", "--filename", str(self.keys))
            self.cluster.kubectl("rollout", "restart", "deployment", "--selector", "app.kubernetes.io/part-of=tercet")
            self.cluster.settle()

    def _backup(self, step: Step) -> str:
        """The archive that a Job of the CronJob writes."""
        self.backed_up = self.story.leads()
        self.cluster.kubectl("create", "job", "--from=cronjob/tercet-backup", "backup-now")
        self.cluster.kubectl("wait", "job/backup-now", "--for=condition=complete", "--timeout=600s", timeout=630)
        told = self.cluster.kubectl("logs", "job/backup-now").strip()
        found = re.search(r"tercet-[\w.-]+\.tar", told)
        if found is None:
            raise Failed(f"the backup names no archive: {told[-500:]}")
        step.saw(told.splitlines()[-1])
        return found.group()

    def uninstall(self) -> None:
        """Nothing of the release may be left."""
        with self.report.step("uninstall") as step:
            self.cluster.helm("uninstall", RELEASE, "--wait", "--timeout", "5m")
            kinds = (
                "all,configmap,serviceaccount,persistentvolumeclaim,networkpolicy,poddisruptionbudget,job,lease,"
                "horizontalpodautoscaler,role,rolebinding,ingress"
            )
            chosen = ("--selector", f"app.kubernetes.io/instance={RELEASE}", "--output", "name")
            kept = ["persistentvolumeclaim/tercet-backups"]
            wait_until("nothing left", lambda: self.cluster.kubectl("get", kinds, *chosen).split() == kept, 120)
            step.saw("nothing of the release is left but the claim with its backups, which stays")
            run(["kubectl", "delete", "namespace", self.cluster.namespace, "--timeout=180s"])

    def _judge(self, result: Result, before: set[str], step: Step) -> None:
        step.saw(str(result))
        after = self.story.leads()
        lost, more = result.created - after, after - before - result.created
        step.saw(f"{len(result.failures)} failed, {len(lost)} lost, {len(more)} that nobody was told of")
        step.saw(self.story.check("helm-test", "helm-test@tercet.example"))
        if result.failures:
            raise Failed("\n".join(result.failures[:20]))
        if lost or more:
            raise Failed(f"lost: {sorted(lost)[:5]}; never told: {sorted(more)[:5]}")

    def _upgrade(self, tag: str) -> None:
        more = ("--set", f"image.tag={tag}", "--set", "defaults.replicas=2")
        self.cluster.helm("upgrade", RELEASE, str(CHART), *self._arguments(), *more, "--wait", "--timeout", "8m")
        self.cluster.settle()

    def _drain(self, step: Step) -> None:
        """Empties a node but for what is tied to its disk."""
        bound = {pod["spec"]["nodeName"] for name in ("postgres", "nats") for pod in self.cluster.pods(name)}
        nodes = sorted({pod["spec"]["nodeName"] for pod in self.cluster.pods()}, key=lambda name: (name in bound, name))
        if len(nodes) < 2:
            step.saw("left out: the cluster has one node")
            return
        others = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component notin (postgres,nats,tests)"
        self.cluster.kubectl(
            "drain", nodes[0], "--ignore-daemonsets", "--delete-emptydir-data", f"--pod-selector={others}",
            "--timeout=300s",
        )  # fmt: skip
        self.cluster.settle()
        step.saw(f"{nodes[0]} emptied")
        self.cluster.kubectl("uncordon", nodes[0])

    def _arguments(self) -> list[str]:
        return ["--values", str(CHART / "ci" / "trial-values.yaml"), "--values", str(self.values)]

    def _usage(self) -> str:
        chosen = f"labelSelector=app.kubernetes.io%2Finstance%3D{RELEASE}"
        return f"/apis/metrics.k8s.io/v1beta1/namespaces/{self.cluster.namespace}/pods?{chosen}"


if __name__ == "__main__":
    main()
