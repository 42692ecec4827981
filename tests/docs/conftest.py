"""The pictures that the pages' snippets work on: a cup, painted twice, and a pile of photographs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from asgnet.apply.examples import samples

Pair = tuple[Image.Image, Image.Image]
SIZE = (300, 200)


def cup() -> Pair:
    """scikit-image's coffee, and the cup painted as a person would: rim, body, handle."""
    picture = Image.fromarray(samples.photograph("coffee.png"))  # 600 by 400
    mask = Image.new("L", picture.size)
    draw = ImageDraw.Draw(mask)
    draw.ellipse((174, 16, 408, 214), fill=255)
    draw.polygon(
        [(176, 120), (406, 120), (394, 210), (352, 274), (290, 288), (236, 276), (192, 206)], fill=255
    )
    draw.polygon([(204, 246), (232, 230), (254, 256), (232, 304), (204, 306), (194, 280)], fill=255)
    return picture, mask


def seen(pair: Pair, turn: float, zoom: float, light: float, mirrored: bool = False) -> Pair:
    """The same object in another photograph: turned, nearer or farther, brighter or darker, mirrored."""
    views = []
    for image, how in zip(pair, (Image.Resampling.BICUBIC, Image.Resampling.NEAREST), strict=True):
        w, h = image.size
        view = image.rotate(turn, how, fillcolor=image.getpixel((2, 2)))
        cut = (round(w * (1 - 1 / zoom) / 2), round(h * (1 - 1 / zoom) / 2))
        view = view.crop((*cut, w - cut[0], h - cut[1])).resize(SIZE, how)
        views.append(view.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else view)
    return views[0].point(lambda v: min(255, round(v * light))), views[1]


def lay_out(folder: Path) -> None:
    """mug1.jpg, mug1_mask.png, mug2…, kitchen.jpg; examples/ with pairs of one stem; photos/ without."""
    views = {
        "mug1": seen(cup(), 0, 1, 1),
        "mug2": seen(cup(), 8, 1.05, 0.85, mirrored=True),
        "kitchen": seen(cup(), -6, 1, 0.9),
    }
    for made in ("photos", "examples"):
        (folder / made).mkdir()
    for name, (picture, mask) in views.items():
        picture.save(folder / f"{name}.jpg", quality=92)
        mask.save(folder / f"{name}_mask.png")
    (folder / "kitchen_mask.png").unlink()
    for name in ("mug1", "mug2"):
        shutil.copy(folder / f"{name}.jpg", folder / "examples" / f"{name}.jpg")
        shutil.copy(folder / f"{name}_mask.png", folder / "examples" / f"{name}.png")
    shutil.copy(folder / "kitchen.jpg", folder / "photos" / "kitchen.jpg")
    for i, (turn, zoom, light) in enumerate([(-4, 1.1, 1.1), (15, 1, 0.7)]):
        seen(cup(), turn, zoom, light)[0].save(folder / "photos" / f"table{i + 1}.jpg", quality=92)
    cat = Image.fromarray(samples.photograph("chelsea.png")).resize(SIZE)
    cat.save(folder / "photos" / "cat.jpg", quality=92)


@contextmanager
def nothing(folder: Path) -> Iterator[None]:
    """A page that needs no more than the common pictures."""
    yield


@contextmanager
def server(folder: Path) -> Iterator[None]:
    """``asgnet serve`` at ``$ASGNET``."""
    httpx = pytest.importorskip("httpx", reason="the page's client needs httpx: pip install httpx")
    if not shutil.which("curl"):
        pytest.skip("the page's commands need curl: apt install curl")
    code = "import sys; from asgnet.faces.cli.app import main; sys.exit(main(sys.argv[1:]))"
    options = ["serve", "--port", "0", "--no-browser", "--data-dir", str(folder / "kept")]
    process = subprocess.Popen([sys.executable, "-c", code, *options], stdout=subprocess.PIPE, text=True)
    try:
        address = process.stdout.readline().strip().rstrip("/")
        for _ in range(600):
            if httpx.get(f"{address}/readyz", timeout=60).status_code == 200:
                break
            time.sleep(0.1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ASGNET", address)
            yield
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def own_cache(folder: Path) -> Iterator[None]:
    """Indices and features of datasets stay in the page's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield


PREPARED: dict[str, Callable[[Path], AbstractContextManager[None]]] = {
    "api.md": server,
    "research.md": own_cache,
}
"""Pages that need more, by their path under docs/: a context manager, given the folder."""


@pytest.fixture(scope="session")
def common(tmp_path_factory):
    """The pictures of all pages, made once."""
    folder = tmp_path_factory.mktemp("common")
    lay_out(folder)
    return folder


@pytest.fixture
def pictures(common, tmp_path, monkeypatch):
    """``with pictures(page):`` the working directory is a fresh folder of the page's pictures."""

    @contextmanager
    def prepared(page: Path) -> Iterator[None]:
        folder = tmp_path / "page"
        shutil.copytree(common, folder)
        monkeypatch.chdir(folder)
        under = os.path.relpath(page, Path(__file__).parents[2] / "docs")
        with PREPARED.get(under, nothing)(folder):
            yield

    return prepared
