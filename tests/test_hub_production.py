"""Production files, checked as far as it goes without a cluster, a registry or a GPU."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest
import yaml
from kit import ROOT, missing
from packaging.markers import Marker

HUB = ROOT / "deploy" / "hub"
VALUES: dict[str, Any] = yaml.safe_load((HUB / "z2jh" / "values.yaml").read_text("utf-8"))
KUBERNETES = ("1.33", "1.35", "1.37")  # 1.33 is the first whose pods may have user namespaces by default
PROFILES = [profile["slug"] for profile in VALUES["singleuser"]["profileList"]]


def _manifest(profile: str, user: str = "ada") -> dict[str, Any]:
    """The pod that KubeSpawner would ask for, with these values handed on as the chart's own configuration does."""
    import asyncio

    from kubernetes_asyncio.client import ApiClient
    from kubespawner import KubeSpawner
    from traitlets.config import Config

    single = VALUES["singleuser"]
    storage = single["storage"]
    home = {"name": "volume-{user_server}", "persistentVolumeClaim": {"claimName": "claim-{user_server}"}}
    settings = {
        "image": f"{single['image']['name']}:{single['image']['tag']}",
        "image_pull_policy": single["image"]["pullPolicy"],
        "uid": single["uid"],
        "fs_gid": single["fsGid"],
        "allow_privilege_escalation": single["allowPrivilegeEscalation"],
        "extra_pod_config": single["extraPodConfig"],
        "environment": single["extraEnv"],
        "default_url": single["defaultUrl"],
        "start_timeout": single["startTimeout"],
        "mem_guarantee": single["memory"]["guarantee"],
        "mem_limit": single["memory"]["limit"],
        "cpu_guarantee": single["cpu"]["guarantee"],
        "cpu_limit": single["cpu"]["limit"],
        "storage_pvc_ensure": storage["type"] == "dynamic",
        "storage_capacity": storage["capacity"],
        "volumes": [home, *storage["extraVolumes"]],
        "volume_mounts": [
            {"name": home["name"], "mountPath": storage["homeMountPath"]},
            *storage["extraVolumeMounts"],
        ],
        "profile_list": single["profileList"],
    }
    # As in the chart: what stands here takes the place of a whole trait, a dictionary's too.
    settings |= VALUES["hub"]["config"].get("KubeSpawner", {})

    async def make() -> dict[str, Any]:
        with mock.patch("kubespawner.spawner.load_config"):  # there is no cluster to be asked
            spawner = KubeSpawner(config=Config({"KubeSpawner": settings}), _mock=True)
        spawner.user.name = user
        spawner.user_options = {"profile": profile}
        await spawner.load_user_options()
        pod = await spawner.get_pod_manifest()
        manifest: dict[str, Any] = ApiClient.sanitize_for_serialization(ApiClient(), pod)
        return manifest

    return asyncio.run(make())


@pytest.mark.parametrize("profile", PROFILES)
def test_learners_pod_is_one_that_kubernetes_takes(profile: str) -> None:
    import kubernetes_validate

    manifest = _manifest(profile)
    for version in KUBERNETES:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("profile", PROFILES)
def test_learners_pod_has_limits_and_no_rights(profile: str) -> None:
    spec = _manifest(profile)["spec"]
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["runAsUser"] == 1000
    assert set(container["resources"]["limits"]) >= {"cpu", "memory"}
    for name, value in {**VALUES["singleuser"]["extraEnv"], "TF_FORCE_GPU_ALLOW_GROWTH": "true"}.items():
        assert {"name": name, "value": value} in container["env"]
    assert "JUPYTER_RUNTIME_DIR" in {one["name"] for one in container["env"]}
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert mounts["/dev/shm"]["name"] == "shm"
    assert not [volume for volume in spec["volumes"] if "hostPath" in volume]


def test_learner_sees_their_own_inbound_folder_and_may_change_nothing_else() -> None:
    mounts = {m["mountPath"]: m for m in _manifest("cpu", "ada")["spec"]["containers"][0]["volumeMounts"]}
    exchange = {path: mount for path, mount in mounts.items() if path.startswith("/srv/exchange")}
    assert exchange["/srv/exchange/keras/inbound"]["subPath"] == "keras/inbound/ada"
    assert sorted(path for path, mount in exchange.items() if not mount.get("readOnly")) == [
        "/srv/exchange/keras/inbound"
    ]
    assert all(mount.get("subPath") for mount in exchange.values()), "the whole exchange would be there"


@pytest.mark.skipif(os.getuid() != 0, reason="giving a folder away needs root")
def test_a_learner_who_came_before_their_folder_was_made_can_hand_in(tmp_path: Path) -> None:
    """Kubernetes makes a folder that a pod mounts and that is not there, for root."""
    from autograder.jupyter.prepare import _make_exchange

    inbound = tmp_path / "inbound"
    for name in ("early", "handed-in"):
        (inbound / name).mkdir(parents=True)
        os.chown(inbound / name, ACCOUNT, ACCOUNT)
    (inbound / "handed-in" / "work").touch()
    assert _make_exchange(tmp_path, ["early", "handed-in", "new"]) == []
    assert [(inbound / name).stat().st_uid for name in ("early", "handed-in", "new")] == [0, ACCOUNT, 0]
    assert {(inbound / name).stat().st_mode & 0o777 for name in ("early", "new")} == {0o777}
    assert (inbound / "handed-in" / "work").exists()
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("inbound", "outbound", "feedback")}
    # A learner who could list the last would find everybody's feedback.
    assert modes == {"inbound": 0o711, "outbound": 0o755, "feedback": 0o711}
    assert _folders_of_the_pod() == {f"/srv/exchange/keras/{name}": mode for name, mode in modes.items()}


def _folders_of_the_pod() -> dict[str, int]:
    """What the course's pod makes in the exchange before a learner's can."""
    (first,) = _documents("course.yaml")[0]["spec"]["template"]["spec"]["initContainers"]
    assert {"name": "exchange", "mountPath": "/srv/exchange"} in first["volumeMounts"]
    modes: dict[str, int] = {}
    mode = 0o755
    for word in first["command"][-1].replace("&&", "--mode=755").split():
        mode = int(word.partition("=")[2], 8) if word.startswith("--mode=") else mode
        if word.startswith("/srv/exchange"):
            modes[word] = mode
    return modes


def test_a_folder_that_its_learner_cannot_write_to_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the course's account finds them that Kubernetes made for root in a folder of root's."""
    from autograder.jupyter import prepare

    for name in ("closed", "open"):
        (tmp_path / "inbound" / name).mkdir(parents=True)
    (tmp_path / "inbound" / "open").chmod(0o777)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    for name in ("chmod", "rmdir"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr(os, "getuid", lambda: ACCOUNT)
    monkeypatch.setattr(os, "access", lambda *_: False)
    lines = prepare._make_exchange(tmp_path, ["closed", "open"])
    named = [tmp_path / name for name in ("inbound", "outbound", "feedback", "inbound/closed")]
    assert [line.split()[0] for line in lines] == [str(path) for path in named]
    assert all(f"chown {ACCOUNT} {path}" in line for path, line in zip(named, lines, strict=True))
    monkeypatch.setattr(Path, "mkdir", refuse)
    assert "new" in prepare._make_exchange(tmp_path, ["new"])[-1]


def test_the_courses_pod_has_an_exchange_that_nbgrader_releases_into() -> None:
    """It wants mode 0777 for the exchange, or to give it that, which only a volume's owner could: root, most often."""
    pod = _documents("course.yaml")[0]["spec"]["template"]["spec"]
    for container in pod["containers"]:
        (mount,) = [one for one in container["volumeMounts"] if one["name"] == "exchange"]
        assert (mount["mountPath"], mount["subPath"]) == ("/srv/exchange/keras", "keras"), container["name"]
    assert "--mode=1777 /srv/exchange \\\n" in (HUB / "image" / "Dockerfile").read_text("utf-8")


def test_only_the_gpu_profile_asks_for_a_gpu() -> None:
    asks = {slug: _manifest(slug)["spec"] for slug in PROFILES}
    with_gpu = [s for s, spec in asks.items() if "nvidia.com/gpu" in spec["containers"][0]["resources"]["limits"]]
    tolerating = [
        s for s, spec in asks.items() if any(t["key"] == "nvidia.com/gpu" for t in spec.get("tolerations", []))
    ]
    assert with_gpu == tolerating == ["gpu"]


def _documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((HUB / "z2jh" / name).read_text("utf-8")))


@pytest.mark.parametrize("name", ["course.yaml", "course-files.yaml", "grade-job.yaml"])
def test_manifests_are_ones_that_kubernetes_takes(name: str) -> None:
    import kubernetes_validate

    for document in _documents(name):
        for version in KUBERNETES:
            kubernetes_validate.validate(document, version, strict=True)


def test_a_slip_in_a_manifest_would_be_noticed() -> None:
    import kubernetes_validate

    (deployment, *_) = _documents("course.yaml")
    deployment["spec"]["template"]["spec"]["containers"][0]["resorces"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, KUBERNETES[-1], strict=True)


@pytest.mark.parametrize("name", ["course.yaml", "grade-job.yaml"])
def test_what_grades_is_walled_in(name: str) -> None:
    workload, *rest = _documents(name)
    pod = workload["spec"]["template"]["spec"]
    container, *beside = pod["containers"]
    for other in (*beside, *pod.get("initContainers", ())):  # no code of a student's runs there
        assert other["securityContext"]["allowPrivilegeEscalation"] is False
        assert other["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert other["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert set(other["resources"]["limits"]) == {"cpu", "memory"}
    assert pod["hostUsers"] is False
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsUser"] not in (0, VALUES["singleuser"]["uid"])
    assert container["securityContext"]["procMount"] == "Unmasked"  # Kubernetes takes it with hostUsers: false alone
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}
    policies = [d["spec"] for d in rest if d["kind"] == "NetworkPolicy"]
    assert [p["policyTypes"] for p in policies] == [["Ingress", "Egress"]]
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert policies[0]["podSelector"]["matchLabels"].items() <= labels.items()


def test_one_image_and_one_service_name_everywhere() -> None:
    image = f"{VALUES['singleuser']['image']['name']}:{VALUES['singleuser']['image']['tag']}"
    used = {
        container["image"]
        for name in ("course.yaml", "course-files.yaml", "course-watch.yaml", "grade-job.yaml")
        for document in _documents(name)
        for kind in ("initContainers", "containers")
        for container in document["spec"].get("template", document)["spec"].get(kind, ())
    }
    assert used == {image}
    service, page = VALUES["hub"]["services"]
    assert page == f"{service}-work"
    assert {f"nbgrader-{service}", f"formgrade-{service}"} == set(VALUES["hub"]["config"]["JupyterHub"]["load_groups"])
    import autograder

    assert VALUES["singleuser"]["image"]["tag"] == autograder.__version__


class _Config(dict[str, Any]):
    """Takes whatever a configuration file sets, as traitlets' own does."""

    def __getattr__(self, name: str) -> Any:
        return self.setdefault(name, _Config())

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


def _roles(config: dict[str, Any]) -> dict[str, Any]:
    return {r["name"]: (set(r["scopes"]), tuple(r.get("groups", ()))) for r in config["JupyterHub"]["load_roles"]}


def test_all_three_hubs_give_the_same_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is tried in the browser is the measure; TLJH's and the chart's must not grant more."""
    from traitlets.config import Config

    local = _Config()
    _read_local(local, Path("/s"), tmp_path, monkeypatch)

    littlest = Config()
    names = {"get_config": lambda: littlest, "learners": ["a"], "instructors": ["t"]}
    exec((HUB / "tljh" / "class_config.py").read_text("utf-8"), names)
    littlest_roles = {"JupyterHub": {"load_roles": littlest.JupyterHub.load_roles.get_value([])}}
    chart = [{"name": name, **role} for name, role in VALUES["hub"]["loadRoles"].items()]
    assert _roles(littlest_roles) == _roles(local) == _roles({"JupyterHub": {"load_roles": chart}})
    assert littlest.JupyterHub.load_groups == local["JupyterHub"]["load_groups"]
    littlest_services = littlest.JupyterHub.services.get_value([])
    names = [[one["name"] for one in services] for services in (local["JupyterHub"]["services"], littlest_services)]
    assert names == [list(VALUES["hub"]["services"])] * 2


@pytest.mark.parametrize(("group", "role"), [("formgrade-keras", "instructor"), ("nbgrader-keras", "learner")])
def test_littlest_gives_a_server_the_role_that_the_hubs_groups_say(group: str, role: str) -> None:
    """The list may have `Tutor` for whom the Hub calls `tutor`."""
    import asyncio
    from types import SimpleNamespace

    from jupyterhub import orm
    from traitlets.config import Config

    littlest = Config()
    names = {"get_config": lambda: littlest, "learners": ["Tutor"], "instructors": ["Tutor"]}
    exec((HUB / "tljh" / "class_config.py").read_text("utf-8"), names)
    user = orm.User(name="tutor", groups=[orm.Group(name=group)])
    spawner = SimpleNamespace(user=user, environment={"OWN": "1"})
    asyncio.run(littlest.Spawner.pre_spawn_hook(spawner))
    assert spawner.environment["JUPYTER_CONFIG_PATH"] == f"/srv/class/roles/{role}"
    assert spawner.environment["OWN"] == "1", "what the operator set in another file stays"


def test_no_learner_can_listen_in_a_services_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root opens each port before the service becomes the course's account. On TLJH the port is always the same, and so
    has to be one that only root may open. (For the Hub on one's own machine see test_reserved_port.py.)
    """
    from traitlets.config import Config

    local, littlest = _Config(), Config()
    _read_local(local, Path("/s"), tmp_path, monkeypatch)
    names: dict[str, Any] = {"get_config": lambda: littlest, "learners": ["a"], "instructors": ["t"]}
    exec((HUB / "tljh" / "class_config.py").read_text("utf-8"), names)
    there = littlest.JupyterHub.services.get_value([])
    for service in (*local["JupyterHub"]["services"], *there):
        assert not service.get("user"), "root has to open the port"
        assert service["command"][1:5] == ["-I", "-m", "autograder.jupyter.reserved_port", "course-keras"]
    ports = [urlsplit(service["url"]).port for service in there]
    assert all(0 < port < 1024 for port in (*ports, littlest.JupyterHub.hub_port))
    assert len({*ports, littlest.JupyterHub.hub_port}) == 3
    assert urlsplit(names["live"]["AUTOGRADER_LIVE"]).port == ports[1]
    script = (HUB / "tljh" / "set-up.sh").read_text("utf-8")
    (highest,) = re.findall(r'"\$open_from" -gt (\d+) ', script)
    assert int(highest) == max(*ports, littlest.JupyterHub.hub_port)


def test_on_kubernetes_a_service_has_an_address_of_its_own() -> None:
    """No learner's pod shares it, so nobody can listen there; and learners' kernels send no token."""
    (service,) = [document for document in _documents("course.yaml") if document["kind"] == "Service"]
    hosts = {urlsplit(one["url"]).hostname for one in VALUES["hub"]["services"].values()}
    assert hosts == {service["metadata"]["name"]}
    assert service["spec"]["publishNotReadyAddresses"], "one container that fails would close the other's page, too"
    assert "AUTOGRADER_LIVE" not in VALUES["singleuser"]["extraEnv"]
    assert "hostNetwork" not in VALUES["singleuser"].get("extraPodConfig", {})


def _read_littlest(config: Any, state: Path) -> Any:
    """Read the configuration of a class on The Littlest JupyterHub into `config`, with its state in this folder."""
    text = (HUB / "tljh" / "class_config.py").read_text("utf-8").replace('"/srv/class"', repr(str(state)))
    exec(text, {"get_config": lambda: config, "learners": ["a"], "instructors": ["t"]})
    return config


def _read_local(config: Any, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watch: bool = False) -> None:
    """Read the configuration of the Hub of a class on this machine into `config`."""
    group = {"state": str(state), "venv": "/v", "course": "keras", "learners": ["a"], "instructors": ["t"]}
    group |= {"account": "course-keras", "address": "127.0.0.1", "proxy": ["p"], "course_folder": "/s/courses/keras"}
    group |= {"ports": {"public": 1, "hub": 2, "proxy": 3, "course": 4, "work": 5}, "watch": watch}
    (tmp_path / "class.json").write_text(json.dumps(group))
    monkeypatch.setenv("AUTOGRADER_HUB_CLASS", str(tmp_path / "class.json"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = HUB / "jupyterhub_config.py"
    exec(compile(path.read_text("utf-8"), str(path), "exec"), {"get_config": lambda: config, "__file__": str(path)})


@pytest.mark.parametrize("gone", ["wait_up of Server", "Server"])
def test_a_hub_starts_where_jupyterhub_waits_for_services_in_another_way(
    gone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that JupyterHub promises lets it wait longer (`SLOW_SERVICES`)."""
    from jupyterhub import objects

    if gone == "Server":
        monkeypatch.delattr(objects, "Server")
    else:
        monkeypatch.delattr(objects.Server, "wait_up")
    config = _Config()
    _read_local(config, Path("/s"), tmp_path, monkeypatch)
    assert len(config["JupyterHub"]["services"]) == 2


def test_littlest_and_local_are_entered_from_an_lms_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from traitlets.config import Config

    (tmp_path / "hub").mkdir()
    (tmp_path / "lti").mkdir()
    names = ("issuer", "client_id", "authorize_url", "jwks_url", "username")
    platform = dict.fromkeys(names, "x") | {"deployments": [1], "contexts": ["5"]}
    (tmp_path / "lti" / "platform.json").write_text(json.dumps(platform))
    shutil.copy(HUB / "course_lti.py", tmp_path / "hub")
    monkeypatch.setattr(sys, "path", [*sys.path])
    littlest = _read_littlest(Config(), tmp_path)
    local = Config()
    _read_local(local, tmp_path, tmp_path, monkeypatch)
    for config in (littlest, local):
        assert config.JupyterHub.authenticator_class.__name__ == "CourseLTI"
        assert config.CourseLTI.deployments == {"1"}
        assert config.Authenticator.allowed_users == {"a", "t"}, "the LMS does not decide who belongs to the class"
        roles = config.JupyterHub.load_roles
        named = roles.get_value([]) if config is littlest else roles
        (grades,) = [role for role in named if role["name"] == "grades-keras"]
        assert grades["services"] == ["keras"]
        assert all(scope.endswith("!group=nbgrader-keras") for scope in grades["scopes"])
    assert littlest.CryptKeeper["keys"] == local.CryptKeeper["keys"], "made once"
    values = yaml.safe_load((HUB / "z2jh" / "lti.yaml").read_text("utf-8"))
    compile(values["hub"]["extraConfig"]["lti"], "lti.yaml", "exec")


def test_littlest_starts_while_the_lms_has_not_given_its_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`autograder lti` writes the file days before somebody else can fill it in."""
    from traitlets.config import Config

    from autograder.lms.lti_keys import set_up

    set_up(tmp_path / "lti", "moodle", "https://m.example", "https://h.example")
    file = tmp_path / "lti" / "platform.json"
    platform = json.loads(file.read_text("utf-8"))
    for found in ({}, {"client_id": "x"}, {"client_id": "x", "deployments": ["1"]}):
        file.write_text(json.dumps(platform | found))
        config = _read_littlest(Config(), tmp_path)
        assert "authenticator_class" not in config.JupyterHub, "people log in as they did before"
        (line,) = capsys.readouterr().err.splitlines()
        assert line == f"{file} is not filled in yet, so nobody can enter from the LMS."


@pytest.mark.parametrize("name", ["client_id", "deployments", "contexts"])
def test_littlest_that_was_entered_from_an_lms_goes_back_to_no_other_way(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry taken out by mistake: TLJH's usual authenticator would let whoever comes first choose the password."""
    from traitlets.config import Config

    names = ("issuer", "client_id", "authorize_url", "jwks_url", "username", "deployments", "contexts")
    (tmp_path / "lti").mkdir()
    (tmp_path / "lti" / "platform.json").write_text(json.dumps({one: ["x"] for one in names} | {name: ""}))
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "auth_state_key").write_text("ab" * 32)
    shutil.copy(HUB / "course_lti.py", tmp_path / "hub")
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(ValueError, match=f"'{name}' has to be filled in"):
        _read_littlest(Config(), tmp_path)


def test_what_arrives_is_graded_on_each_hub_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from traitlets.config import Config

    local = Config()
    _read_local(local, Path("/s"), tmp_path, monkeypatch, watch=True)
    (there,) = [one for one in local.JupyterHub.services if one["name"] == "keras-watch"]
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "watch").touch()
    assert "\nsudo touch /srv/class/hub/watch\n" in (ROOT / "book/operators/littlest.md").read_text("utf-8")

    def watches() -> dict[str, Any]:
        services = _read_littlest(Config(), tmp_path).JupyterHub.services.get_value([])
        (found,) = [one for one in services if one["name"] == "keras-watch"]
        return dict(found)

    littlest, folder = watches(), f"{tmp_path}/courses/keras"
    *same, option, workers = littlest["command"][1:]
    assert same == [folder if word == "/s/courses/keras" else word for word in there["command"][1:]]
    assert option == "--workers"
    assert 1 <= int(workers) <= max(1, (os.cpu_count() or 1) // 2), "learners' servers need the rest"
    for written, expected in (("3\n", "3"), ("0", workers), ("many", workers)):
        (tmp_path / "hub" / "watch").write_text(written)
        assert watches()["command"][-1] == expected
    assert len(capsys.readouterr().err.splitlines()) == 2, "the last two are said to be no numbers"
    assert (littlest["user"], littlest["cwd"]) == (there["user"], folder)
    assert littlest["environment"]["AUTOGRADER_HELD_OUT"] == f"{folder}/held_out"


def test_the_container_that_grades_what_arrives_is_like_the_courses() -> None:
    import kubernetes_validate

    pod = _documents("course.yaml")[0]["spec"]["template"]["spec"]
    (added,) = _documents("course-watch.yaml")[0]["spec"]["template"]["spec"]["containers"]
    assert added["command"] == ["autograder", "watch", "--course", "/srv/course/keras", "--sandbox", "require"]
    (course, *_) = pod["containers"]
    assert added["name"] not in {one["name"] for one in pod["containers"]}, "it would take another's place"
    assert added["image"] == course["image"]
    assert added["securityContext"] == course["securityContext"]
    assert added["volumeMounts"] == [one for one in course["volumeMounts"] if one["name"] != "exchange"]
    variables = {one["name"]: one.get("value") for one in course["env"]}
    assert {one["name"]: variables[one["name"]] for one in added["env"]} == {
        one["name"]: one["value"] for one in added["env"]
    }
    assert "AUTOGRADER_HELD_OUT" in {one["name"] for one in added["env"]}
    deployment = _documents("course.yaml")[0]
    deployment["spec"]["template"]["spec"]["containers"].append(added)
    for version in KUBERNETES:
        kubernetes_validate.validate(deployment, version, strict=True)


@pytest.mark.parametrize("role", ["learner", "instructor", "course"])
def test_a_terminal_finds_the_programs_of_the_class(role: str, tmp_path: Path) -> None:
    """A login shell reads a profile, which may set PATH anew, as Debian's does."""
    from traitlets.config.loader import PyFileConfigLoader

    path = ROOT / "deploy/hub/roles" / role / "jupyter_server_config.py"
    shell = PyFileConfigLoader(str(path)).load_config().ServerApp.terminado_settings["shell_command"]
    program = tmp_path / "bin/program-of-the-class"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / ".bash_profile").write_text("PATH=/usr/bin:/bin\n")
    environment = {"HOME": str(tmp_path), "PATH": f"{program.parent}:/usr/bin:/bin"}

    def found(command: list[str]) -> bool:
        command = [*command, "-ic", f"command -v {program.name}"]
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0

    assert not found(["/bin/bash", "-l"])
    assert found(shell)


def test_image_is_sound_to_hadolint() -> None:
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert hadolint, "it is in the lock"
    done = subprocess.run([hadolint, str(HUB / "image" / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_image_stands_on_a_version_and_runs_as_nobody_special() -> None:
    text = (HUB / "image" / "Dockerfile").read_text("utf-8")
    base = re.search(r"^ARG BASE=(\S+)$", text, re.M)
    assert base is not None
    assert re.search(r":\d+\.\d+\.\d+-", base[1]), "a moving tag"
    assert re.findall(r"^USER (\S+)$", text, re.M) == [str(VALUES["singleuser"]["uid"])]
    assert "TF_FORCE_GPU_ALLOW_GROWTH=true" in text
    for source in re.findall(r"^COPY (\S+) ", text, re.M):
        known = ("deploy/hub/image/", "deploy/hub/roles", "deploy/hub/backup.py", "dist/keras_lesson_kit-")
        assert source.startswith(known), source
        if "*" not in source:
            assert (ROOT / source).exists()


def _pins(path: Path) -> dict[str, str]:
    """What a lock pins on Linux, x86-64, Python 3.12."""
    there = {"python_full_version": "3.12.3", "python_version": "3.12", "sys_platform": "linux", "os_name": "posix"}
    there |= {"platform_machine": "x86_64", "platform_python_implementation": "CPython"}
    pins = {}
    for line in path.read_text("utf-8").splitlines():
        package, _, marker = line.partition(" ; ")
        if "==" in package and (not marker or Marker(marker).evaluate(there)):
            name, version = package.split("==")
            pins[name.strip()] = version.strip()
    return pins


def test_image_has_the_locks_versions() -> None:
    lock, image = _pins(ROOT / "requirements.lock"), _pins(HUB / "image" / "requirements.lock")
    differ = {n: (v, lock[n]) for n, v in image.items() if n in lock and v != lock[n]}
    assert set(differ) == {"jupyterhub"}, differ
    assert image["jupyterhub"].startswith("5."), "what chart 4 and TLJH have as their Hub"
    assert image["tensorflow"] == lock["tensorflow-cpu"]
    unknown = {n for n in image if n not in lock and not n.startswith("nvidia-")}
    named = {"lark", "rfc3987-syntax"}  # jsonschema names them, so pip takes them; our lock leaves them out
    assert unknown <= {"tensorflow", "nbgitpuller", "tensorboard", "markdown", "werkzeug", *named}, unknown
    for needed in ("nbgrader", "keras", "ipykernel", "jupyterlab", "nbgitpuller", "nh3", "nvidia-cudnn-cu12"):
        assert needed in image
    own = dict(line.split("==") for line in (HUB / "requirements.txt").read_text().splitlines() if "==" in line)
    assert own.items() <= image.items()


def test_littlest_script_is_sound_bash_and_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    script = HUB / "tljh" / "set-up.sh"
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0
    if not Path("/opt/tljh").exists():
        done = subprocess.run([str(script), "tutor", "ada"], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
    for path in re.findall(r"\$clone/(deploy/hub/[\w./-]+|tools/[\w./-]+)", script.read_text("utf-8")):
        assert (ROOT / path).exists(), path


# Stands in for TLJH's Python: bubblewrap works for it once AppArmor has been given a profile for bubblewrap.
LITTLEST_PYTHON = """#!/bin/bash
echo "python $*" >> /log
case "$*" in
*"-m zipfile -e /clone/dist/learner-bundle.zip"*)
    mkdir "$5/learner-bundle" && touch "$5/learner-bundle/keras_lesson_kit-9-py3-none-any.whl" ;;
*/classroom.py*) exec PYTHON "$@" ;;
*doctor) if grep -qs "profile keras-class-bwrap /usr/bin/bwrap" /etc/apparmor.d/*
    then echo "ok      sandbox: bubblewrap works here"; else echo "MISSING sandbox: LIMITS ONLY"; fi ;;
esac
"""


def _littlest(folder: Path, *names: str, account: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the whole script as root of an Ubuntu of its own, with stand-ins for what a real server would do.

    Args:
        account: the course account's number. Only a real root may give anything to another account than its own.
    """
    root = folder / "root"
    for part in ("opt/tljh/hub/bin", "opt/tljh/user/bin", "opt/tljh/config/jupyterhub_config.d", "srv", "programs"):
        (root / part).mkdir(parents=True, exist_ok=True)
    for part in ("proc/sys/kernel", "etc/apparmor.d", "etc/sysctl.d"):
        (root / part).mkdir(parents=True, exist_ok=True)
    (root / "proc/sys/kernel/apparmor_restrict_unprivileged_userns").write_text("0\n")  # an earlier run switched it off
    (root / "etc/sysctl.d/60-class.conf").write_text("kernel.apparmor_restrict_unprivileged_userns = 0\n")
    (root / "log").touch()
    programs = {name: f'#!/bin/bash\necho "{name} $*" >> /log\n' for name in LITTLEST_STAND_INS}
    programs["install"] = '#!/bin/bash\nexec /usr/bin/install $(echo " $* " | sed "s/ -[og] course-keras//g")\n'
    programs["runuser"] = '#!/bin/bash\nshift 3; exec "$@"\n'
    programs["systemctl"] += 'if [ "$1" = show ]; then echo PrivateTmp=yes; echo ProtectKernelTunables=no; fi\n'
    programs["systemd-run"] += 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"\n'
    if account:
        del programs["install"], programs["chown"]
        become = f"setpriv --reuid={account} --regid={account} --clear-groups"
        programs["runuser"] = f'#!/bin/bash\nshift 3; exec {become} "$@"\n'
    (root / "etc/passwd").write_text(f"root:x:0:0::/:/bin/bash\ncourse-keras:x:{account}:{account}::/:/bin/bash\n")
    (root / "etc/group").write_text(f"root:x:0:\ncourse-keras:x:{account}:\n")
    for name, text in programs.items():
        (root / "programs" / name).write_text(text)
    python = Path(sys.executable).resolve()
    (root / "opt/tljh/user/bin/python").write_text(LITTLEST_PYTHON.replace("PYTHON", str(python)))
    (root / "log").chmod(0o666)
    (root / "opt/tljh/hub/bin/jupyterhub").touch()
    for path in [*root.glob("programs/*"), *root.glob("opt/tljh/*/bin/*")]:
        path.chmod(0o755)
    clone = folder / "clone"
    if not clone.exists():
        for part in ("deploy", "solutions", "data/held_out"):
            shutil.copytree(ROOT / part, clone / part)
    as_root = ["--cap-add", "ALL"] if account else ["--unshare-user", "--uid", "0", "--gid", "0"]
    command = ["bwrap", *as_root, "--ro-bind", "/usr", "/usr", "--dev", "/dev"]
    for link in ("bin", "lib", "lib64", "sbin"):
        command += ["--symlink", f"usr/{link}", f"/{link}"]
    for part in ("opt", "srv", "programs", "proc", "etc", "log"):
        command += ["--bind", str(root / part), f"/{part}"]
    command += ["--bind", str(clone), "/clone", "--tmpfs", "/tmp", "--setenv", "PATH", "/programs:/usr/bin:/bin"]
    # A Python may look for its library relative to itself, and asks the real /proc where that is.
    command += ["--setenv", "LD_LIBRARY_PATH", f"{sys.base_prefix}/lib"]
    if not python.is_relative_to("/usr"):  # after the others, for it may lie in one of them
        for parent in reversed(Path(sys.base_prefix).parents[:-1]):
            command += ["--perms", "0755", "--dir", str(parent)]
        command += ["--ro-bind", sys.base_prefix, sys.base_prefix]
    command += ["--", "/clone/deploy/hub/tljh/set-up.sh", *names]
    return subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=60)


LITTLEST_STAND_INS = ("apt-get", "useradd", "chown", "tljh-config", "apparmor_parser", "systemctl", "systemd-run")


@pytest.mark.sandbox
def test_littlest_script_gives_bubblewrap_alone_what_it_needs(tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        missing("bubblewrap is not installed")
    done = _littlest(tmp_path, "tutor", "ada", "bo")
    assert done.returncode == 0, done.stdout + done.stderr
    root = tmp_path / "root"
    assert "ok      sandbox: bubblewrap works here" in done.stdout
    restriction = root / "proc/sys/kernel/apparmor_restrict_unprivileged_userns"
    assert restriction.read_text() == "1\n", "switched on again for every other program"
    assert not (root / "etc/sysctl.d/60-class.conf").exists()
    profile = (root / "etc/apparmor.d/keras-class-bwrap").read_text()
    assert re.findall(r"^profile \S+ (\S+)", profile, re.M) == ["/usr/bin/bwrap"]
    log = (root / "log").read_text()
    assert "apparmor_parser --replace /etc/apparmor.d/keras-class-bwrap" in log
    unit = (root / "etc/systemd/system/jupyterhub.service.d/keras-class.conf").read_text()
    assert "\n[Service]\nProtectKernelTunables=no\n" in unit, "bubblewrap mounts a /proc of its own"
    assert "\nReadOnlyPaths=-/sys\nReadWritePaths=-/sys/fs/cgroup\n" in unit, "as TLJH has it"
    assert "\nOOMPolicy=continue\n" in unit, "a submission that takes all memory would stop the Hub"
    (tried, *_) = re.findall(r"systemd-run (.*) -- runuser -u course-keras -- \S+/python -m autograder doctor\n", log)
    assert {"--property=PrivateTmp=yes", "--property=ProtectKernelTunables=no"} <= {*tried.split()}, "as the Hub does"
    steps = ("systemctl daemon-reload", "systemctl show", "systemd-run", "tljh-config reload")
    assert [*steps] == sorted(steps, key=log.index)
    assert (root / "srv/class/courses/keras/submitted").is_dir(), "`autograder watch` starts in no course without it"
    (packages,) = re.findall(r"pip install --quiet --requirement (\S+)", log)
    (wheel,) = re.findall(r"--force-reinstall (\S+)", log)
    assert re.fullmatch(r"/tmp/tmp\.\w{10}", str(Path(packages).parent)), "a folder that only root can enter"
    assert Path(packages).parent == Path(wheel).parent.parent
    assert "learners = ['ada', 'bo', ]" in (root / "opt/tljh/config/jupyterhub_config.d/class.py").read_text()
    assert (root / "srv/class/courses/keras/source/03-dense-networks").is_dir()
    config = root / "srv/class/courses/keras/nbgrader_config.py"
    config.unlink()
    config.symlink_to("/etc/sysctl.d/passwd")  # as an instructor's terminal can, on the course's account
    (root / "etc/sysctl.d/passwd").write_text("root:x:0:0\n")
    assert _littlest(tmp_path, "tutor", "ada").returncode == 0, "it can be run again"
    assert (root / "etc/sysctl.d/passwd").read_text() == "root:x:0:0\n"
    assert not config.is_symlink()
    assert "CourseDirectory" in config.read_text()


def _changed(path: Path, text: str) -> None:
    """Change a file of the clone that `_littlest` made, or of the course, as somebody would."""
    path.unlink()
    path.write_text(text)


@pytest.mark.sandbox
def test_littlest_script_brings_what_is_new_and_overwrites_nothing_of_a_teachers(tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        missing("bubblewrap is not installed")
    assert _littlest(tmp_path, "tutor", "ada").returncode == 0
    course = tmp_path / "root/srv/class/courses/keras"
    kit = tmp_path / "clone"
    names = ("02-one-hot-encoding", "03-dense-networks", "04-softmax")
    mended, theirs, half = (course / "source" / name / f"{name}.ipynb" for name in names)
    _changed(kit / "solutions" / names[0] / mended.name, "mended")
    _changed(kit / "solutions" / names[1] / theirs.name, "mended")
    _changed(kit / "data/held_out/03-dense-networks.npz", "newer")
    _changed(kit / "data/held_out/04-softmax.npz", "newer")
    theirs.write_text("the teacher's")
    (course / "held_out/04-softmax.npz").write_text("private")
    (course / "held_out/own.npz").write_text("of an own exercise")
    config = course / "nbgrader_config.py"
    settings = config.read_text() + "c.Execute.timeout = 90\n"
    config.write_text(settings)
    (course / "source/.copied.json").write_text(
        json.dumps({n: d for n, d in json.loads((course / "source/.copied.json").read_text()).items() if n != names[2]})
    )
    half.write_bytes(half.read_bytes()[:1000])  # as by a script that was ended while it copied
    done = _littlest(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert mended.read_text() == "mended"
    assert half.read_bytes() == (kit / "solutions" / names[2] / half.name).read_bytes()
    assert (course / "held_out/03-dense-networks.npz").read_text() == "newer"
    assert theirs.read_text() == "the teacher's"
    assert (course / "held_out/04-softmax.npz").read_text() == "private"
    assert (course / "held_out/own.npz").read_text() == "of an own exercise"
    assert config.read_text() == settings
    told = [line for line in done.stdout.splitlines() if "start again" in line]
    assert [line.partition(":")[0] for line in told] == [names[1], "04-softmax.npz", "nbgrader_config.py"]
    assert f"move /srv/class/courses/keras/{config.name} away" in told[2]


@pytest.mark.sandbox
def test_littlest_script_for_those_who_are_new_leaves_the_others_in(tmp_path: Path) -> None:
    """Entered from an LMS, whoever is not on the list is refused."""
    if shutil.which("bwrap") is None:
        missing("bubblewrap is not installed")
    lists = tmp_path / "root/opt/tljh/config/jupyterhub_config.d/class.py"

    def after(*names: str) -> tuple[list[str], list[str]]:
        done = _littlest(tmp_path, *names)
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = {}
        exec("".join(lists.read_text().splitlines(keepends=True)[:2]), found)
        told = [line.partition(":") for line in done.stdout.splitlines()[-3:-1]]
        assert {kind.lower(): who.split() for kind, _, who in told} == {
            "instructors": found["instructors"],
            "learners": found["learners"],
        }
        return found["instructors"], found["learners"]

    assert after("tutor", "ada", "bo") == (["tutor"], ["ada", "bo"])
    assert after("tutor", "cy", "ada") == (["tutor"], ["ada", "bo", "cy"])
    assert after("--instructor", "second") == (["tutor", "second"], ["ada", "bo", "cy"])
    assert after() == (["tutor", "second"], ["ada", "bo", "cy"])
    log = (tmp_path / "root/log").read_text()
    assert log.count("tljh-config set limits.memory") == 1, "later it is the operator's"
    entered = re.findall(r"autograder\.jupyter\.prepare --littlest /srv/class/courses/keras (.*)", log)
    assert entered == [
        "ada bo --instructors tutor",
        "ada bo cy --instructors tutor",
        "ada bo cy --instructors tutor second",
        "ada bo cy --instructors tutor second",
    ]
    assert log.rindex("prepare") < log.rindex("tljh-config reload"), "the Hub takes in nothing before it is known whose"
    before, logged = lists.read_text(), (tmp_path / "root/log").read_text()
    for names in (["cem", "dan"], ["cem"], ["ada"]):
        done = _littlest(tmp_path, *names)
        assert done.returncode == 2, "new learners, of whom the first would have been an instructor"
        (line,) = done.stderr.splitlines()
        assert f"'{names[0]}' is not an instructor" in line
        assert "(now: tutor second)" in line
    for names in (["--instructor"], ["--instructor", "cem", "dan"]):
        assert _littlest(tmp_path, *names).stderr.startswith("Usage, once there is a class")
    assert (lists.read_text(), (tmp_path / "root/log").read_text()) == (before, logged)
    assert after("Tutor", "Ada", "Di.Ho@school.example")[1] == ["ada", "bo", "cy", "di.ho@school.example"]
    _changed(lists, "instructors = [\n'tutor']\nlearners = ['ada']\n")
    done = _littlest(tmp_path, "tutor", "di")
    assert done.returncode == 2, "a list that the script cannot read is not written anew with one name"
    assert len(done.stderr.splitlines()) == 1
    assert "'ada'" in lists.read_text()


@pytest.mark.sandbox
@pytest.mark.skipif(os.getuid() != 0, reason="giving files to other users needs root")
@pytest.mark.parametrize("place", ["courses/keras/source", "courses/keras/held_out", "exchange/keras/inbound"])
def test_root_of_littlest_hands_nothing_over_through_a_link(place: str, tmp_path: Path) -> None:
    """Whoever has the course's account in a terminal may put one anywhere into the course's folders."""
    if shutil.which("bwrap") is None:
        missing("bubblewrap is not installed")
    assert _littlest(tmp_path, "tutor", "ada", account=ACCOUNT).returncode == 0
    root = tmp_path / "root"
    folder = root / "srv/class" / place
    assert folder.stat().st_uid == ACCOUNT
    folder.rename(folder.with_name("aside"))
    folder.symlink_to("/etc/of-root")
    os.chown(folder, ACCOUNT, ACCOUNT, follow_symlinks=False)
    target = root / "etc/of-root"
    target.mkdir()
    before = target.stat()
    done = _littlest(tmp_path, "tutor", "ada", account=ACCOUNT)
    assert (target.stat().st_uid, target.stat().st_mode) == (before.st_uid, before.st_mode)
    assert not list(target.iterdir())
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"/srv/class/{place}" in line


@pytest.mark.sandbox
@pytest.mark.skipif(os.getuid() != 0, reason="giving files to other users needs root")
def test_root_of_littlest_copies_into_no_folder_that_the_courses_account_may_change(tmp_path: Path) -> None:
    """A process of that account could wait for the folder, and put a link there for root to write through."""
    if shutil.which("bwrap") is None:
        missing("bubblewrap is not installed")
    copy = tmp_path / "root/programs/cp"
    copy.parent.mkdir(parents=True)
    copy.write_text(
        """#!/bin/bash
for last; do :; done
case $last in */kit*) echo "kit $(stat -c '%u %a' "${last%%/kit*}/kit")" >> /log ;; esac
exec /usr/bin/cp "$@"
"""
    )
    done = _littlest(tmp_path, "tutor", "ada", account=ACCOUNT)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = [line for line in (tmp_path / "root/log").read_text().splitlines() if line.startswith("kit ")]
    assert len(seen) >= 3
    assert set(seen) == {"kit 0 700"}


ACCOUNT = 64_321  # a number that no account has


@pytest.mark.sandbox
def test_littlest_script_refuses_a_server_where_every_port_is_everybodys(tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        missing("bubblewrap is not installed")
    start = tmp_path / "root/proc/sys/net/ipv4/ip_unprivileged_port_start"
    start.parent.mkdir(parents=True)
    start.write_text("0\n")
    done = _littlest(tmp_path, "tutor", "ada")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "ports from 0 up" in done.stderr


@pytest.mark.parametrize(
    "name", ["keras", "a#b", "a&b", 'say "hi"', "back\\slash", "{root}", "$(id) `id` $HOME", "ä ö"]
)
def test_littlest_script_fills_in_any_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (HUB / "tljh" / "set-up.sh").read_text("utf-8")
    functions = re.findall(r"^(?:quoted|fill)\(\) \{.*?^\}\n", script, re.M | re.S)
    assert len(functions) == 2
    monkeypatch.syspath_prepend(str(HUB))
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from classroom import _filled

    for template, filled_by_python in (("nbgrader_config_course.py", True), ("nbgrader_config_user.py", False)):
        places = {"course": name, "exchange": f"/x/{name}", "root": f"/c/{name}"}
        text = _filled((HUB / template).read_text("utf-8"), **places)
        config = _settings(text)
        if not filled_by_python:
            done = subprocess.run(
                ["bash", "-euc", "".join(functions) + 'fill "$1"', "bash", str(HUB / template)],
                env=os.environ | {"course": name, "exchange": f"/x/{name}"},
                capture_output=True,
                text=True,
                check=True,
            )
            assert _settings(done.stdout) == config
        assert config["CourseDirectory.course_id"] == name
        assert config["Exchange.root"] == f"/x/{name}"
        assert config.get("CourseDirectory.root", f"/c/{name}") == f"/c/{name}"


def _settings(text: str) -> dict[str, Any]:
    """What a configuration sets, by ``Class.trait``."""
    from traitlets.config import Config

    config = Config()
    exec(text, {"get_config": lambda: config})
    return {f"{section}.{trait}": value for section, traits in config.items() for trait, value in traits.items()}


@pytest.mark.parametrize(
    ("template", "copy", "more"),
    [
        ("nbgrader_config_course.py", "z2jh/nbgrader_config.py", {"CollectOwnWork.inbound_by_learner": True}),
        ("nbgrader_config_user.py", "image/nbgrader_config_user.py", {}),
    ],
)
def test_kubernetes_has_the_settings_that_every_hub_has(template: str, copy: str, more: dict[str, Any]) -> None:
    """Its files go into an image and a pod as they are, so nothing fills them in; they say the same."""
    places = {"course": "keras", "root": "/srv/course/keras", "exchange": "/srv/exchange"}
    text = (HUB / template).read_text("utf-8")
    for name, value in places.items():
        text = text.replace(f"{{{name}}}", value)
    assert _settings((HUB / copy).read_text("utf-8")) == _settings(text) | more


@pytest.mark.sandbox
def test_littlest_script_refuses_a_name_that_would_run_as_python(tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        missing("bubblewrap is not installed")
    done = _littlest(tmp_path, "tutor", "a'], print('x'), ['")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_security_page_and_littlest_script_agree() -> None:
    """A profile for bubblewrap; the host's restriction stays."""
    script = (HUB / "tljh" / "set-up.sh").read_text("utf-8")
    assert "apparmor_restrict_unprivileged_userns" in script
    assert not re.search(r"restrict_unprivileged_userns\W*0|echo \W*0", script)
    assert "/tmp/" not in script
    for page in ("SECURITY.md", "book/operators/littlest.md"):
        assert "deploy/hub/tljh/bwrap.apparmor" in (ROOT / page).read_text("utf-8"), page


@pytest.mark.parametrize("address", ["http://0.0.0.0:8000", "http://:8000", "http://hub.example.org", "http://[::]:80"])
def test_demonstration_passwords_are_refused_elsewhere(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HUB))
    from demo_passwords import NotLocal, refuse_unless_local

    with pytest.raises(NotLocal):
        refuse_unless_local(address)
    refuse_unless_local("http://127.0.0.1:8000")


def test_make_hub_says_so_in_one_line() -> None:
    command = [sys.executable, str(HUB / "local.py"), "--address", "0.0.0.0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "127.0.0.1 alone" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("version", ["v18.19.1", None])
def test_a_node_that_is_too_old_is_named(version: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HUB))
    import installation

    if version is not None:
        (tmp_path / "node").write_text(f"#!/bin/sh\necho {version}\n")
        (tmp_path / "node").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = f"Node {installation.OLDEST_NODE} or later"
    with pytest.raises(installation.CannotInstall, match=rf"{wanted}[,.].*{version or 'not installed'}"):
        installation.proxy()
    page = (ROOT / "book" / "operators" / "first-login.md").read_text("utf-8")
    assert wanted in page


def test_passwords_that_others_can_read_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HUB))
    from demo_passwords import DemoPasswords
    from traitlets.config import Application

    class Hub(Application):  # type: ignore[misc]
        bind_url = "http://127.0.0.1:8000"

    path = tmp_path / "passwords.json"
    path.write_text('{"ada": "secret"}')
    path.chmod(0o644)
    with pytest.raises(PermissionError):
        DemoPasswords(parent=Hub(), passwords_file=str(path))
    path.chmod(0o600)
    asked = DemoPasswords(parent=Hub(), passwords_file=str(path))
    import asyncio

    assert asyncio.run(asked.authenticate(None, {"username": "ada", "password": "secret"})) == "ada"
    for wrong in ({"username": "ada", "password": ""}, {"username": "bo", "password": "secret"}):
        assert asyncio.run(asked.authenticate(None, wrong)) is None
