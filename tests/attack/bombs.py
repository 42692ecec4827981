"""Small files that cost much work, each as bytes; and what reading one costs, measured in a process of its own."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

import asgnet


def grey_png(width: int, height: int, value: int = 0, kind: int = 0) -> bytes:
    """All of one colour; ``kind`` 0 is grey, 2 RGB (``value`` for every channel)."""
    squeeze = zlib.compressobj(9)
    row = b"\0" + bytes([value]) * (width * (3 if kind == 2 else 1))
    data = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def icon(inside: bytes, count: int = 1) -> bytes:
    """An icon that says 16×16, and what is really in it."""
    start = 6 + 16 * count
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inside), start)
    return struct.pack("<HHH", 0, 1, count) + entry * count + inside


def many_scans(scans: int, side: int = 2048, between: bytes = b"") -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    encoded = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), 128, np.uint8)).save(encoded, "JPEG", progressive=True)
    data = encoded.getvalue()
    last = data.rfind(b"\xff\xc4", 0, data.rfind(b"\xff\xda"))
    return data[:last] + (between + data[last:-2]) * (scans + 1) + b"\xff\xd9"


def slow_picture(side: int = 5000) -> bytes:
    """JPEG 2000 of noise: many seconds, in which its decoder holds Python's lock."""
    encoded = io.BytesIO()
    Image.effect_noise((side, side), 90).save(encoded, "JPEG2000")
    return encoded.getvalue()


class Cost(NamedTuple):
    """Of reading a file: what was said of it, seconds, and the most memory beyond that of the imports."""

    said: str
    seconds: float
    megabytes: float


_READ = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from asgnet.data.read import read_picture
from asgnet.errors import AsgnetError
def kilobytes(what):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(what))
with open("/proc/self/clear_refs", "w") as peak:
    peak.write("5")  # forget the peak until now, which is the parent's
before, began = kilobytes("VmRSS"), time.perf_counter()
try:
    said = str(read_picture(sys.argv[1]).shape)
except AsgnetError as error:
    said = str(error)
print(json.dumps([said, time.perf_counter() - began, (kilobytes("VmHWM") - before) / 1024]))
"""


def cost_of(file: Path) -> Cost:
    """Of reading it as the command line and Python do."""
    environment = {**os.environ, "PYTHONPATH": str(Path(asgnet.__file__).parents[1])}
    command = [sys.executable, "-c", _READ, str(file)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    return Cost(*json.loads(ended.stdout))
