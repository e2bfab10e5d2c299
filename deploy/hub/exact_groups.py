# The groups in `load_groups` hold the people it lists, and nobody else. JupyterHub itself only adds people to a
# group, so anybody taken off the list would keep the group's rights. z2jh/values.yaml has the same lines.
# (`EXACT_GROUPS` in autograder/compat/assumptions.py.)
from jupyterhub.app import JupyterHub
from jupyterhub.orm import Group


def _only_those_listed(hub, fill=JupyterHub.init_groups):
    """When the Hub starts: empty each group; `init_groups` then fills it from its list."""
    for name, listed in hub.load_groups.items():
        group = Group.find(hub.db, name)
        if group is not None and "users" in listed:
            group.users = []
    return fill(hub)


JupyterHub.init_groups = _only_those_listed
