"""Fingers on a phone: one paints, two move and enlarge."""

from __future__ import annotations

PHONE = {"width": 390, "height": 844}


def touch(session, kind: str, *points: tuple[float, float]) -> None:
    """Fingers as chromium's own protocol sends them; playwright can only tap."""
    where = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})


def test_one_finger_paints_and_two_enlarge(opened, cups):
    page = opened(viewport=PHONE, has_touch=True, is_mobile=True)
    page.tap("#own")
    page.set_input_files("#choose-examples", cups[0])
    page.wait_for_selector("#plate-title:has-text('cup1.jpg')")
    page.locator("#stage").scroll_into_view_if_needed()
    box = page.locator("#stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)

    touch(session, "touchStart", (x - 40, y), (x + 40, y))
    for by in (50, 70, 90):
        touch(session, "touchMove", (x - by, y), (x + by, y))
    touch(session, "touchEnd")
    assert page.locator("#undo").is_disabled()  # two fingers paint nothing
    assert page.locator("#examples").get_by_text("Not painted yet", exact=True).count() == 1
    scroll = page.evaluate("scrollY")

    touch(session, "touchStart", (x, y))
    for step in (10, 20, 30):
        touch(session, "touchMove", (x + step, y + step))
    touch(session, "touchEnd")
    page.locator("#examples").get_by_text("Painted", exact=True).wait_for()
    assert page.locator("#undo").is_enabled()
    assert page.evaluate("scrollY") == scroll  # the page stays where it is
    near = "(canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.join()"
    enlarged = page.locator("#stage canvas").first.evaluate(near)
    page.tap("#zoom-fit")
    page.wait_for_timeout(100)
    assert page.locator("#stage canvas").first.evaluate(near) != enlarged
