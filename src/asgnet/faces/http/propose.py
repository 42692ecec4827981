"""``/v1/propose``: a box or a few clicks become a mask."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from asgnet.data.png import png_bytes
from asgnet.faces.http import dependencies
from asgnet.faces.http.dependencies import Ready
from asgnet.faces.http.problems import Problem
from asgnet.faces.http.schemas import problems

router = APIRouter(prefix="/v1", tags=["one picture"])
_MOST = 200


class Click(BaseModel):
    """A pixel of the upright picture, and whether the object is there."""

    x: float = Field(allow_inf_nan=False)
    y: float = Field(allow_inf_nan=False)
    object: bool = True


_CLICKS = TypeAdapter(Annotated[list[Click], Field(max_length=_MOST)])
_BOX = TypeAdapter(tuple[float, float, float, float])


@router.post(
    "/propose",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}, **problems(413, 429)},
)
async def propose(
    request: Request,
    service: Ready,
    picture: Annotated[UploadFile, File(description="The same file again is not encoded again.")],
    clicks: Annotated[
        str, Form(description="JSON: [{x, y, object}].", examples=['[{"x": 90, "y": 70, "object": true}]'])
    ] = "[]",
    box: Annotated[
        str | None, Form(description="JSON: [x0, y0, x1, y1].", examples=["[40, 60, 200, 180]"])
    ] = None,
) -> Response:
    """A mask, 0 and 255, around what a box or clicks point at; shown to a person before it is an example."""
    points = [(c.x, c.y, c.object) for c in _read(_CLICKS, clicks, "clicks")]
    corners = _read(_BOX, box, "box") if box else None
    data, name = await dependencies.contents(picture, service), dependencies.named(picture)
    proposals = request.app.state.proposals

    def work() -> bytes:
        assert service.segmenter is not None
        mask = proposals.propose(service.segmenter, data, name, points, corners, service.decoder)
        return png_bytes((mask == 1).astype(np.uint8) * 255)

    return Response(await dependencies.do(work, service), media_type="image/png")


def _read(shape: TypeAdapter, text: str, what: str) -> Any:
    try:
        return shape.validate_json(text)
    except ValidationError as error:
        said = error.errors()[0]["msg"]
        raise Problem(422, f"{what} is not the JSON it should be: {said}.") from None
