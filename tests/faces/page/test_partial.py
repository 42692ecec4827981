"""Three of six discs painted: the page asks for the others, and opens the next picture painted."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

WIDE, HIGH = 480, 320


@pytest.fixture(scope="module")
def discs(tmp_path_factory):
    """Three pictures of six red discs."""
    folder, paths = tmp_path_factory.mktemp("discs"), []
    for seed in range(3):
        random = np.random.default_rng(seed)
        picture = random.integers(90, 140, (HIGH, WIDE, 3)).astype(np.uint8)
        rows, columns = np.indices((HIGH, WIDE))
        for i in range(6):
            middle = 80 + 160 * (i % 2), 80 + 160 * (i // 2) + (random.integers(-10, 10) if seed else 0)
            picture[(rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 < 36**2] = [210, 30, 30]
        paths.append(folder / f"discs{seed}.png")
        Image.fromarray(picture).save(paths[-1])
    return paths


def click(page, x: float, y: float, **how) -> None:
    """A click on a pixel of the picture."""
    box = page.locator("#stage").bounding_box()
    scale = min(box["width"] / WIDE, box["height"] / HIGH)
    left, top = box["x"] + (box["width"] - WIDE * scale) / 2, box["y"] + (box["height"] - HIGH * scale) / 2
    for key in how.get("modifiers", ()):
        page.keyboard.down(key)
    page.mouse.click(left + x * scale, top + y * scale)
    for key in how.get("modifiers", ()):
        page.keyboard.up(key)


def test_these_too(opened, discs, shot):
    page = opened()
    page.click("#own")
    page.set_input_files("#choose-examples", discs[0])
    page.wait_for_selector("#plate-title:has-text('discs0.png')")
    page.wait_for_selector("#examples [data-choose=examples]:focus")  # the button that was pressed is gone
    page.check("input[name=tool][value=brush]", force=True)
    page.locator("#size").fill("6.1")
    for x, y in ((80, 80), (80, 240), (240, 80)):
        click(page, x, y)
    page.set_input_files("#choose-pictures", discs[1:])
    page.wait_for_selector("#cards > li:nth-child(2)")
    page.click("#find")
    page.wait_for_selector("#these-words:has-text('3 more look like it')")
    page.wait_for_selector("#results-words:has-text('2 of 2 pictures done')")
    page.wait_for_timeout(300)  # the stage has made room
    shot(page, "these-too")
    click(page, 240, 240)
    page.wait_for_selector("#these-words:has-text('2 more look like it')")
    click(page, 400, 80, modifiers=["Alt"])
    page.wait_for_selector("#these-words:has-text('1 more looks like it')")
    page.click("#these-all")
    page.wait_for_selector("#these", state="hidden")
    page.click("#undo")
    page.click("#undo")  # the refused piece was nothing to undo
    page.click("#find")
    page.wait_for_selector("#results-words:has-text('2 of 2 pictures done')")

    page.set_input_files("#choose-examples", discs[1])
    page.wait_for_selector("#examples .mark:has-text('Proposed')")
    page.click("#undo")
    page.wait_for_selector("#examples li:nth-child(2) .mark:has-text('Not painted yet')")


def test_the_step_in_the_header_follows(opened):
    page = opened()
    page.locator("#add [data-choose=pictures]").focus()
    assert page.locator(".top nav a[aria-current]").inner_text().split()[-2:] == ["Add", "pictures"]
    page.locator("#stage").focus()
    assert "Paint" in page.locator(".top nav a[aria-current]").inner_text()


def test_the_bin_on_a_result(opened, discs):
    page = opened()
    page.click("#find")
    page.wait_for_selector("#results-words:has-text('5 of 5 pictures done')")
    page.locator("#cards > li button").first.click()
    page.wait_for_selector("#correct:not([hidden])")
    page.click("#clear")
    page.wait_for_selector("#correct-words:has-text('You painted here')")
    page.click("#undo")


def test_a_damaged_example_is_refused_by_name(opened, discs, tmp_path):
    (tmp_path / "torn.png").write_bytes(discs[0].read_bytes()[:2000])
    page = opened()
    page.click("#own")
    page.set_input_files("#choose-examples", [tmp_path / "torn.png", discs[0]])
    page.wait_for_selector("#plate-title:has-text('discs0.png')")
    page.wait_for_selector("#alert:has-text('torn.png')")
