"""A diagnosis as one picture: a card an example, its verdict, where object and background mix."""

from __future__ import annotations

from pathlib import PurePath

import numpy as np
from PIL import Image, ImageDraw

from asgnet.apply.doctor.findings import Diagnosis, Examined, Finding
from asgnet.apply.doctor.quality import Expected
from asgnet.imaging.colours import GREY, INK, PALE, PAPER
from asgnet.imaging.drawing import fade, outline, tint
from asgnet.imaging.resize import nearest, resized
from asgnet.imaging.sheet import (
    HEAD_SIZE,
    SMALL_SIZE,
    TEXT_SIZE,
    TITLE_SIZE,
    Sheet,
    fitted,
    font,
    length,
    mosaic,
    rows_of,
)
from asgnet.types import Picture

# Okabe & Ito (2008): told apart by all kinds of eyes.
FOUND, MISSED, SPILLED = (0, 158, 115), (230, 159, 0), (204, 121, 167)
VERDICTS = {
    "good": FOUND,
    "fair": (86, 180, 233),
    "hard": MISSED,
    "wrong": (213, 94, 0),
    "unusable": (110, 110, 110),
}
COLUMNS, WIDTH, HEIGHT, GAP = 3, 400, 290, 30
SHOWN = 12
_NAME_SIZE = 18
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
    examined = {one.finding: one for one in diagnosis.examined}
    worst = sorted(range(len(diagnosis.findings)), key=lambda i: _severity(diagnosis.findings[i]))[:SHOWN]
    cards = [_card(diagnosis.findings[i], examined.get(i)) for i in sorted(worst)]
    columns = min(COLUMNS, max(2, len(cards)))
    rows = [cards[i : i + columns] for i in range(0, len(cards), columns)]
    wide = columns * WIDTH + (columns - 1) * GAP
    return rows_of([[_header(diagnosis, wide)], *rows, [_legend(wide)]], gap=GAP)


def _severity(finding: Finding) -> tuple[int, float]:
    return -list(VERDICTS).index(finding.verdict), finding.iou or 0.0


def _header(diagnosis: Diagnosis, width: int) -> Picture:
    """What to do, what to expect."""
    sheet = Sheet(width, 400)
    sheet.text("Do the examples agree?", HEAD_SIZE, INK)
    sheet.y += 6
    sheet.text(diagnosis.advice, TITLE_SIZE, INK)
    sheet.y += 10
    if diagnosis.expected is not None:
        _gauge(sheet, diagnosis.expected)
    hidden = len(diagnosis.findings) - SHOWN
    if hidden > 0:
        told = f"The {SHOWN} that need a look are shown; {hidden} more are fine by comparison."
        sheet.text(told, TEXT_SIZE, GREY)
    sheet.y += 4
    return sheet.done()


def _gauge(sheet: Sheet, expected: Expected) -> None:
    """The expected IoU and its range on a bar from 0 to 1."""
    wide, tall = min(WIDTH + 60, sheet.page.width), 16
    sheet.pill(0, wide, tall, PALE, 8)
    sheet.pill(expected.low * wide, expected.high * wide, tall, (160, 214, 196), 8)
    sheet.pill(expected.iou * wide - 3, expected.iou * wide + 3, tall + 8, FOUND, 3, y=-4)
    for at in (0.0, 0.25, 0.5, 0.75, 1.0):
        text = f"{at:g}"
        left = min(max(at * wide - length(text, SMALL_SIZE) / 2, 0), wide - length(text, SMALL_SIZE))
        sheet.draw.text((left, sheet.y + tall + 6), text, fill=GREY, font=font(SMALL_SIZE))
    top = sheet.y
    if sheet.page.width > wide + 100:
        sheet.y = top - 8
        sheet.text(expected.words, TEXT_SIZE, GREY, wide + GAP)
        sheet.y = top + tall + 32
    else:
        sheet.y = top + tall + 26
        sheet.text(expected.words, TEXT_SIZE, GREY)
        sheet.y += 4


def _card(finding: Finding, examined: Examined | None) -> Picture:
    """One example: its picture with what was found, its verdict, the doctor's remarks."""
    sheet = Sheet(WIDTH, HEIGHT + 420)
    sheet.picture(_blank() if examined is None else mosaic([_compared(examined)], WIDTH, HEIGHT))
    sheet.y += HEIGHT + 10
    colour = VERDICTS[finding.verdict]
    badge = round(length(finding.verdict, TEXT_SIZE)) + 20
    sheet.pill(0, badge, 25, colour, 12)
    ink = INK if sum(colour) > 420 else PAPER
    sheet.draw.text((10, sheet.y + 3), finding.verdict, fill=ink, font=font(TEXT_SIZE))
    name = PurePath(finding.name.strip("'")).name + (f" · {finding.label}" if finding.label else "")
    short = _short(name, WIDTH - badge - 12)
    sheet.draw.text((badge + 12, sheet.y + 1), short, fill=INK, font=font(_NAME_SIZE))
    sheet.y += 36
    if finding.iou is not None:
        sheet.pill(0, WIDTH, 8, PALE)
        sheet.pill(0, max(8, finding.iou * WIDTH), 8, colour)
        sheet.y += 14
        told = f"IoU {finding.iou:.2f} · painted {finding.area:.1%} of the picture"
        sheet.text(told, SMALL_SIZE + 1, GREY)
        sheet.y += 4
    for remark in finding.remarks:
        sheet.text(remark, TEXT_SIZE, INK)
        sheet.y += 5
    return sheet.done()


def _compared(examined: Examined) -> Picture:
    """The picture in pale grey, with what was found, missed and spilled in colours."""
    shape = fitted(examined.support.mask.shape, WIDTH, HEIGHT)
    image = resized(examined.support.image, shape)
    found, mask = (nearest(m, shape) for m in (examined.found, examined.support.mask))
    painted = mask == 1
    out = fade(image, 0.35, painted)
    out = tint(out, painted & found, FOUND, 0.25)
    out = tint(out, painted & ~found, MISSED, 0.6)
    out = tint(out, (mask == 0) & found, SPILLED, 0.6)
    return outline(out, painted, FOUND, 2)


def _blank() -> Picture:
    """In place of a picture that cannot be used."""
    page = Image.new("RGB", (WIDTH, HEIGHT), (244, 245, 247))
    draw = ImageDraw.Draw(page)
    x, y = WIDTH // 2, HEIGHT // 2
    for dy in (-1, 1):
        draw.line((x - 40, y - 40 * dy, x + 40, y + 40 * dy), fill=(200, 203, 208), width=8)
    return np.asarray(page)


def _legend(width: int) -> Picture:
    sheet, x = Sheet(width, 80), 0
    for colour, told in _LEGEND:
        long = 30 + round(length(told, TEXT_SIZE))
        if x and x + long > width:
            x = 0
            sheet.y += 26
        sheet.pill(x, x + 20, 16, colour, y=2)
        sheet.draw.text((x + 28, sheet.y), told, fill=GREY, font=font(TEXT_SIZE))
        x += long + 28
    sheet.y += 24
    return sheet.done()


def _short(text: str, width: int) -> str:
    """The text, without its middle if it is longer than ``width`` pixels."""
    whole = text
    while length(text, _NAME_SIZE) > width and len(whole) > 4:
        half = (len(whole) - 1) // 2
        whole = whole[:half] + whole[-half:] if half > 1 else whole[:2]
        text = f"{whole[: len(whole) // 2]}…{whole[len(whole) // 2 :]}"
    return text
