"""What a person does on the page, with a mouse: paint, drop, look, correct, take away."""

from __future__ import annotations

import io
import json
import re
import zipfile
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WIDE, HIGH = 450, 300


def spot(page, x: float, y: float) -> tuple[float, float]:
    """Where a point of the picture on the stage, as a part of its size, lies on the screen."""
    box = page.locator("#stage").bounding_box()
    scale = min(box["width"] / WIDE, box["height"] / HIGH)
    left = box["x"] + (box["width"] - WIDE * scale) / 2
    top = box["y"] + (box["height"] - HIGH * scale) / 2
    return left + x * WIDE * scale, top + y * HIGH * scale


def stroke(page, *points: tuple[float, float], button: str = "left") -> None:
    """One stroke through these parts of the picture."""
    page.mouse.move(*spot(page, *points[0]))
    page.mouse.down(button=button)
    for point in points[1:]:
        page.mouse.move(*spot(page, *point), steps=4)
    page.mouse.up(button=button)


def finished(page, count: int) -> None:
    """Wait until so many pictures are done and nothing runs any more."""
    page.wait_for_selector("#downloads:not([hidden])")
    page.wait_for_selector(f"#results-words:has-text('{count} of {count} pictures done')")


def state(page, address: str) -> tuple[dict, dict]:
    """The concept and the job that the page works on, as the API tells them."""
    kept = json.loads(page.evaluate("localStorage.getItem('asgnet-project')"))
    concept = page.request.get(f"{address}v1/concepts/{kept['concept']}").json()
    return concept, page.request.get(f"{address}v1/jobs/{kept['job']}").json()


def downloaded(page, form: str) -> bytes:
    with page.expect_download() as waiting:
        page.click(f"#download-{form}")
    return Path(waiting.value.path()).read_bytes()


def test_paint_drop_look_correct_download(opened, address, cups, drop, shot, tmp_path):
    page = opened()
    page.click("#own")
    assert page.locator("#stage-empty").is_visible()
    assert page.locator("#find").is_disabled()
    shot(page, "empty")

    page.set_input_files("#choose-examples", cups[0])
    page.wait_for_selector("#plate-title:has-text('cup1.jpg')")
    page.locator("#size").fill("5.6")
    rows = [(0.14, 0.38, 0.58), (0.21, 0.345, 0.62), (0.28, 0.345, 0.625), (0.36, 0.35, 0.62)]
    for row, left, right in [*rows, (0.44, 0.36, 0.61), (0.52, 0.38, 0.59), (0.58, 0.42, 0.56)]:
        stroke(page, (left, row), (right, row))
    assert page.locator("#examples").get_by_text("Painted", exact=True).is_visible()
    shot(page, "painted")
    drop(page, "#drop", cups[1:])
    page.wait_for_selector("#cards > li:nth-child(5)")
    assert page.locator("#find-words").inner_text() == "Find object in 5 pictures"
    page.click("#find")
    finished(page, 5)
    concept, job = state(page, address)
    assert (concept["shots"], concept["version"], job["done"], job["failed"]) == (1, 1, 5, 0)
    answer = page.request.get(f"{address}v1/concepts/{concept['id']}/supports/0/mask.png")
    mask = np.asarray(Image.open(io.BytesIO(answer.body())))
    assert mask.shape == (HIGH, WIDE)  # the picture's own pixels
    assert mask[100, 220]
    assert not mask[10, 10]
    assert 0.08 < (mask > 0).mean() < 0.3

    card = page.locator("#cards > li").first
    card.locator("button").click()
    page.wait_for_selector("#correct:not([hidden])")
    shot(page, "results")
    stroke(page, (0.05, 0.9), (0.15, 0.9))
    page.wait_for_selector("#teach:not([hidden])")
    page.click("#teach")
    page.wait_for_selector("#examples li:nth-child(2).example:not(.more)")
    page.wait_for_selector("#find:has-text('Working')")
    finished(page, 5)
    concept, job = state(page, address)
    assert (concept["shots"], concept["version"], job["done"]) == (2, 2, 5)
    undecided = page.locator("#examples .mark", has_text=re.compile("Painted|Checking"))
    undecided.first.wait_for(state="hidden")
    assert page.locator("#examples .mark:not(.asks)").count() == 2  # the doctor said something of both
    shot(page, "taught")
    from_files(page, cups, tmp_path)

    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#cards > li").count() == 5  # the server kept it
    assert page.locator("#examples .name").all_inner_texts()[0] == "cup1.jpg"


def from_files(page, cups: list[Path], folder: Path) -> None:
    """All four downloads hold what they say."""
    from pycocotools import mask as rle
    from pycocotools.coco import COCO

    from asgnet import Concept

    with zipfile.ZipFile(io.BytesIO(downloaded(page, "coco"))) as zipped:
        [name] = [n for n in zipped.namelist() if n.endswith(".json")]
        (folder / "found.json").write_bytes(zipped.read(name))
    coco = COCO(folder / "found.json")
    assert {i["file_name"] for i in coco.loadImgs(coco.getImgIds())} == {p.name for p in cups[1:]}
    assert all((i["width"], i["height"]) == (WIDE, HIGH) for i in coco.loadImgs(coco.getImgIds()))
    areas = [rle.area(coco.annToRLE(one)) for one in coco.loadAnns(coco.getAnnIds())]
    assert len(areas) >= 5
    assert min(areas) > 0
    with zipfile.ZipFile(io.BytesIO(downloaded(page, "png"))) as zipped:
        masks = [Image.open(io.BytesIO(zipped.read(n))).size for n in zipped.namelist() if n.endswith(".png")]
    assert masks == [(WIDE, HIGH)] * 5
    with zipfile.ZipFile(io.BytesIO(downloaded(page, "yolo"))) as zipped:
        assert sum(n.startswith("labels/") or n.endswith(".txt") for n in zipped.namelist()) >= 5
    (folder / "cup.concept").write_bytes(downloaded(page, "concept"))
    assert Concept.load(folder / "cup.concept").classes == ("object",)


@pytest.fixture
def painting(opened, cups):
    """A page with one example on the stage, nothing painted."""
    page = opened()
    page.click("#own")
    page.set_input_files("#choose-examples", cups[0])
    page.wait_for_selector("#plate-title:has-text('cup1.jpg')")
    return page


def looks(page) -> int:
    """A number of what the stage shows."""
    page.wait_for_timeout(100)
    script = """() => new Promise((told) => requestAnimationFrame(() => {
      const canvas = document.querySelector('#stage canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let sum = 0;
      for (const value of data) sum = (sum * 31 + value) | 0;
      told(sum);
    }))"""
    return page.evaluate(script)


def settled(page, wanted: int | None = None) -> int:
    """:func:`looks` once it shows what is wanted, or twice the same; a busy machine draws late."""
    last = looks(page)
    for _ in range(50):
        again = looks(page)
        if again == (last if wanted is None else wanted):
            break
        last = again
    return again


def test_undo_redo_eraser_polygon_zoom(painting):
    page, seen = painting, [looks(painting)]
    stroke(page, (0.3, 0.3), (0.6, 0.3))
    seen.append(looks(page))
    assert seen[1] != seen[0]
    page.click("#undo")
    assert looks(page) == seen[0]
    assert page.locator("#undo").is_disabled()
    page.keyboard.press("Control+Shift+Z")
    assert looks(page) == seen[1]
    page.locator("input[value=eraser]").check(force=True)
    stroke(page, (0.2, 0.3), (0.7, 0.3))
    page.mouse.move(5, 5)
    assert looks(page) == seen[0]
    page.locator("input[value=polygon]").check(force=True)
    for corner in ((0.2, 0.2), (0.5, 0.2), (0.35, 0.6), (0.2, 0.2)):
        page.mouse.click(*spot(page, *corner))
    assert looks(page) not in seen
    page.click("#zoom-in")
    assert looks(page) not in seen
    page.click("#zoom-fit")
    page.click("#clear")
    assert looks(page) == seen[0]


def test_moving_the_picture_paints_nothing(painting):
    page = painting
    page.click("#zoom-in")
    page.click("#zoom-in")
    seen = [looks(page)]
    page.locator("input[value=hand]").check(force=True)
    stroke(page, (0.5, 0.5), (0.35, 0.4))
    seen.append(looks(page))
    page.locator("input[value=brush]").check(force=True)
    page.mouse.move(*spot(page, 0.5, 0.5))
    page.keyboard.down("Space")
    stroke(page, (0.5, 0.5), (0.6, 0.55))
    page.keyboard.up("Space")
    seen.append(looks(page))
    assert len(set(seen)) == 3
    assert page.locator("#undo").is_disabled()  # nothing was painted
    page.mouse.wheel(0, -300)
    assert looks(page) not in seen


def test_a_box_and_clicks_propose_a_mask(painting):
    page, seen = painting, [looks(painting)]
    assert page.locator("input[name=tool]").first.get_attribute("value") == "box"

    def answered() -> None:
        page.wait_for_selector("#status:not([data-shown])", state="attached")
        seen.append(looks(page))

    page.locator("input[value=box]").check(force=True)
    stroke(page, (0.25, 0.1), (0.75, 0.9))
    page.locator("#examples").get_by_text("Painted", exact=True).wait_for()
    answered()
    page.keyboard.down("Alt")
    page.mouse.click(*spot(page, 0.5, 0.5))
    page.keyboard.up("Alt")
    answered()
    page.locator("input[value=click]").check(force=True)
    page.mouse.click(*spot(page, 0.9, 0.9))
    answered()
    steps = [look for look, _ in groupby(seen)]  # a click may change nothing
    for before in reversed(steps[:-1]):
        page.click("#undo")
        assert looks(page) == before
    assert page.locator("#undo").is_disabled()


def test_views_and_threshold_answer_without_the_server(opened):
    page = opened()
    page.click("#find")
    finished(page, 5)
    page.locator("#cards button").first.click()
    page.wait_for_selector("#stage-wait", state="hidden")
    page.wait_for_selector("#correct:not([hidden])")
    page.wait_for_load_state("networkidle")
    overlay = settled(page)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#threshold").fill("0.9")
    assert page.locator("#threshold-out").inner_text() == "0.90"
    assert looks(page) != overlay
    assert "threshold=0.9" in page.locator("#download-png").get_attribute("href")
    page.locator("#threshold").fill("0.5")
    assert settled(page, overlay) == overlay
    seen = {overlay}
    for view in ("outline", "cutout", "probability"):
        page.locator(f"input[value={view}]").check(force=True)
        seen.add(looks(page))
    assert len(seen) == 4
    assert [url for url in asked if "/v1/" in url] == []
    page.locator("input[value=guide]").check(force=True)
    page.wait_for_selector("#stage-wait", state="hidden")
    page.wait_for_timeout(500)
    assert looks(page) not in seen
    page.select_option("#sort", "name")
    assert page.locator("#cards .name").all_inner_texts() == [f"coins-{x}.png" for x in "abcde"]


def test_a_broken_picture_is_told_beside_the_others(opened, cups, drop, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture at all")
    page = opened(expected="422")  # chromium says itself that the server refused to show the broken one
    drop(page, "#drop", [cups[1], broken])
    page.wait_for_selector("#cards > li:nth-child(2)")
    page.click("#find")
    page.wait_for_selector("#results-words:has-text('1 of 2 pictures done'):has-text('1 failed')")
    told = page.locator("#cards > li", has_text="broken.jpg").locator(".mark").inner_text()
    assert "broken.jpg" in told or "picture" in told
