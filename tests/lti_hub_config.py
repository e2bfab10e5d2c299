"""A Hub that starts nobody's server and has no proxy: its login alone is tried. See test_lti.py."""

import json
import os
import sys
from pathlib import Path

from jupyterhub.proxy import Proxy

given = json.loads(os.environ["TRIED_HUB"])
sys.path.insert(0, given["deploy"])
import course_lti  # noqa: E402


class NoProxy(Proxy):
    """Everybody asks the Hub itself."""

    should_start = False

    async def add_route(self, routespec, target, data):
        return None

    async def delete_route(self, routespec):
        return None

    async def get_all_routes(self):
        return {}


c = get_config()  # noqa: F821
folder = Path(given["folder"])
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.bind_url = given["url"]
c.JupyterHub.hub_bind_url = given["url"]
c.JupyterHub.db_url = f"sqlite:///{folder / 'hub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(folder / "cookie_secret")
c.JupyterHub.load_groups = {"nbgrader-keras": {"users": given["learners"]}, "formgrade-keras": {"users": ["tutor"]}}
c.JupyterHub.services = [{"name": "keras", "api_token": given["token"]}]
c.Authenticator.allowed_users = {*given["learners"], "tutor"}
c.JupyterHub.load_roles = []
course_lti.configure(c, folder / "lti", "keras", folder / "crypt_key")
