"""What an annotation file says, whatever its format: pictures, and in each the regions with their labels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from asgnet.data.annotations.skipped import Skipped, sentence
from asgnet.errors import SupportError, note
from asgnet.files import PathLike
from asgnet.imaging.regions import window as window_of
from asgnet.types import IGNORE, Mask

Paint = Callable[[tuple[int, int]], NDArray[np.bool_]]
"""``(h, w)`` of the picture -> ``h w`` bool, what the region covers; ValueError if it is none."""

MOST_POINT = 1e7
"""No picture has a point that far from its corner."""
MOST_VALUES = 32
"""Up to it values of a mask surely are no soft edge; hardly an object touches so many others."""


@dataclass(frozen=True)
class Region:
    """One object: its label, and how to paint it. ``ignored`` ones count for neither side."""

    label: str
    paint: Paint
    ignored: bool = False


@dataclass(frozen=True)
class Annotated:
    """One picture's regions.

    Attributes:
        name: what the file calls the picture; empty if it names none.
        size: ``(h, w)`` as the file has it, or None.
        regions: in the file's order.
    """

    name: str
    size: tuple[int, int] | None
    regions: tuple[Region, ...]

    def masks(self, size: tuple[int, int], name: str, strict: bool = False) -> dict[str, Mask]:
        """The picture's mask of each label, ``h w``: 0, 255 (ignored) or an object; without labels that have no pixel.

        Objects of a label that touch have different values, from 1 on; where they overlap the later one has the
        pixels. Where regions of different labels overlap, both have them.

        Args:
            size: ``(h, w)`` of the picture.
            name: of the annotation file, for messages.
            strict: refuse a region that cannot be painted; else it is skipped, and said.

        Raises:
            SupportError: the file is about a picture of another size, or no region can be painted.
        """
        if self.size is not None and self.size != tuple(size):
            (h, w), (height, width) = self.size, size
            turned = "it was annotated before it was turned upright: " if (h, w) == (width, height) else ""
            raise SupportError(
                f"{name} describes a picture of {w}×{h} pixels, but {self.name or 'this one'} has "
                f"{width}×{height}: {turned}annotate the picture itself."
            )
        masks: dict[str, Mask] = {}
        ignored = np.zeros(size, bool)
        failed: list[str] = []
        for number, region in enumerate(self.regions, 1):
            try:
                painted = region.paint(size)
            except (ValueError, TypeError) as error:
                failed.append(f"object {number} ({region.label}) of {self.name or 'the picture'} is {error}")
                if strict or len(failed) == len(self.regions):
                    raise SupportError(f"{name}: {failed[0]}; mend or remove it.") from error
                continue
            if region.ignored:
                ignored |= painted
            else:
                _paint(masks.setdefault(region.label, np.zeros(size, np.uint8)), painted)
        if failed:
            note(f"{name}: {len(failed)} of {len(self.regions)} objects skipped: {'; '.join(failed[:5])}.")
        for mask in masks.values():
            mask[ignored & (mask == 0)] = IGNORE
        return {label: mask for label, mask in masks.items() if ((mask > 0) & (mask < IGNORE)).any()}


def _paint(mask: Mask, painted: NDArray[np.bool_]) -> None:
    """Give these pixels the least value that no object beside them has."""
    from scipy.ndimage import binary_dilation

    edges = window_of(painted)
    if edges is None:
        return
    top, bottom, left, right = edges
    window = slice(max(top - 1, 0), bottom + 1), slice(max(left - 1, 0), right + 1)
    here = painted[window]
    beside = set(mask[window][binary_dilation(here) & ~here].tolist())
    mask[window][here] = next((n for n in range(1, MOST_VALUES) if n not in beside), MOST_VALUES)


class Match(NamedTuple):
    """What a file says about a picture; of two pictures the one with the larger ``near`` is rather meant."""

    about: Annotated
    near: tuple[int, int]

    @property
    def by_stem(self) -> bool:
        """Their endings differ."""
        return self.near[0] == 0


@dataclass(frozen=True)
class Annotations:
    """A whole file.

    Attributes:
        kind: for people: ``COCO JSON``, ``labelme JSON`` ...
        pictures: at least one.
        labels: all that the file knows, in its own order, used or not.
        left: sentences about what is of no use, such as lines that cover no area.
        skipped: objects that are malformed.
        home: the folder of the file, from which its paths may count; empty if unknown.
    """

    kind: str
    pictures: tuple[Annotated, ...]
    labels: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    home: str = ""
    skipped: tuple[Skipped, ...] = ()

    @property
    def said(self) -> tuple[str, ...]:
        """All that a person should know of what is not used."""
        return (*self.left, sentence(self.skipped)) if self.skipped else self.left

    @property
    def counts(self) -> dict[str, int]:
        """Of each label that is used, how many objects."""
        found = Counter(r.label for p in self.pictures for r in p.regions if not r.ignored)
        order = [label for label in self.labels if label in found]
        return {label: found[label] for label in (*order, *(f for f in found if f not in order))}

    def about(self, picture: PathLike) -> Annotated | None:
        """What is said about a picture, found by its name; None if nothing, or if that is not clear."""
        found = self.match(picture)
        return found and found.about

    def match(self, picture: PathLike) -> Match | None:
        """As :meth:`about`, with how near the names are.

        The nearest is the path from the file's own folder; then a path that the picture's ends with, the
        longest first; then a picture of that name in other folders; then one of its stem.
        """
        wanted = picture_path(picture)
        for near, found in self._whole(wanted):
            if len(found) == 1:
                return Match(found[0], near)
            if found:
                regions = tuple(r for p in found for r in p.regions)
                return Match(Annotated(found[0].name, found[0].size, regions), near)
        for rank, alike in ((1, _name), (0, _stem)):
            folders, nearest = _nearest(self._by_name[alike].get(alike(wanted), []), wanted)
            if nearest:
                return Match(nearest[0], (rank, folders)) if len(nearest) == 1 else None
        return None

    def _whole(self, wanted: PurePosixPath) -> Iterator[tuple[tuple[int, int], list[Annotated]]]:
        """The pictures whose whole path fits, the nearest first."""
        known = self._by_name[_path]
        if self.home:
            yield (3, 0), known.get(os.path.relpath(wanted, picture_path(self.home)).replace(os.sep, "/"), [])
        for start in range(len(wanted.parts)):
            tail = PurePosixPath(*wanted.parts[start:])
            yield (2, len(tail.parts)), known.get(str(tail), [])

    @cached_property
    def _by_name(self) -> dict[Callable[[PurePosixPath], str], dict[str, list[Annotated]]]:
        """The pictures by path, by name and by stem: a file may be about a hundred thousand."""
        every: dict[Callable[[PurePosixPath], str], dict[str, list[Annotated]]] = {}
        names = [(p, plain_name(p.name)) for p in self.pictures if p.name]
        for alike in (_path, _name, _stem):
            known = every.setdefault(alike, {})
            for picture, name in names:
                known.setdefault(alike(name), []).append(picture)
        return every


def picture_path(picture: PathLike) -> PurePosixPath:
    """A picture's own path, whole, as :func:`plain_name` has that of the same picture in a file."""
    name = os.fspath(picture)
    if "://" in name:
        return plain_name(name)
    return _without_upload(PurePosixPath(os.path.abspath(name).replace(os.sep, "/")))


def plain_name(name: str) -> PurePosixPath:
    """A picture's path, out of whatever a tool made of it: an address, Windows' separators, an upload."""
    if "://" in name or name.startswith("/data/"):
        parts = urlsplit(name)
        name = parse_qs(parts.query).get("d", [unquote(parts.path)])[0]
    return _without_upload(PurePosixPath(name.replace("\\", "/")))


def _without_upload(path: PurePosixPath) -> PurePosixPath:
    head, dash, rest = path.name.partition("-")
    if dash and len(head) == 8 and all(c in "0123456789abcdef" for c in head) and rest:
        return path.with_name(rest)  # Label Studio puts eight hexadecimal digits before an upload's name
    return path


def polygon(points: Sequence[Sequence[float]] | NDArray, relative: bool = False) -> Paint:
    """The pixels whose centres lie in a polygon of points (x, y); what lies beyond the picture is cut off.

    Args:
        points: at least three; (0, 0) is the picture's upper left corner.
        relative: x and y are parts of the picture's sides, not pixels.
    """

    def paint(size: tuple[int, int]) -> NDArray[np.bool_]:
        from skimage.draw import polygon2mask

        corners = checked_points(points) * (size[::-1] if relative else 1)
        if len(corners) < 3:
            raise ValueError(f"an outline of {len(corners)} points, not 3 or more")
        return np.asarray(polygon2mask(size, corners[:, ::-1] - 0.5), bool)

    return paint


def ellipse(centre: tuple[float, float], radii: tuple[float, float], turn: float = 0.0) -> Paint:
    """The pixels whose centres lie in an ellipse, ``turn`` radians clockwise."""

    def paint(size: tuple[int, int]) -> NDArray[np.bool_]:
        y, x = np.ogrid[: size[0], : size[1]]
        right, down = x + 0.5 - centre[0], y + 0.5 - centre[1]
        along, across = (
            np.cos(turn) * right + np.sin(turn) * down,
            np.cos(turn) * down - np.sin(turn) * right,
        )
        return np.hypot(along / max(radii[0], 1e-6), across / max(radii[1], 1e-6)) <= 1

    return paint


def checked_points(points: Sequence[Sequence[float]] | NDArray) -> NDArray[np.float64]:
    """``n 2`` finite numbers; ValueError if they are none."""
    try:
        array = np.asarray(points, np.float64).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise ValueError("an outline whose points are no pairs of numbers") from error
    if not (np.abs(array) < MOST_POINT).all():
        raise ValueError("an outline with points that are not finite, or far off")
    return array


def _nearest(found: Sequence[Annotated], wanted: PurePosixPath) -> tuple[int, list[Annotated]]:
    """Of pictures of one name those with the most folders in common, innermost first, and how many."""

    def common(one: Annotated) -> int:
        pairs = zip(reversed(plain_name(one.name).parent.parts), reversed(wanted.parent.parts), strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    folders = [common(one) for one in found]
    most = max(folders, default=0)
    return most, [one for one, count in zip(found, folders, strict=True) if count == most]


def _path(path: PurePosixPath) -> str:
    return str(path)


def _name(path: PurePosixPath) -> str:
    return path.name


def _stem(path: PurePosixPath) -> str:
    stem = path.stem.casefold()
    return (stem.lstrip("0") or "0") if stem.isdecimal() else stem  # COCO fills its numbers with zeros
