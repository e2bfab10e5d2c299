"""deploy/cluster/kubernetes.yaml, checked as far as it goes without a cluster."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from kit import ROOT

KUBERNETES = ("1.33", "1.35", "1.37")  # 1.33 is the first whose pods may have user namespaces by default
DOCUMENTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((ROOT / "deploy" / "cluster" / "kubernetes.yaml").read_text("utf-8")),
)
WORKLOADS = {d["metadata"]["name"]: d["spec"]["template"] for d in DOCUMENTS if "template" in d["spec"]}
SCHEDULER = "tls://grade-scheduler:8786"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: f"{d['kind']}-{d['metadata']['name']}")
def test_manifests_are_ones_that_kubernetes_takes(document: dict[str, Any]) -> None:
    import kubernetes_validate

    for version in KUBERNETES:
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("name", WORKLOADS)
def test_pods_have_no_rights_and_a_limit(name: str) -> None:
    pod = WORKLOADS[name]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}
    assert {"name": "DASK_CONFIG", "value": "/etc/autograder-cluster/dask.yaml"} in container["env"]


def test_a_worker_is_walled_in_and_has_nothing_of_the_course() -> None:
    pod = WORKLOADS["grade-worker"]["spec"]
    (container,) = pod["containers"]
    assert pod["hostUsers"] is False
    assert container["securityContext"]["procMount"] == "Unmasked"  # Kubernetes takes it with hostUsers: false alone
    assert not [volume for volume in pod["volumes"] if "persistentVolumeClaim" in volume]
    assert container["command"][:3] == ["dask", "worker", SCHEDULER]
    assert container["command"][3:5] == ["--nthreads", "1"]
    (grade,) = WORKLOADS["grade-on-cluster"]["spec"]["containers"]
    assert grade["args"] == ["--scheduler", SCHEDULER]
    assert grade["command"][-2:] == ["--sandbox", "require"]


def test_dask_and_the_grader_take_the_pods_commands() -> None:
    from distributed.cli import dask_scheduler, dask_worker

    from autograder.arguments import make_parser

    commands = {name: template["spec"]["containers"][0] for name, template in WORKLOADS.items()}
    argv = {name: [*one["command"], *one.get("args", [])] for name, one in commands.items()}
    for main, name in ((dask_scheduler.main, "grade-scheduler"), (dask_worker.main, "grade-worker")):
        main.make_context(name, argv[name][2:])  # raises for an option that it does not know
    options = make_parser().parse_args(argv["grade-on-cluster"][1:])
    assert (options.scheduler, options.sandbox) == (SCHEDULER, "require")


def test_nobody_speaks_to_anybody_else() -> None:
    policies = {
        d["spec"]["podSelector"]["matchLabels"]["app"]: d["spec"] for d in DOCUMENTS if "podSelector" in d["spec"]
    }
    labels = {template["metadata"]["labels"]["app"] for template in WORKLOADS.values()}
    assert set(policies) == labels
    assert all(policy["policyTypes"] == ["Ingress", "Egress"] for policy in policies.values())
    heard = {app: _apps(policy.get("ingress", []), "from") for app, policy in policies.items()}
    spoken_to = {app: _apps(policy["egress"], "to") - {"names"} for app, policy in policies.items()}
    assert heard == {
        "grade-scheduler": {"grade-worker", "grade-on-cluster"},
        "grade-worker": {"grade-scheduler"},
        "grade-on-cluster": set(),
    }
    assert spoken_to == {
        "grade-scheduler": {"grade-worker"},
        "grade-worker": {"grade-scheduler"},
        "grade-on-cluster": {"grade-scheduler"},
    }


def _apps(rules: list[dict[str, Any]], side: str) -> set[str]:
    """Whom rules name; "names" is the cluster's name server."""
    peers = [peer for rule in rules for peer in rule[side]]
    return {peer["podSelector"]["matchLabels"]["app"] if "podSelector" in peer else "names" for peer in peers}


def test_certificates_are_where_dasks_settings_look_for_them() -> None:
    settings = yaml.safe_load((ROOT / "deploy" / "cluster" / "dask.yaml").read_text("utf-8"))
    tls = settings["distributed"]["comm"]["tls"]
    paths = {tls["ca-file"], *(path for role in ("scheduler", "worker", "client") for path in tls[role].values())}
    for template in WORKLOADS.values():
        (container,) = template["spec"]["containers"]
        mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
        assert paths == {f"{mounts['tls']}/cert.pem", f"{mounts['tls']}/key.pem"}
    assert settings["distributed"]["comm"]["require-encryption"] is True
