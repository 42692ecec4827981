"""What a request must pass before anybody reads it, and the headers that every answer carries.

- The Host header must be an address of this machine, unless a token is needed: a foreign name that was
  made to point here (DNS rebinding) is refused.
- What changes something must come from the page itself or from no page at all (Origin, Sec-Fetch-Site): no
  other site can have a visitor's browser do it.
- The token, where there is one: ``Authorization: Bearer``, the password of ``Basic`` (Label Studio), or the
  cookie that ``/?token=`` sets.
- The body's size, announced or counted, and its pace: :mod:`asgnet.faces.http.bodies`.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asgnet.faces.http import problems
from asgnet.faces.http.bodies import Bodies
from asgnet.faces.http.settings import Settings, loopback

COOKIE = "asgnet_token"
OPEN = ("/healthz", "/readyz")
"""Answered without a token: they tell nothing but that the server lives."""

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self' blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_SAFE = ("GET", "HEAD")


class Guard:
    """The outermost layer of the app.

    Args:
        app: what answers requests that pass.
        settings: host, token and bounds.
    """

    def __init__(self, app: ASGIApp, settings: Settings):
        self.app, self.settings = app, settings
        self.bodies = Bodies(settings.bounds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/v1"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, dressed)
            return
        await self.bodies(self.app, scope, receive, dressed)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        method, path = scope["method"], scope["path"]
        host = headers.get("host", "")
        if not self.settings.token and not loopback(_name(host)):
            return _refused(421, f"This server does not answer to the name {host[:80]!r}; use 127.0.0.1.")
        if not _own(headers, host, method):
            return _refused(403, "Another site asked for this; only the server's own page may.")
        if self.settings.token and path not in OPEN:
            refusal = self._token(scope, headers)
            if refusal is not None:
                return refusal
        return self.bodies.refusal(headers)

    def _token(self, scope: Scope, headers: Headers) -> Response | None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        shown = query.get("token", [""])[0] if scope["path"] == "/" else ""
        if shown and self._right(shown):
            rest = urlencode([(k, v) for k, several in query.items() if k != "token" for v in several])
            answer = RedirectResponse("./" + (f"?{rest}" if rest else ""), 303)
            answer.set_cookie(COOKIE, shown, httponly=True, samesite="strict", secure=_tls(scope, headers))
            return answer
        if any(self._right(token) for token in _tokens(headers)):
            return None
        if scope["path"] == "/":
            said = "A token is needed: open the address that asgnet serve printed, with ?token= at its end.\n"
            return PlainTextResponse(said, 401)
        detail = "A token is needed: send the header 'Authorization: Bearer TOKEN'."
        body = problems.document(401, detail)
        return problems.answer(401, body, {"WWW-Authenticate": "Bearer"})

    def _right(self, token: str) -> bool:
        return secrets.compare_digest(token.encode(), (self.settings.token or "").encode())


def _own(headers: Headers, host: str, method: str) -> bool:
    """Does the request come from the page itself, or from no page?"""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    if method in _SAFE and origin is None:
        return site in ("none", "same-origin") or headers.get("sec-fetch-mode") == "navigate"
    return site in ("none", "same-origin") and (origin is None or _place(origin) == host)


def _place(origin: str) -> str | None:
    """Host and port of an Origin header; None if it is no address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _tokens(headers: Headers) -> list[str]:
    """Every token that a request shows."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    found = [value.strip()] if kind.lower() == "bearer" else []
    if kind.lower() == "basic":
        with suppress(binascii.Error, ValueError):
            found.append(base64.b64decode(value, validate=True).decode().partition(":")[2])
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        cookie = None
    return found + ([cookie.value] if cookie else [])


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    return host.partition("]")[0][1:] if host.startswith("[") else host.rpartition(":")[0] or host


def _tls(scope: Scope, headers: Headers) -> bool:
    return scope.get("scheme") == "https" or headers.get("x-forwarded-proto") == "https"


def _refused(status: int, detail: str) -> Response:
    return problems.answer(status, problems.document(status, detail))
