# Read by The Littlest JupyterHub from /opt/tljh/config/jupyterhub_config.d/. set-up.sh writes `instructors` and
# `learners` above this line. The same groups, roles and service as deploy/hub/jupyterhub_config.py.
import json
import os
import sys

course, state, programs = "keras", "/srv/class", "/opt/tljh/user/bin"
folder = f"{state}/courses/{course}"

c = get_config()  # noqa: F821
c.JupyterHub.load_groups = {
    f"nbgrader-{course}": {"users": learners},  # noqa: F821
    f"formgrade-{course}": {"users": instructors},  # noqa: F821
}
look_up_course = ["list:services", f"read:services!service={course}"]
server_role = {
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
}
instructor_role = {
    "name": f"instructor-{course}",
    "groups": [f"formgrade-{course}"],
    "scopes": [f"access:services!service={course}", f"access:services!service={course}-work", *look_up_course],
}
learner_role = {
    "name": f"learner-{course}",
    "groups": [f"nbgrader-{course}"],
    "scopes": [f"access:services!service={course}-work"],
}
c.JupyterHub.load_roles.extend([server_role, instructor_role, learner_role])  # TLJH has some of its own
platform = f"{state}/lti/platform.json"
if os.path.isfile(platform):  # entered from an LMS: see deploy/hub/course_lti.py
    with open(platform, encoding="utf-8") as file:
        entries = json.load(file)
    filled_in = all(entries.get(name) for name in ("client_id", "deployments", "contexts"))
    # Once people have entered from the LMS, a slip in the file must stop the Hub: the authenticator from before might
    # let whoever comes first choose a person's password.
    if filled_in or os.path.exists(f"{state}/hub/auth_state_key"):
        sys.path.insert(0, f"{state}/hub")
        from course_lti import configure

        configure(c, f"{state}/lti", course, f"{state}/hub/auth_state_key")
        c.Authenticator.allowed_users = {*learners, *instructors}  # noqa: F821
    else:  # `autograder lti` wrote it, and the LMS has not given all its numbers yet: people log in as before
        print(f"{platform} is not filled in yet, so nobody can enter from the LMS.", file=sys.stderr)

# Root alone may open ports below 1024. On a higher one, a learner could listen while the Hub or a service restarts.
c.JupyterHub.hub_port = 303
course_port, work_port = 301, 302
on_reserved_port = [f"{programs}/python", "-I", "-m", "autograder.jupyter.reserved_port", f"course-{course}"]
common = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "TF_CPP_MIN_LOG_LEVEL": "3"}

live = {"AUTOGRADER_LIVE": f"http://127.0.0.1:{work_port}/services/{course}-work/"}


async def for_user(spawner):
    """Settings by role. The Hub's groups say which role, because it may spell a name differently from the lists."""
    role = "instructor" if f"formgrade-{course}" in {group.name for group in spawner.user.groups} else "learner"
    spawner.environment.update(common | live | {"JUPYTER_CONFIG_PATH": f"{state}/roles/{role}"})


c.Spawner.pre_spawn_hook = for_user
course_service = {
    "name": course,
    "url": f"http://127.0.0.1:{course_port}",
    "command": [*on_reserved_port, "jupyterhub.singleuser", f"--ServerApp.root_dir={folder}"],
    "cwd": folder,
    "environment": common
    | {
        "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
        "JUPYTER_CONFIG_PATH": f"{state}/roles/course",
        "AUTOGRADER_HELD_OUT": f"{folder}/held_out",
        "AUTOGRADER_LTI": f"{state}/lti",
    },
    "oauth_no_confirm": True,
    "display": True,
}
# The course's page for everybody.
work_service = {
    "name": f"{course}-work",
    "url": f"http://127.0.0.1:{work_port}",
    "command": [*on_reserved_port, "autograder.jupyter.work", folder],
    "cwd": folder,
    "environment": {"PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin", "JUPYTER_CONFIG_PATH": f"{state}/roles/course"},
    "oauth_no_confirm": True,
    "display": True,
}
# Grades what the page takes in, on a server where root has switched it on by making this file.
switch = f"{state}/hub/watch"


def workers(written):
    """As many submissions at a time as the file says; else half of the server: learners' servers need the rest."""
    if written.isascii() and written.isdigit() and int(written) > 0:
        return written
    if written:
        print(f"{switch} must hold a number from 1 up, or nothing; it holds {written!r}.", file=sys.stderr)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return str(max(1, min((os.cpu_count() or 1) // 2, memory // 2 // 1_200_000_000)))  # bytes of each, as measured


watch_service = {
    "name": f"{course}-watch",
    "command": [
        *(f"{programs}/python", "-P", "-m", "autograder", "watch"),
        *("--course", folder, "--sandbox", "require"),
    ],
    "user": f"course-{course}",
    "cwd": folder,
    "environment": {
        "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "JUPYTER_CONFIG_PATH": f"{state}/roles/course",
        "AUTOGRADER_HELD_OUT": f"{folder}/held_out",
    },
}
watched = os.path.exists(switch)
if watched:
    with open(switch, encoding="utf-8", errors="replace") as file:
        watch_service["command"] += ["--workers", workers(file.read().strip())]
c.JupyterHub.services.extend([course_service, work_service, *([watch_service] if watched else [])])
