"""``kill -9`` at random times of ``asgnet segment``: run again, are all files those of an unbroken run?

    python -m benchmarks.reliability.kills                     # 100 kills
    python -m benchmarks.reliability.kills --kills 10 --pictures 4 --out kills.json

Each time a run into an empty folder is killed, and run again to its end. When is drawn: every second time
from all that an unbroken run takes, most of which may be loading, the others from what it takes after its
manifest is there. Every file of the folder but the manifest is then compared byte for byte with the unbroken
run's; of report.html the milliseconds, which are measured, are left out. The runs are forks of this process,
which has imported the program: that is all they share. Prints how many were killed before, in and after the
pictures; exit code 1 if a file differs.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.common import arguments
from benchmarks.reliability.soak import scene

from asgnet.data.png import png_bytes

FORMATS = ("png", "probability", "instances", "cutout", "yolo", "labelme", "voc", "coco", "labelstudio", "measures",
           "counts")  # fmt: skip
MANIFEST = "manifest.jsonl"


def start(words: list[str], log: Path) -> int:
    """A run in a process of its own; its id."""
    pid = os.fork()
    if pid:
        return pid
    sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(sink, stream)
    from asgnet.faces.cli.app import main as run

    os._exit(run(words))


def finished(pid: int) -> int:
    """Its exit code; minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def files(folder: Path) -> dict[str, str]:
    """SHA-256 of all that lies in a folder, the manifest left out: it tells of both runs, and of seconds."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(_bytes(path)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def _bytes(path: Path) -> bytes:
    data = path.read_bytes()
    return re.sub(rb"\d+(&nbsp;| )ms", b"", data) if path.name == "report.html" else data


def empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def until_begun(folder: Path) -> float:
    """Wait for a run's manifest; the seconds that took."""
    began = time.monotonic()
    while not (folder / MANIFEST).exists() and time.monotonic() - began < 300:
        time.sleep(0.002)
    return time.monotonic() - began


def done(folder: Path) -> int:
    """How many pictures the manifest calls finished."""
    try:
        return (folder / MANIFEST).read_bytes().count(b'"event": "done"')
    except OSError:
        return 0


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0, help="of the times")
    parser.add_argument("--out", type=Path, help="write what was found as JSON")
    asked = parser.parse_args()
    draw = random.Random(asked.seed)
    import asgnet.apply.batch.run
    import asgnet.faces.cli.app
    import asgnet.faces.cli.segment  # noqa: F401  imported once, for all forks

    with tempfile.TemporaryDirectory(prefix="asgnet-kills.") as place:
        here = Path(place)
        pictures, log = here / "pictures", here / "log"
        pictures.mkdir()
        for i in range(asked.pictures):
            shown = scene(i, draw.randrange(60, 200), draw.randrange(80, 200))[0]
            (pictures / f"{i}.png").write_bytes(png_bytes(shown))
        example, mask = scene(99, 90, 120)
        (here / "a.png").write_bytes(png_bytes(example))
        (here / "m.png").write_bytes(png_bytes(mask * 255))
        concept = str(here / "it.concept")
        fit = ["fit", "--support", str(here / "a.png"), str(here / "m.png"), "--out", concept]
        words = ["segment", str(pictures), "--concept", concept, "--overlay", "--report"]
        words += [word for form in FORMATS for word in ("--format", form)]

        def run(folder: Path) -> int:
            return start([*words, "--out", str(folder)], log)

        assert finished(start(fit, log)) == 0, log.read_text()
        began = time.monotonic()
        pid = run(here / "whole")
        loaded = until_begun(here / "whole")
        assert finished(pid) == 0, log.read_text()
        took, wanted = time.monotonic() - began, files(here / "whole")
        print(f"unbroken: {len(wanted)} files in {took:.1f} s", flush=True)
        when, bad = Counter[str](), []
        killed = 0
        while killed < asked.kills:
            folder = here / f"run{killed}"
            pid = run(folder)
            if killed % 2:
                until_begun(folder)
                time.sleep(draw.uniform(0, took - loaded))
            else:
                time.sleep(draw.uniform(0, took))
            os.kill(pid, signal.SIGKILL)
            if finished(pid) != -signal.SIGKILL:  # it had ended already: no kill
                empty(folder)
                continue
            ready = done(folder)
            when["before" if not ready else "after" if ready == asked.pictures else "in"] += 1
            code, found = finished(run(folder)), files(folder)
            if code or found != wanted:
                bad.append((killed, code, sorted(found.items() ^ wanted.items())[:6]))
                print(f"kill {killed}: exit code {code}, differ: {bad[-1][2]}", flush=True)
            killed += 1
            empty(folder)
            if killed % 5 == 0:
                print(f"{killed - len(bad)} of {killed} equal", flush=True)
    result = {"kills": killed, "equal": killed - len(bad), "killed": dict(when), "files": len(wanted)}
    print(json.dumps(result))
    if asked.out:
        asked.out.write_text(json.dumps(result, indent=1) + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
