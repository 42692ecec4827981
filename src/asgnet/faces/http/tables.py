"""The objects in a job's results, counted and measured: of one picture, and of all as CSV."""

from __future__ import annotations

from itertools import chain
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from asgnet.data.png import png_bytes
from asgnet.faces.http import dependencies, schemas
from asgnet.faces.http.dependencies import Identity, Index, Ready
from asgnet.faces.http.problems import Problem, missing
from asgnet.faces.http.schemas import problems
from asgnet.serving.measuring import Table, measured, object_mask, table
from asgnet.serving.service import Service
from asgnet.serving.store.jobs import KeptJob, KeptPicture
from asgnet.serving.store.names import file_name

router = APIRouter(prefix="/v1/jobs/{job}", tags=["results"])

Threshold = Annotated[
    float | None, Query(ge=0, le=1, description="Object where the probability is greater; default: as found.")
]
WhenAbsent = Annotated[Literal["mark", "empty"] | None, Query(description="Default: as the job has it.")]
PixelSize = Annotated[
    str, Query(max_length=40, description="Of a side; default: in pixels.", examples=["0.25um"])
]
_PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}
_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}


@router.get("/results/{index}/objects", responses=problems(404, 409, 429))
async def objects(
    service: Ready,
    job: Identity,
    index: Index,
    threshold: Threshold = None,
    absent: WhenAbsent = None,
    pixel_size: PixelSize = "",
) -> schemas.Measured:
    """Count and measure the objects in a picture, touching ones separated as the examples teach it."""
    batch, kept = await _done(service, job, index)
    empty = absent or batch.absent
    found = await dependencies.do(
        lambda: measured(service, batch, kept, threshold, empty, pixel_size), service
    )
    return schemas.Measured(objects=found.objects, classes=found.pictures)


@router.get(
    "/results/{index}/objects/{number}.png",
    response_class=Response,
    responses={**_PNG, **problems(404, 409, 429)},
)
async def one_object(
    service: Ready,
    job: Identity,
    index: Index,
    number: Annotated[int, Path(ge=1, le=10_000_000, description="``object`` in its row.")],
    threshold: Threshold = None,
    absent: WhenAbsent = None,
) -> Response:
    """The pixels of one object, 255, on 0."""
    batch, kept = await _done(service, job, index)
    empty = absent or batch.absent
    mask = await dependencies.do(lambda: object_mask(service, batch, kept, number, threshold, empty), service)
    if mask is None:
        raise missing("object", f"{number} in picture {index}")
    return Response(png_bytes(mask), media_type="image/png")


async def _done(service: Service, job: str, index: int) -> tuple[KeptJob, KeptPicture]:
    """A job and a picture of it that has a result."""
    batch = await dependencies.job_of(service, job)
    kept = await run_in_threadpool(service.jobs.picture, job, index)
    if kept is None:
        raise missing("picture", f"{index} in job {job}")
    if kept.status != "done":
        raise Problem(409, f"Picture {index} has no result: it is {kept.status}.")
    return batch, kept


@router.get("/{what}.csv", response_class=StreamingResponse, responses={**_CSV, **problems(404, 409)})
async def csv(
    service: Ready,
    job: Identity,
    what: Table,
    threshold: Threshold = None,
    absent: WhenAbsent = None,
    pixel_size: PixelSize = "",
) -> StreamingResponse:
    """All finished results as a table, made while it is sent: a row an object, or a row a picture and class."""
    batch = await dependencies.job_of(service, job)
    pictures = [p for p in await run_in_threadpool(service.jobs.pictures, job) if p.status == "done"]
    if not pictures:
        raise Problem(409, "No picture of this job is finished as yet.")
    parts = table(service, batch, pictures, what, threshold, absent or batch.absent, pixel_size)
    head = await run_in_threadpool(next, parts)
    first = await run_in_threadpool(next, parts, b"")  # what goes wrong here is still a status of its own
    name = file_name(f"asgnet-{job}-{what}.csv")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(chain([head, first], parts), media_type="text/csv", headers=headers)
