"""What requests bring, and how fast: sizes, a budget for all of them together, deadlines."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asgnet.faces.http import problems
from asgnet.serving.service import Bounds

GRACE = 20.0
"""Seconds that any body may take."""
PACE = 16 << 10
"""Bytes a second that a body which takes longer must have brought on average."""
_CLOSE = {"Connection": "close"}


@dataclass
class _Body:
    """A body that is being received."""

    began: float
    seen: int = 0
    held: int = 0
    whole: bool = False


class Bodies:
    """The bodies of all requests.

    Args:
        bounds: of one request, and of all of them together.
    """

    def __init__(self, bounds: Bounds):
        self._bounds = bounds
        self._held = 0

    def refusal(self, headers: Headers) -> Response | None:
        """The answer to a request whose announced body is too large."""
        length = headers.get("content-length", "")
        if re.fullmatch("[0-9]+", length) and float(length) > self._bounds.request_bytes:
            return problems.answer(413, problems.document(413, self._large()), _CLOSE)
        return None

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the app answer a request whose body arrives in time and fits."""
        body = _Body(asyncio.get_running_loop().time())

        async def received() -> Message:
            message = await self._in_time(body, receive)
            size = len(message.get("body", b""))
            body.seen += size
            body.whole = not message.get("more_body", False)
            if body.seen > self._bounds.request_bytes:
                raise HTTPException(413, self._large(), _CLOSE)
            if self._held + size > self._bounds.bodies_bytes:
                raise HTTPException(
                    429,
                    "Other requests bring too much at the moment; send yours again.",
                    {"Retry-After": "5", **_CLOSE},
                )
            body.held += size
            self._held += size
            return message

        try:
            await app(scope, received, send)
        finally:
            self._held -= body.held

    async def _in_time(self, body: _Body, receive: Receive) -> Message:
        if body.whole:  # what is waited for now is that the client goes away
            return await receive()
        left = body.began + GRACE + body.seen / PACE - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(left):
                return await receive()
        except TimeoutError:
            raise HTTPException(408, "The request arrives too slowly; send it again.", _CLOSE) from None

    def _large(self) -> str:
        most = self._bounds.request_bytes >> 20
        return f"The request is larger than {most} MiB; send fewer pictures at a time."
