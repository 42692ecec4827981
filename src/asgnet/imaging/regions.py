"""Where a region lies in its picture, and its outlines.

A region is ``h w`` bool. Polygons and boxes are in pixels, (0, 0) the picture's upper left corner.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def window(region: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """First row, row behind the last, first column, column behind the last of a region; None if empty."""
    rows = np.flatnonzero(region.any(axis=1))
    if not rows.size:
        return None
    columns = np.flatnonzero(region[rows[0] : rows[-1] + 1].any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def box(region: NDArray[np.bool_]) -> list[int] | None:
    """``[x, y, width, height]`` of a region, None if empty."""
    edges = window(region)
    return edges and [edges[2], edges[0], edges[3] - edges[2], edges[1] - edges[0]]


def edge(region: NDArray[np.bool_], thickness: int = 2) -> NDArray[np.bool_]:
    """The region's pixels within ``thickness`` of its border; the picture's frame is no border."""
    from scipy.ndimage import binary_erosion

    return region & ~binary_erosion(region, iterations=thickness, border_value=1)


def polygons(
    region: NDArray[np.bool_], simplify: float = 0, at: tuple[int, int] = (0, 0)
) -> list[NDArray[np.float64]]:
    """The outlines of a region, each ``n 2`` (x, y): who fills them has the region again, to the pixel.

    One polygon a piece that is connected by sides; a hole is joined to its outline by a cut of no width, as
    YOLO expects. Points on a straight line between others are left out; with ``simplify`` also those without
    which the outline moves by at most so many pixels. A region that is a part lies ``at`` a row and column.
    """
    joined = []
    for outline, *holes in outlines(region, simplify, at):
        for hole in holes:
            outline = _joined(outline, hole)
        joined.append(outline)
    return joined


def outlines(
    region: NDArray[np.bool_], simplify: float = 0, at: tuple[int, int] = (0, 0)
) -> list[list[NDArray[np.float64]]]:
    """As :func:`polygons`, but of each piece its outline and, behind it, its holes as rings of their own."""
    edges = window(region)
    if edges is None:
        return []
    from skimage.measure import find_contours, points_in_poly

    top, bottom, left, right = edges
    corner = left + at[1] - 0.5, top + at[0] - 0.5
    contours = find_contours(np.pad(region[top:bottom, left:right], 1).astype(np.float32), 0.5)
    # Index i of the padded window is the centre of pixel i - 1, which lies at i - 0.5 from the window's edge.
    rings = [_simpler(_bends(c[:, ::-1] + corner), simplify) for c in contours]
    areas = [_signed_area(ring) for ring in rings]
    sign = np.sign(max(areas, key=abs))  # the largest ring is an outline; holes wind the other way
    order = sorted(range(len(rings)), key=lambda i: abs(areas[i]))
    pieces = {i: [rings[i]] for i in order if areas[i] * sign > 0}  # the smallest first
    for i in order:
        if i not in pieces:
            inside = (k for k in pieces if points_in_poly(rings[i][:1], rings[k])[0])
            holder = next(inside, None)
            if holder is not None:
                pieces[holder].append(rings[i])
    return list(pieces.values())


def _bends(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points at which a closed ring, its first point repeated at its end, changes its direction."""
    step = np.diff(ring, axis=0)
    before = np.roll(step, 1, axis=0)
    return ring[:-1][step[:, 0] * before[:, 1] != step[:, 1] * before[:, 0]]


def _simpler(ring: NDArray[np.float64], most: float) -> NDArray[np.float64]:
    """A ring with fewer points that strays at most so far (Douglas & Peucker 1973), a triangle at least."""
    if most <= 0:
        return ring
    from skimage.measure import approximate_polygon

    fewer = approximate_polygon(np.concatenate([ring, ring[:1]]), most)[:-1]
    return fewer if len(fewer) >= 3 else ring


def _signed_area(ring: NDArray[np.float64]) -> float:
    x, y = ring.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _joined(outline: NDArray[np.float64], hole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Walk the outline to the point nearest to the hole, around the hole, back, and on."""
    from scipy.spatial import cKDTree

    distances, nearest = cKDTree(outline).query(hole)
    j = int(distances.argmin())
    i = int(nearest[j])
    return np.concatenate([outline[: i + 1], np.roll(hole, -j, axis=0), hole[j : j + 1], outline[i:]])
