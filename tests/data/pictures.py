"""Pictures of a few pixels, as arrays and as files, and what a refusal must look like."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
GREY = np.arange(35, dtype=np.uint8).reshape(5, 7) * 7
RGBA = np.array([[[255, 0, 0, 255], [9, 9, 9, 0]], [[0, 0, 0, 128], [0, 255, 0, 255]]], np.uint8)
TWO = np.array([[0, 255], [255, 0]], np.uint8)
RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def encoded(image: np.ndarray | Image.Image, kind: str, **how) -> bytes:
    """An array or image as the bytes of a file."""
    stream = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(stream, kind, **how)
    return stream.getvalue()


def put(path: Path, data: bytes) -> Path:
    """The path, now a file of these bytes."""
    path.write_bytes(data)
    return path
