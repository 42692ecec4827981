"""``/v1/jobs/{job}/results``: what was found, picture by picture; corrections; downloads."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Query, Response, UploadFile
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from asgnet.data.png import png_bytes
from asgnet.faces.http import dependencies, schemas
from asgnet.faces.http.dependencies import Identity, Index, Kept, Ready
from asgnet.faces.http.jobs import result_of
from asgnet.faces.http.pictures import shown
from asgnet.faces.http.problems import Problem, missing
from asgnet.faces.http.schemas import problems
from asgnet.files import save_bytes
from asgnet.serving.service import Service
from asgnet.serving.store.download import FORMATS, archive
from asgnet.serving.store.jobs import KeptJob, KeptPicture
from asgnet.types import GROUND

router = APIRouter(prefix="/v1/jobs/{job}", tags=["results"])
_PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}


@router.get("/results", responses=problems(404))
async def every(service: Kept, job: Identity) -> schemas.Results:
    """List a job's pictures and what is known of each."""
    await dependencies.job_of(service, job)
    pictures = await run_in_threadpool(service.jobs.pictures, job)
    return schemas.Results(results=[result_of(picture) for picture in pictures])


@router.get("/results/{index}", responses=problems(404))
async def one(service: Kept, job: Identity, index: Index) -> schemas.Result:
    """Show what is known of a picture."""
    return result_of(await _picture(service, job, index))


@router.get("/results/{index}/picture", response_class=Response, responses=problems(404, 429))
async def picture(
    service: Kept, job: Identity, index: Index, side: Annotated[int | None, Query(ge=16, le=4096)] = None
) -> Response:
    """The picture itself; with ``side`` fitted into a square, as JPEG."""
    kept = await _picture(service, job, index)
    return await shown(service, service.jobs.files(job, index).picture, kept.name, side)


@router.get("/results/{index}/mask.png", response_class=Response, responses={**_PNG, **problems(404, 409)})
async def mask(service: Kept, job: Identity, index: Index) -> Response:
    """Class indices, 0 background; as a person corrected it, if one did."""
    kept, files = await _picture(service, job, index), service.jobs.files(job, index)
    return await _png(files.corrected if kept.corrected else files.mask, kept)


@router.get("/results/{index}/guide.png", response_class=Response, responses={**_PNG, **problems(404, 409)})
async def guide(service: Kept, job: Identity, index: Index) -> Response:
    """Which prototype each pixel chose, as a number to choose a colour by; 255: none."""
    kept = await _picture(service, job, index)
    return await _png(service.jobs.files(job, index).guide, kept)


@router.get(
    "/results/{index}/probability.png",
    response_class=Response,
    responses={**_PNG, **problems(404, 409, 429)},
)
async def probability(
    service: Kept,
    job: Identity,
    index: Index,
    class_: Annotated[str | None, Query(alias="class", description="Number from 1, or name.")] = None,
) -> Response:
    """Probabilities of a class (default: of any), 255 is 1: object where the value is > 255 × threshold."""
    kept, batch = await _picture(service, job, index), await dependencies.job_of(service, job)
    files = service.jobs.files(job, index)
    if class_ is not None or len(batch.classes) == 1:
        return await _png(files.probability(_number(batch, class_)), kept)

    def top() -> bytes:
        import numpy as np

        from asgnet.serving.store.results import eight_bits

        if not files.mask.exists():
            raise _unfinished(kept)
        with service.jobs.alone((job, index)):
            maps = [files.probabilities(number) for number in range(1, len(batch.classes) + 1)]
        return png_bytes(eight_bits(np.maximum.reduce(maps)))

    return Response(await dependencies.do(top, service), media_type="image/png")


@router.put("/results/{index}/mask", responses=problems(404, 409, 413, 429, 507))
async def correct(
    service: Ready,
    job: Identity,
    index: Index,
    mask: Annotated[UploadFile, File(description="Class indices 1.., 0 background, 255 ignore.")],
) -> schemas.Result:
    """Take this mask instead of the one that was found; downloads contain it."""
    kept, batch = await _picture(service, job, index), await dependencies.job_of(service, job)
    if kept.status != "done":
        raise _unfinished(kept)
    data = await dependencies.contents(mask, service)

    def work() -> bool:
        from asgnet.serving.store.results import record_of

        size = (kept.record["height"], kept.record["width"])
        labels = service.decoder.labels(data, size, len(batch.classes), f"of {kept.name}")
        labels[labels == GROUND] = 0
        files, presences = service.jobs.files(job, index), [0.0] * len(batch.classes)
        with service.jobs.alone((job, index)):
            now = service.jobs.picture(job, index)
            if now is None or now.status != "done":  # deleted, or redone, meanwhile
                return False
            save_bytes(files.corrected, png_bytes(labels))
            painted = record_of(files.read(batch.classes, presences, 0.0, True))
            return service.jobs.correct(job, index, painted)

    done = await dependencies.do(work, service)
    kept = await _picture(service, job, index)
    if not done:
        raise _unfinished(kept)
    return result_of(kept)


@router.delete("/results/{index}/mask", responses=problems(404, 409))
async def uncorrect(service: Kept, job: Identity, index: Index) -> schemas.Result:
    """Go back to the mask that was found."""
    kept = await _picture(service, job, index)
    if not kept.corrected:
        raise Problem(409, f"Nobody corrected picture {index}.")
    await run_in_threadpool(service.jobs.correct, job, index, None)
    return result_of(await _picture(service, job, index))


@router.get(
    "/download",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}}, **problems(404, 409)},
)
async def download(
    service: Kept,
    job: Identity,
    format: Annotated[str, Query(description=", ".join(FORMATS), examples=["coco"])] = "png",
    threshold: Annotated[float | None, Query(ge=0, le=1)] = None,
    absent: Annotated[Literal["mark", "empty"] | None, Query()] = None,
) -> StreamingResponse:
    """All finished results in one zip file, made while it is sent."""
    batch = await dependencies.job_of(service, job)
    if format not in FORMATS:
        raise Problem(422, f"There is no format {format[:40]!r}; choose from {', '.join(FORMATS)}.")
    pictures = [p for p in await run_in_threadpool(service.jobs.pictures, job) if p.status == "done"]
    if not pictures:
        raise Problem(409, "No picture of this job is finished as yet.")
    pieces = archive(service.jobs, batch, pictures, format, threshold, absent or batch.absent)
    first = await run_in_threadpool(next, pieces, b"")  # what goes wrong here is still a status of its own
    headers = {"Content-Disposition": f'attachment; filename="asgnet-{job}-{format}.zip"'}
    return StreamingResponse(chain([first], pieces), media_type="application/zip", headers=headers)


async def _picture(service: Service, job: str, index: int) -> KeptPicture:
    kept = await run_in_threadpool(service.jobs.picture, job, index)
    if kept is None:
        raise missing("picture", f"{index} in job {job}")
    return kept


async def _png(path: Path, kept: KeptPicture) -> Response:
    try:
        data = await run_in_threadpool(path.read_bytes)  # at once: it may be deleted while it is sent
    except FileNotFoundError:
        raise _unfinished(kept) from None
    return Response(data, media_type="image/png", headers={"Cache-Control": "private, no-cache"})


def _unfinished(kept: KeptPicture) -> Problem:
    return Problem(409, f"Picture {kept.position} has no result: it is {kept.status}.")


def _number(job: KeptJob, text: str | None) -> int:
    """Of a class, given by number from 1 or by name."""
    if text is None:
        return 1
    if text in job.classes:
        return job.classes.index(text) + 1
    if re.fullmatch(r"[0-9]{1,4}", text) and 1 <= int(text) <= len(job.classes):
        return int(text)
    raise Problem(
        422, f"There is no class {text[:40]!r}; give a number from 1 to {len(job.classes)}, or a name."
    )
