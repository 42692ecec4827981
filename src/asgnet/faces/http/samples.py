"""``/v1/sample``: a project to begin with, so that no empty page greets anyone."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from starlette.concurrency import run_in_threadpool

from asgnet.errors import DataError
from asgnet.faces.http.problems import missing
from asgnet.faces.http.sample_project import sample_file, sample_project
from asgnet.faces.http.schemas import example, problems

router = APIRouter(prefix="/v1/sample", tags=["sample"])


_EXAMPLE = {
    "classes": ["coin"],
    "examples": [{"name": "coins.png", "mask": "coins.png-mask.png"}],
    "pictures": [{"name": "coins-a.png"}],
}


@router.get("", responses=example(_EXAMPLE, 404))
async def sample() -> dict[str, Any]:
    """What there is, and under which names."""
    try:
        project = await run_in_threadpool(sample_project)
    except DataError:
        raise missing("sample", "here") from None
    return {
        "classes": project.classes,
        "examples": [{"name": name, "mask": f"{name}-mask.png"} for name, _, _ in project.examples],
        "pictures": [{"name": name} for name, _ in project.pictures],
    }


@router.get(
    "/{name}", response_class=Response, responses={200: {"content": {"image/png": {}}}, **problems(404)}
)
async def sample_picture(name: Annotated[str, Path(examples=["coins-a.png"])]) -> Response:
    """A picture of the sample, or a mask."""
    try:
        data = await run_in_threadpool(sample_file, name)
    except (KeyError, DataError):
        raise missing("sample", repr(name[:40])) from None
    return Response(data, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})
