"""Nothing that is loaded runs code, leaves its folder or calls home; what is installed is whole."""

from __future__ import annotations

import ast
import io
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from asgnet.apply.concept.file import Concept
from asgnet.apply.output.names import output_stems
from asgnet.errors import AsgnetError, UsageError
from asgnet.model.checkpoint import load_weights
from asgnet.model.published import load_published

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
NEVER = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "tarfile"}
CALLS = {"eval", "exec", "os.system", "yaml.load", "yaml.unsafe_load", "shutil.unpack_archive"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_source_loads_code_from_data(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [n.name for n in node.names]
            assert not {name.split(".")[0] for name in names} & NEVER, f"line {node.lineno}"
        if isinstance(node, ast.Call):
            called, given = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
            assert called not in CALLS, f"line {node.lineno}"
            assert not called.endswith((".extractall", ".extract")), f"line {node.lineno}"
            assert given.get("shell", "False") == "False", f"line {node.lineno}"
            assert given.get("allow_pickle", "False") == "False", f"line {node.lineno}"
            if called == "torch.load":
                assert given.get("weights_only") == "True", f"line {node.lineno}"


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def pickled(trap) -> bytes:
    return pickle.dumps({"state_dict": trap})


def pth(trap) -> bytes:
    stream = io.BytesIO()
    torch.save({"state_dict": {"a": trap}}, stream)
    return stream.getvalue()


def npz(trap) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, prototypes=np.array([trap], object))
    return stream.getvalue()


@pytest.mark.parametrize("made", [pickled, pth, npz])
@pytest.mark.parametrize("name", ["a.pth", "a.npz", "a.concept", "model.safetensors"])
def test_a_trap_under_any_name_is_refused_and_does_not_snap(tmp_path, made, name):
    target = tmp_path / "snapped"
    file = tmp_path / name
    file.write_bytes(made(Trap(target)))
    (tmp_path / "config.json").write_text("{}")
    for load in (Concept.load, load_published, load_weights):
        with pytest.raises(AsgnetError):
            load(file)
    assert not target.exists()
    pickle.loads(pickle.dumps(Trap(target)))
    assert target.exists()  # the trap works


@pytest.mark.parametrize(
    "name", ["../../up.png", "/etc/passwd.png", "a/../../b.png", "..", "s3://b/../../c.png"]
)
def test_names_of_results_stay_in_their_folder(name):
    (stem,) = output_stems([name])
    assert not Path(stem).is_absolute()
    assert ".." not in Path(stem).parts


@pytest.mark.parametrize(
    "xml",
    [
        '<!DOCTYPE v [<!ENTITY a "b">]><View>&a;</View>',
        '<!DOCTYPE v [<!ENTITY a SYSTEM "file:///etc/passwd">]><View>&a;</View>',
        '<!DOCTYPE v [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><View>&b;</View>',
        "<View>" * 300_000,
    ],
    ids=["entity", "file", "laughs", "long"],
)
def test_a_labelling_interface_declares_no_entities(xml):
    labelling = pytest.importorskip("asgnet.faces.integrations.labelling")
    with pytest.raises(UsageError, match="declares entities, or is too long"):
        labelling.interface_of(xml)


def test_only_these_sources_can_open_a_connection():
    """Hub weights (fetched, published), Label Studio, the server itself; no other file knows how."""
    words = (
        "urllib.request",
        "import requests",
        "import httpx",
        "import socket",
        "huggingface_hub",
        "uvicorn",
    )
    able = [p for p in SOURCES if any(word in p.read_text("utf-8") for word in words)]
    found = {f"{p.relative_to(ROOT / 'src/asgnet').parts[0]}/{p.stem}" for p in able}
    known = (
        "model/checkpoint model/published model/graph_files model/asgnet model/build faces/train faces/serve "
        "faces/last_moment faces/labelling faces/fetch faces/connections faces/guard faces/settings "
        "faces/labelstudio quiet.py/quiet"
    )
    assert found <= set(known.split())


def test_the_wheel_holds_the_weights_the_page_and_no_tests(tmp_path):
    pytest.importorskip("hatchling", reason="pip install hatchling")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for needed in ("model/bundled/model.safetensors", "model/bundled/config.json", "faces/page/index.html",
                   "faces/page/main.js", "study/recipes/default.toml", "py.typed"):  # fmt: skip
        assert f"asgnet/{needed}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "docs"))]
    assert not [name for name in names if "__pycache__" in name]
