"""axe-core over every state of the page, in light, dark and at a phone's width; nothing sticks out."""

from __future__ import annotations

import shutil
import subprocess
import tarfile

import pytest

from asgnet.files import cache_folder

AXE = "4.14.1"
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's source, from npm once (MPL-2.0: used, never shipped)."""
    file = cache_folder() / "tests" / f"axe-core-{AXE}.tgz"
    if not file.exists():
        if not shutil.which("npm"):
            pytest.skip("no npm to fetch axe-core with: apt install npm")
        file.parent.mkdir(parents=True, exist_ok=True)
        fetch = ["npm", "pack", f"axe-core@{AXE}", "--silent"]
        done = subprocess.run(fetch, cwd=file.parent, capture_output=True, text=True, timeout=120)
        if done.returncode or not file.exists():
            pytest.skip(f"npm cannot fetch axe-core: {done.stderr.strip()[-200:]}")
    with tarfile.open(file) as packed:
        return packed.extractfile("package/axe.min.js").read().decode()


@pytest.fixture
def check(axe):
    """``(page, state)``: no serious or critical fault, and no scrolling sideways."""

    def checked(page, state: str) -> None:
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        grave = [
            (v["id"], v["help"], [node["target"] for node in v["nodes"]][:3])
            for v in found["violations"]
            if v["impact"] in ("serious", "critical")
        ]
        assert grave == [], state
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, f"{state}: {wide} pixels wider than the screen"

    return checked


def test_every_state_in_every_light(opened, check, shot):
    page = opened(color_scheme="light")
    check(page, "sample")
    shot(page, "sample")
    page.click("#find")
    page.wait_for_selector("#progress:not([hidden])")
    check(page, "busy")
    page.wait_for_selector("#results-words:has-text('5 of 5 pictures done')")
    page.locator("#cards button").first.click()
    page.wait_for_selector("#correct:not([hidden])")
    for view in ("probability", "guide", "cutout", "overlay"):
        page.locator(f"input[value={view}]").check(force=True)
    page.click("#objects summary")
    page.locator("#objects-list button").first.click()
    check(page, "results")
    page.emulate_media(color_scheme="dark")
    check(page, "results, dark")
    shot(page, "dark")
    page.keyboard.press("?")
    check(page, "shortcuts, dark")
    page.keyboard.press("Escape")
    page.set_viewport_size(PHONE)
    check(page, "phone, dark")
    page.emulate_media(color_scheme="light")
    page.evaluate("scrollTo(0, 0)")
    check(page, "phone, light")
    shot(page, "phone")
    page.locator("#desk").scroll_into_view_if_needed()
    shot(page, "phone-results")
    page.set_viewport_size({"width": 320, "height": 640})
    check(page, "320 pixels")


def test_the_theme_button(opened, check):
    page = opened(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.click("#theme")
    assert page.evaluate(ground) != dark
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate(ground) != dark  # kept for the next visit
    page.click("#own")
    check(page, "empty")


def test_everything_comes_from_the_server_itself(opened, address):
    page = opened()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.wait_for_selector("html[data-ready]")
    strangers = [url for url in asked if not url.startswith((address, "blob:", "data:"))]
    assert len(asked) > 20
    assert strangers == []
