"""A Hub that is entered from an LMS by LTI 1.3, for one course of it. `autograder lti` says what the LMS has to know.

`jupyterhub-ltiauthenticator` checks signature, issuer, audience, age, state and nonce of each launch. This adds what a
Hub needs whose users' names stand in a gradebook:

* Only the LMS's own course may launch, from the deployment that was agreed on. Whoever may add a tool to any course of
  the LMS could else send any user name.
* The name comes from one claim. `jupyterhub-ltiauthenticator` takes `sub` where that is missing, which in Moodle is a
  number and may be somebody else's name here.
* A name stays with the person who used it first: another `sub` with the same name is refused.
* Kept (encrypted, by the Hub) is what sending a grade needs, and nothing else of what the LMS says about a person.

Used by `jupyterhub_config.py`, `tljh/class_config.py` and `z2jh/lti.yaml`. It runs in the Hub, where the kit is not.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import secrets
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import maybe_future
from ltiauthenticator.lti13.auth import LTI13Authenticator
from ltiauthenticator.lti13.error import LoginError
from ltiauthenticator.lti13.handlers import LTI13CallbackHandler
from traitlets import Set, Unicode

_CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
_GRADES = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
_PUBLIC = ("kty", "n", "e", "alg", "use", "kid")


class PublicKeys(BaseHandler):
    """The public part of the key that signs our requests for grades, for the LMS to check them with."""

    def get(self) -> None:
        keys = json.loads(Path(self.authenticator.keys_file).read_text("utf-8"))["keys"]
        self.set_header("Content-Type", "application/json")
        self.write(json.dumps({"keys": [{name: key[name] for name in _PUBLIC if name in key} for key in keys]}))


class CourseLTI(LTI13Authenticator):  # type: ignore[misc]
    """LTI 1.3 for the class of one course."""

    deployments = Set(Unicode(), config=True, help="The LMS's numbers of the tool's deployments that may launch.")
    contexts = Set(Unicode(), config=True, help="The LMS's numbers of the courses that may launch.")
    keys_file = Unicode(config=True, help="The file of public keys to publish.")

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        return [*super().get_handlers(app), (r"/lti13/jwks", PublicKeys)]

    def get_username(self, token: dict[str, Any]) -> str:
        """The user name, from the claim that was agreed on and from no other."""
        place, name = token, self.username_key
        for prefix in ("custom", "ext"):
            if name.startswith(f"{prefix}_"):
                place, name = token.get(_CLAIM + prefix), name.removeprefix(f"{prefix}_")
                break
        found = place.get(name) if isinstance(place, dict) else None
        # A variable that the LMS does not know comes back as it was written: $User.username.
        if not isinstance(found, str) or not found.strip() or found.startswith("$"):
            raise LoginError(f"The LMS does not say who this is: the claim '{self.username_key}' is missing.")
        return found.strip()

    async def authenticate(self, handler: BaseHandler, data: dict[str, Any] | None = None) -> dict[str, Any]:
        token = data or {}
        deployment, context = str(token.get(_CLAIM + "deployment_id")), token.get(_CLAIM + "context")
        course = str(context.get("id")) if isinstance(context, dict) else "none"
        if deployment not in self.deployments or course not in self.contexts:
            self.log.warning("LTI: refused a launch of deployment %r, course %r of the LMS", deployment, course)
            raise LoginError(
                "This Hub does not accept logins from this course of the LMS"
                f" (deployment {deployment}, course {course})."
            )
        name, sub = self.get_username(token), token.get("sub")
        if not isinstance(sub, str) or not sub:
            raise LoginError("The LMS does not say who this is: 'sub' is missing.")
        if not await maybe_future(self.check_allowed(self.normalize_username(name), {"name": name})):
            # JupyterHub would say "User missing or null".
            raise LoginError(f"'{name}' is not on the list of this class. Ask whoever teaches it.")
        before = handler.find_user(self.normalize_username(name))
        kept = None if before is None else await before.get_auth_state()
        if kept and kept.get("issuer") == token["iss"] and kept.get("sub") not in (None, sub):
            self.log.warning("LTI: refused %r, whose number in the LMS was %r and is now %r", name, kept["sub"], sub)
            raise LoginError(f"The name '{name}' belongs to somebody else here. Ask whoever runs this Hub.")
        grades = token.get(_GRADES)
        state = {
            "issuer": token["iss"],
            "client_id": token["aud"] if isinstance(token["aud"], str) else token.get("azp") or token["aud"][0],
            "sub": sub,
            "lineitems": grades.get("lineitems", "") if isinstance(grades, dict) else "",
        }
        return {"name": name, "auth_state": state}


def configure(c: Any, folder: str | Path, course: str, crypt_key: str | Path | None = None) -> None:
    """Have the Hub entered from the LMS that `platform.json` describes.

    Args:
        folder: holds `platform.json` and `jwks.json`; the Hub's own, since it decides who is who.
        course: the course's name; its service may see which of its learners came from the LMS.
        crypt_key: the file with the key that what is kept about them is encrypted with; made if it is not there. None
            where the Hub has one already.

    Raises:
        ValueError: something in `platform.json` is not filled in, or `CourseLTI` is not asked who may enter.
    """
    _still_asked()
    platform = json.loads((Path(folder) / "platform.json").read_text("utf-8"))
    for name in ("issuer", "client_id", "authorize_url", "jwks_url", "username", "deployments", "contexts"):
        if not platform.get(name):
            # An empty issuer would switch its check off.
            raise ValueError(f"{folder}/platform.json: '{name}' has to be filled in.")
    c.JupyterHub.authenticator_class = CourseLTI
    c.CourseLTI.issuer = platform["issuer"]
    c.CourseLTI.client_id = {platform["client_id"]}
    c.CourseLTI.authorize_url = platform["authorize_url"]
    c.CourseLTI.jwks_endpoint = platform["jwks_url"]
    c.CourseLTI.username_key = platform["username"]
    c.CourseLTI.deployments = {str(number) for number in platform["deployments"]}
    c.CourseLTI.contexts = {str(number) for number in platform["contexts"]}
    c.CourseLTI.keys_file = str(Path(folder) / "jwks.json")
    c.Authenticator.enable_auth_state = True
    if crypt_key is not None:
        c.CryptKeeper.keys = [_kept(Path(crypt_key))]
    role = {
        "name": f"grades-{course}",
        "services": [course],
        "scopes": [f"read:users:name!group=nbgrader-{course}", f"admin:auth_state!group=nbgrader-{course}"],
    }
    c.JupyterHub.load_roles.append(role)


def _still_asked() -> None:
    """Whatever is written over in `CourseLTI` keeps nobody out unless these call it: `ONE_COURSE` in
    autograder/compat/assumptions.py, which says more of what they have to do.
    """
    callers = (LTI13CallbackHandler.post, "login_user"), (Authenticator.get_authenticated_user, "authenticate")
    for caller, name in callers:
        if name not in inspect.unwrap(caller).__code__.co_names:
            raise ValueError(
                f"Nobody can enter from an LMS with these versions of jupyterhub and jupyterhub-ltiauthenticator:"
                f" {caller.__qualname__} does not call '{name}'."
            )


def _kept(path: Path) -> str:
    """The key in a file, made if there is none: whole or not at all, and never another one in its place."""
    if path.exists() and not path.read_text("ascii").strip():
        path.unlink()  # left by a start on a full disk; nothing was ever encrypted with it
    if not path.exists():
        beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32) + "\n")
            with contextlib.suppress(FileExistsError):
                os.link(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    return path.read_text("ascii").strip()
