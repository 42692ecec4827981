"""Objects on the page: counted, drawn as a histogram, asked for by a click, downloaded as tables."""

from __future__ import annotations

import csv
import re
from pathlib import Path


def counted(page, not_this: str = "") -> str:
    """What is said of the objects, once it is another word than before."""
    page.wait_for_function(
        "old => ![old, ''].includes(document.querySelector('#objects-total').textContent)", arg=not_this
    )
    return page.locator("#objects-total").inner_text()


def test_count_look_up_and_download(opened, shot):
    page = opened()
    page.click("#find")
    page.wait_for_selector("#results-words:has-text('5 of 5 pictures done')")
    page.locator("#cards button").first.click()
    page.wait_for_selector("#objects:not([hidden])")
    page.wait_for_selector("#stage-wait", state="hidden")
    page.click("#objects summary")
    said = counted(page)
    assert re.match(r".+: \d+.*, mean area [\d.]+ px²$", said)
    buttons = page.locator("#objects-list button")
    assert buttons.count() == int(re.search(r": (\d+)", said)[1])
    assert page.locator("#objects-plot svg rect").count() > 1
    assert "Areas of" in page.locator("#objects-plot svg").get_attribute("aria-label")

    buttons.first.click()
    assert buttons.first.get_attribute("aria-pressed") == "true"
    row = page.locator("#object-row").inner_text()
    assert "circularity" in row
    assert "mean red" in row

    page.locator("#threshold").fill("0.9")
    strict = counted(page, said)
    assert page.locator("#object-row").inner_text() == ""  # another object by now
    page.locator("#threshold").fill("0.5")
    assert counted(page, strict) == said

    page.locator("#pixel-size").fill("0.5um")
    page.locator("#pixel-size").press("Enter")
    assert counted(page, said).endswith("µm²")
    page.wait_for_selector("#downloads:not([hidden])")
    for what in ("counts", "measures"):
        with page.expect_download() as waiting:
            page.click(f"#download-{what}")
        assert waiting.value.suggested_filename.endswith(f"{what}.csv")
        rows = list(csv.DictReader(Path(waiting.value.path()).read_text().splitlines()))
        assert {row["unit"] for row in rows} == {"um"}
        assert len({row["picture"] for row in rows}) == 5


def test_a_click_with_the_moving_tool_shows_the_object_and_paints_nothing(opened, shot):
    page = opened()
    page.click("#find")
    page.wait_for_selector("#results-words:has-text('5 of 5 pictures done')")
    page.locator("#cards button").first.click()
    page.wait_for_selector("#stage-wait", state="hidden")
    page.click("#objects summary")
    counted(page)
    page.locator("input[value=hand]").check(force=True)
    page.locator("#objects-list button").first.click()
    told = page.locator("#object-row").inner_text()
    page.locator("#plate-title").scroll_into_view_if_needed()
    page.wait_for_timeout(100)
    spot = page.evaluate("""async () => {
      const marks = document.querySelectorAll('#stage canvas')[1];
      const { data, width, height } = marks.getContext('2d').getImageData(0, 0, marks.width, marks.height);
      let [left, top, right, bottom] = [width, height, 0, 0];
      for (let i = 3; i < data.length; i += 4) {
        if (!data[i]) continue;
        const at = (i - 3) / 4, x = at % width, y = Math.floor(at / width);
        [left, top] = [Math.min(left, x), Math.min(top, y)];
        [right, bottom] = [Math.max(right, x), Math.max(bottom, y)];
      }
      const box = marks.getBoundingClientRect(), scale = box.width / width;
      return [box.left + (left + right) / 2 * scale, box.top + (top + bottom) / 2 * scale, box.left + 3, box.top + 3];
    }""")
    page.mouse.click(*spot[2:])
    assert page.locator("#object-row").inner_text() == ""
    page.mouse.click(*spot[:2])
    assert page.locator("#object-row").inner_text() == told
    assert page.locator("#teach").is_hidden()
    page.locator("#objects").scroll_into_view_if_needed()
    shot(page, "objects")


def test_a_removed_object_is_a_correction_that_can_be_undone(opened):
    page = opened()
    page.click("#find")
    page.wait_for_selector("#results-words:has-text('5 of 5 pictures done')")
    page.locator("#cards button").first.click()
    page.wait_for_selector("#stage-wait", state="hidden")
    page.click("#objects summary")
    said = counted(page)
    before = int(re.search(r": (\d+)", said)[1])
    page.locator("#objects-list button").first.click()
    page.click("#object-remove")
    fewer = counted(page, said)
    assert int(re.search(r": (\d+)", fewer)[1]) == before - 1
    assert page.locator("#teach").is_visible()
    page.click("#undo")
    assert int(re.search(r": (\d+)", counted(page, fewer))[1]) == before


def test_bins_hold_every_value_and_the_nearest_object_is_meant(opened):
    page = opened()
    found = page.evaluate("""async () => {
      const { binned } = await import('/page/panel/histogram.js');
      const { objectAt } = await import('/page/panel/pick.js');
      const rows = [
        { object: 1, box_x: 0, box_y: 0, box_width: 10, box_height: 4, x: 4.5, y: 1.5 },
        { object: 2, box_x: 8, box_y: 0, box_width: 4, box_height: 4, x: 9.5, y: 1.5 },
      ];
      const labels = new Uint8Array(12 * 4).fill(1);
      labels[0] = 0;
      return [
        binned([1, 1, 2, 3], 2), binned([5], 3).counts,
        [[9.2, 1], [3, 1], [0.5, 0.5]].map((at) => objectAt(rows, labels, 12, at)?.object ?? null),
      ];
    }""")
    assert found == [{"low": 1, "high": 3, "counts": [2, 2]}, [1, 0, 0], [2, 1, None]]
