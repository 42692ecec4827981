"""The Dockerfile: what it starts runs, its health check tells the living from the dead, and it is no root.

No image is built here: the hosted checks do that. Its own words are run instead.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import asgnet

ROOT = Path(__file__).parent.parent
SAYS = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
PYTHON = {"python": [sys.executable], "asgnet": [sys.executable, "-m", "asgnet"]}


def words(instruction: str) -> list[str]:
    """Of the only instruction of that kind, which is given as a list."""
    [found] = re.findall(rf"^{instruction} .*?(\[.*\])$", SAYS, re.MULTILINE)
    first, *others = json.loads(found)
    return [*PYTHON[first], *others]


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_what_it_starts_is_healthy_until_it_ends(tmp_path, port):
    pytest.importorskip("fastapi", reason="pip install 'asgnet[serve]'")
    environment = {
        **os.environ, "PYTHONPATH": str(Path(asgnet.__file__).parents[1]), "ASGNET_TOKEN": "t" * 32,
    }  # fmt: skip
    start = [
        word.replace("/data", str(tmp_path)).replace("0.0.0.0", "127.0.0.1") for word in words("ENTRYPOINT")
    ]
    check = [word.replace(":8008", f":{port}") for word in words("HEALTHCHECK")]
    healthy = subprocess.run(check, capture_output=True, timeout=60)
    assert healthy.returncode != 0, "nothing runs as yet"
    server = subprocess.Popen([*start, "--port", str(port)], env=environment, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 120
        while subprocess.run(check, capture_output=True, timeout=60).returncode:
            assert server.poll() is None
            assert time.monotonic() < until, "it never became healthy"
    finally:
        server.terminate()
    assert server.wait(30) == 143
    assert (tmp_path / "asgnet" / "asgnet-serve.json").is_file()


def test_it_runs_as_a_user_of_its_own_who_owns_the_data():
    [user] = re.findall(r"^USER (\d+)$", SAYS, re.MULTILINE)
    assert int(user) > 0
    assert f"--uid {user}" in SAYS
    assert SAYS.index("\nUSER ") < SAYS.index("\nENTRYPOINT ")


def test_what_it_installs_from_is_not_left_out_of_its_context():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {"src", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"} <= kept
