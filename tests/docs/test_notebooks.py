"""The notebooks run, were executed, and stay small."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs/notebooks").glob("*.ipynb"))
MOST_BYTES = 300_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_was_executed_and_is_small(path):
    nbformat = pytest.importorskip("nbformat", reason="pip install 'asgnet[dev]'")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any(cell.outputs for cell in cells)
    assert path.stat().st_size < MOST_BYTES
    text = path.read_text("utf-8")
    assert "/home/" not in text
    assert "/tmp/" not in text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_runs_and_prints_the_same_kinds_of_things(path, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="pip install 'asgnet[dev]'")
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv(
        "PYTHONPATH", f"{path.parents[2] / 'src'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    )
    monkeypatch.chdir(tmp_path)
    kept = nbformat.read(path, as_version=4)
    again = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(again, timeout=280, kernel_name="python3").execute()
    for before, now in zip(kept.cells, again.cells, strict=True):
        assert _kinds(before) == _kinds(now)


def _kinds(cell):
    """Of each output what it is, numbers and pixels aside: they may differ between processors."""
    outputs = [o for o in cell.get("outputs", []) if o.get("name") != "stderr"]  # warnings of libraries
    return [sorted(o.get("data", {o.get("name"): None})) for o in outputs]


def test_there_are_some():
    assert NOTEBOOKS
