"""``/metrics``: what Prometheus is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI, Response
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_fastapi_instrumentator import Instrumentator
from prometheus_fastapi_instrumentator.metrics import Info

from asgnet.serving.service import Service

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
"""Any other word that a client sends as its method is counted as "other"."""


def install(app: FastAPI, service: Service) -> None:
    """Count the app's requests, and answer ``/metrics`` from a registry of this app's own."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(ServiceCollector(service))
    labels = ("method", "route", "status")
    requests = Counter("asgnet_requests", "Requests answered.", labels, registry=registry)
    seconds = Histogram("asgnet_request_seconds", "Until the answer began.", ("route",), registry=registry)

    def count(info: Info) -> None:
        # The route as it was declared: a label of the client's choice would grow the registry without bound.
        route = getattr(info.request.scope.get("route"), "path", "none")
        method = info.method if info.method in METHODS else "other"
        requests.labels(method, route, info.modified_status).inc()
        seconds.labels(route).observe(info.modified_duration_without_streaming)

    counted = Instrumentator(should_group_status_codes=False, registry=registry).add(count).instrument(app)
    plain: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}
    described: dict[str, Any] = {"response_class": Response, "responses": plain, "name": "metrics"}
    counted.expose(app, tags=["server"], description="For Prometheus.", **described)


class ServiceCollector(Collector):
    """What the service counts itself."""

    def __init__(self, service: Service):
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        service = self._service
        for name, description in (
            ("pictures", "Pictures segmented."),
            ("seconds", "Seconds spent segmenting them."),
            ("fits", "Concepts fitted."),
            ("job_done", "Pictures of jobs that are done."),
            ("job_failed", "Pictures of jobs that failed."),
        ):
            yield CounterMetricFamily(f"asgnet_{name}", description, value=service.tally[name])
        waiting = GaugeMetricFamily("asgnet_waiting", "Tasks that wait for a worker.", labels=("kind",))
        for kind, count in service.pool.waiting().items():
            waiting.add_metric([kind], count)
        waiting.add_metric(["job"], service.jobs.queued())
        yield waiting
        yield GaugeMetricFamily("asgnet_workers_busy", "Workers at work.", value=service.pool.busy)
        ready = float(service.segmenter is not None)
        yield GaugeMetricFamily("asgnet_ready", "The model is loaded.", value=ready)
