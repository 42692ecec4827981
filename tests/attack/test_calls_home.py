"""Nothing calls home, and nothing is written where nobody asked for it: seen from outside, by strace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.attack.tracing import Deeds, able, clean_environment, deeds, traced

pytestmark = pytest.mark.skipif(not able(), reason="strace is not installed, or may not trace here")
ENGINES = {"torch": "torch", "onnx": "onnxruntime", "openvino": "openvino"}
EXAMPLE = ["--support", "a.png", "a_mask.png", "--no-adapt"]
TEMPORARY = "asgnet-seen-"
NOBODYS = ("/dev/", "/proc/self/", "/proc/thread-self/")
"""Written paths that are no files."""


def engines(*slow: str):
    """Every engine, skipped where it is not installed; those named only in ``make attack``."""
    found = []
    for name, package in ENGINES.items():
        missing = pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed")
        found.append(pytest.param(name, marks=[missing, *([pytest.mark.attack] if name in slow else [])]))
    return found


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with an example and two pictures, and beside it a home that nobody has used."""
    here = tmp_path / "here"
    (here / "photos").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i, name in enumerate(("a", "photos/1", "photos/2")):
        picture = rng.integers(0, 80, (64, 80, 3), dtype=np.uint8)
        picture[10 : 40 + i, 20:50] = (220, 60, 40)
        Image.fromarray(picture).save(here / f"{name}.png")
    mask = np.zeros((64, 80), np.uint8)
    mask[10:40, 20:50] = 255
    Image.fromarray(mask).save(here / "a_mask.png")
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def temporary():
    """The folder for temporary files; its name is short enough for the sockets that Ray puts there."""
    with tempfile.TemporaryDirectory(prefix=TEMPORARY) as folder:
        yield Path(folder)


@pytest.fixture
def seen(place, tmp_path, temporary):
    """Run asgnet in ``place`` under strace: what it did, once it has ended as it should."""
    log = tmp_path / "strace.log"

    def run(*words: str, before: str = "") -> Deeds:
        code = f"{before}\nimport sys; from asgnet.faces.cli.app import main; sys.exit(main())"
        command = traced([sys.executable, "-c", code, *words], log)
        home = clean_environment(tmp_path / "home", temporary)
        ended = subprocess.run(command, env=home, capture_output=True, text=True, timeout=300)
        assert ended.returncode == 0, ended.stderr
        return deeds(log, place)

    return run


def outside(did: Deeds, *asked_for: Path) -> set[str]:
    """Written paths that nobody asked for; the temporary folder and asgnet's cache are always asked for."""
    here = Path.cwd()
    home = here.parent / "home"
    allowed = [str(p) for p in (*asked_for, home / ".cache/asgnet")]
    temporary = os.path.join(tempfile.gettempdir(), TEMPORARY)
    made = {str(home / ".cache")}  # the folder on the way to the cache

    def fine(path: str) -> bool:
        return (
            path in made
            or path.startswith((*NOBODYS, temporary))
            or any(path == a or path.startswith(f"{a}/") for a in allowed)
        )

    return {path for path in did.written if not fine(path)}


def test_the_watcher_sees_who_is_asked_and_what_is_written(place, seen):
    """UDP: connecting sends nothing, and the address is nobody's (RFC 5737)."""
    deed = (
        "import os, socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 53))\n"
        "os.makedirs(os.path.expanduser('~/stats')); open('/etc/resolv.conf').close()\n"
        "open(os.path.expanduser('~/stats/id'), 'w').close()\n"
        "import tempfile; tempfile.NamedTemporaryFile(prefix='mine').close()"
    )
    did = seen("--version", before=deed)
    home = place.parent / "home"
    assert did.asked == {"192.0.2.1", "/etc/resolv.conf"}
    assert outside(did) == {str(home / "stats"), str(home / "stats/id")}
    assert any("/mine" in path for path in did.written)


@pytest.mark.parametrize("engine", engines("torch", "openvino"))
def test_segment_asks_nobody_and_writes_its_results_alone(place, seen, engine):
    did = seen("segment", "photos", *EXAMPLE, "--out", "out", "--runtime", engine)
    assert did.asked == set()
    assert outside(did, place / "out") == set()
    assert str(place / "out/1.png") in did.written


@pytest.mark.attack
def test_fit_asks_nobody_and_writes_its_concept_alone(place, seen):
    did = seen("fit", "--support", "a.png", "a_mask.png", "--out", "x.concept")
    assert did.asked == set()
    assert {Path(path).parent for path in outside(did)} == {place}
    assert sorted(p.name for p in place.iterdir()) == ["a.png", "a_mask.png", "photos", "x.concept"]


@pytest.mark.attack
@pytest.mark.parametrize("to", ["onnx", "openvino", "torch"])
def test_export_asks_nobody_and_writes_its_files_alone(place, seen, to):
    if find_spec(ENGINES[to]) is None:
        pytest.skip(f"{ENGINES[to]} is not installed")
    int8 = ["--int8"] if to == "onnx" else []
    did = seen("export", "--to", to, "--out", "made/net.xml", *int8)
    assert did.asked == set()
    assert outside(did, place / "made") == set()


@pytest.mark.attack
@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
def test_processes_of_ray_ask_nobody(place, seen):
    did = seen("segment", "photos", *EXAMPLE, "--out", "out", "--runtime", "torch", "--engine", "ray")
    assert did.asked <= {"/etc/resolv.conf"}  # gRPC reads it, and asks nobody
    scores = {path for path in did.written if path.startswith("/proc/")}  # whom the system may end first
    assert outside(did, place / "out") - scores == set()


@pytest.mark.attack
def test_train_asks_nobody_and_writes_its_run_alone(place, seen):
    root = place / "boxes"
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(30):
        labels = np.zeros((48, 60), np.uint8)
        labels[8:40, number : number + 24] = number % 2 + 1
        picture = np.stack([labels * 90, 60 + 0 * labels, 180 - labels * 60], -1)
        Image.fromarray(picture).save(root / f"images/{number:02}.png")
        Image.fromarray(labels).save(root / f"masks/{number:02}.png")
    small = ("side=64", "batch=2", "every=2", "validation=4", "class_pixels=50", "held_out=3", "variants=0")
    changes = [word for setting in small for word in ("--set", setting)]
    did = seen("train", "--data", f"folder:{root}", "--out", "run", "--steps", "2", *changes)
    assert did.asked == set()
    assert outside(did, place / "run") == set()


@pytest.mark.attack
@pytest.mark.parametrize("engine", engines())
def test_serve_asks_nobody_and_writes_its_data_folder_alone(place, tmp_path, temporary, engine):
    """A server takes the fastest engine that is installed: here, the only one that it knows."""
    log, home = tmp_path / "strace.log", clean_environment(tmp_path / "home", temporary)
    code = (
        "import sys, asgnet.apply.engines.choose as choose\n"
        f"choose.PACKAGES = {{k: v for k, v in choose.PACKAGES.items() if k == {engine!r}}}\n"
        "from asgnet.faces.cli.app import main; sys.exit(main())"
    )
    words = ["serve", "--port", "0", "--data-dir", "data", "--no-browser"]
    with open(tmp_path / "said", "w") as said:
        server = subprocess.Popen(
            traced([sys.executable, "-c", code, *words], log),
            env=home,
            text=True,
            stdout=subprocess.PIPE,
            stderr=said,
        )
        try:
            address = server.stdout.readline().strip()
            _used(address)
        finally:
            for child in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split():
                os.kill(int(child), signal.SIGTERM)  # strace itself holds signals back
            server.wait(60)
    did = deeds(log, place)
    assert did.asked == set()
    assert outside(did, place / "data") == set()


def _used(address: str) -> None:
    """One concept is learnt and looked for in a picture, once the model is there."""
    while not _ready(f"{address}readyz"):
        time.sleep(0.5)
    fields = {"images": "a.png", "masks": "a_mask.png"}
    concept = json.loads(_posted(f"{address}v1/concepts", {"adapt": "false"}, fields))["id"]
    for _ in range(2):
        found = json.loads(_posted(f"{address}v1/segment", {"concept": concept}, {"picture": "photos/1.png"}))
        assert found["height"] == 64
        time.sleep(3)  # whatever an engine does a while after it was loaded


def _ready(address: str) -> bool:
    try:
        return urllib.request.urlopen(address).status == 200
    except urllib.error.HTTPError:
        return False


def _posted(address: str, plain: dict[str, str], files: dict[str, str]) -> bytes:
    body = b""
    for name, value in plain.items():
        body += f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for name, path in files.items():
        head = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="{path}"\r\n\r\n'
        body += head.encode() + Path(path).read_bytes() + b"\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    with urllib.request.urlopen(urllib.request.Request(address, body + b"--x--\r\n", kind)) as answer:
        return answer.read()
