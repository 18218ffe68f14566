"""The comparison with other charts says of ours what the chart renders."""

from __future__ import annotations

import json
import re
from typing import Any

from .conftest import CHART, EXAMPLES, Manifest

Examples = dict[str, list[Manifest]]


def marks(*held: bool) -> str:
    return "/".join("y" if each else "-" for each in held)


def ours(examples: Examples) -> dict[str, str]:
    """Each line of the table as the chart's own files answer it."""
    every = [each for found in examples.values() for each in found]
    kinds = {each["kind"] for each in every}
    served = [each["spec"]["template"] for each in every if each["kind"] == "Deployment"]
    templates = [each.get("spec", {}).get("template") for each in every]
    # A database has a template as well, which is a name.
    pods = [template["spec"] for template in templates if isinstance(template, dict)]
    jobs = [each for each in every if each["kind"] == "Job"]
    hooks = {each["metadata"].get("annotations", {}).get("helm.sh/hook", "") for each in every}
    hooked = ["helm.sh/hook" in each["metadata"].get("annotations", {}) for each in jobs]
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = schema["properties"]

    def on_all(there: Any) -> bool:
        return bool(served) and all(there(template) for template in served)

    def container(template: Manifest) -> Manifest:
        found: Manifest = template["spec"]["containers"][0]
        return found

    return {
        "values.schema.json": marks(schema["additionalProperties"] is False),
        "PDB / topology spread": marks(
            "PodDisruptionBudget" in kinds, on_all(lambda each: each["spec"]["topologySpreadConstraints"])
        ),
        "HPA / KEDA": marks("HorizontalPodAutoscaler" in kinds, "ScaledObject" in kinds),
        "NetworkPolicy": marks("NetworkPolicy" in kinds),
        "ServiceMonitor / PodMonitor / rules": marks(
            *(kind in kinds for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule"))
        ),
        "helm test": marks("test" in hooks),
        "migration or set-up as hook Job": marks(any(hooked) and not all(hooked)),
        "native gRPC probe": marks(
            on_all(
                lambda each: all(
                    "grpc" in container(each)[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")
                )
            )
        ),
        "seccomp / read-only root / non-root by default": marks(
            on_all(lambda each: each["spec"]["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"),
            on_all(lambda each: container(each)["securityContext"]["readOnlyRootFilesystem"]),
            on_all(lambda each: each["spec"]["securityContext"]["runAsNonRoot"]),
        ),
        "API token kept from pods": marks(all(pod["automountServiceAccountToken"] is False for pod in pods)),
        "Ingress / Gateway API": marks("Ingress" in kinds, {"HTTPRoute", "GRPCRoute"} <= kinds),
        "existing secrets / extra objects": marks("name" in values["secrets"]["properties"], "extraObjects" in values),
        "config checksums on pods": marks(on_all(lambda each: "checksum/config" in each["metadata"]["annotations"])),
        "chart's own tests / example values": marks(
            True, all((CHART / "ci" / f"{name}-values.yaml").exists() for name in EXAMPLES)
        ),
        "contradictions fail with words": marks(
            "fail" in (CHART / "templates" / "validation.yaml").read_text(encoding="utf-8")
        ),
    }


def test_the_table_says_of_our_chart_what_it_renders(examples: Examples) -> None:
    text = (CHART / "README.md").read_text(encoding="utf-8")
    _, _, table = text.partition("## Beside other charts")
    lines = [line.strip("| ").split(" | ") for line in table.split("\n## ")[0].splitlines() if line.startswith("| ")]
    head, *rows = [line for line in lines if not re.fullmatch(r"-+", line[0])]
    assert head[-1] == "tercet"
    assert all(len(row) == 8 for row in rows)
    assert {row[0]: row[-1].split(",")[0] for row in rows} == ours(examples)
