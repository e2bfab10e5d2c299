"""A stand-in for an LMS that speaks LTI 1.3, which holds each request against the published specifications.

"1EdTech Security Framework" 1.0 (login, keys, client credentials), "LTI Core" 1.3 (claims), "Assignment and Grade
Services" 2.0 (columns in pages, scores, results). No real LMS was at hand.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT, DEPLOYMENT, COURSE = "client-1", "1", "5"
CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
AGS = "https://purl.imsglobal.org/spec/lti-ags/"
SCOPES = {f"{AGS}scope/{name}" for name in ("lineitem", "result.readonly", "score")}
ITEMS, ITEM, RESULTS, SCORE = (
    f"application/vnd.ims.lis.{name}+json"
    for name in ("v2.lineitemcontainer", "v2.lineitem", "v2.resultcontainer", "v1.score")
)
USERS = {"11": "ada", "12": "bo", "13": "cy", "14": "dee", "15": "eve", "16": "tutor"}
TO_A_PAGE = 2


@dataclass
class Platform:
    """The LMS's state, and what it was asked."""

    tool_keys: dict[str, Any]  # the Hub's key set, as published
    redirect: str = ""  # the one registered address
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    url: str = ""
    columns: list[dict[str, Any]] = field(default_factory=list)
    scores: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)  # by column, by user
    tokens: dict[str, set[str]] = field(default_factory=dict)
    allowed: set[str] = field(default_factory=lambda: set(SCOPES))
    used: set[str] = field(default_factory=set)  # assertions' numbers
    trouble: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # before the right answer
    lost: list[str] = field(default_factory=list)  # paths whose next POST is done and answered with 502
    never: set[str] = field(default_factory=set)  # whose score is refused
    seen: list[str] = field(default_factory=list)
    quotes: str = '""'
    with_query: str = ""

    def lineitems(self) -> str:
        return f"{self.url}/courses/{COURSE}/lineitems{self.with_query}"

    def claims(self, sub: str, nonce: str) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": self.url,
            "aud": CLIENT,
            "sub": sub,
            "nonce": nonce,
            "iat": now,
            "exp": now + 60,
            "name": "Not Kept",
            f"{CLAIM}message_type": "LtiResourceLinkRequest",
            f"{CLAIM}version": "1.3.0",
            f"{CLAIM}deployment_id": DEPLOYMENT,
            f"{CLAIM}target_link_uri": self.redirect,
            f"{CLAIM}resource_link": {"id": "link-1"},
            f"{CLAIM}roles": ["http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"],
            f"{CLAIM}context": {"id": COURSE, "label": "ML"},
            f"{CLAIM}ext": {"lms": "stand-in", "user_username": USERS.get(sub, "")},
            f"{AGS}claim/endpoint": {"scope": sorted(SCOPES), "lineitems": self.lineitems()},
        }

    def sign(self, claims: dict[str, Any], key: Any = None, algorithm: str = "RS256") -> str:
        return jwt.encode(claims, key or self.key, algorithm=algorithm, headers={"kid": "platform-1"})

    def public(self) -> dict[str, Any]:
        members = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**members, "kid": "platform-1", "alg": "RS256", "use": "sig"}]}


@contextmanager
def running(tool_keys: dict[str, Any]) -> Iterator[Platform]:
    """Inside, the LMS answers."""
    platform = Platform(tool_keys)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Now", (_Handler,), {"lms": platform}))
    platform.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield platform
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _RefusedError(Exception):
    pass


def _must(holds: object, status: int, why: str) -> None:
    if not holds:
        raise _RefusedError(status, why)


class _Handler(BaseHTTPRequestHandler):
    lms: Platform

    def log_message(self, *_: Any) -> None:
        return

    def _answer(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        raw = json.dumps(content).encode() if content is not None else b""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(raw)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self) -> None:
        self._do()

    def do_POST(self) -> None:
        self._do()

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        self.lms.seen.append(f"{self.command} {parts.path}")
        try:
            if parts.path.startswith("/courses/") and self.lms.trouble:
                status, headers = self.lms.trouble.pop(0)
                return self._answer(status, {"error": "later"}, headers)
            if parts.path == "/keys":
                return self._answer(200, self.lms.public())
            if parts.path == "/auth":
                return self._launch(dict(parse_qsl(parts.query)))
            if parts.path == "/token":
                return self._token(body)
            done = self._service(parts.path, parse_qs(parts.query), body)
            if self.command == "POST" and parts.path in self.lms.lost:
                self.lms.lost.remove(parts.path)
                return self._answer(502, None)
            return self._answer(*done)
        except _RefusedError as refused:
            self._answer(refused.args[0], {"error": refused.args[1]})

    def _launch(self, query: dict[str, str]) -> None:
        wanted = {"response_type": "id_token", "scope": "openid", "response_mode": "form_post", "prompt": "none"}
        _must(all(query.get(name) == value for name, value in wanted.items()), 400, "no authentication request")
        _must(
            query.get("client_id") == CLIENT and query.get("redirect_uri") == self.lms.redirect, 400, "not registered"
        )
        _must(
            query.get("nonce") and query.get("state") and query.get("lti_message_hint") == "link-1", 400, "incomplete"
        )
        token = self.lms.sign(self.lms.claims(query["login_hint"], query["nonce"]))
        self._answer(200, {"id_token": token, "state": query["state"]})  # a browser would post a form

    def _token(self, body: bytes) -> None:
        _must(self.headers["Content-Type"] == "application/x-www-form-urlencoded", 400, "invalid_request")
        form = dict(parse_qsl(body.decode()))
        _must(form.get("grant_type") == "client_credentials", 400, "unsupported_grant_type")
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        _must(form.get("client_assertion_type") == kind, 400, "invalid_request")
        try:
            kid = jwt.get_unverified_header(form["client_assertion"])["kid"]
            key = next(jwt.PyJWK(one).key for one in self.lms.tool_keys["keys"] if one["kid"] == kid)
            needed = {"require": ["iss", "sub", "aud", "iat", "exp", "jti"]}
            claims = jwt.decode(
                form["client_assertion"], key, ["RS256"], needed, audience=f"{self.lms.url}/token", issuer=CLIENT
            )
        except (jwt.PyJWTError, KeyError, StopIteration):
            raise _RefusedError(400, "invalid_client") from None
        _must(claims["sub"] == CLIENT and claims["exp"] - claims["iat"] <= 3600, 400, "invalid_client")
        _must(claims["jti"] not in self.lms.used, 400, "invalid_client")
        self.lms.used.add(claims["jti"])
        granted = set(form["scope"].split()) & self.lms.allowed
        _must(granted, 400, "invalid_scope")
        token = uuid.uuid4().hex
        self.lms.tokens[token] = granted
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": " ".join(sorted(granted))}
        self._answer(200, answer)

    def _service(self, path: str, query: dict[str, list[str]], body: bytes) -> tuple[Any, ...]:
        scopes = self.lms.tokens.get((self.headers.get("Authorization") or "").removeprefix("Bearer "))
        _must(scopes is not None, 401, "no token")
        found = re.fullmatch(rf"/courses/{COURSE}/lineitems(?:/(\d+)/lineitem(?:/(scores|results))?)?", path)
        _must(found, 404, "nothing here")
        number, below = found.groups()
        needed = {"scores": "score", "results": "result.readonly", None: "lineitem"}[below]
        _must(f"{AGS}scope/{needed}" in scopes, 403, "scope")
        if number is None:
            return self._create(body) if self.command == "POST" else self._list(path, query)
        column = next((one for one in self.lms.columns if f"/{number}/lineitem" in one["id"]), None)
        _must(column, 404, "no such column")
        return self._score(column, body) if below == "scores" else self._results(path, query, column)

    def _list(self, path: str, query: dict[str, list[str]]) -> tuple[Any, ...]:
        _must(self.headers["Accept"] == ITEMS, 406, "media type")
        wanted = query.get("resource_id", [""])[0]
        rows = [one for one in self.lms.columns if not wanted or one["resourceId"] == wanted]
        return self._page(rows, path, query)

    def _create(self, body: bytes) -> tuple[Any, ...]:
        _must(self.headers["Content-Type"] == ITEM, 415, "media type")
        one = json.loads(body)
        _must(_is_number(one.get("scoreMaximum")) and one["scoreMaximum"] > 0, 400, "scoreMaximum")
        _must(isinstance(one.get("label"), str) and one["label"], 400, "label")
        _must("id" not in one and all(isinstance(one.get(k, ""), str) for k in ("resourceId", "tag")), 400, "types")
        self.add_column(self.lms, one)
        return 201, self.lms.columns[-1], {"Content-Type": ITEM}

    @staticmethod
    def add_column(lms: Platform, one: dict[str, Any]) -> None:
        plain = f"{lms.url}/courses/{COURSE}/lineitems/{len(lms.columns) + 1}/lineitem{lms.with_query}"
        lms.columns.append({**one, "id": plain})

    def _score(self, column: dict[str, Any], body: bytes) -> tuple[Any, ...]:
        _must(self.command == "POST", 405, "POST")
        _must(self.headers["Content-Type"] == SCORE, 415, "media type")
        one = json.loads(body)
        _must(isinstance(one.get("userId"), str) and one["userId"] in USERS, 400, "userId")
        progress = ("Initialized", "Started", "InProgress", "Submitted", "Completed")
        _must(one.get("activityProgress") in progress, 400, "activityProgress")
        graded = ("FullyGraded", "Pending", "PendingManual", "Failed", "NotReady")
        _must(one.get("gradingProgress") in graded, 400, "gradingProgress")
        exact = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d)"
        _must(re.fullmatch(exact, str(one.get("timestamp"))), 400, "timestamp with parts of a second and a zone")
        _must(_is_number(one.get("scoreGiven")) and one["scoreGiven"] >= 0, 400, "scoreGiven")
        _must(_is_number(one.get("scoreMaximum")) and one["scoreMaximum"] > 0, 400, "scoreMaximum")
        known = {"userId", "activityProgress", "gradingProgress", "timestamp", "scoreGiven", "scoreMaximum", "comment"}
        _must(all(name in known or name.startswith("https://") for name in one), 400, "an extension has an address")
        _must(one["userId"] not in self.lms.never, 403, "refused")
        before = self.lms.scores.setdefault(column["id"], {})
        if one["userId"] in before:
            then = datetime.fromisoformat(before[one["userId"]]["timestamp"])
            _must(datetime.fromisoformat(one["timestamp"]) > then, 409, "an earlier timestamp")
        before[one["userId"]] = one
        return 200, None

    def _results(self, path: str, query: dict[str, list[str]], column: dict[str, Any]) -> tuple[Any, ...]:
        _must(self.command == "GET" and self.headers["Accept"] == RESULTS, 406, "media type")
        rows = [
            {
                "id": f"{column['id']}/results/{user}",
                "scoreOf": column["id"],
                "userId": user,
                "resultScore": one["scoreGiven"] / one["scoreMaximum"],
                "resultMaximum": 1,
            }
            for user, one in self.lms.scores.get(column["id"], {}).items()
        ]
        return self._page(rows, path, query)

    def _page(self, rows: list[Any], path: str, query: dict[str, list[str]]) -> tuple[Any, ...]:
        page = int(query.get("page", ["1"])[0])
        headers = {}
        if rows[TO_A_PAGE * page :]:
            more = urlencode({**{k: v[0] for k, v in query.items()}, "page": page + 1})
            begin, end = self.lms.quotes
            link = f"<{self.lms.url}{path}?{more}>; rel={begin}next{end}"
            headers["Link"] = link.encode().decode("latin-1")  # as bytes travel in a header
        return 200, rows[TO_A_PAGE * (page - 1) : TO_A_PAGE * page], headers


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


add_column = _Handler.add_column
