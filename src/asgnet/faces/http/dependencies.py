"""What routes share: the service behind the app, uploads within bounds, work handed to the pool."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, Form, Path, Request, UploadFile
from starlette.concurrency import run_in_threadpool

from asgnet.apply.inference.postprocess import Absent
from asgnet.faces.http.problems import Problem, missing
from asgnet.faces.http.schemas import ID, NAME
from asgnet.serving.service import Service
from asgnet.serving.store import names
from asgnet.serving.store.jobs import KeptJob
from asgnet.serving.store.kept import KeptConcept
from asgnet.serving.store.names import file_name

T = TypeVar("T")


def _service(request: Request) -> Service:
    return request.app.state.service


def _ready(request: Request) -> Service:
    service: Service = request.app.state.service
    if service.segmenter is None:
        failed = service.loaded.done() and service.loaded.exception()
        detail = "The model cannot be loaded; see the server's log." if failed else "The model is loading."
        raise Problem(503, detail, 2)
    return service


Kept = Annotated[Service, Depends(_service)]
"""The service, whatever it is doing."""
Ready = Annotated[Service, Depends(_ready)]
"""The service, its model loaded; else 503."""
Identity = Annotated[str, Path(pattern=ID, examples=["5f0c9a4be1d27c38"])]
Index = Annotated[int, Path(ge=0, le=1_000_000)]
Threshold = Annotated[
    float | None,
    Form(ge=0, le=1, description="Object where the probability is greater; default: calibrated, 0.5."),
]
WhenAbsent = Annotated[
    Literal["mark", "empty"], Form(description="Object seems not there: mark it, or empty the mask.")
]


async def do(work: Callable[[], T], service: Service, kind: Literal["quick", "slow"] = "quick") -> T:
    """Have a worker do it, and wait without holding anybody else up."""
    return await wait(service.pool.submit(work, kind))


async def wait(future: Future[T]) -> T:
    """The result of a worker's task; a server that stops answers 503."""
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        if future.cancelled():
            raise Problem(503, "The server is stopping; ask again.", 5) from None
        raise


async def concept_of(service: Service, identity: str) -> KeptConcept:
    """A concept; 404 if there is none."""
    kept = await run_in_threadpool(service.concepts.get, identity) if re.fullmatch(ID, identity) else None
    if kept is None:
        raise missing("concept", label(identity[:40], "of that name"))
    return kept


async def job_of(service: Service, identity: str) -> KeptJob:
    """A job; 404 if there is none."""
    kept = await run_in_threadpool(service.jobs.get, identity)
    if kept is None:
        raise missing("job", identity)
    return kept


async def contents(file: UploadFile, service: Service) -> bytes:
    """An upload's bytes; 413 if there are too many."""
    most = service.bounds.file_bytes
    if (file.size or 0) > most:
        raise Problem(413, f"{named(file)!r} is larger than {most >> 20} MiB; shrink it.")
    return await file.read()


def within(files: Sequence[Any], most: int, what: str) -> None:
    """413 if there are too many of them."""
    if len(files) > most:
        raise Problem(413, f"{len(files)} {what} at once; send at most {most}.")


def named(file: UploadFile, otherwise: str = "picture") -> str:
    """What the client calls the file: a label to show, never a path to open."""
    return file_name(file.filename or "", otherwise)


def label(text: str, otherwise: str) -> str:
    """Printable, on one line, not too long."""
    return names.label(text, NAME, otherwise)


def listed(text: str, what: str, kind: type) -> list[Any]:
    """A form field that holds a JSON list; 422 if it does not."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    whole = isinstance(values, list) and all(isinstance(v, kind) and not isinstance(v, bool) for v in values)
    if not whole:
        raise Problem(422, f"{what} is a JSON list of {kind.__name__}; {text[:60]!r} is not.")
    return values


def absent_of(text: Any) -> Absent:
    """As the library types it."""
    return text


def classes(text: str, service: Service) -> list[str]:
    """The names in a JSON list, each once."""
    names = [label(name, "") for name in listed(text, "classes", str)]
    if not names or "" in names or len(set(names)) != len(names):
        raise Problem(422, "classes names at least one class, each once, none without a name.")
    if len(names) > service.bounds.classes:
        raise Problem(422, f"{len(names)} classes; give at most {service.bounds.classes}.")
    return names
