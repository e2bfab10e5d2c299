# Read by The Littlest JupyterHub from /opt/tljh/config/jupyterhub_config.d/. set-up.sh writes `instructors` and
# `learners` above this line. The same groups, roles and service as deploy/hub/jupyterhub_config.py.
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
        *look_up_course,
    ],
}
instructor_role = {
    "name": f"instructor-{course}",
    "groups": [f"formgrade-{course}"],
    "scopes": [f"access:services!service={course}", *look_up_course],
}
c.JupyterHub.load_roles.extend([server_role, instructor_role])  # TLJH has some of its own
common = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "TF_CPP_MIN_LOG_LEVEL": "3"}


async def for_user(spawner):
    """Settings by role; kernels' sockets in a folder of the user's own."""
    role = "instructor" if spawner.user.name in instructors else "learner"  # noqa: F821
    spawner.environment.update(common | {"JUPYTER_CONFIG_PATH": f"{state}/roles/{role}"})


c.Spawner.pre_spawn_hook = for_user
course_service = {
    "name": course,
    "url": "http://127.0.0.1:10101",
    "command": [f"{programs}/jupyterhub-singleuser", f"--ServerApp.root_dir={folder}"],
    "user": f"course-{course}",
    "cwd": folder,
    "environment": common
    | {
        "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
        "JUPYTER_CONFIG_PATH": f"{state}/roles/course",
        "AUTOGRADER_HELD_OUT": f"{folder}/held_out",
    },
    "oauth_no_confirm": True,
    "display": True,
}
c.JupyterHub.services.extend([course_service])
