# The course's server, which the Hub opens to the course's instructors alone.
from autograder.jupyter import LABEXTENSIONS

c = get_config()  # noqa: F821
c.ServerApp.jpserver_extensions = {
    "autograder.jupyter": True,
    "nbgrader.server_extensions.formgrader": True,
    "nbgrader.server_extensions.assignment_list": False,
    "nbgrader.server_extensions.validate_assignment": False,
    "nbgrader.server_extensions.course_list": False,
}
c.ServerApp.default_url = "/autograder/"
c.GradingApp.sandbox = "require"
c.LabApp.extra_labextensions_path = [str(LABEXTENSIONS)]
c.KernelManager.transport = "ipc"
# Otherwise a terminal is a login shell, which sets PATH anew and then finds neither `nbgrader` nor `autograder`.
c.ServerApp.terminado_settings = {"shell_command": ["/bin/bash"]}
