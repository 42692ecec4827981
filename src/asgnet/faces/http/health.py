"""``/healthz``, ``/readyz`` and ``/v1``: how the server is."""

from __future__ import annotations

from fastapi import APIRouter

from asgnet import __version__
from asgnet.faces.http import schemas
from asgnet.faces.http.dependencies import Kept, Ready
from asgnet.faces.http.schemas import example, problems
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
