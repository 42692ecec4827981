"""Nothing is lost: the bin, several projects, a concept file; and how the picture is looked at."""

from __future__ import annotations


def found_all(page, count: int) -> None:
    page.wait_for_selector(f"#results-words:has-text('{count} of {count} picture{'s' * (count > 1)} done')")


def test_what_is_removed_comes_back(opened, shot):
    page = opened()
    page.click("#find")
    found_all(page, 5)
    page.click("#clear-pictures")
    page.click("#examples .remove")
    page.click("#add-class")
    page.click("#classes .class button")
    assert page.inner_text("#bin-count") == "3"
    assert page.locator("#cards > li").count() == 0
    page.click("#bin")
    for _ in range(3):
        page.locator("#bin-list button").first.click()
    page.wait_for_selector("#bin", state="hidden")
    assert page.locator("#cards > li").count() == 5
    assert page.locator("#examples li.example:not(.more)").count() == 1
    assert page.locator("#classes input[type=text]").count() == 2
    page.wait_for_selector("#plate-title:has-text('coins.png')")
    page.click("#clear-pictures")
    page.click("#bin")
    page.click("#bin-empty")
    page.wait_for_selector("#bin", state="hidden")


def test_several_projects_and_a_concept_file(opened, cups, tmp_path, shot):
    page = opened()
    page.click("#find")
    found_all(page, 5)
    page.wait_for_selector("#downloads:not([hidden])")
    with page.expect_download() as waiting:
        page.click("#download-concept")
    waiting.value.save_as(tmp_path / "coin.concept")

    page.click("#projects")
    page.set_input_files("#choose-concept", tmp_path / "coin.concept")
    page.wait_for_selector("#project-name:has-text('coin')")
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#cards > li").count() == 0
    page.set_input_files("#choose-pictures", cups[0])
    page.click("#find")
    found_all(page, 1)

    page.click("#projects")
    shot(page, "projects")
    page.locator("#projects-list input").nth(1).fill("mine")
    page.locator("#projects-list input").nth(1).press("Enter")
    page.wait_for_selector("#project-name:has-text('mine')")
    page.click("#projects-list button:has-text('Open')")
    page.wait_for_selector("#project-name:has-text('Project 1')")
    page.wait_for_selector("html[data-ready]")
    found_all(page, 5)

    page.on("dialog", lambda asked: asked.accept())
    page.click("#projects")
    page.click("#projects-list button[title='Delete mine']")
    page.wait_for_selector("#projects-list li:nth-child(2)", state="detached")
    page.click("#project-new")
    page.wait_for_selector("#project-name:has-text('Project 2')")
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#stage-empty").is_visible()


def pixels(page) -> list[int]:
    """The mean colour of what the stage shows."""
    return page.evaluate(
        """async () => {
          await new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)));
          const canvas = document.querySelector("#stage canvas");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const sums = [0, 0, 0];
          for (let i = 0; i < data.length; i += 4) for (let c = 0; c < 3; c++) sums[c] += data[i + c];
          return sums.map((sum) => Math.round((400 * sum) / data.length) / 100);
        }"""
    )


def test_the_picture_alone_and_its_channels(opened, shot):
    page = opened()
    page.wait_for_selector("#plate-title:has-text('coins.png')")
    painted = pixels(page)
    page.locator("#stage").focus()
    page.keyboard.down("o")
    alone = pixels(page)
    page.keyboard.up("o")
    assert alone[0] < painted[0]  # the paint is orange, the coins are grey
    assert alone[0] == alone[2]
    assert pixels(page) == painted
    page.click(".eye summary")
    page.locator("#opacity").fill("0")
    page.locator("#brightness").fill("2")
    assert pixels(page)[0] > 1.5 * alone[0]
    for name, value in (("brightness", "1"), ("contrast", "2.5"), ("opacity", "0.35")):
        page.locator(f"#{name}").fill(value)
    shot(page, "view")
    page.click("#eye-reset")
    assert pixels(page) == painted
