"""GeoJSON in pixels, as QuPath writes and reads it: polygons with holes, and what each is classified as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.data.annotations.annotated import Annotated, Annotations, Paint, Region, checked_points, polygon
from asgnet.data.annotations.skipped import Skipped, skipping
from asgnet.imaging.regions import outlines

UNNAMED = "object"
"""What is classified as nothing."""


def is_geojson(content: Any) -> bool:
    """A collection of features, one feature, or a list of them."""
    return bool(_features(content))


def parse_geojson(content: Any) -> Annotations:
    """All areas; points and lines are not used. The picture is not named in such a file."""
    regions: list[Region] = []
    skipped: list[Skipped] = []
    left = 0
    for number, feature in enumerate(_features(content), 1):
        with skipping(skipped, "", number):
            geometry = feature["geometry"]
            parts = {"Polygon": [geometry["coordinates"]], "MultiPolygon": geometry["coordinates"]}.get(
                geometry["type"]
            )
            if parts is None:
                left += 1
                continue
            regions.append(Region(_label(feature.get("properties") or {}), _painter(parts)))
    words = (f"{left} points or lines are not used: they cover no area.",) if left else ()
    return Annotations("GeoJSON", (Annotated("", None, tuple(regions)),), left=words, skipped=tuple(skipped))


def _features(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, dict) and content.get("type") == "FeatureCollection":
        content = content.get("features")
    found = content if isinstance(content, list) else [content]
    features = all(isinstance(one, dict) and one.get("type") == "Feature" for one in found)
    return found if features else []


def _label(properties: dict[str, Any]) -> str:
    """QuPath's classification, of any of its versions, or a name."""
    classified = properties.get("classification")
    name = classified.get("name") or classified.get("names") if isinstance(classified, dict) else classified
    name = name or properties.get("label") or properties.get("class") or properties.get("name")
    if isinstance(name, list):
        name = ": ".join(map(str, name))
    return str(name).strip() or UNNAMED if name else UNNAMED


def _painter(parts: Sequence[Sequence[Any]]) -> Paint:
    """Several polygons, each an outline and its holes."""
    checked = [[checked_points([p[:2] for p in ring]) for ring in rings] for rings in parts]

    def paint(size: tuple[int, int]) -> NDArray[np.bool_]:
        region = np.zeros(size, bool)
        for outline, *holes in checked:
            part = polygon(outline)(size)
            for hole in holes:
                part &= ~polygon(hole)(size)
            region |= part
        return region

    return paint


def geojson_feature(
    region: NDArray[np.bool_],
    name: str,
    score: float,
    number: int,
    simplify: float = 0,
    at: tuple[int, int] = (0, 0),
) -> dict[str, Any] | None:
    """A region as QuPath imports it, ready for ``json.dumps``; None if empty.

    Args:
        region: ``h w``.
        name: its class.
        score: in [0, 1], a measurement of it.
        number: of the object in its picture, its name.
        simplify: how many pixels outlines may stray; 0 is exact.
        at: first row and column of a region that is a part of its picture.
    """
    parts = [[_closed(ring) for ring in rings] for rings in outlines(region, simplify, at)]
    if not parts:
        return None
    several = len(parts) > 1
    return {
        "type": "Feature",
        "geometry": {
            "type": "MultiPolygon" if several else "Polygon",
            "coordinates": parts if several else parts[0],
        },
        "properties": {
            "objectType": "annotation",
            "name": str(number),
            "classification": {"name": name},
            "measurements": {"score": score},
        },
    }


def _closed(ring: NDArray[np.float64]) -> list[list[float]]:
    return np.concatenate([ring, ring[:1]]).round(2).tolist()
