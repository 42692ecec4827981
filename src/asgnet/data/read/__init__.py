"""Pictures, masks and frames out of files: the door to them. Touch a reader here when its kind of file changes."""

from asgnet.data.read.decode import MOST_PIXELS, Source
from asgnet.data.read.frames import FRAMED, VIDEOS, Frame, FrameReader, frame_count, is_video
from asgnet.data.read.header import Header, read_header
from asgnet.data.read.images import begins_like_a_picture, read_picture, read_raw
from asgnet.data.read.labels import read_labels
from asgnet.data.read.masks import index_values, read_instances, read_mask, read_support
from asgnet.data.read.parts import ArrayParts, large_size, open_parts
from asgnet.data.read.pixel_size import read_pixel_size
from asgnet.data.read.raw import Raw, decide, render
from asgnet.data.read.tiff import geo_tags

__all__ = [
    "FRAMED",
    "MOST_PIXELS",
    "VIDEOS",
    "ArrayParts",
    "Frame",
    "FrameReader",
    "Header",
    "Raw",
    "Source",
    "begins_like_a_picture",
    "decide",
    "frame_count",
    "geo_tags",
    "index_values",
    "is_video",
    "large_size",
    "open_parts",
    "read_header",
    "read_instances",
    "read_labels",
    "read_mask",
    "read_picture",
    "read_pixel_size",
    "read_raw",
    "read_support",
    "render",
]
