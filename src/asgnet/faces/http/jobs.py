"""``/v1/jobs``: many pictures, one concept; start, add, redo, cancel, delete, and watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Header, Query, Request, Response, UploadFile
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from asgnet.faces.http import dependencies, schemas
from asgnet.faces.http.dependencies import Identity, Kept, Ready, Threshold, WhenAbsent
from asgnet.faces.http.problems import Problem, missing
from asgnet.faces.http.schemas import problems
from asgnet.serving.service import Service
from asgnet.serving.store.jobs import DAY, KeptJob, KeptPicture
from asgnet.serving.worker_pool import QueueFullError

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

Pictures = Annotated[list[UploadFile], File(description="Pictures of any kind that asgnet reads.")]
_FINAL = ("done", "failed", "cancelled")
_HEARTBEAT = 15.0


@router.post("", status_code=202, responses=problems(404, 413, 429, 507))
async def start(
    service: Ready,
    concept: Annotated[str, Form(description="The id of a concept.", examples=["5f0c9a4be1d27c38"])],
    pictures: Annotated[list[UploadFile] | None, File(description="Pictures, unless from_job says.")] = None,
    from_job: Annotated[str | None, Form(pattern=schemas.ID, description="Take this job's pictures.")] = None,
    indices: Annotated[str | None, Form(description="Of them those in this JSON list only.")] = None,
    threshold: Threshold = None,
    absent: WhenAbsent = "mark",
) -> schemas.Job:
    """Start finding a concept in many pictures; answers as soon as they are stored."""
    kept = await dependencies.concept_of(service, concept)
    if bool(pictures) == bool(from_job):
        raise Problem(422, "Give pictures, or the job to take them from (from_job), one of the two.")
    taken: list[tuple[str, Path]] = []
    if from_job:
        taken = await run_in_threadpool(_of_job, service, from_job, indices)
    _room(service, len(pictures or taken))
    job = await run_in_threadpool(
        service.jobs.add, concept, kept.classes, threshold, dependencies.absent_of(absent)
    )
    try:
        if taken:
            await run_in_threadpool(service.jobs.add_pictures, job.id, taken)
        else:
            await _store(service, job.id, pictures or [])
    except BaseException:
        await run_in_threadpool(service.jobs.delete, job.id)
        raise
    return await _running(service, job.id)


@router.post("/{job}/pictures", status_code=202, responses=problems(404, 413, 429, 507))
async def add_pictures(service: Ready, job: Identity, pictures: Pictures) -> schemas.Job:
    """Add pictures to a job, finished or not."""
    kept = await dependencies.job_of(service, job)
    if kept.total + len(pictures) > service.bounds.queued:
        raise Problem(413, f"A job holds at most {service.bounds.queued} pictures; start another.")
    _room(service, len(pictures))
    await _store(service, job, pictures)
    return await _running(service, job)


@router.post("/{job}/redo", status_code=202, responses=problems(404, 409, 429))
async def redo(
    service: Ready,
    job: Identity,
    only: Annotated[
        Literal["unfinished"] | None, Query(description="Only what was cancelled or failed; default: all.")
    ] = None,
) -> schemas.Job:
    """Find the concept, as it is now, in the pictures again; masks that a person corrected stay."""
    kept = await dependencies.job_of(service, job)
    if await run_in_threadpool(service.concepts.get, kept.concept) is None:
        raise Problem(409, "The job's concept was deleted; start another job (from_job) with another one.")
    _room(service, kept.total)
    await run_in_threadpool(service.jobs.again, job, only is not None)
    return await _running(service, job)


@router.post("/{job}/cancel", responses=problems(404))
async def cancel(service: Kept, job: Identity) -> schemas.Job:
    """Stop; results so far stay."""
    await dependencies.job_of(service, job)
    await run_in_threadpool(service.jobs.cancel, job)
    service.on_change(job)
    return said(await dependencies.job_of(service, job), service)


@router.delete("/{job}", status_code=204, responses=problems(404))
async def delete(service: Kept, job: Identity) -> Response:
    """Stop, and remove the pictures and results."""
    if not await run_in_threadpool(service.jobs.delete, job):
        raise missing("job", job)
    service.on_change(job)
    return Response(status_code=204)


@router.get("", responses=problems())
def every(service: Kept) -> schemas.Jobs:
    """List the jobs, the newest first."""
    return schemas.Jobs(jobs=[said(kept, service) for kept in service.jobs.all()])


@router.get("/{job}", responses=problems(404))
async def one(service: Kept, job: Identity) -> schemas.Job:
    """Show a job."""
    return said(await dependencies.job_of(service, job), service)


@router.get(
    "/{job}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}, **problems(404)},
)
async def events(
    request: Request,
    service: Kept,
    job: Identity,
    last_event_id: Annotated[int, Header(ge=-1, lt=2**63, description="Only what came after it.")] = -1,
) -> StreamingResponse:
    """Server-sent events: ``result`` for every finished picture, ``progress``, and at last ``end``."""
    await dependencies.job_of(service, job)
    stream = _events(request, service, job, last_event_id)
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _events(request: Request, service: Service, job: str, seq: int) -> AsyncIterator[str]:
    with request.app.state.watchers.watching(job) as changed:
        while True:
            changed.clear()
            kept = await run_in_threadpool(service.jobs.get, job)
            if kept is None:
                return
            for picture in await run_in_threadpool(service.jobs.pictures, job, seq, _FINAL):
                seq = picture.seq
                yield _event("result", result_of(picture).model_dump_json(), seq)
            progress = schemas.Progress.model_validate(said(kept, service).model_dump())
            yield _event("progress", progress.model_dump_json(), seq)
            if not kept.waiting:
                yield _event("end", said(kept, service).model_dump_json(), seq)
                return
            while not changed.is_set():
                try:
                    await asyncio.wait_for(changed.wait(), _HEARTBEAT)
                except TimeoutError:
                    yield ": still here\n\n"
            if request.app.state.watchers.closed:
                return


def said(job: KeptJob, service: Service) -> schemas.Job:
    """A job as the API shows it."""
    counts = job.counts
    cancelled = counts.get("cancelled", 0)
    status: Literal["running", "done", "cancelled"]
    status = "running" if job.waiting else "cancelled" if cancelled else "done"
    return schemas.Job(
        id=job.id, concept=job.concept, classes=list(job.classes), threshold=job.threshold, absent=job.absent,
        created=job.created, expires=job.touched + service.bounds.days * DAY, status=status, total=job.total,
        done=counts.get("done", 0), failed=counts.get("failed", 0), cancelled=cancelled,
        eta_seconds=round(job.waiting * service.pace(), 1) if job.waiting else None,
    )  # fmt: skip


def result_of(picture: KeptPicture) -> schemas.Result:
    """A job's picture as the API shows it."""
    record = {k: v for k, v in picture.record.items() if k in schemas.Result.model_fields}
    return schemas.Result(
        **record, index=picture.position, name=picture.name, status=picture.status, error=picture.error,
        corrected=picture.corrected,
    )  # fmt: skip


def _event(name: str, data: str, identity: int) -> str:
    return f"id: {identity}\nevent: {name}\ndata: {data}\n\n"


def _room(service: Service, more: int) -> None:
    """429 if too many pictures wait already; 413 if these are too many at once."""
    if more > service.bounds.queued:
        raise Problem(413, f"{more} pictures; give at most {service.bounds.queued}.")
    waiting = service.jobs.queued()
    if waiting + more > service.bounds.queued:
        raise QueueFullError(f"{waiting} pictures wait already; come again later.", 60)


async def _store(service: Service, job: str, pictures: Sequence[UploadFile]) -> None:
    dependencies.within(pictures, service.bounds.pictures, "pictures")
    for file in pictures:  # one at a time: memory holds one file, whatever the count
        stored = (dependencies.named(file), await dependencies.contents(file, service))
        await run_in_threadpool(service.jobs.add_pictures, job, [stored])


def _of_job(service: Service, identity: str, indices: str | None) -> list[tuple[str, Path]]:
    pictures = {p.position: p for p in service.jobs.pictures(identity)}
    if not pictures:
        raise missing("job", identity[:40])
    chosen = list(pictures) if indices is None else dependencies.listed(indices, "indices", int)
    unknown = [i for i in chosen if i not in pictures]
    if unknown:
        raise missing("picture", f"{unknown[0]} in job {identity}")
    if not chosen:
        raise Problem(422, "indices names no picture.")
    return [(pictures[i].name, service.jobs.files(identity, i).picture) for i in chosen]


async def _running(service: Service, job: str) -> schemas.Job:
    service.run(job)
    service.on_change(job)
    return said(await dependencies.job_of(service, job), service)
