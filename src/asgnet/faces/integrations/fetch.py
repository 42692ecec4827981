"""One file from one host: bounded in bytes and, as a whole, in time; redirects stay where they are.

One deadline covers the look-up of the name, TCP, TLS, headers and body, and what redirects add to them.
"""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import Future
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
        self._lock, self._sockets = threading.Lock(), list[socket.socket]()
        self._end_at = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    @property
    def over(self) -> bool:
        """The time has come."""
        return time.monotonic() >= self._end_at

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        self._timer.cancel()
        with self._lock:
            for connected in self._sockets:
                connected.close()
            self._sockets.clear()

    def connect(self, place: tuple[str, int], *_: Any) -> socket.socket:
        """As ``socket.create_connection``, the look-up included in the time.

        Raises:
            OSError: no such name, no connection, or none in time.
        """
        found = _looked_up(place, self._left())
        for number, (family, kind, protocol, _name, address) in enumerate(found):
            connected = socket.socket(family, kind, protocol)
            try:
                connected.settimeout(self._left() / (len(found) - number))
                connected.connect(address)
                connected.settimeout(self._left())
                self._watch(connected)
            except OSError:
                connected.close()
                if number == len(found) - 1:
                    raise
            else:
                return connected
        raise OSError("no address")

    def _watch(self, connected: socket.socket) -> None:
        """End this one as well, by a handle of our own: TLS takes the given one over, and closes it."""
        with self._lock:
            if self.over:
                raise TimeoutError
            self._sockets.append(connected.dup())

    def _left(self) -> float:
        return max(self._end_at - time.monotonic(), 0.001)

    def _end(self) -> None:
        with self._lock:
            for connected in self._sockets:
                with suppress(OSError):
                    connected.shutdown(socket.SHUT_RDWR)


_under_way: dict[tuple[str, int], Future[list[Any]]] = {}
_under_way_lock = threading.Lock()


def _looked_up(place: tuple[str, int], seconds: float) -> list[Any]:
    """What ``getaddrinfo`` says, which nothing can end: it is left behind, and who asks the same waits for it.

    So there is at most one such thread a name, however many wait.
    """
    with _under_way_lock:
        found = _under_way.get(place)
        if found is None:
            found = _under_way[place] = Future()
            threading.Thread(target=_look_up, args=(place, found), daemon=True, name="asgnet-look-up").start()
    return found.result(seconds)


def _look_up(place: tuple[str, int], found: Future[list[Any]]) -> None:
    try:
        answer, error = socket.getaddrinfo(*place, type=socket.SOCK_STREAM), None
    except (OSError, UnicodeError) as caught:
        answer, error = [], caught
    with _under_way_lock:
        del _under_way[place]
    if error is None:
        found.set_result(answer)
    else:
        found.set_exception(error)


def _watched(kind: type[HTTPConnection], deadline: _Deadline, host: str, **more: Any) -> HTTPConnection:
    """A connection that the deadline makes, and so knows before anything is said over it."""
    made: Any = kind(host, **more)
    # http.client keeps it there to be replaced.
    made._create_connection = deadline.connect  # noqa: SLF001
    return made


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
