"""White sheets with pictures, text and bars on them, drawn with Pillow alone; pictures are ``h w 3`` uint8."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from asgnet.imaging.colours import GREY, INK, PAPER, Colour, colours, heat
from asgnet.imaging.resize import resized
from asgnet.types import Picture

TITLE_SIZE, TEXT_SIZE, SMALL_SIZE, HEAD_SIZE = 19, 15, 13, 28
"""Of letters, in pixels."""


class Sheet:
    """A white sheet that is filled from the top; ``y`` is the first free row.

    Args:
        width: in pixels.
        height: at least of all that will be put on it.
    """

    def __init__(self, width: int, height: int) -> None:
        self.page = Image.new("RGB", (width, height), PAPER)
        self.draw = ImageDraw.Draw(self.page)
        self.y = 0

    def text(self, text: str, size: int, ink: Colour, x: int = 0, width: int | None = None) -> None:
        """Write wrapped text, by default up to the right border."""
        for line in wrapped(text, width or self.page.width - x, size):
            self.draw.text((x, self.y), line, fill=ink, font=font(size))
            self.y += round(size * 1.35)

    def picture(self, picture: Picture, x: int = 0) -> None:
        """Put a picture there, without going on below it."""
        self.page.paste(Image.fromarray(picture), (x, self.y))

    def pill(
        self, x0: float, x1: float, height: float, fill: Colour, radius: float = 4, y: float = 0
    ) -> None:
        """A bar with round corners, ``y`` pixels below the first free row."""
        top = self.y + y
        self.draw.rounded_rectangle((x0, top, x1, top + height), radius, fill=fill)

    def done(self) -> Picture:
        """All above the first free row."""
        return np.asarray(self.page)[: self.y]


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface at a size in pixels."""
    return ImageFont.load_default(size)


def length(text: str, size: int) -> float:
    """Of a line, in pixels."""
    return font(size).getlength(text)


def wrapped(text: str, width: int, size: int) -> list[str]:
    """The text cut into lines that are at most ``width`` pixels long."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and length(longer, size) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


def fitted(shape: Sequence[int], width: int, height: int) -> tuple[int, int]:
    """``(h, w)`` of the largest copy of an ``(h, w)`` picture that fits into ``width`` by ``height``."""
    h, w = shape[:2]
    scale = min(width / w, height / h)
    return max(1, round(h * scale)), max(1, round(w * scale))


def mosaic(tiles: Sequence[Picture], width: int, height: int, gap: int = 6) -> Picture:
    """Pictures in one white ``height width 3`` frame: one alone, two side by side, more two by two."""
    columns = 1 if len(tiles) == 1 else 2
    rows = -(-len(tiles) // columns)
    w, h = (width - gap * (columns - 1)) // columns, (height - gap * (rows - 1)) // rows
    frame = Image.new("RGB", (width, height), PAPER)
    for i, tile in enumerate(tiles):
        small = Image.fromarray(resized(tile, fitted(tile.shape, w, h)))
        x, y = (i % columns) * (w + gap), (i // columns) * (h + gap)
        frame.paste(small, (x + (w - small.width) // 2, y + (h - small.height) // 2))
    return np.asarray(frame)


def natural_height(tiles: Sequence[Picture], width: int) -> int:
    """The height at which a mosaic of these pictures fills its width, from half to once the width."""
    if not tiles:
        return 0
    columns = 1 if len(tiles) == 1 else 2
    tall = [
        max(t.shape[0] / t.shape[1] for t in tiles[i : i + columns]) for i in range(0, len(tiles), columns)
    ]
    return round(min(max(sum(tall) * width / columns, width / 2), width))


def share_bar(shares: NDArray[np.floating], width: int, height: int = 20) -> Picture:
    """One bar cut into the prototypes' colours, each as long as its share, in percent where there is room."""
    bar = Image.new("RGB", (width, height), (238, 238, 238))
    draw = ImageDraw.Draw(bar)
    ends = [round(end) for end in np.concatenate([[0], np.cumsum(shares)]) * width]
    for share, colour, start, end in zip(shares, colours(len(shares)), ends[:-1], ends[1:], strict=True):
        if start == end:
            continue
        draw.rectangle((start, 0, end - 1, height), fill=tuple(colour.tolist()))
        percent = f"{100 * share:.0f}"
        if height > SMALL_SIZE and length(percent, SMALL_SIZE) + 4 <= end - start:
            ink = INK if colour @ (0.299, 0.587, 0.114) > 120 else PAPER
            draw.text(((start + end) / 2, height / 2), percent, fill=ink, font=font(SMALL_SIZE), anchor="mm")
    return np.asarray(bar)


def heat_bar(width: int, height: int = 14) -> Picture:
    """The probability colours from 0 (left) to 1 (right)."""
    return heat(np.linspace(0, 1, width))[None].repeat(height, axis=0)


def panel(
    frame: Picture, title: str, caption: str, bar: Picture | None = None, ends: tuple[str, str] = ("", "")
) -> Picture:
    """A picture with a title above, a caption below and, between them, an optional bar with labelled ends."""
    height, width = frame.shape[:2]
    sheet = Sheet(width, height + 220)
    sheet.text(title, TITLE_SIZE, INK)
    sheet.y += 6
    sheet.picture(frame)
    sheet.y += height + 8
    if bar is not None:
        sheet.picture(bar)
        sheet.y += bar.shape[0] + 4
        if any(ends):
            for x, text in ((0, ends[0]), (width - round(length(ends[1], SMALL_SIZE)), ends[1])):
                sheet.draw.text((x, sheet.y), text, fill=GREY, font=font(SMALL_SIZE))
            sheet.y += round(SMALL_SIZE * 1.4)
    sheet.y += 2
    sheet.text(caption, TEXT_SIZE, GREY)
    return sheet.done()


def rows_of(rows: Sequence[Sequence[Picture]], heading: str = "", gap: int = 28) -> Picture:
    """Rows of panels on one white page with a margin, under an optional heading."""
    widest = max(sum(p.shape[1] for p in row) + gap * (len(row) - 1) for row in rows)
    heights = [max(p.shape[0] for p in row) for row in rows]
    head = round(HEAD_SIZE * 1.35) * len(wrapped(heading, widest, HEAD_SIZE)) + 10 if heading else 0
    sheet = Sheet(widest + 2 * gap, head + sum(heights) + gap * (len(rows) + 1))
    sheet.y = gap
    if heading:
        sheet.text(heading, HEAD_SIZE, INK, gap, widest)
        sheet.y += 10
    for row, height in zip(rows, heights, strict=True):
        x = gap
        for item in row:
            sheet.picture(item, x)
            x += item.shape[1] + gap
        sheet.y += height + gap
    return sheet.done()
