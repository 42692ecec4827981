"""Other tools' annotations, in and out, a dialect a file: the door to them. Touch a dialect here when it changes."""

from asgnet.data.annotations.annotated import Annotated, Annotations, Region
from asgnet.data.annotations.brush import brush_region, brush_rle
from asgnet.data.annotations.coco import coco_annotation, coco_file, coco_region
from asgnet.data.annotations.geojson import geojson_feature
from asgnet.data.annotations.imagej import roi_zip
from asgnet.data.annotations.read import is_annotations, picture_in, read_annotations
from asgnet.data.annotations.yolo import yolo_lines

__all__ = [
    "Annotated",
    "Annotations",
    "Region",
    "brush_region",
    "brush_rle",
    "coco_annotation",
    "coco_file",
    "coco_region",
    "geojson_feature",
    "is_annotations",
    "picture_in",
    "read_annotations",
    "roi_zip",
    "yolo_lines",
]
