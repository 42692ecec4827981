"""The app: routes, layers, and the service behind them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse
from fastapi.routing import APIRoute
from starlette.staticfiles import StaticFiles

from asgnet import __version__
from asgnet.apply.segmenter import Segmenter
from asgnet.errors import OutputError
from asgnet.faces.http import (
    concepts,
    health,
    jobs,
    measures,
    problems,
    propose,
    results,
    samples,
    schemas,
    segment,
    tables,
)
from asgnet.faces.http.guard import Guard
from asgnet.faces.http.settings import Settings
from asgnet.serving.proposals import Proposals
from asgnet.serving.service import Service
from asgnet.serving.store.faults import storage_error

PAGE = Path(__file__).parents[1] / "page"
_EXPIRE = 3600.0
_DESCRIPTION = """Paint an object in a picture or two; find it in all your other pictures.

Masks, in and out, are PNGs of the picture's own (upright) size whose values are class indices from 1,
0 background, 255 ignore. Errors are RFC 9457 problem documents; 429 and 503 say in Retry-After when to come
again."""


class Watchers:
    """Who waits for news of which job; news may come from any thread."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closed = False

    def start(self) -> None:
        """From now on news goes to this event loop."""
        self._loop = asyncio.get_running_loop()

    @contextmanager
    def watching(self, job: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever something of the job changes."""
        event = asyncio.Event()
        self._waiting.setdefault(job, set()).add(event)
        try:
            yield event
        finally:
            self._waiting[job].discard(event)
            if not self._waiting[job]:
                del self._waiting[job]

    def tell(self, job: str) -> None:
        """Something of the job changed."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._set, job)

    def close(self) -> None:
        """Wake everybody, for the last time."""
        self.closed = True
        for job in list(self._waiting):
            self._set(job)

    def _set(self, job: str) -> None:
        for event in self._waiting.get(job, ()):
            event.set()


Extension = Callable[[FastAPI, Service, Settings], None]
"""Adds routes to the app: how another program's protocol is spoken."""


def create_app(
    settings: Settings,
    load: Callable[[], Segmenter] | None = None,
    extensions: Sequence[Extension] = (),
) -> FastAPI:
    """The app; its model loads in the background.

    Args:
        settings: how to run.
        load: makes the Segmenter, instead of the settings' weights.
        extensions: add their routes to the app.

    Raises:
        OutputError: the data folder cannot be used.
    """
    watchers = Watchers()

    def loaded() -> Segmenter:
        # Inside a worker as many threads as leave cores to the others: more only wait for each other.
        threads = max(1, ((os.cpu_count() or 1) + 1) // settings.workers)
        return Segmenter.from_pretrained(settings.weights, settings.device, threads=threads)

    service = Service(
        settings.data_dir, load or loaded, settings.bounds, settings.workers, watchers.tell, settings.repair
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watchers.start()
        _quiet_faults(service)
        expiring = asyncio.create_task(_expire(service))
        yield
        expiring.cancel()
        watchers.close()
        await asyncio.to_thread(service.close)

    app = FastAPI(
        title="asgnet", version=__version__, description=_DESCRIPTION, lifespan=lifespan, docs_url=None,
        redoc_url=None, license_info={"name": "Apache-2.0"}, generate_unique_id_function=_operation,
    )  # fmt: skip
    app.state.service, app.state.watchers = service, watchers
    app.state.proposals = Proposals()
    problems.install(app)
    for part in (health, concepts, segment, propose, jobs, results, samples, tables):
        app.include_router(part.router)
    for extend in extensions:
        extend(app, service, settings)
    _mount_page(app)
    _name_problems(app)
    measures.install(app, service)
    app.add_middleware(Guard, settings=settings)
    return app


async def _expire(service: Service) -> None:
    while True:
        await asyncio.sleep(_EXPIRE)
        with suppress(OutputError):  # said already; there is a next time
            await asyncio.to_thread(service.jobs.expire, service.bounds.days)


def _quiet_faults(service: Service) -> None:
    """Say once that there are no file handles left, instead of a traceback for every connection."""
    loop = asyncio.get_running_loop()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        fault = storage_error(error) if isinstance(error, OSError) else None
        if fault is None:
            loop.default_exception_handler(context)
        else:
            service.database.faults.begin(fault)

    loop.set_exception_handler(handle)


def _mount_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> FileResponse:
        if not (PAGE / "index.html").exists():
            raise problems.missing("page", "here")
        return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})

    if PAGE.is_dir():
        app.mount("/page", StaticFiles(directory=PAGE), name="page")


def _name_problems(app: FastAPI) -> None:
    """The problem document's schema, which no route returns by itself."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        shape = schemas.ProblemDocument.model_json_schema()
        document["components"]["schemas"]["ProblemDocument"] = shape
        return document

    app.openapi = described  # type: ignore[method-assign]


def _operation(route: APIRoute) -> str:
    return f"{route.tags[0]}-{route.name}".replace(" ", "-") if route.tags else route.name
