"""Annotations as people's tools write them, each with its right mask; one bad object never costs the others."""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import warnings
import zipfile

import numpy as np
import pytest
from PIL import Image

from asgnet.data.annotations import brush_rle, coco_annotation, read_annotations
from asgnet.errors import AsgnetWarning, SupportError

SIZE = H, W = 24, 32
SQUARE = [[4, 6], [20, 6], [20, 18], [4, 18]]  # x, y: rows 6 to 17, columns 4 to 19
FLAT = [v for point in SQUARE for v in point]
CLOSED = [*SQUARE, SQUARE[0]]


def mask(*boxes):
    """Of (top, bottom, left, right) each."""
    found = np.zeros(SIZE, np.uint8)
    for top, bottom, left, right in boxes:
        found[top:bottom, left:right] = 1
    return found


WHOLE = mask((6, 18, 4, 20))
HOLED = WHOLE.copy()
HOLED[9:12, 8:12] = 0
HOLE = [[8, 9], [12, 9], [12, 12], [8, 12]]
RLE = coco_annotation(WHOLE == 1, 1, None)["segmentation"]


def runs_of(region):
    """Column by column, background first."""
    flat = region.T.ravel().astype(int)
    ends = np.flatnonzero(np.diff(flat)) + 1
    return (
        np.diff([0, *ends, flat.size]).tolist()
        if not flat[0]
        else [0, *np.diff([0, *ends, flat.size]).tolist()]
    )


RUNS = {"size": [H, W], "counts": runs_of(WHOLE)}


def coco(*annotations, pictures=None, categories=None):
    return {
        "images": pictures or [{"id": 1, "file_name": "a.png", "height": H, "width": W}],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": 1, **a} for i, a in enumerate(annotations, 1)
        ],
        "categories": categories or [{"id": 1, "name": "mug"}],
    }


def labelme(*shapes, **more):
    made = [{"label": "mug", "points": SQUARE, "shape_type": "polygon", **shape} for shape in shapes]
    return {"imagePath": "a.png", "imageHeight": H, "imageWidth": W, "shapes": made, **more}


def studio(*values, **result):
    results = [{"original_width": W, "original_height": H, "value": value, **result} for value in values]
    return [{"data": {"image": "a.png"}, "annotations": [{"result": results}]}]


def per_cent(points):
    return [[x / W * 100, y / H * 100] for x, y in points]


def yolo(points=SQUARE, index="0", tail=""):
    return f"{index} " + " ".join(f"{x / W:.6f} {y / H:.6f}" for x, y in points) + f"{tail}\n"


def via(*shapes, attributes=None):
    regions = [{"shape_attributes": s, "region_attributes": attributes or {"label": "mug"}} for s in shapes]
    return {"a.png1234": {"filename": "a.png", "size": 1234, "regions": regions, "file_attributes": {}}}


POLYGON = {"name": "polygon", "all_points_x": [x for x, _ in SQUARE], "all_points_y": [y for _, y in SQUARE]}


def feature(*parts, kind="Polygon", **properties):
    coordinates = list(parts) if kind == "Polygon" else [list(p) for p in parts]
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates},
            "properties": properties or {"classification": {"name": "mug"}}}  # fmt: skip


def features(*all_of_them):
    return {"type": "FeatureCollection", "features": list(all_of_them)}


def cvat(*shapes, size=True, name="a.png"):
    sizes = f' width="{W}" height="{H}"' if size else ""
    labels = "<meta><task><labels><label><name>mug</name></label></labels></task></meta>"
    inner = "".join(shapes)
    return f'<?xml version="1.0"?><annotations>{labels}<image id="0" name="{name}"{sizes}>{inner}</image></annotations>'


CVAT_POLYGON = '<polygon label="mug" points="4,6;20,6;20,18;4,18" z_order="0"></polygon>'
CVAT_MASK = '<mask label="mug" rle="{}" left="4" top="6" width="16" height="12" z_order="0"></mask>'


def roi(points=None, **how) -> bytes:
    roifile = pytest.importorskip("roifile")
    return roifile.ImagejRoi.frompoints(np.array(points or SQUARE), **how).tobytes()


def rois(*all_of_them) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for i, data in enumerate(all_of_them):
            archive.writestr(f"{i}.roi", data)
    return stream.getvalue()


def cellpose(labels, protocol=None) -> bytes:
    stream = io.BytesIO()
    found = {"masks": labels, "outlines": labels * 0, "filename": "a.png", "est_diam": np.float64(30.0),
             "chan_choose": [0, 0], "flows": [np.zeros((2, 2), np.float32)], "ismanual": np.zeros(1, bool)}  # fmt: skip
    if protocol is None:
        np.save(stream, found, allow_pickle=True)
        return stream.getvalue()
    header = {"descr": "|O", "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + pickle.dumps(np.array(found, object), protocol)


def png(values) -> str:
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


BRUSHED = {"format": "rle", "rle": brush_rle(WHOLE == 1), "brushlabels": ["mug"]}
# name -> content (bytes, text or JSON), file name, {label: mask}, what is said or None
READ = {
    "coco: a polygon": (coco({"segmentation": [FLAT]}), "a.json", {"mug": WHOLE}, None),
    "coco: runs as text": (coco({"segmentation": RLE}), "a.json", {"mug": WHOLE}, None),
    "coco: runs as numbers": (coco({"segmentation": RUNS}), "a.json", {"mug": WHOLE}, None),
    "coco: runs as floats": (
        coco({"segmentation": {**RUNS, "counts": [float(n) for n in RUNS["counts"]]}}), "a.json", {"mug": WHOLE}, None),
    "coco: a ring of four numbers beside the outline": (
        coco({"segmentation": [FLAT, [1, 1, 2, 2]]}), "a.json", {"mug": WHOLE}, None),
    "coco: a ring of four numbers alone": (
        coco({"segmentation": [[1, 1, 2, 2]]}, {"segmentation": [FLAT]}), "a.json", {"mug": WHOLE}, "object 1"),
    "coco: an un-nested polygon": (coco({"segmentation": FLAT}), "a.json", {"mug": WHOLE}, None),
    "coco: an orphan annotation": (
        coco({"segmentation": [FLAT]}, {"segmentation": [FLAT], "image_id": 99}), "a.json", {"mug": WHOLE},
        "not listed"),
    "coco: ids as texts": (
        coco({"segmentation": [FLAT], "image_id": "1", "category_id": "1"}), "a.json", {"mug": WHOLE}, None),
    "coco: ids of pictures as texts": (
        coco({"segmentation": [FLAT]}, pictures=[{"id": "1", "file_name": "a.png"}]), "a.json", {"mug": WHOLE}, None),
    "coco: a category that is not listed": (
        coco({"segmentation": [FLAT], "category_id": 7}), "a.json", {"class 7": WHOLE}, None),
    "coco: no categories": ({**coco({"segmentation": [FLAT]}), "categories": None}, "a.json", {"class 1": WHOLE}, None),
    "coco: no segmentation": (
        coco({"bbox": [1, 1, 5, 5]}, {"segmentation": [FLAT]}), "a.json", {"mug": WHOLE}, "no outline"),
    "coco: null segmentation": (
        coco({"segmentation": None}, {"segmentation": [FLAT]}), "a.json", {"mug": WHOLE}, "no outline"),
    "coco: CVAT's brush": (
        coco({"segmentation": RUNS, "iscrowd": 1, "attributes": {"occluded": False}}), "a.json", {"mug": WHOLE}, None),
    "coco: a brush without attributes": (coco({"segmentation": RUNS, "iscrowd": 1}), "a.json", {"mug": WHOLE}, None),
    "coco: a true crowd": (
        coco({"segmentation": [FLAT]}, {"segmentation": {"size": [H, W], "counts": [0, H * W]}, "iscrowd": 1}),
        "a.json", {"mug": np.where(WHOLE == 1, 1, 255)}, None),
    "coco: NaN in one of two": (
        coco({"segmentation": [[1, 2, float("nan"), 4, 5, 6]]}, {"segmentation": [FLAT]}), "a.json", {"mug": WHOLE},
        "not finite"),
    "coco: an odd outline of two": (
        coco({"segmentation": [[1, 2, 3, 4, 5, 6, 7]]}, {"segmentation": [FLAT]}), "a.json", {"mug": WHOLE}, "1 of 2"),
    "coco: runs of another size, one of two": (
        coco({"segmentation": {"size": [1, 1], "counts": [1]}}, {"segmentation": [FLAT]}), "a.json", {"mug": WHOLE},
        "1 of 2"),
    "coco: an annotation that is a number": (
        {**coco(), "annotations": [5, *coco({"segmentation": [FLAT]})["annotations"]]}, "a.json", {"mug": WHOLE},
        "object 1"),
    "coco: no category in one of two": (
        {**coco(), "annotations": [{"image_id": 1, "segmentation": [FLAT]},
                                   *coco({"segmentation": [FLAT]})["annotations"]]},
        "a.json", {"mug": WHOLE}, "lacks 'category_id'"),
    "coco: two pictures, one without a name": (
        coco({"segmentation": [FLAT]}, pictures=[{"id": 1, "file_name": "a.png"}, {"id": 2}]), "a.json",
        {"mug": WHOLE}, "lacks 'file_name'"),
    "coco: outlines beyond the picture": (
        coco({"segmentation": [[-9, 6, 20, 6, 20, 18, -9, 18]]}), "a.json", {"mug": mask((6, 18, 0, 20))}, None),
    "coco results": (
        [{"image_id": "a", "category_id": 3, "segmentation": RLE, "score": 0.9}], "a.json", {"class 3": WHOLE}, None),
    "coco results of several pictures": (
        [{"image_id": i, "category_id": 1, "segmentation": RLE, "score": 0.9} for i in ("a", "b")], "a.json",
        {"class 1": WHOLE}, None),
    "labelme: a polygon": (labelme({}), "a.json", {"mug": WHOLE}, None),
    "labelme: a rectangle": (
        labelme({"points": [[4, 6], [20, 18]], "shape_type": "rectangle"}), "a.json", {"mug": WHOLE}, None),
    "labelme: a mask": (
        labelme({"points": [[4, 6], [19, 17]], "shape_type": "mask", "mask": png(np.ones((12, 16), bool))}), "a.json",
        {"mug": WHOLE}, None),
    "labelme: an unfinished shape": (
        labelme({}, {"points": [[1, 1], [2, 2]]}), "a.json", {"mug": WHOLE}, "outline of 2 points"),
    "labelme: a shape without a label": (labelme({}, {"label": None}), "a.json", {"mug": WHOLE}, "label None"),
    "labelme: a shape without points": (
        labelme({}, {"points": None}), "a.json", {"mug": WHOLE}, "no pairs of numbers"),
    "labelme: a shape of another kind": (
        labelme({}, {"shape_type": "cuboid", "points": [[1, 1], [2, 2]]}), "a.json", {"mug": WHOLE}, "cuboid"),
    "labelme: a line beside it": (
        labelme({}, {"shape_type": "line", "points": [[1, 1], [9, 9]]}), "a.json", {"mug": WHOLE}, "cover no area"),
    "labelme: no type, as old versions": (
        {**labelme(), "shapes": [{"label": "mug", "points": SQUARE}]}, "a.json", {"mug": WHOLE}, None),
    "labelme: a broken mask": (
        labelme({}, {"shape_type": "mask", "points": [[1, 1], [2, 2]], "mask": "AAAA"}), "a.json", {"mug": WHOLE},
        "no PNG"),
    "studio: a polygon": (
        studio({"points": per_cent(SQUARE), "polygonlabels": ["mug"]}), "a.json", {"mug": WHOLE}, None),
    "studio: a stroke": (studio(BRUSHED), "a.json", {"mug": WHOLE}, None),
    "studio: a task that was turned": (
        studio({"points": per_cent(SQUARE), "polygonlabels": ["mug"]})
        + studio({"points": per_cent(SQUARE), "polygonlabels": ["mug"]}, image_rotation=90), "a.json",
        {"mug": WHOLE}, "turned"),
    "studio: a stroke cut short": (
        studio(BRUSHED, {**BRUSHED, "rle": BRUSHED["rle"][:9]}), "a.json", {"mug": WHOLE}, "1 of 2"),
    "studio: a result without a size": (
        [{"data": {"image": "a.png"}, "annotations": [{"result": [
            {"value": {"points": per_cent(SQUARE), "polygonlabels": ["mug"]}},
            *studio(BRUSHED)[0]["annotations"][0]["result"]]}]}], "a.json", {"mug": WHOLE}, "original_height"),
    "yolo: an outline": (yolo(), "a.txt", {"class 0": WHOLE}, None),
    "yolo: with a confidence": (yolo(tail=" 0.87"), "a.txt", {"class 0": WHOLE}, None),
    "yolo: with a track": (yolo(tail=" 17"), "a.txt", {"class 0": WHOLE}, None),
    "yolo: with a confidence and a track": (yolo(tail=" 0.87 17"), "a.txt", {"class 0": WHOLE}, None),
    "yolo: class 0.0": (yolo(index="0.0"), "a.txt", {"class 0": WHOLE}, None),
    "yolo: a box beside it": (yolo() + "0 .5 .5 .1 .1\n", "a.txt", {"class 0": WHOLE}, "box"),
    "yolo: a detection beside it": (yolo() + "0 .5 .5 .1 .1 0.9\n", "a.txt", {"class 0": WHOLE}, "box"),
    "yolo: words in one line": (yolo() + "mug 1 2 3 4 5 6\n", "a.txt", {"class 0": WHOLE}, "line 2"),
    "yolo: pixels in one line": (yolo() + "0 10 20 30 40 50 60\n", "a.txt", {"class 0": WHOLE}, "pixels"),
    "yolo: two points in one line": (yolo() + "0 .1 .2\n", "a.txt", {"class 0": WHOLE}, "line 2"),
    "yolo: blank lines and CRLF": ("\r\n" + yolo().replace("\n", "\r\n") + "\r\n", "a.txt", {"class 0": WHOLE}, None),
    "via: a polygon": (via(POLYGON), "a.json", {"mug": WHOLE}, None),
    "via: a project": ({"_via_img_metadata": via(POLYGON), "_via_settings": {}}, "a.json", {"mug": WHOLE}, None),
    "via: a rectangle": (
        via({"name": "rect", "x": 4, "y": 6, "width": 16, "height": 12}), "a.json", {"mug": WHOLE}, None),
    "via: regions by number, as old versions": (
        {"a.png1": {"filename": "a.png", "regions": {"0": {
            "shape_attributes": POLYGON, "region_attributes": {"class": "mug"}}}}}, "a.json", {"mug": WHOLE}, None),
    "via: a checkbox": (
        via(POLYGON, attributes={"type": {"cup": False, "mug": True}}), "a.json", {"mug": WHOLE}, None),
    "via: no label": (via(POLYGON, attributes={"": ""}), "a.json", {"object": WHOLE}, None),
    "via: a point beside it": (
        via(POLYGON, {"name": "point", "cx": 1, "cy": 1}), "a.json", {"mug": WHOLE}, "cover no area"),
    "via: a broken shape beside it": (via(POLYGON, {"name": "polygon"}), "a.json", {"mug": WHOLE}, "object 2"),
    "geojson: QuPath": (features(feature(CLOSED)), "a.geojson", {"mug": WHOLE}, None),
    "geojson: a list of features": ([feature(CLOSED)], "a.json", {"mug": WHOLE}, None),
    "geojson: one feature": (feature(CLOSED), "a.geojson", {"mug": WHOLE}, None),
    "geojson: a hole": (features(feature(CLOSED, [*HOLE, HOLE[0]])), "a.geojson", {"mug": HOLED}, None),
    "geojson: several parts": (
        features(feature([CLOSED], [[[22, 2], [30, 2], [30, 6], [22, 6], [22, 2]]], kind="MultiPolygon")), "a.geojson",
        {"mug": mask((6, 18, 4, 20), (2, 6, 22, 30))}, None),
    "geojson: a class of several names": (
        features(feature(CLOSED, classification={"names": ["Tumor", "Positive"]})), "a.geojson",
        {"Tumor: Positive": WHOLE}, None),
    "geojson: unclassified": (features(feature(CLOSED, objectType="annotation")), "a.geojson", {"object": WHOLE}, None),
    "geojson: with heights": (features(feature([[*p, 5] for p in CLOSED])), "a.geojson", {"mug": WHOLE}, None),
    "geojson: a point beside it": (
        features(feature(CLOSED), {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 1]}}),
        "a.geojson", {"mug": WHOLE}, "cover no area"),
    "geojson: no geometry beside it": (
        features(feature(CLOSED), {"type": "Feature", "geometry": None}), "a.geojson", {"mug": WHOLE}, "object 2"),
    "cvat: a polygon": (cvat(CVAT_POLYGON), "a.xml", {"mug": WHOLE}, None),
    "cvat: a box": (cvat('<box label="mug" xtl="4" ytl="6" xbr="20" ybr="18"/>'), "a.xml", {"mug": WHOLE}, None),
    "cvat: a turned box": (
        cvat('<box label="mug" xtl="6" ytl="4" xbr="18" ybr="20" rotation="90"/>'), "a.xml", {"mug": WHOLE}, None),
    "cvat: a brush": (cvat(CVAT_MASK.format("0, 192")), "a.xml", {"mug": WHOLE}, None),
    "cvat: a brush with a hole": (
        cvat(CVAT_MASK.format("0, 52, 4, 12, 4, 12, 4, 104")), "a.xml", {"mug": HOLED}, None),
    "cvat: a brush that is damaged": (
        cvat(CVAT_POLYGON, CVAT_MASK.format("0, 9")), "a.xml", {"mug": WHOLE}, "1 of 2"),
    "cvat: a polyline beside it": (
        cvat(CVAT_POLYGON, '<polyline label="mug" points="1,1;2,2"/>'), "a.xml", {"mug": WHOLE}, "cover no area"),
    "cvat: a polygon of words beside it": (
        cvat(CVAT_POLYGON, '<polygon label="mug" points="a,b;c"/>'), "a.xml", {"mug": WHOLE}, "object 2"),
    "cvat: no sizes": (cvat(CVAT_POLYGON, size=False), "a.xml", {"mug": WHOLE}, None),
    "imagej: one region": (lambda: roi(), "a.roi", {"object": WHOLE}, None),
    "imagej: an archive": (lambda: rois(roi(), roi()), "a.zip", {"object": WHOLE}, None),
    "imagej: one of three is damaged": (
        lambda: rois(roi(), b"Iout", b"nothing"), "a.zip", {"object": WHOLE}, "2 objects"),
    "cellpose": (lambda: cellpose(WHOLE.astype(np.uint16) * 3), "a_seg.npy", {"object": WHOLE}, None),
    **{f"cellpose, protocol {n}": (
        lambda n=n: cellpose(WHOLE.astype(">u4") * 7, n), "a_seg.npy", {"object": WHOLE}, None) for n in range(2, 6)},
    "cellpose, column by column": (
        lambda: cellpose(np.asfortranarray(WHOLE.astype(np.int32))), "a_seg.npy", {"object": WHOLE}, None),
}  # fmt: skip


def written(folder, content, name):
    path = folder / name
    content = content() if callable(content) else content
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


@pytest.mark.parametrize("case", READ)
def test_what_a_tool_wrote_is_its_mask(tmp_path, case):
    content, name, expected, said = READ[case]
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", AsgnetWarning)
        found = read_annotations(written(tmp_path, content, name))
        masks = found.pictures[0].masks(SIZE, name)
    assert list(masks) == list(expected)
    for label, true in expected.items():
        np.testing.assert_array_equal(masks[label], true)
    words = " ".join([*found.said, *(str(n.message) for n in notes if issubclass(n.category, AsgnetWarning))])
    assert (said in words) if said else not words


@pytest.mark.parametrize("case", [case for case, row in READ.items() if row[3] and "area" not in row[3]
                                  and "box" not in row[3] and "no outline" not in row[3]])  # fmt: skip
def test_strictly_a_bad_object_is_refused_by_name(tmp_path, case):
    content, name, *_ = READ[case]
    with pytest.raises(SupportError) as error:
        read_annotations(written(tmp_path, content, name), strict=True).pictures[0].masks(
            SIZE, name, strict=True
        )
    assert name in str(error.value)


BROKEN = {
    "points": [None, "abc", [], [[1, 1]], [[1, 1], [2, 2]], [[1, "x"], [2, 2], [3, 3]], [[1e99, 1], [2, 2], [3, 3]],
               [[float("nan"), 1], [2, 2], [3, 3]], 7, {"x": 1}, [[1, 2, 3]], [[[1, 2]]]],
    "label": [None, "", " ", 7, ["mug"], {}],
    "shape_type": ["donut", 5, [], "cuboid", "rectangle", "circle", "mask"],
}  # fmt: skip


def test_of_ten_thousand_objects_one_in_a_hundred_broken_costs_no_other(tmp_path):
    """Corrupted in thirty ways."""
    ways = [(key, value) for key, values in BROKEN.items() for value in values]
    ways += [("drop", key) for key in ("points", "label")] + [("replace", v) for v in (None, 5, "x", [])]
    assert len(ways) >= 30
    shapes = []
    for i in range(10_000):
        shape = {"label": "mug", "points": SQUARE, "shape_type": "polygon"}
        key, value = ways[i // 100 % len(ways)]
        if i % 100 == 0:
            if key == "drop":
                shape.pop(value)
            else:
                shape = value if key == "replace" else {**shape, key: value}
        shapes.append(shape)
    found = read_annotations(written(tmp_path, {**labelme(), "shapes": shapes}, "a.json"))
    assert found.counts["mug"] >= 9_900
    assert len(found.skipped) + found.counts["mug"] == 10_000
    assert "object 1 of a.png" in found.said[-1]
    assert "more" in found.said[-1]


def test_a_pickle_that_would_run_something_is_refused(tmp_path):
    class Runs:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    stream = io.BytesIO()
    np.save(stream, {"masks": Runs()}, allow_pickle=True)
    with pytest.raises(SupportError, match="which is no array"):
        read_annotations(written(tmp_path, stream.getvalue(), "a_seg.npy"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotations/>', "a.xml", "document type"),
        ("<annotation><object/></annotation>", "a.xml", "not <annotations>"),
        ("<annotations/>", "a.xml", "no pictures"),
        ("<annotations", "a.xml", "no XML"),
        (b"PK\x03\x04 nothing", "a.zip", "damaged archive"),
        (b"no region", "a.roi", "ImageJ regions"),
        (b"\x93NUMPY\x01\x00", "a_seg.npy", "Cellpose"),
        (lambda: cellpose(np.zeros((2, 2, 2), int)), "a_seg.npy", "two-dimensional"),
        ({"type": "FeatureCollection", "features": []}, "a.geojson", "none of the kinds"),
    ],
)
def test_what_holds_no_object_is_refused_by_name(tmp_path, content, name, said):
    with pytest.raises(SupportError, match=said) as error:
        read_annotations(written(tmp_path, content, name))
    assert name in str(error.value)
