"""The documentation builds without a warning, and shows what it should."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site's folder."""
    pytest.importorskip("mkdocs", reason="the site is built with the docs extra: pip install 'asgnet[docs]'")
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(build, cwd=ROOT, env=quiet, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_built_and_in_the_navigation(site):
    front = (site / "index.html").read_text("utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        under = page.relative_to(ROOT / "docs").with_suffix("")
        if under.name == "index":
            continue
        assert (site / under / "index.html").is_file()
        assert f'href="{under.as_posix()}/"' in front, f"{under} is in no menu"


def test_the_reference_shows_signatures_and_docstrings(site):
    page = (site / "reference" / "python" / "index.html").read_text("utf-8")
    for name in ("fit", "predict", "from_pretrained", "concept"):
        assert f'id="asgnet.Segmenter.{name}"' in page
    assert "an example teaches nothing" in page


def test_nothing_is_fetched_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert "fonts.googleapis.com" not in text
        assert '<script src="http' not in text
        assert 'rel="stylesheet" href="http' not in text
