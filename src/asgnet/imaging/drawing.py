"""Drawing for figures with Pillow alone: colours, overlays, panels with captions, pages of panels.

Pictures are ``h w 3`` uint8 throughout; masks ``h w`` bool; label maps ``h w`` int.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from asgnet.imaging.regions import edge
from asgnet.imaging.resize import resized
from asgnet.types import Picture

INK, GREY, PAPER = (28, 32, 38), (96, 104, 114), (255, 255, 255)
OBJECT = (0, 200, 120)
TITLE_SIZE, TEXT_SIZE, SMALL_SIZE, HEAD_SIZE = 19, 15, 13, 28

# Neighbouring entries differ strongly in hue and lightness, also for most colour-blind eyes.
_COLOURS = (
    *("e6550d", "3182bd", "ffd92f", "7b3294", "66c2a5", "e7298a", "a6761d", "1b9e77"),
    *("a6cee3", "b2182b", "4d4d9f", "fdbf6f", "c7e020", "8c6bb1", "2b8c5a"),
)
_HEAT = ("0b0724", "3b0f70", "8c2981", "de4968", "fe9f6d", "fcfdbf")


def colours(n: int) -> Picture:
    """``n`` colours that are easy to tell apart, ``n 3`` uint8; beyond the hand-picked ones by golden hue."""
    picked = [bytes.fromhex(c) for c in _COLOURS[:n]]
    hues = [(i * 0.61803398875) % 1 for i in range(len(picked), n)]
    made = [bytes(round(255 * v) for v in colorsys.hsv_to_rgb(h, 0.65, 0.9)) for h in hues]
    return np.array([list(c) for c in picked + made], np.uint8).reshape(n, 3)


def heat(values: NDArray[np.floating]) -> Picture:
    """Values in [0, 1], any shape, as colours from near-black (0) to pale yellow (1)."""
    stops = np.array([list(bytes.fromhex(c)) for c in _HEAT], float)
    at = np.clip(np.nan_to_num(values), 0, 1) * (len(stops) - 1)
    channels = [np.interp(at, np.arange(len(stops)), stops[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def fitted(shape: Sequence[int], width: int, height: int) -> tuple[int, int]:
    """``(h, w)`` of the largest copy of an ``(h, w)`` picture that fits into ``width`` by ``height``."""
    h, w = shape[:2]
    scale = min(width / w, height / h)
    return max(1, round(h * scale)), max(1, round(w * scale))


def rounded(labels: NDArray[np.int32], radius: float = 6.0) -> NDArray[np.int32]:
    """A label map without the steps of a coarse grid; where it is negative it stays as it is."""
    from scipy.ndimage import gaussian_filter

    known = np.unique(labels[labels >= 0])
    if len(known) < 2:
        return labels
    weights = [gaussian_filter((labels == label).astype(np.float32), radius) for label in known]
    smooth = known[np.argmax(weights, axis=0)].astype(np.int32)
    return np.where(labels < 0, labels, smooth)


def tint(image: Picture, mask: NDArray[np.bool_], colour: Sequence[int], strength: float = 0.45) -> Picture:
    """The picture with the mask's pixels pulled towards a colour."""
    out = image.copy()
    out[mask] = (image[mask] * (1 - strength) + np.asarray(colour) * strength).round().astype(np.uint8)
    return out


def fade(image: Picture, strength: float = 0.7) -> Picture:
    """The picture in pale grey, so that colours drawn over it stand out."""
    grey = image.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    return (grey * (1 - strength) + 255 * strength).round().astype(np.uint8)


def outlined(image: Picture, mask: NDArray[np.bool_], colour: Sequence[int] = OBJECT) -> Picture:
    """The picture with the mask lightly tinted and its outline drawn over a white seam."""
    out = tint(image, mask, colour, 0.35)
    out[edge(mask, 4)] = PAPER
    out[edge(mask, 3)] = colour
    return out


def spotlight(image: Picture, mask: NDArray[np.bool_], colour: Sequence[int] = OBJECT) -> Picture:
    """The object in its own colours with an outline, all else faded."""
    out = fade(image, 0.6)
    out[mask] = image[mask]
    out[edge(mask, 4)] = PAPER
    out[edge(mask, 3)] = colour
    return out


def coloured(labels: NDArray[np.integer], image: Picture, where: NDArray[np.bool_]) -> Picture:
    """Label maps in the prototypes' colours: full where ``where`` holds, a breath of them elsewhere.

    Labels below 0 stay uncoloured.
    """
    table = colours(int(labels.max(initial=0)) + 1)
    base = fade(image).astype(float)
    strength = np.where(where, 0.8, 0.14)[..., None] * (labels >= 0)[..., None]
    flat = table[np.maximum(labels, 0)]
    shade = np.where(where[..., None], flat * (0.7 + 0.5 * image.mean(-1, keepdims=True) / 255), flat).clip(
        0, 255
    )
    return (base * (1 - strength) + shade * strength).round().astype(np.uint8)


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface at a size in pixels."""
    return ImageFont.load_default(size)


def wrapped(text: str, width: int, size: int) -> list[str]:
    """The text cut into lines that are at most ``width`` pixels long."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and font(size).getlength(longer) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


def write(
    page: Image.Image, at: tuple[int, int], text: str, width: int, size: int, ink: Sequence[int]
) -> int:
    """Write wrapped text on the page and return the row below it."""
    draw, (x, y) = ImageDraw.Draw(page), at
    for line in wrapped(text, width, size):
        draw.text((x, y), line, fill=tuple(ink), font=font(size))
        y += round(size * 1.35)
    return y


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
    draw, letters = ImageDraw.Draw(bar), font(SMALL_SIZE)
    ends = [round(end) for end in np.concatenate([[0], np.cumsum(shares)]) * width]
    for share, colour, start, end in zip(shares, colours(len(shares)), ends[:-1], ends[1:], strict=True):
        if start == end:
            continue
        draw.rectangle((start, 0, end - 1, height), fill=tuple(colour.tolist()))
        percent = f"{100 * share:.0f}"
        if height > SMALL_SIZE and letters.getlength(percent) + 4 <= end - start:
            ink = INK if colour @ (0.299, 0.587, 0.114) > 120 else PAPER
            draw.text(((start + end) / 2, height / 2), percent, fill=ink, font=letters, anchor="mm")
    return np.asarray(bar)


def heat_bar(width: int, height: int = 14) -> Picture:
    """The probability colours from 0 (left) to 1 (right)."""
    return heat(np.linspace(0, 1, width))[None].repeat(height, axis=0)


def panel(
    frame: Picture, title: str, caption: str, bar: Picture | None = None, ends: tuple[str, str] = ("", "")
) -> Picture:
    """A picture with a title above, a caption below and, between them, an optional bar with labelled ends."""
    height, width = frame.shape[:2]
    page = Image.new("RGB", (width, height + 220), PAPER)
    y = write(page, (0, 0), title, width, TITLE_SIZE, INK) + 6
    page.paste(Image.fromarray(frame), (0, y))
    y += height + 8
    if bar is not None:
        page.paste(Image.fromarray(bar), (0, y))
        y += bar.shape[0] + 4
        if any(ends):
            ImageDraw.Draw(page).text((0, y), ends[0], fill=GREY, font=font(SMALL_SIZE))
            x = width - round(font(SMALL_SIZE).getlength(ends[1]))
            ImageDraw.Draw(page).text((x, y), ends[1], fill=GREY, font=font(SMALL_SIZE))
            y += round(SMALL_SIZE * 1.4)
    y = write(page, (0, y + 2), caption, width, TEXT_SIZE, GREY)
    return np.asarray(page)[:y]


def rows_of(rows: Sequence[Sequence[Picture]], heading: str = "", gap: int = 28) -> Picture:
    """Rows of panels on one white page with a margin, under an optional heading."""
    widest = max(sum(p.shape[1] for p in row) + gap * (len(row) - 1) for row in rows)
    top = round(HEAD_SIZE * 1.35) * len(wrapped(heading, widest, HEAD_SIZE)) + 10 if heading else 0
    tall = sum(max(p.shape[0] for p in row) for row in rows) + gap * (len(rows) - 1)
    page = Image.new("RGB", (widest + 2 * gap, top + tall + 2 * gap), PAPER)
    if heading:
        write(page, (gap, gap), heading, widest, HEAD_SIZE, INK)
    y = gap + top
    for row in rows:
        x = gap
        for item in row:
            page.paste(Image.fromarray(item), (x, y))
            x += item.shape[1] + gap
        y += max(p.shape[0] for p in row) + gap
    return np.asarray(page)
