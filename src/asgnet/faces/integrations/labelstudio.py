"""``/label-studio``: the machine-learning backend that Label Studio talks to.

Masks that people accept in a project become examples of one concept; the project's other pictures get brush
pre-annotations with scores. Whatever is annotated, changed or deleted, the concept is learned anew from what
the project holds then.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, FastAPI, Request
from starlette.concurrency import run_in_threadpool

from asgnet.data.png import png_bytes
from asgnet.errors import AsgnetError, PictureError, UsageError
from asgnet.faces.http import dependencies
from asgnet.faces.http.dependencies import Ready
from asgnet.faces.http.problems import Problem
from asgnet.faces.http.schemas import example
from asgnet.faces.http.settings import Settings
from asgnet.faces.integrations.labelling import (
    Interface,
    interface_of,
    labels_of,
    painted,
    prediction_of,
)
from asgnet.faces.integrations.studio import Studio
from asgnet.serving.service import Service
from asgnet.serving.store.kept import Example, KeptConcept
from asgnet.serving.store.results import record_of
from asgnet.serving.worker_pool import WorkerPool

router = APIRouter(prefix="/label-studio", tags=["Label Studio"])
UNFITTED = "asgnet-untaught"
_TASKS = 200
_PREDICT_SECONDS = 120.0
_FETCHERS, _FETCHES = 8, 32
"""Threads that wait for Label Studio, and how many more requests may wait for one of them."""
_VERSION = "asgnet-5f0c9a4be1d27c38-2"
_REGION = {
    "id": "asgnet-1", "from_name": "tag", "to_name": "image", "type": "brushlabels", "score": 0.93,
    "value": {"format": "rle", "rle": [0, 4, 226, 0], "brushlabels": ["mug"]},
    "original_width": 640, "original_height": 480, "image_rotation": 0,
}  # fmt: skip
_PREDICTED = {
    "results": [{"model_version": _VERSION, "score": 0.92, "result": [_REGION]}],
    "model_version": _VERSION,
}


class Projects:
    """What is known of Label Studio's projects: their interface, and the concept learned from them.

    Args:
        service: keeps and learns concepts.
        settings: which Label Studio.
        most: so many of the latest annotated pictures are learned from.

    Attributes:
        fetching: threads that wait for Label Studio, and for nothing else.
    """

    def __init__(self, service: Service, settings: Settings, most: int = 20):
        self.service, self._settings, self._most = service, settings, most
        self._lock, self._waiting = threading.Lock(), set[int]()
        self._key = settings.label_studio_key or ""
        self.fetching = WorkerPool(_FETCHERS, _FETCHES)

    def studio(self) -> Studio:
        """Where to fetch from.

        Raises:
            UsageError: the server was not told of any.
        """
        if not self._settings.label_studio:
            raise UsageError("Start asgnet serve with --label-studio URL to use it from Label Studio.")
        return Studio(self._settings.label_studio, self._key, self.service.bounds.file_bytes)

    def set_up(self, project: int, config: str, token: str) -> None:
        """Take note of a project; its token is kept in memory, for the Label Studio that was named only."""
        interface_of(config)
        if token and not self._settings.label_studio_key:
            self._key = token
        self.service.database.put(f"label-studio/{project}/config", config)

    def interface(self, project: int) -> Interface:
        """Of a project that was set up."""
        config = self.service.database.value(f"label-studio/{project}/config")
        if config is None:
            raise UsageError(f"Project {project} was not set up; connect the model in Label Studio again.")
        return interface_of(config)

    def concept(self, project: int) -> KeptConcept | None:
        """What was learned from a project, if anything was."""
        identity = self.service.database.value(f"label-studio/{project}/concept")
        return self.service.concepts.get(identity) if identity else None

    def version(self, project: int) -> str:
        """What Label Studio calls the model now."""
        kept = self.concept(project)
        return _version(kept) if kept else UNFITTED

    def learn_soon(self, project: int) -> bool:
        """Have a project learned anew; False if that waits already, and will see all there is."""
        with self._lock:
            if project in self._waiting:
                return False
            self._waiting.add(project)
        try:
            self.fetching.submit(lambda: self._learn(project))
        except AsgnetError:
            with self._lock:
                self._waiting.discard(project)
            raise
        return True

    def _learn(self, project: int) -> None:
        with self._lock:
            self._waiting.discard(project)  # what is annotated from now on is for the next time
        try:
            with self.service.alone(f"label-studio/{project}"):
                examples, classes = self.examples(project)
                if classes:
                    self.service.pool.submit(partial(self.learn, project, examples, classes), "slow").result()
        except AsgnetError as error:
            print(f"asgnet: Label Studio's project {project}: {error}", file=sys.stderr, flush=True)

    def examples(self, project: int) -> tuple[list[Example], list[str]]:
        """The latest of all that is annotated in a project, and the classes that are shown, fetched now."""
        interface, studio = self.interface(project), self.studio()
        found, pixels = [], 0
        for name, source, results in self._accepted(studio.annotated(project), interface)[: self._most]:
            data = studio.picture(source)
            with self.service.decoder.picture(data, name) as picture:
                size = picture.shape[:2]
            pixels += size[0] * size[1]
            if pixels > self.service.bounds.request_pixels:
                break  # the latest are learned from
            regions = painted(results, interface, size)
            if regions:
                found.append((name, data, size, regions))
        classes = [c for c in interface.classes if any(c in regions for *_, regions in found)]
        examples = [
            Example(data, png_bytes(labels_of(regions, classes, size)), name, size)
            for name, data, size, regions in found
        ]
        return examples, classes

    def learn(self, project: int, examples: list[Example], classes: list[str]) -> KeptConcept:
        """Learn a project's concept; to be called by a worker."""
        kept = self.concept(project)
        if kept is not None:
            kept = self.service.refit(kept, examples, [], classes)
        if kept is None:
            kept = self.service.learn(f"Label Studio project {project}", classes, "auto", examples, [])
            self.service.database.put(f"label-studio/{project}/concept", kept.id)
        return kept

    def _accepted(
        self, tasks: list[dict[str, Any]], interface: Interface
    ) -> list[tuple[str, Any, list[dict[str, Any]]]]:
        """Name, picture and results of every task's last annotation, the latest first."""
        found = []
        for task in tasks:
            given = task.get("annotations") or []
            valid = [a for a in given if not a.get("was_cancelled") and a.get("result")]
            if valid:
                last = max(valid, key=lambda a: str(a.get("updated_at")))
                source = (task.get("data") or {}).get(interface.key)
                name = f"task {task.get('id')}"
                found.append((str(last.get("updated_at")), name, source, last["result"]))
        latest = sorted(found, key=lambda one: one[:2], reverse=True)
        return [one[1:] for one in latest]

    def fetch(self, project: int, task: dict[str, Any]) -> bytes | None:
        """A task's picture, as a file; None if nothing is learned as yet."""
        interface = self.interface(project)
        if self.concept(project) is None:
            return None
        shown = task.get("data")
        return self.studio().picture(shown.get(interface.key) if isinstance(shown, dict) else None)

    def predict(self, project: int, task: dict[str, Any], data: bytes | None) -> dict[str, Any]:
        """A task's pre-annotation, its picture fetched; to be called by a worker."""
        interface, kept = self.interface(project), self.concept(project)
        if kept is None or data is None:
            return {"model_version": UNFITTED, "score": 0.0, "result": []}
        with self.service.decoder.picture(data, f"task {task.get('id')}") as picture:
            kept, prediction = self.service.segment(kept, picture, None, "empty")
        said = record_of(prediction)
        scores = [one["confidence"] for one in said["classes"]]
        score = round(1 - said["uncertainty"], 4)
        return prediction_of(prediction, interface, _version(kept), score, scores)


def install(app: FastAPI, service: Service, settings: Settings) -> None:
    """Have the app answer Label Studio."""
    app.state.projects = Projects(service, settings)
    app.include_router(router)


Sent = Annotated[dict[str, Any], Body(examples=[{"project": "1.1764000000"}])]


@router.get("/health", responses=example({"status": "UP", "model_class": "asgnet"}))
async def health(service: Ready) -> dict[str, str]:
    """The backend lives."""
    return {"status": "UP", "model_class": "asgnet"}


@router.post("/setup", responses=example({"model_version": _VERSION}))
async def setup(request: Request, service: Ready, sent: Sent) -> dict[str, str]:
    """Label Studio introduces a project."""
    projects, project = _projects(request), _project(sent)
    texts = [sent.get(key) for key in ("schema", "access_token")]
    config, token = (text if isinstance(text, str) else "" for text in texts)
    await run_in_threadpool(projects.set_up, project, config, token)
    return {"model_version": await run_in_threadpool(projects.version, project)}


@router.post("/predict", responses=example(_PREDICTED, 429))
async def predict(request: Request, service: Ready, sent: Sent) -> dict[str, Any]:
    """Brush pre-annotations, with scores, for a few tasks."""
    projects, project = _projects(request), _project(sent)
    tasks = sent.get("tasks")
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise Problem(422, "tasks is a list of Label Studio's tasks.")
    if len(tasks) > _TASKS:
        raise Problem(413, f"{len(tasks)} tasks; send at most {_TASKS}.")
    found = []
    try:
        async with asyncio.timeout(_PREDICT_SECONDS):
            for task in tasks:
                fetched = projects.fetching.submit(partial(projects.fetch, project, task))
                data = await dependencies.wait(fetched)
                found.append(await dependencies.do(partial(projects.predict, project, task, data), service))
    except TimeoutError:
        raise PictureError("Label Studio does not hand out its pictures in time; ask for fewer.") from None
    return {"results": found, "model_version": await run_in_threadpool(projects.version, project)}


@router.post("/webhook", responses=example({"status": "queued"}, 429))
async def webhook(request: Request, service: Ready, sent: Sent) -> dict[str, str]:
    """Something happened in a project: learn from it if annotations did."""
    action = sent.get("action")
    if not isinstance(action, str) or not (action.startswith("ANNOTATION") or action == "START_TRAINING"):
        return {"status": "ignored"}
    projects = _projects(request)
    await run_in_threadpool(projects.studio)
    soon = await run_in_threadpool(projects.learn_soon, _project(sent))
    return {"status": "queued" if soon else "waiting"}


@router.post("/train", responses=example({"status": "queued"}, 429))
async def train(request: Request, service: Ready, sent: Sent) -> dict[str, str]:
    """Learn from the project's annotations."""
    return await webhook(request, service, {**sent, "action": "START_TRAINING"})


@router.get("/versions", responses=example({"versions": [_VERSION]}))
async def versions(request: Request, service: Ready, project: str = "") -> dict[str, list[str]]:
    """What the model is called now."""
    number = _project({"project": project})
    return {"versions": [await run_in_threadpool(_projects(request).version, number)]}


def _projects(request: Request) -> Projects:
    return request.app.state.projects


def _version(kept: KeptConcept) -> str:
    return f"asgnet-{kept.id}-{kept.version}"


def _project(sent: dict[str, Any]) -> int:
    """The project's number: ``{"id": 1}`` in webhooks, ``"1.1764000000"`` elsewhere."""
    given = sent.get("project")
    text = str(given.get("id") if isinstance(given, dict) else given).partition(".")[0]
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise Problem(422, f"project is not one of Label Studio's: {json.dumps(given, default=str)[:60]}.")
    return int(text)
