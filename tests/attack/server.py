"""A server in a process of its own, what it is sent, and what memory it and its children take."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import asgnet

Field = tuple[str, str, bytes]
"""Name, file name (empty for plain fields), contents."""


class Server:
    """``asgnet serve`` on any free port, its data in ``folder``; ready when made.

    Attributes:
        peak: the most megabytes that it and its children had together, see :meth:`watch`.
    """

    def __init__(self, folder: Path):
        code = "import sys; from asgnet.faces.cli.app import main; sys.exit(main())"
        environment = {**os.environ, "PYTHONPATH": str(Path(asgnet.__file__).parents[1])}
        words = ["serve", "--port", "0", "--data-dir", str(folder), "--no-browser"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, text=True, env=environment
        )
        self.address = self.process.stdout.readline().strip()
        self.peak = 0.0
        while self.ask("readyz")[0] != 200:
            time.sleep(0.3)
        threading.Thread(target=self._watch, daemon=True).start()

    def ask(self, path: str) -> tuple[int, bytes]:
        """A GET."""
        return _answer(urllib.request.Request(self.address + path))

    def send(self, path: str, fields: Sequence[Field]) -> tuple[int, dict]:
        """A form; the JSON that comes back."""
        body = b""
        for name, file, data in fields:
            called = f'; filename="{file}"' if file else ""
            body += (
                f'--x\r\nContent-Disposition: form-data; name="{name}"{called}\r\n\r\n'.encode()
                + data
                + b"\r\n"
            )
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        status, answer = _answer(urllib.request.Request(self.address + path, body + b"--x--\r\n", kind))
        return status, json.loads(answer)

    def children(self) -> list[int]:
        """Its processes."""
        listed = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for file in listed for pid in file.read_text().split()]

    def memory(self) -> float:
        """Megabytes that it and its children have now; of those that have just ended, none."""
        found = 0.0
        with suppress(OSError):
            for pid in (self.process.pid, *self.children()):
                with suppress(OSError, StopIteration):
                    found += _resident(pid)
        return found

    def end(self) -> float:
        """SIGTERM; seconds until it has ended."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        return time.monotonic() - began

    def _watch(self) -> None:
        while self.process.poll() is None:
            self.peak = max(self.peak, self.memory())
            time.sleep(0.02)


def _resident(pid: int) -> float:
    """Megabytes; of pages that processes share each has its part."""
    listed = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in listed.splitlines() if line.startswith("Pss:")) / 1000


def _answer(request: urllib.request.Request) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
