"""The whole job without a mouse."""

from __future__ import annotations

import pytest


def tab_to(page, selector: str, back: bool = False) -> None:
    """Press Tab until the focus is there."""
    for _ in range(90):
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            return
        page.keyboard.press("Shift+Tab" if back else "Tab")
    pytest.fail(f"Tab never comes to {selector}")


def test_keyboard_alone(opened, cups):
    page = opened()
    # Choosers are caught from the start: a busy machine hears of a later wish after Enter.
    page.on("filechooser", lambda chooser: None)
    press = page.keyboard.press
    tab_to(page, "#own")
    press("Enter")
    page.wait_for_selector("#stage-empty button:focus")
    with page.expect_file_chooser() as choosing:
        press("Enter")
    choosing.value.set_files(cups[0])
    page.wait_for_selector("#plate-title:has-text('cup1.jpg')")

    tab_to(page, "input[name=tool]", back=True)
    assert page.evaluate("getComputedStyle(document.activeElement.parentElement).outlineStyle") == "solid"
    tab_to(page, "#stage")
    for _ in range(8):
        press("]")
    press("Space")
    for arrow in ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        press(arrow)
        press(arrow)
    press("Space")
    page.locator("#examples").get_by_text("Painted", exact=True).wait_for()
    assert page.locator("#status").inner_text() == "Brush up."

    tab_to(page, "[data-choose=pictures]")
    with page.expect_file_chooser() as choosing:
        press("Enter")
    choosing.value.set_files(cups[1:3])
    page.wait_for_selector("#cards > li:nth-child(2)")
    press("f")
    page.wait_for_selector("#results-words:has-text('2 of 2 pictures done')")

    tab_to(page, "#threshold")
    press("ArrowRight")
    assert page.locator("#threshold-out").inner_text() == "0.51"
    tab_to(page, ".card button")
    press("Enter")
    page.wait_for_selector("#correct:not([hidden])")
    press("v")
    assert page.locator("input[name=view]:checked").get_attribute("value") == "outline"
    tab_to(page, "#stage", back=True)
    page.wait_for_selector("#stage-wait", state="hidden")
    press("ArrowDown")
    press("Space")
    press("ArrowDown")
    press("Space")
    page.wait_for_selector("#teach:not([hidden])")
    press("u")
    page.wait_for_selector("#examples-title:has-text('2 examples')")
    page.wait_for_selector("#find:has-text('All 2 pictures are done')")
    tab_to(page, "#download-png")
    with page.expect_download() as waiting:
        press("Enter")
    assert waiting.value.suggested_filename.endswith(".zip")
    press("?")
    assert page.locator("#keys").is_visible()
    press("Escape")
    assert not page.locator("#keys").is_visible()
