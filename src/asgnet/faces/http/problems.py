"""Errors as RFC 9457 problem documents: a type to act on, a sentence to read, no path of this machine."""

from __future__ import annotations

import math
import secrets
import sys
import traceback
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from asgnet import errors
from asgnet.serving.decoding import StoppingError, TooMuchError
from asgnet.serving.store.faults import StorageError, storage_error
from asgnet.serving.worker_pool import QueueFullError

MEDIA = "application/problem+json"
_STORAGE_RETRY = 10
"""Seconds until a client may try again to have something stored."""
_TYPES: dict[type[Exception], tuple[int, str, str]] = {
    QueueFullError: (429, "busy", "Too much waits already"),
    StoppingError: (503, "not-ready", "The server is stopping"),
    TooMuchError: (413, "too-large", "The request brings too much"),
    errors.PictureError: (422, "picture", "The picture cannot be used"),
    errors.SupportError: (422, "support", "The example cannot be used"),
    errors.WeightsError: (422, "concept-file", "The concept cannot be used"),
    errors.UsageError: (422, "usage", "The request cannot be meant this way"),
    errors.DataError: (422, "usage", "The request cannot be meant this way"),
    errors.OutputError: (507, "storage", "The server cannot store it"),
}
_STATUSES = {
    400: "malformed",
    401: "token",
    403: "foreign",
    404: "not-found",
    405: "method",
    408: "slow",
    409: "conflict",
    411: "length",
    413: "too-large",
    421: "host",
    422: "usage",
    429: "busy",
    503: "not-ready",
    507: "storage",
}


class Problem(HTTPException):
    """An answer that is a problem of its own type.

    Args:
        status: of HTTP.
        detail: one sentence, and how to mend it.
        retry_after: seconds.
    """

    def __init__(self, status: int, detail: str, retry_after: float | None = None):
        super().__init__(status, detail, None if retry_after is None else _retry(retry_after))


def missing(what: str, identity: object) -> Problem:
    """404 for a thing that is not there (any more)."""
    return Problem(404, f"There is no {what} {identity}; it may have been deleted or have expired.")


def document(status: int, detail: str, kind: str | None = None, title: str | None = None) -> dict[str, Any]:
    """The members of a problem document."""
    name = kind or _STATUSES.get(status, "http")
    title = title or HTTPStatus(status).phrase
    return {"type": f"urn:asgnet:problem:{name}", "title": title, "status": status, "detail": detail}


def answer(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> JSONResponse:
    """A problem document as a response."""
    return JSONResponse(body, status, headers, MEDIA)


def install(app: FastAPI) -> None:
    """Have the app answer every error with a problem document."""
    app.add_exception_handler(errors.AsgnetError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OSError, _system)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Any) -> JSONResponse:
    status, kind, title = next(
        (found for kind, found in _TYPES.items() if isinstance(error, kind)), (500, "unexpected", "Error")
    )
    detail = str(error)
    fault = storage_error(error)
    if fault is not None:
        return _unstored(request, fault)
    headers = _retry(error.retry_after) if isinstance(error, QueueFullError) else None
    return answer(status, document(status, detail, kind, title), headers)


def _unstored(request: Request, fault: StorageError) -> JSONResponse:
    """507, logged once however many requests it meets."""
    request.app.state.service.database.faults.begin(fault)
    title = _TYPES[errors.OutputError][2]
    return answer(507, document(507, str(fault), "storage", title), _retry(_STORAGE_RETRY))


async def _system(request: Request, error: Exception) -> JSONResponse:
    fault = storage_error(error)
    return await _unexpected(request, error) if fault is None else _unstored(request, fault)


async def _http(request: Request, error: Any) -> JSONResponse:
    fault = storage_error(error.__cause__) if isinstance(error.__cause__, OSError) else None
    if fault is not None:  # the body could not be put into temporary files
        return _unstored(request, fault)
    detail = error.detail if isinstance(error.detail, str) else str(error.detail)
    return answer(error.status_code, document(error.status_code, detail), error.headers)


async def _invalid(request: Request, error: Any) -> JSONResponse:
    faults = [
        {"at": ".".join(map(str, fault["loc"])), "fault": str(fault["msg"])[:300]} for fault in error.errors()
    ][:20]
    said = "; ".join(f"{f['at']}: {f['fault']}" for f in faults[:3])
    return answer(422, {**document(422, f"The request is not as it should be: {said}."), "errors": faults})


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    mark = secrets.token_hex(4)
    _log("".join(traceback.format_exception(error)), mark)
    detail = f"Something unexpected happened; the server's log says more under {mark}."
    return answer(500, {**document(500, detail, "unexpected"), "instance": f"urn:asgnet:error:{mark}"})


def _log(text: str, mark: str = "") -> None:
    print(f"asgnet: {mark} {text.rstrip()}".replace("  ", " "), file=sys.stderr, flush=True)


def _retry(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(seconds)))}
