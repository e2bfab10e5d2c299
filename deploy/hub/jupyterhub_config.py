"""The Hub of a class on this machine. What is particular to the class is in the file $AUTOGRADER_HUB_CLASS."""

import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import exact_groups  # noqa: E402, F401  (without it, groups keep people who have left the list)
from demo_passwords import DemoPasswords, refuse_unless_local  # noqa: E402
from jupyterhub import version_info  # noqa: E402

try:
    from jupyterhub.objects import Server
except ImportError:  # see `_reach_patiently`
    Server = None

c = get_config()  # noqa: F821
group = json.loads(Path(os.environ["AUTOGRADER_HUB_CLASS"]).read_text("utf-8"))
state, venv, course, ports = Path(group["state"]), Path(group["venv"]), group["course"], group["ports"]
programs = venv / "bin"

# --- Where it listens. Everything is on this machine alone.
c.JupyterHub.bind_url = f"http://{group['address']}:{ports['public']}"
refuse_unless_local(c.JupyterHub.bind_url)
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{ports['hub']}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{ports['proxy']}"
c.ConfigurableHTTPProxy.command = group["proxy"]
c.ConfigurableHTTPProxy.pid_file = str(state / "hub" / "proxy.pid")
# One for each major version, whose layouts differ. It holds sessions and users; the class's work is elsewhere.
c.JupyterHub.db_url = f"sqlite:///{state / 'hub' / f'jupyterhub-{version_info[0]}.sqlite'}"
c.JupyterHub.cookie_secret_file = str(state / "hub" / "cookie_secret")

# --- Who may log in. Nobody is an administrator: whoever needs that has root on this machine.
c.JupyterHub.authenticator_class = DemoPasswords
c.DemoPasswords.passwords_file = str(state / "passwords.json")
c.Authenticator.allowed_users = {*group["learners"], *group["instructors"]}
c.JupyterHub.load_groups = {
    f"nbgrader-{course}": {"users": group["learners"]},
    f"formgrade-{course}": {"users": group["instructors"]},
}

# --- What each may do, beyond their own server. A server may do what is listed here *and* its user may.
look_up_course = ["list:services", f"read:services!service={course}"]
c.JupyterHub.load_roles = [
    {
        # nbgrader's plugin asks which groups its user is in; its list of courses asks for services.
        "name": "server",
        "scopes": [
            "users:activity!user",
            "access:servers!server",
            "read:users:name!user",
            "read:users:groups!user",
            # `check` tells the course's page what it found, in its learner's own name.
            f"access:services!service={course}-work",
            *look_up_course,
        ],
    },
    {
        "name": f"instructor-{course}",
        "groups": [f"formgrade-{course}"],
        "scopes": [
            f"access:services!service={course}",
            f"access:services!service={course}-work",
            *look_up_course,
        ],
    },
    {
        "name": f"learner-{course}",
        "groups": [f"nbgrader-{course}"],
        "scopes": [f"access:services!service={course}-work"],
    },
]

# --- Entered from an LMS, if `autograder lti` was run for it. Names and passwords of the class are out of use then.
lti = state / "lti"
if (lti / "platform.json").is_file():
    from course_lti import configure

    configure(c, lti, course, state / "hub" / "auth_state_key")

# --- What every server of the class gets.
common = {
    "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "GIT_CONFIG_SYSTEM": str(state / "gitconfig"),
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # else the first to open a notebook takes the whole GPU
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def settings_of(user: str, role: str) -> dict[str, str]:
    """Environment that makes a server that of a learner, an instructor or the course."""
    return {"JUPYTER_CONFIG_PATH": str(state / "roles" / role), "JUPYTER_RUNTIME_DIR": str(state / "run" / user)}


def for_user(spawner: object) -> None:
    """Settings by role, before a server starts."""
    name = spawner.user.name  # type: ignore[attr-defined]
    role = "instructor" if name in group["instructors"] else "learner"
    live = {"AUTOGRADER_LIVE": f"http://127.0.0.1:{ports['work']}/services/{course}-work/"}
    spawner.environment = common | settings_of(name, role) | live  # type: ignore[attr-defined]


c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
c.Spawner.pre_spawn_hook = for_user
c.Spawner.cmd = [str(programs / "jupyterhub-singleuser")]
c.Spawner.default_url = "/lab"
c.Spawner.env_keep = []
c.Spawner.http_timeout = c.Spawner.start_timeout = 180  # seconds; JupyterLab on a busy small machine

# A Hub tries ten times, for a second each, to reach a service that it started, and then ends itself. A Jupyter server
# takes longer to start on a busy machine. (`SLOW_SERVICES` in autograder/compat/assumptions.py.)
_reach = getattr(Server, "wait_up", None)


async def _reach_patiently(server: object, timeout: float = 10, **options: object) -> object:
    return await _reach(server, timeout=max(timeout, 18), **options)


if _reach is not None:
    Server.wait_up = _reach_patiently

# Root opens the ports of the services, which then run as the course's account: see reserved_port.py.
on_reserved_port = [str(programs / "python"), "-I", "-m", "autograder.jupyter.reserved_port", group["account"]]

# --- The course's own server: formgrader, grading page, JupyterLab over the course's folder. It runs as the
# course's account, needs no right on the Hub (but where an LMS is, to see who came from there), and has the course's
# name, as nbgrader wants.
c.JupyterHub.services = [
    {
        "name": course,
        "url": f"http://127.0.0.1:{ports['course']}",
        "command": [*on_reserved_port, "jupyterhub.singleuser", f"--ServerApp.root_dir={group['course_folder']}"],
        "cwd": group["course_folder"],
        "environment": common
        | settings_of(group["account"], "course")
        | {"AUTOGRADER_HELD_OUT": f"{group['course_folder']}/held_out", "AUTOGRADER_LTI": str(lti)},
        "oauth_no_confirm": True,
        "display": True,
    },
    # The course's page for everybody: it takes in what is handed in, and says what is due and what became of it.
    {
        "name": f"{course}-work",
        "url": f"http://127.0.0.1:{ports['work']}",
        "command": [*on_reserved_port, "autograder.jupyter.work", group["course_folder"]],
        "cwd": group["course_folder"],
        "environment": common | settings_of(group["account"], "course"),
        "oauth_no_confirm": True,
        "display": True,
    },
]
if group["watch"]:  # grades what the page has taken in; the grading page says so instead of starting a run of its own
    c.JupyterHub.services.append(
        {
            "name": f"{course}-watch",
            "command": [
                *(str(programs / "python"), "-P", "-m", "autograder", "watch"),
                *("--course", group["course_folder"], "--sandbox", "require"),
            ],
            "user": group["account"],
            "cwd": group["course_folder"],
            "environment": common
            | settings_of(group["account"], "course")
            | {"AUTOGRADER_HELD_OUT": f"{group['course_folder']}/held_out"},
        }
    )
