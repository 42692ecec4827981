"""``/healthz``, ``/readyz``, ``/metrics`` and ``/v1``: how the server is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from starlette.concurrency import run_in_threadpool

from asgnet import __version__
from asgnet.faces.http import schemas
from asgnet.faces.http.dependencies import Kept, Ready
from asgnet.faces.http.schemas import example, problems
from asgnet.serving.service import Service
from asgnet.serving.store.download import FORMATS

router = APIRouter(tags=["server"])


@router.get("/healthz", responses={200: example({"status": "alive"})[200]})
async def healthz() -> dict[str, str]:
    """The server lives."""
    return {"status": "alive"}


@router.get("/readyz", responses=example({"status": "ready"}))
async def readyz(service: Ready) -> dict[str, str]:
    """The model is loaded; 503 before."""
    return {"status": "ready"}


@router.get("/v1", responses=problems())
async def about(service: Kept) -> schemas.About:
    """Version, bounds and formats."""
    limits = {name: getattr(service.bounds, name) for name in schemas.Limits.model_fields}
    return schemas.About(
        version=__version__,
        ready=service.segmenter is not None,
        limits=schemas.Limits(**limits),
        formats=list(FORMATS),
    )


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """For Prometheus."""
    body = await run_in_threadpool(generate_latest, request.app.state.measures.registry)
    return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})


class Measures:
    """What Prometheus is told, in a registry of this app's own."""

    def __init__(self, service: Service):
        self.registry = CollectorRegistry()
        self._service = service
        ProcessCollector(registry=self.registry)
        labels = ("method", "route", "status")
        self.requests = Counter("asgnet_requests", "Requests answered.", labels, registry=self.registry)
        self.seconds = Histogram(
            "asgnet_request_seconds", "Until the answer began.", ("route",), registry=self.registry
        )
        self.registry.register(self)  # type: ignore[arg-type]

    def collect(self) -> Iterator[Metric]:
        """What the service counts itself."""
        service = self._service
        for name, told in (
            ("pictures", "Pictures segmented."),
            ("seconds", "Seconds spent segmenting them."),
            ("fits", "Concepts fitted."),
            ("job_done", "Pictures of jobs that are done."),
            ("job_failed", "Pictures of jobs that failed."),
        ):
            yield CounterMetricFamily(f"asgnet_{name}", told, value=service.tally[name])
        waiting = GaugeMetricFamily("asgnet_waiting", "Tasks that wait for a worker.", labels=("kind",))
        for kind, count in service.workers.waiting().items():
            waiting.add_metric([kind], count)
        waiting.add_metric(["job"], service.jobs.queued())
        yield waiting
        yield GaugeMetricFamily("asgnet_workers_busy", "Workers at work.", value=service.workers.busy)
        ready = float(service.segmenter is not None)
        yield GaugeMetricFamily("asgnet_ready", "The model is loaded.", value=ready)

    def note(self, scope: Any, status: int, seconds: float) -> None:
        """One request answered."""
        route = getattr(scope.get("route"), "path", "none")
        self.requests.labels(scope["method"], route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)


class Measured:
    """The layer that counts requests and their seconds.

    Args:
        app: what answers.
        measures: where they are counted.
    """

    def __init__(self, app: Any, measures: Measures):
        self.app, self.measures = app, measures

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        from time import perf_counter

        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = perf_counter()

        async def noted(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.measures.note(scope, message["status"], perf_counter() - began)
            await send(message)

        await self.app(scope, receive, noted)
