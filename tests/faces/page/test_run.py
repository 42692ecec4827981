"""A run on the page: progress, time left, stop at any moment and go on; several classes."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WIDE, HIGH = 450, 300


def stroke(page, *points: tuple[float, float]) -> None:
    """One stroke through these parts of the picture on the stage."""
    box = page.locator("#stage").bounding_box()
    scale = min(box["width"] / WIDE, box["height"] / HIGH)
    left, top = box["x"] + (box["width"] - WIDE * scale) / 2, box["y"] + (box["height"] - HIGH * scale) / 2
    for i, (x, y) in enumerate(points):
        page.mouse.move(left + x * WIDE * scale, top + y * HIGH * scale, steps=4)
        if not i:
            page.mouse.down()
    page.mouse.up()


def results_of(page, address: str) -> list[dict]:
    """What the API tells of the page's job."""
    job = json.loads(page.evaluate("localStorage.getItem('asgnet-project')"))["job"]
    return page.request.get(f"{address}v1/jobs/{job}/results").json()["results"]


@pytest.fixture
def begun(opened, cups, drop):
    """``(pictures) -> page`` on which a cup is painted and these pictures were dropped."""

    def ready(pictures: list[Path]):
        page = opened()
        page.click("#own")
        drop(page, "#stage", cups[:1])
        page.wait_for_selector("#plate-title:has-text('cup1.jpg')")
        page.locator("#size").fill("6.5")
        for row in (0.2, 0.34, 0.48):
            stroke(page, (0.42, row), (0.56, row))
        drop(page, "#drop", pictures)
        page.wait_for_selector(f"#cards > li:nth-child({len(pictures)})")
        return page

    return ready


def held(page, method: str, pattern: str) -> list:
    """Requests that are held back until somebody lets them go on."""
    waiting = []

    def hold(route) -> None:
        if route.request.method == method and not waiting:
            waiting.append(route)
        else:
            route.continue_()

    page.route(pattern, hold)
    return waiting


def stopped_while(page, waiting: list) -> None:
    """Press Find, and Stop while a request is on its way; then the request arrives."""
    page.click("#find")
    while not waiting:
        page.wait_for_timeout(20)
    page.click("#stop")
    page.wait_for_selector("#progress-words:has-text('Stopping')")
    waiting[0].continue_()
    page.wait_for_selector("#progress", state="hidden")


MANY = 24
"""Pictures, so many that a quick machine is not done before it is stopped."""


STOP_AMONG_RESULTS = """() => {
    const words = document.querySelector("#progress-words").innerText
    if (!words.includes("left") || !document.querySelector("#cards .mark[data-is=good]")) return false
    const value = document.querySelector("#progress-bar").value
    document.querySelector("#stop").click()
    return [words, value]
}"""
"""In one look: results come one by one, and a slow test must not come too late."""


def finished(page, count: int) -> None:
    page.wait_for_selector(f"#results-words:has-text('{count} of {count} pictures done')")
    page.wait_for_selector("#progress", state="hidden")


def test_time_left_stop_and_the_rest(begun, address, cups, tmp_path):
    many = [Path(shutil.copy(cups[1 + i % 5], tmp_path / f"many{i:02}.jpg")) for i in range(MANY)]
    page = begun(many)
    page.click("#find")
    words, value = page.wait_for_function(STOP_AMONG_RESULTS).json_value()
    assert re.fullmatch(rf"Looking … \d+ of {MANY}, about \d+ (second|minute)s? left", words)
    assert 0 <= value < 1
    page.wait_for_selector("#find:has-text('more picture')")
    before = [r for r in results_of(page, address) if r["status"] == "done"]
    assert 0 < len(before) < MANY
    left = MANY - len(before)
    assert page.locator("#find-words").inner_text() == f"Find in {left} more picture{'s' * (left > 1)}"
    assert page.locator("#cards .mark", has_text="Stopped").count() == left
    assert page.locator("#downloads").is_visible()
    page.click("#find")
    finished(page, MANY)
    after = results_of(page, address)
    assert [after[r["index"]] for r in before] == before  # what was done is not done again
    assert page.locator("#find").is_disabled()
    uncertainties = {r["name"]: r["uncertainty"] for r in after}
    shown = [uncertainties[name] for name in page.locator("#cards .name").all_inner_texts()]
    assert shown == sorted(shown, reverse=True)  # the most uncertain first


def test_stop_while_it_learns_and_while_pictures_are_sent(begun, address, cups):
    page = begun(cups[1:3])
    stopped_while(page, held(page, "POST", "**/v1/concepts"))
    assert page.locator("#find-words").inner_text() == "Find object in 2 pictures"
    stopped_while(page, held(page, "POST", "**/v1/jobs"))
    if page.locator("#find").is_enabled():  # else both were begun before Stop arrived, and are done
        page.click("#find")
    finished(page, 2)
    first = results_of(page, address)
    page.locator("#examples button").first.click()
    page.wait_for_selector("#plate-title:has-text('cup1.jpg')")
    stroke(page, (0.45, 0.5), (0.5, 0.5))
    stroke(page, (0.4, 0.15), (0.5, 0.15))
    assert page.locator("#find-words").inner_text() == "Find again in 2 pictures"
    stopped_while(page, held(page, "PUT", "**/supports"))
    assert results_of(page, address) == first
    assert page.locator("#find-words").inner_text() == "Find in 2 more pictures"  # known by the old example
    page.click("#find")
    page.wait_for_selector("#find:has-text('Working')")
    finished(page, 2)
    assert [r["concept_version"] for r in results_of(page, address)] == [2, 2]


def test_two_classes(begun, address, cups):
    page = begun(cups[1:3])
    page.click("#add-class")
    page.keyboard.type("saucer")
    page.keyboard.press("Tab")
    page.locator("#size").fill("4.5")
    stroke(page, (0.2, 0.55), (0.3, 0.8), (0.5, 0.85), (0.68, 0.75))
    page.click("#find")
    finished(page, 2)
    kept = json.loads(page.evaluate("localStorage.getItem('asgnet-project')"))
    concept = page.request.get(f"{address}v1/concepts/{kept['concept']}").json()
    assert (concept["classes"], concept["counts"]) == (["object", "saucer"], [1, 1])
    mask = page.request.get(f"{address}v1/concepts/{kept['concept']}/supports/0/mask.png").body()
    assert set(np.unique(np.asarray(Image.open(io.BytesIO(mask))))) == {0, 1, 2}
    with page.expect_download() as waiting:
        page.click("#download-coco")
    with zipfile.ZipFile(waiting.value.path()) as zipped:
        (name,) = [n for n in zipped.namelist() if n.endswith(".json")]
        coco = json.loads(zipped.read(name))
    assert [c["name"] for c in coco["categories"]] == ["object", "saucer"]
    assert {a["category_id"] for a in coco["annotations"]} == {1, 2}
    page.locator("#classes input[type=text]").nth(1).fill("plate")
    page.keyboard.press("Tab")
    page.click("#find")  # other classes are another concept: all pictures are looked at again
    page.wait_for_selector("#find:has-text('Working')")
    finished(page, 2)
    again = json.loads(page.evaluate("localStorage.getItem('asgnet-project')"))
    assert again["concept"] != kept["concept"]
    job = page.request.get(f"{address}v1/jobs/{again['job']}").json()
    assert (job["classes"], job["concept"]) == (["object", "plate"], again["concept"])
    known = page.request.get(f"{address}v1/concepts").json()["concepts"]
    assert kept["concept"] not in [concept["id"] for concept in known]  # the old one is not left behind
