"""One file from one host: bounded in bytes and, as a whole, in time; redirects stay where they are."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from types import TracebackType
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

_PIECE = 1 << 16
_SAFE = "%/:?#[]@!$&'()*+,;=~-._"


def fetch(url: str, headers: dict[str, str], most: int, seconds: float, data: bytes | None = None) -> bytes:
    """What a host answers.

    Args:
        url: spaces and letters of other alphabets in it are escaped.
        headers: go to no other host, and over no other scheme.
        most: bytes that the answer may have.
        seconds: until all of it is there.
        data: to be posted.

    Raises:
        ValueError: no connection, no answer in time, an answer that is none, too large, or an error.
    """
    with _Deadline(seconds) as deadline:
        handlers = (_SamePlace, _Plain(deadline), _Tls(deadline))
        try:
            request = Request(quote(url, safe=_SAFE), data, headers)
            with build_opener(*handlers).open(request, timeout=seconds) as answer:
                found = _read(answer, most)
            if deadline.over:  # cut off, which looks like an end
                raise TimeoutError
            return found
        except HTTPError as error:
            raise ValueError(f"status {error.code}") from error
        except (OSError, HTTPException) as error:
            if deadline.over:
                raise ValueError(f"not within {seconds:.0f} s") from error
            reason = error.reason if isinstance(error, URLError) else error
            raise ValueError(f"{type(reason).__name__}: {reason}"[:200]) from error


def _read(answer: HTTPResponse, most: int) -> bytes:
    data = answer.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it is larger than {most >> 20} MiB")
    return data


class _SamePlace(HTTPRedirectHandler):
    """Follows no redirect to another host or scheme: what the headers hold must not travel."""

    def redirect_request(self, request: Request, *rest: Any) -> Request | None:
        follow = super().redirect_request(request, *rest)
        if follow is None or urlsplit(follow.full_url)[:2] != urlsplit(request.full_url)[:2]:
            return None
        return follow


class _Deadline:
    """Ends the connections of a block when its time is over, however slowly they still drip."""

    def __init__(self, seconds: float):
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self.over = False

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        self._timer.cancel()

    def watch(self, connected: socket.socket) -> None:
        """End this one as well."""
        self._sockets.append(connected)

    def _end(self) -> None:
        self.over = True
        for connected in self._sockets:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)


def _watched(kind: type[HTTPConnection], deadline: _Deadline, host: str, **more: Any) -> HTTPConnection:
    """A connection that the deadline knows as soon as there is one."""

    class Watched(kind):  # type: ignore[misc, valid-type]
        def connect(self) -> None:
            super().connect()
            deadline.watch(self.sock)

    return Watched(host, **more)


class _Plain(HTTPHandler):
    def __init__(self, deadline: _Deadline):
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: Request) -> HTTPResponse:
        """As its base does, but watched."""
        return self.do_open(partial(_watched, HTTPConnection, self._deadline), req)


class _Tls(HTTPSHandler):
    def __init__(self, deadline: _Deadline):
        super().__init__()
        self._deadline = deadline

    def https_open(self, req: Request) -> HTTPResponse:
        """As its base does, but watched."""
        return self.do_open(partial(_watched, HTTPSConnection, self._deadline), req)
