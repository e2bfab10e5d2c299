"""What ties a Hub to an LMS by LTI 1.3: the key that signs our requests, and what each side has to be told.

FOLDER/key.pem        0600: the private key, of the account that sends the grades; it leaves this folder in no form
FOLDER/jwks.json      the public part, which the Hub publishes
FOLDER/platform.json  what the LMS is called and where it is asked; holds no secret
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pwd
from pathlib import Path
from typing import Any

from autograder.course.files import replace_empty, write_atomically, write_once
from autograder.errors import CourseError, UsageError
from autograder.language import say

KEY, KEYS, PLATFORM = "key.pem", "jwks.json", "platform.json"
_BITS = 3072


def key_id(private: str) -> str:
    """The thumbprint of a key by RFC 7638: the same key has the same name on both sides."""
    return str(_public(private)["kid"])


def set_up(folder: Path, system: str, url: str, hub: str, account: str | None = None) -> list[str]:
    """Make what is not there yet, and say what has to be entered into the LMS. A key that is there is kept.

    Args:
        system: "moodle" or "canvas".
        url: the LMS's address.
        hub: the Hub's address.
        account: the Unix account that sends the grades; it gets the key.

    Raises:
        UsageError: an address is none, or there is no such account.
        CourseError: the files cannot be written.
    """
    for address in (url, hub):
        if not address.startswith("https://") or len(address) < 10:
            raise UsageError(say("{address} does not begin with https://, which LTI 1.3 asks for.", address=address))
    url, hub = url.rstrip("/"), hub.rstrip("/")
    try:
        owner = None if account is None else pwd.getpwnam(account)
    except KeyError:
        raise UsageError(say("There is no account '{account}' on this machine.", account=account)) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if owner is not None:
            folder.chmod(0o755)  # the account has to reach its key, whatever our umask is
        private = _keep_key(folder / KEY, None if owner is None else (owner.pw_uid, owner.pw_gid))
        write_atomically(folder / KEYS, json.dumps({"keys": [_public(private)]}, indent=1) + "\n")
        (folder / KEYS).chmod(0o644)
        platform, kept = _platform(system, url), ""
        if (folder / PLATFORM).exists():
            kept = _kept(folder / PLATFORM, platform)
        else:
            write_atomically(folder / PLATFORM, json.dumps(platform, indent=1) + "\n")
            (folder / PLATFORM).chmod(0o644)
    except OSError as error:
        raise CourseError(
            say("{folder} cannot be written: {why}.", folder=folder, why=error.strerror or error)
        ) from error
    return [
        *_to_enter(system, hub),
        *([kept] if kept else []),
        say(
            "Then fill in {file} with what the LMS shows, and set the Hub up again as the operator's pages say.",
            file=folder / PLATFORM,
        ),
        say(
            "The key {file} is for the account that sends the grades, and for no other: whoever can read it can change"
            " these grades.",
            file=folder / KEY,
        ),
    ]


def _to_enter(system: str, hub: str) -> list[str]:
    """What the LMS has to know, under the names that its pages have for it."""
    begin = f"{hub}/hub/lti13"
    page, keys, login, back = f"{hub}/hub/", f"{begin}/jwks", f"{begin}/oauth_login", f"{begin}/oauth_callback"
    if system == "moodle":
        return [
            say(
                "Enter in Moodle: Site administration, Plugins, External tool, Manage tools, Configure a tool manually:"
            ),
            say("  Tool URL: {url}", url=page),
            say("  LTI version: LTI 1.3"),
            say("  Public key type: Keyset URL"),
            say("  Public keyset: {url}", url=keys),
            say("  Initiate login URL: {url}", url=login),
            say("  Redirection URI(s): {url}", url=back),
            say("  Launch container: New window"),
            say("  Assignment and Grade Services: Use this service for grade sync and column management"),
            say("  Share launcher's name with tool: Always"),
        ]
    return [
        say("Enter in Canvas: Admin, Developer Keys, + Developer Key, + LTI Key:"),
        say("  Redirect URIs: {url}", url=back),
        say("  Target Link URI: {url}", url=page),
        say("  OpenID Connect Initiation Url: {url}", url=login),
        say("  JWK Method: Public JWK URL: {url}", url=keys),
        say(
            "  LTI Advantage Services: create and view assignment data; view submission data; create and update results"
        ),
        say("  Additional Settings: Custom Fields: {field}; Privacy Level: Public", field="username=$User.username"),
        say("  Placements: Course Navigation, in a new window"),
    ]


def _platform(system: str, url: str) -> dict[str, Any]:
    if system == "moodle":
        places = {
            "issuer": url,
            "authorize_url": f"{url}/mod/lti/auth.php",
            "jwks_url": f"{url}/mod/lti/certs.php",
            "token_url": f"{url}/mod/lti/token.php",
        }
        name = "ext_user_username"
    else:
        places = {
            "issuer": "https://canvas.instructure.com",
            "authorize_url": f"{url}/api/lti/authorize_redirect",
            "jwks_url": f"{url}/api/lti/security/jwks",
            "token_url": f"{url}/login/oauth2/token",
        }
        name = "custom_username"
    filled_in = {"client_id": "", "deployments": [], "contexts": []}
    return {**places, **filled_in, "username": name, "learner": "{name}"}


def _kept(path: Path, platform: dict[str, Any]) -> str:
    """A line if what is there already names another LMS than we would write now, or other addresses of it; or ''."""
    try:
        there = dict(json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError):
        there = {}
    names = ("issuer", "authorize_url", "jwks_url", "token_url", "username")
    others = [name for name in names if there.get(name) != platform[name]]
    if not others:
        return ""
    return say(
        "{file} was there already and has not been changed. These entries in it are not what they would be for the"
        " LMS you have just named: {others}. Change them there, or delete the file and run this again.",
        file=path,
        others=", ".join(others),
    )


def _keep_key(path: Path, owner: tuple[int, int] | None) -> str:
    """The private key, for its owner; made if there is none. No moment passes in which others can read it."""
    write_once(path, _new_key)
    replace_empty(path, _new_key)  # an earlier version left it so on a full disk; nothing was ever signed with it
    if owner is not None:
        os.chown(path, *owner, follow_symlinks=False)
    return path.read_text("utf-8")


def _new_key() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public(private: str) -> dict[str, str]:
    """The public part as a JSON Web Key. Its members are written one by one: nothing private can slip in."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = serialization.load_pem_private_key(private.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise UsageError(say("{file} holds no private RSA key.", file=KEY))
    numbers = key.public_key().public_numbers()
    members = {"e": _number(numbers.e), "kty": "RSA", "n": _number(numbers.n)}
    thumb = hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
    return {**members, "alg": "RS256", "use": "sig", "kid": _text(thumb)}


def _number(number: int) -> str:
    return _text(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
