"""The doctor's findings as one picture: a card an example, its verdict, where object and background mix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
from PIL import Image, ImageDraw

from asgnet.apply.doctor.diagnosis import Diagnosis, Finding, Seen
from asgnet.apply.doctor.quality import Expected
from asgnet.imaging import drawing
from asgnet.imaging.resize import nearest, resized
from asgnet.types import Picture

# Okabe & Ito (2008): told apart by all kinds of eyes.
FOUND, MISSED, SPILLED = (0, 158, 115), (230, 159, 0), (204, 121, 167)
VERDICTS = {
    "good": (0, 158, 115),
    "fair": (86, 180, 233),
    "hard": (230, 159, 0),
    "wrong": (213, 94, 0),
    "unusable": (110, 110, 110),
}
COLUMNS, WIDTH, HEIGHT, GAP = 3, 400, 290, 30
SHOWN = 12
_LEGEND = (
    (FOUND, "painted, and found by the others"),
    (MISSED, "painted, but taken for background"),
    (SPILLED, "background, but taken for the object"),
)


def doctor_page(diagnosis: Diagnosis) -> Picture:
    """Draw a diagnosis, ``h w 3`` uint8; of many examples the first of the worst verdicts.

    Args:
        diagnosis: of any number of examples.
    """
    seen = {one.finding: one for one in diagnosis.seen}
    worst = sorted(range(len(diagnosis.findings)), key=lambda i: _severity(diagnosis.findings[i]))[:SHOWN]
    cards = [_card(diagnosis.findings[i], seen.get(i)) for i in sorted(worst)]
    columns = min(COLUMNS, max(2, len(cards)))
    rows = [cards[i : i + columns] for i in range(0, len(cards), columns)]
    wide = columns * WIDTH + (columns - 1) * GAP
    body = drawing.rows_of([[_header(diagnosis, wide)], *rows, [_legend(wide)]], gap=GAP)
    return body


def _severity(finding: Finding) -> tuple[int, float]:
    return -list(VERDICTS).index(finding.verdict), finding.iou or 0.0


def _header(diagnosis: Diagnosis, width: int) -> Picture:
    """What to do, what to expect."""
    page = Image.new("RGB", (width, 400), drawing.PAPER)
    y = drawing.write(page, (0, 0), "Do the examples agree?", width, drawing.HEAD_SIZE, drawing.INK) + 6
    y = drawing.write(page, (0, y), diagnosis.advice, width, drawing.TITLE_SIZE, drawing.INK) + 10
    if diagnosis.expected is not None:
        y = _gauge(page, y, diagnosis.expected)
    hidden = len(diagnosis.findings) - SHOWN
    if hidden > 0:
        told = f"The {SHOWN} that need a look are shown; {hidden} more are fine by comparison."
        y = drawing.write(page, (0, y), told, width, drawing.TEXT_SIZE, drawing.GREY)
    return np.asarray(page)[: y + 4]


def _gauge(page: Image.Image, y: int, expected: Expected) -> int:
    """The expected IoU and its range on a bar from 0 to 1; the row below it."""
    wide, tall = min(WIDTH + 60, page.width), 16
    draw = ImageDraw.Draw(page)
    draw.rounded_rectangle((0, y, wide, y + tall), 8, fill=(234, 236, 239))
    draw.rounded_rectangle((expected.low * wide, y, expected.high * wide, y + tall), 8, fill=(160, 214, 196))
    x = expected.iou * wide
    draw.rounded_rectangle((x - 3, y - 4, x + 3, y + tall + 4), 3, fill=FOUND)
    small = drawing.font(drawing.SMALL_SIZE)
    for at in (0.0, 0.25, 0.5, 0.75, 1.0):
        text = f"{at:g}"
        left = min(max(at * wide - small.getlength(text) / 2, 0), wide - small.getlength(text))
        draw.text((left, y + tall + 6), text, fill=drawing.GREY, font=small)
    if page.width > wide + 100:
        drawing.write(page, (wide + GAP, y - 8), expected.words, page.width - wide - GAP, 15, drawing.GREY)
        return y + tall + 32
    return drawing.write(page, (0, y + tall + 26), expected.words, page.width, 15, drawing.GREY) + 4


def _card(finding: Finding, seen: Seen | None) -> Picture:
    """One example: its picture with what was found, its verdict, the doctor's remarks."""
    page = Image.new("RGB", (WIDTH, HEIGHT + 420), drawing.PAPER)
    draw = ImageDraw.Draw(page)
    shown = _blank() if seen is None else drawing.mosaic([_compared(seen)], WIDTH, HEIGHT)
    page.paste(Image.fromarray(shown), (0, 0))
    y = HEIGHT + 10
    colour = VERDICTS[finding.verdict]
    label = drawing.font(drawing.TEXT_SIZE)
    badge = round(label.getlength(finding.verdict)) + 20
    draw.rounded_rectangle((0, y, badge, y + 25), 12, fill=colour)
    ink = drawing.INK if sum(colour) > 420 else drawing.PAPER
    draw.text((10, y + 3), finding.verdict, fill=ink, font=label)
    name = PurePath(finding.name.strip("'")).name + (f" · {finding.label}" if finding.label else "")
    drawing.write(page, (badge + 12, y + 1), _short(name, WIDTH - badge - 12), WIDTH, 18, drawing.INK)
    y += 36
    if finding.iou is not None:
        draw.rounded_rectangle((0, y, WIDTH, y + 8), 4, fill=(234, 236, 239))
        draw.rounded_rectangle((0, y, max(8, finding.iou * WIDTH), y + 8), 4, fill=colour)
        told = f"IoU {finding.iou:.2f} · painted {finding.area:.1%} of the picture"
        y = drawing.write(page, (0, y + 14), told, WIDTH, drawing.SMALL_SIZE + 1, drawing.GREY) + 4
    for remark in finding.remarks:
        y = drawing.write(page, (0, y), remark, WIDTH, drawing.TEXT_SIZE, drawing.INK) + 5
    return np.asarray(page)[:y]


def _compared(seen: Seen) -> Picture:
    """The picture in pale grey, with agreement and both kinds of confusion in colours."""
    h, w = seen.support.mask.shape
    shape = drawing.fitted((h, w), WIDTH, HEIGHT)
    image = resized(seen.support.image, shape)
    found, mask = (nearest(m, shape) for m in (seen.found, seen.support.mask))
    out = drawing.fade(image, 0.35)
    out[mask == 1] = image[mask == 1]
    regions = (
        (FOUND, (mask == 1) & found, 0.25),
        (MISSED, (mask == 1) & ~found, 0.6),
        (SPILLED, (mask == 0) & found, 0.6),
    )
    for colour, region, strength in regions:
        out = drawing.tint(out, region, colour, strength)
    out[drawing.edge(mask == 1, 3)] = drawing.PAPER
    out[drawing.edge(mask == 1, 2)] = FOUND
    return out


def _blank() -> Picture:
    """In place of a picture that cannot be used."""
    page = Image.new("RGB", (WIDTH, HEIGHT), (244, 245, 247))
    draw = ImageDraw.Draw(page)
    x, y = WIDTH // 2, HEIGHT // 2
    for dy in (-1, 1):
        draw.line((x - 40, y - 40 * dy, x + 40, y + 40 * dy), fill=(200, 203, 208), width=8)
    return np.asarray(page)


def _legend(width: int) -> Picture:
    page = Image.new("RGB", (width, 80), drawing.PAPER)
    draw = ImageDraw.Draw(page)
    x = y = 0
    for colour, told in _LEGEND:
        long = 30 + round(drawing.font(drawing.TEXT_SIZE).getlength(told))
        if x and x + long > width:
            x, y = 0, y + 26
        draw.rounded_rectangle((x, y + 2, x + 20, y + 18), 4, fill=colour)
        draw.text((x + 28, y), told, fill=drawing.GREY, font=drawing.font(drawing.TEXT_SIZE))
        x += long + 28
    return np.asarray(page)[: y + 24]


def _short(text: str, width: int) -> str:
    """The text, its middle left out if it is longer than ``width`` pixels."""
    whole: Sequence[str] = text
    size = drawing.font(18)
    while size.getlength(text) > width and len(whole) > 4:
        half = (len(whole) - 1) // 2
        whole = whole[:half] + whole[-half:] if half > 1 else whole[:2]
        text = f"{whole[: len(whole) // 2]}…{whole[len(whole) // 2 :]}"
    return text
