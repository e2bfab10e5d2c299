# An instructor's own server: the list of courses leads to the course's server, where the work is done.
c = get_config()  # noqa: F821
c.ServerApp.jpserver_extensions = {
    "nbgrader.server_extensions.assignment_list": True,
    "nbgrader.server_extensions.validate_assignment": True,
    "nbgrader.server_extensions.formgrader": False,
    "nbgrader.server_extensions.course_list": True,
}
c.KernelManager.transport = "ipc"
# Otherwise a terminal is a login shell, which sets PATH anew and then finds neither `nbgrader` nor `autograder`.
c.ServerApp.terminado_settings = {"shell_command": ["/bin/bash"]}
