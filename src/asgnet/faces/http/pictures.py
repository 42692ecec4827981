"""Pictures as browsers can show them."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

from fastapi import Response
from starlette.concurrency import run_in_threadpool

from asgnet.data.png import png_bytes
from asgnet.errors import PictureError
from asgnet.faces.http import dependencies
from asgnet.faces.http.problems import missing
from asgnet.serving.service import Service

_SHOWN = {  # by Pillow's names
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "GIF": "image/gif",
    "PNG": "image/png",
}


async def shown(service: Service, path: Path, name: str, side: int | None) -> Response:
    """A kept picture: the file itself where browsers show it, else a PNG; with ``side`` a small JPEG."""
    try:
        data = await run_in_threadpool(path.read_bytes)
    except OSError:
        raise missing("picture", name) from None
    return await viewable(service, data, name, side)


async def viewable(service: Service, data: bytes, name: str, side: int | None) -> Response:
    """The same of bytes."""
    media = None if side else await run_in_threadpool(_media, service, data, name)
    if media is None:
        data, media = await dependencies.do(lambda: _drawn(service, data, name, side), service)
    return Response(data, media_type=media, headers={"Cache-Control": "private, max-age=3600"})


def _media(service: Service, data: bytes, name: str) -> str | None:
    """Of a file that browsers show as the library reads it; None for others."""
    with suppress(PictureError):  # decoding it says what is wrong
        header = service.decoder.header(data, name)
        return _SHOWN.get(header.format) if header.plain else None
    return None


def _drawn(service: Service, data: bytes, name: str, side: int | None) -> tuple[bytes, str]:
    from PIL import Image

    with service.decoder.picture(data, name) as picture:
        if side is None:
            return png_bytes(picture), "image/png"
        image, encoded = Image.fromarray(picture), io.BytesIO()
        image.thumbnail((side, side))
    image.save(encoded, format="JPEG", quality=85)
    return encoded.getvalue(), "image/jpeg"
