"""Each file of a picture as bytes, each entry in a file of a whole run as plain values.

    WRITERS["png"](view)         -> the bytes of <stem>.png
    ENTRIES["coco"](view)        -> one picture's part of annotations.json

A mapping and nothing more: who wants another format writes a function ``ResultView -> bytes`` beside these.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet import __version__
from asgnet.apply.output.measure import Measures, measure
from asgnet.apply.output.objects import FoundObjects, ResultView
from asgnet.apply.output.overlays import class_palette, overlay_jpeg, voc_palette
from asgnet.data.annotations import coco_annotation, geojson_feature, roi_zip, yolo_lines
from asgnet.data.png import png_bytes
from asgnet.data.read import geo_tags
from asgnet.data.tiled import write_tiled
from asgnet.errors import OutputError
from asgnet.imaging.regions import polygons
from asgnet.types import Instance

LABELME_VERSION = "5.5.0"
MOST_INSTANCES = 65535


def mask_png(view: ResultView) -> bytes:
    """0 and 255; several classes as a palette PNG of their indices, 0 is background."""
    prediction = view.prediction
    if len(prediction.classes) == 1:
        return png_bytes(prediction.mask != 0)
    return png_bytes(prediction.mask.astype(np.uint8), palette=class_palette(len(prediction.classes)))


def mask_tiff(view: ResultView) -> bytes:
    """The same as a tiled TIFF, which lies on the earth where the picture does."""
    found, data = view.prediction, io.BytesIO()
    several = len(found.classes) > 1
    mask = found.mask.astype(np.uint8) if several else (found.mask != 0).astype(np.uint8) * 255
    palette = class_palette(len(found.classes)) if several else None
    write_tiled(data, [mask], view.size, geo_tags(view.name), palette)
    return data.getvalue()


def probability_png(view: ResultView) -> bytes:
    """16 bits, 65535 is 1."""
    return png_bytes((view.prediction.probability * 65535 + 0.5).astype(np.uint16))


def cutout_png(view: ResultView) -> bytes:
    """The picture, transparent where no object is."""
    return png_bytes(np.dstack([view.picture, (view.prediction.mask != 0).astype(np.uint8) * 255]))


def instances_png(view: ResultView) -> bytes:
    """16 bits: 0 is background, 1.. the objects in the order of ``--json``'s ``objects``."""
    return png_bytes(_numbered(view.objects, view.picture.shape[:2], np.uint16, MOST_INSTANCES))


def voc_class_png(view: ResultView) -> bytes:
    """Class indices in the colours of PASCAL VOC's devkit."""
    return png_bytes(view.prediction.mask.astype(np.uint8), palette=voc_palette())


def voc_object_png(view: ResultView) -> bytes:
    """Object numbers in the same colours."""
    return png_bytes(_numbered(view.objects, view.picture.shape[:2], np.uint8, 254), palette=voc_palette())


def yolo_txt(view: FoundObjects) -> bytes:
    """A line a polygon: a piece of an object."""
    index = list(view.presences).index
    return "".join(
        yolo_lines(one.crop, index(one.name), view.simplify, one.place) for one in view.objects
    ).encode()


def geojson(view: FoundObjects) -> bytes:
    """A feature an object, as QuPath imports it."""
    features = (
        geojson_feature(one.crop, one.name, one.score, number, view.simplify, one.place.at)
        for number, one in enumerate(view.objects, 1)
    )
    content = {"type": "FeatureCollection", "features": [one for one in features if one is not None]}
    return json.dumps(content, ensure_ascii=True).encode()


def imagej_rois(view: FoundObjects) -> bytes:
    """A region an object, for ImageJ's ROI manager; of several classes each is a group."""
    classes = list(view.presences)
    groups = {name: i if len(classes) > 1 else 0 for i, name in enumerate(classes, 1)}
    return roi_zip(
        ((one.crop, one.name, groups[one.name], one.place.at) for one in view.objects), view.simplify
    )


def labelme_json(view: FoundObjects) -> bytes:
    """A polygon a piece; pieces of one object share their ``group_id``."""
    shapes = [
        {
            "label": one.name,
            "points": ring.round(2).tolist(),
            "group_id": number,
            "description": f"score {one.score:.3f}",
            "shape_type": "polygon",
            "flags": {},
            "mask": None,
        }
        for number, one in enumerate(view.objects, 1)
        for ring in polygons(one.crop, view.simplify, one.place.at)
    ]
    height, width = view.size
    content: dict[str, Any] = {
        "version": LABELME_VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": view.link or view.name,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
    return json.dumps(content, ensure_ascii=True).encode()


def coco_entry(view: FoundObjects) -> dict[str, Any]:
    """``image`` and ``annotations`` with run lengths."""
    return _coco(view, None)


def coco_polygon_entry(view: FoundObjects) -> dict[str, Any]:
    """``image`` and ``annotations`` with polygons."""
    return _coco(view, view.simplify)


def labelstudio_entry(view: ResultView) -> dict[str, Any]:
    """A task with one prediction of brush strokes; its picture's name is still a path."""
    from asgnet.data.annotations import brush_rle

    height, width = view.picture.shape[:2]
    result = [
        {
            "id": f"asgnet{number:04}",
            "type": "brushlabels",
            "from_name": "tag",
            "to_name": "image",
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {"format": "rle", "rle": brush_rle(one.mask), "brushlabels": [one.name]},
            "score": one.score,
        }
        for number, one in enumerate(view.objects, 1)
    ]
    score = min((one["score"] for one in result), default=round(1 - float(view.prediction.presence), 6))
    prediction = {"model_version": f"asgnet {__version__}", "score": score, "result": result}
    return {"data": {"image": view.name}, "predictions": [prediction]}


def measures_entry(view: ResultView) -> dict[str, Any]:
    """A row an object."""
    return {"rows": _measured(view).objects}


def counts_entry(view: ResultView) -> dict[str, Any]:
    """A row a class."""
    return {"rows": _measured(view).pictures}


def _measured(view: ResultView) -> Measures:
    return measure(view.prediction, view.picture, pixel_size=view.pixel_size, name=view.name)


OUTLINES: dict[str, Callable[[FoundObjects], bytes]] = {
    "yolo": yolo_txt,
    "labelme": labelme_json,
    "geojson": geojson,
    "imagej": imagej_rois,
}
"""Files that are made of the objects alone, of pictures of any size."""
WRITERS: dict[str, Callable[[ResultView], bytes]] = {
    "overlay": lambda view: overlay_jpeg(view.picture, view.prediction.mask, view.name),
    "cutout": cutout_png,
    "probability": probability_png,
    "instances": instances_png,
    **OUTLINES,
    "voc_objects": voc_object_png,
    "voc": voc_class_png,
    "tiff": mask_tiff,
    "png": mask_png,
}
ENTRIES: dict[str, Callable[[ResultView], dict[str, Any]]] = {
    "coco": coco_entry,
    "coco-polygons": coco_polygon_entry,
    "labelstudio": labelstudio_entry,
    "measures": measures_entry,
    "counts": counts_entry,
    "measures-parquet": measures_entry,
    "counts-parquet": counts_entry,
}


def shared_files(classes: tuple[str, ...], formats: set[str]) -> dict[str, bytes]:
    """The files that name a run's classes, with their content."""
    names = [" ".join(name.split()) for name in classes]
    files: dict[str, str] = {}
    if formats & {"png", "tiff"} and len(classes) > 1:
        files["classes.txt"] = "".join(f"{name}\n" for name in ["background", *names])
    if "yolo" in formats:
        entries = "".join(f"  {i}: {_quoted(name)}\n" for i, name in enumerate(names))
        files["data.yaml"] = f"names:\n{entries}"
    if "voc" in formats:
        colours = voc_palette()
        lines = [
            f"{name}:{r},{g},{b}::\n"
            for name, (r, g, b) in zip(_mappable(names), colours[: len(names) + 1], strict=True)
        ]
        files["labelmap.txt"] = "".join(["# label:color_rgb:parts:actions\n", *lines])
    if "labelstudio" in formats:
        files["label_studio.xml"] = _labelling(names)
    return {name: text.encode("utf-8", "surrogateescape") for name, text in files.items()}


def _quoted(name: str) -> str:
    """In YAML: JSON, but for control characters that only YAML refuses."""
    return re.sub(
        "[\x7f-\x9f\ufffe\uffff]", lambda c: f"\\u{ord(c[0]):04x}", json.dumps(name, ensure_ascii=False)
    )


def _mappable(names: list[str]) -> list[str]:
    """``background`` and the names as a label map can hold them: no colon, no ``#`` in front, none twice."""
    plain = [name.replace(":", "_") for name in names]
    plain = ["background", *(f"_{name[1:]}" if name.startswith("#") else name for name in plain)]
    taken = {*plain}
    for i, name in enumerate(plain):
        n = 1
        while plain[i] in plain[:i]:
            n += 1
            if f"{name}_{n}" not in taken:
                plain[i] = f"{name}_{n}"
    return plain


def _labelling(names: list[str]) -> str:
    from xml.sax.saxutils import quoteattr

    labels = "".join(
        f'    <Label value={quoteattr(name)} background="#{r:02x}{g:02x}{b:02x}"/>\n'
        for name, (r, g, b) in zip(names, class_palette(len(names))[1:], strict=False)
    )
    return (
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        f'  <BrushLabels name="tag" toName="image">\n{labels}  </BrushLabels>\n</View>\n'
    )


def _numbered(
    objects: list[Instance], size: tuple[int, ...], dtype: type[np.unsignedinteger[Any]], most: int
) -> NDArray:
    if len(objects) > most:
        raise OutputError(
            f"{len(objects)} objects do not fit into a PNG that counts to {most}; give a larger --min-area."
        )
    numbers = np.zeros(size, dtype)
    for number, one in enumerate(objects, 1):
        numbers[one.window][one.crop] = number
    return numbers


def _coco(view: FoundObjects, simplify: float | None) -> dict[str, Any]:
    height, width = view.size
    index = {name: i for i, name in enumerate(view.presences, 1)}
    found = (
        coco_annotation(one.crop, index[one.name], one.score, simplify, one.place) for one in view.objects
    )
    return {
        "image": {"file_name": view.name, "height": height, "width": width},
        "annotations": [one for one in found if one is not None],
    }
