"""Connections that dawdle: deadlines for what a client has still to send, and a bound on their number.

A connection waits for its client while a request's head or body is still to come. One that waits too long is closed;
where there are too many connections, one of those makes room for the next.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""From the first byte, or from the connection, to the end of a request's head."""
LINGER_SECONDS = 5.0
"""For a body that is still sent although the request is answered, and for a client that does not hang up."""
STALL_SECONDS = 60.0
"""For a client to take some 64 KiB of an answer."""
MOST = 1000


class BoundedProtocol(H11Protocol):
    """One connection to a client.

    Args:
        most: connections at once.
        head_seconds: for a request's head.
    """

    def __init__(self, *args: Any, most: int = MOST, head_seconds: float = HEAD_SECONDS, **more: Any):
        super().__init__(*args, **more)
        self._most, self._head_seconds = most, head_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self.waiting_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, and let the one go that waited longest if there are too many."""
        super().connection_made(transport)
        self.waiting_since = self.loop.time()
        self._arm(self._head_seconds)
        live = [one for one in self.connections if isinstance(one, BoundedProtocol) and one.live]
        if len(live) > self._most:
            others = [one for one in live if one.waits]
            min(others, key=BoundedProtocol.rank, default=self).transport.abort()

    def rank(self) -> tuple[int, float]:
        """The lower, the sooner it makes room: who never sent a request, a slow body, who rests between two."""
        kind = 0 if self.cycle is None else 1 if self.conn.their_state is h11.SEND_BODY else 2
        return kind, self.waiting_since

    @property
    def live(self) -> bool:
        """Is it not being closed already?"""
        return not self.transport.is_closing()

    @property
    def waits(self) -> bool:
        """Is it the client's turn to send something?"""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY, h11.MUST_CLOSE, h11.CLOSED, h11.ERROR)

    def data_received(self, data: bytes) -> None:
        """Go on with it; a head that has begun has to end in time."""
        began = self.conn.their_state is h11.IDLE
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            if began:
                self._disarm()
                self.waiting_since = self.loop.time()
        elif self._timer is None:
            self._arm(self._head_seconds)

    def on_response_complete(self) -> None:
        """Wait for the next request, but not for the rest of a body that nobody reads."""
        super().on_response_complete()
        self.waiting_since = self.loop.time()
        if self.conn.their_state is h11.SEND_BODY or self.transport.is_closing():
            self._arm(LINGER_SECONDS)

    def pause_writing(self) -> None:
        """The client does not take its answer; it has to before long."""
        super().pause_writing()
        self._stalled = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It took some."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._disarm()
        if self._stalled is not None:
            self._stalled.cancel()
        super().connection_lost(exc)

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, self._late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        self.transport.abort()


def bounded(most: int, head_seconds: float = HEAD_SECONDS) -> Any:
    """What uvicorn takes for its ``http``: a protocol with these bounds."""
    return partial(BoundedProtocol, most=most, head_seconds=head_seconds)


def raise_handles() -> int:
    """Let the process open as many files as it may; how many connections that leaves room for."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 1 << 16)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):  # some systems allow less than they say
            pass
    return MOST if soft == resource.RLIM_INFINITY else max(16, min(MOST, (soft - 64) // 2))
