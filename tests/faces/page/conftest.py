"""A real server, a real browser, and photographs of one cup.

``ASGNET_SCREENSHOTS=docs/images pytest tests/faces/page`` makes the documentation's pictures.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

playwright = pytest.importorskip(
    "playwright.sync_api", reason="no playwright: pip install 'asgnet[browser]', and apt install chromium"
)
httpx = pytest.importorskip("httpx", reason="needs httpx: pip install -e '.[dev]'")

PATIENCE = 300_000  # milliseconds; a busy machine is slow, not wrong
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def browser():
    """Debian's chromium, without a window."""
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    path = next(filter(None, found), None)
    if path is None:
        pytest.skip("no chromium: apt install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address(tmp_path_factory) -> Iterator[str]:
    """Of ``asgnet serve``, started as a user starts it, with a data folder of its own."""
    data = str(tmp_path_factory.mktemp("data"))
    options = ["serve", "--port", "0", "--no-browser", "--workers", "2", "--data-dir", data]
    code = "import sys; from asgnet.faces.cli.app import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen([sys.executable, "-c", code, *options], stdout=subprocess.PIPE, text=True)
    try:
        address = process.stdout.readline().strip()
        for _ in range(1200):
            if httpx.get(f"{address}readyz", timeout=60).status_code == 200:
                break
            time.sleep(0.1)
        yield address
    finally:
        process.kill()  # asked to end it would finish what the doctor looks at
        process.wait()


@pytest.fixture
def opened(browser, address):
    """``(**context) -> page`` with the app begun; in the end no page may have complained in its console."""
    contexts, complaints = [], []

    def note(message, expected) -> None:
        # The tests read canvases back, of which chromium complains by itself.
        known = message.text.startswith("Canvas2D") or (expected and expected in message.text)
        if message.type in ("error", "warning") and not known:
            complaints.append(message.text)

    def open_page(expected: str = "", **how):
        contexts.append(browser.new_context(**{"viewport": DESK, "reduced_motion": "reduce", **how}))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: note(message, expected))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        page.wait_for_selector("html[data-ready]")
        page.locator("input[value=brush]").check(force=True)  # the box is chosen at first
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def shot():
    """``(page, name)`` keeps a screenshot for the documentation, if the environment names a folder."""
    folder = os.environ.get("ASGNET_SCREENSHOTS")

    def keep(page, name: str) -> None:
        if folder:
            page.wait_for_timeout(4000)  # messages at the bottom go
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            picture.quantize(256).save(Path(folder) / f"page-{name}.png", optimize=True)

    return keep


@pytest.fixture(scope="session")
def cups(tmp_path_factory) -> list[Path]:
    """Six photographs of one cup, 450 by 300, each seen a little differently."""
    from asgnet.apply.examples.samples import photograph

    whole, folder = Image.fromarray(photograph("coffee.png")), tmp_path_factory.mktemp("cups")
    views = [(0, 1, 1), (-4, 1.1, 1.1), (8, 1, 0.8), (3, 1.15, 1), (12, 1.05, 0.9), (-9, 1, 1.15)]
    paths = []
    for i, (turn, zoom, light) in enumerate(views):
        w, h = whole.size
        left, top = round(w * (1 - 1 / zoom) / 2), round(h * (1 - 1 / zoom) / 2)
        view = whole.rotate(turn, Image.Resampling.BICUBIC, fillcolor=whole.getpixel((2, 2)))
        view = view.crop((left, top, w - left, h - top)).resize((450, 300), Image.Resampling.LANCZOS)
        if i == 2:
            view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        paths.append(folder / f"cup{i + 1}.jpg")
        view.point(lambda v, light=light: min(255, round(v * light))).save(paths[-1], quality=92)
    return paths


@pytest.fixture
def drop():
    """``(page, selector, paths)`` drops files there, as a mouse would."""
    import base64

    script = """async (files) => {
      const transfer = new DataTransfer();
      for (const [name, type, data] of files) {
        const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type }));
      }
      return transfer;
    }"""

    def dropped(page, selector: str, paths: list[Path]) -> None:
        kinds = {".jpg": "image/jpeg", ".png": "image/png"}
        files = [[p.name, kinds[p.suffix], base64.b64encode(p.read_bytes()).decode()] for p in paths]
        transfer = page.evaluate_handle(script, files)
        for event in ("dragenter", "dragover", "drop"):
            page.dispatch_event(selector, event, {"dataTransfer": transfer})

    return dropped
