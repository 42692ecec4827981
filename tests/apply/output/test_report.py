"""The page of a run: complete, self-contained, the uncertain first, small."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser

import numpy as np
from PIL import Image

from asgnet.apply.output import report
from asgnet.apply.output.report import save_report, thumbnail
from asgnet.data.folder import folder_at

PICTURE = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
THUMBNAIL = thumbnail(PICTURE, np.arange(300)[:, None] + np.zeros((1, 400)) > 150)


def said(presence: float, confidence: float | None, name: str = "a.jpg", **more) -> dict:
    one = {"presence": presence, "area_fraction": 0.25, "box": None, "confidence": confidence}
    return {"picture": name, **one, "classes": [{"name": "mug", **one}], "seconds": 0.1, **more}


def event(*values, **more) -> dict:
    return {"summary": said(*values, **more), "thumbnail": THUMBNAIL, "files": {"png": "a b.png"}}


class Page(HTMLParser):
    """Titles in order, and everything that a browser would fetch or run."""

    def __init__(self, text: str):
        super().__init__()
        self.titles, self.sources, self.tags = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        if tag == "h2" and "title" in attributes:
            self.titles.append(attributes["title"])
        self.sources += [v for k, v in attrs if k in ("src", "srcset", "data", "poster", "action")]
        self.sources += [v for k, v in attrs if k == "href" and tag == "link"]


def page(tmp_path, events: dict, failed=()) -> str:
    save_report(folder_at(tmp_path), "report.html", list(events), events.get, failed)
    return (tmp_path / "report.html").read_text()


def test_a_thumbnail_is_a_small_jpeg_with_the_object_tinted():
    data = base64.b64decode(THUMBNAIL)
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        assert max(image.size) == report.SIDE
        pixels = np.asarray(image).astype(float)
    assert pixels[-20:, :, 0].mean() - pixels[:20, :, 0].mean() > 20  # tinted below


def test_the_uncertain_come_first_and_all_are_there(tmp_path):
    events = {str(i): event(p, 0.95, name=f"{i}.jpg") for i, p in enumerate((0.99, 0.4, 0.1, 0.55))}
    found = Page(page(tmp_path, events))
    assert found.titles == ["3.jpg", "1.jpg", "2.jpg", "0.jpg"]


def test_nothing_is_fetched_and_nothing_runs(tmp_path):
    found = Page(page(tmp_path, {"a": event(0.9, 0.9), "b": event(0.2, None)}))
    assert all(source.startswith("data:image/jpeg;base64,") for source in found.sources)
    assert len(found.sources) == 2
    assert "script" not in found.tags
    assert "link" not in found.tags


def test_names_are_no_html(tmp_path):
    name = '<script>alert(1)</script>&"x".jpg'
    text = page(tmp_path, {"a": event(0.9, 0.9, name=name)}, [("x", "'<b>' is broken.")])
    assert "<script" not in text
    assert "<b>' is" not in text
    assert Page(text).titles == [name]


def test_one_picture_none_and_failures_only(tmp_path):
    assert "1</b><span>picture<" in page(tmp_path, {"a": event(0.9, 0.9)})
    assert "0</b><span>pictures<" in page(tmp_path, {})
    assert "is broken" in page(tmp_path, {"a": None}, [("a", "'a' is broken.")])


def test_frames_and_several_classes_are_told(tmp_path):
    one = event(0.9, 0.9, name="clip.mp4", frame=12, time=1.5)
    one["summary"]["classes"].append({"name": "猫/dog", "presence": 0.3})
    text = page(tmp_path, {"a": one})
    for words in ("clip.mp4 · frame 12", "1.50&nbsp;s", "猫/dog", 'href="./a%20b.png"'):
        assert words in text


def test_2000_pictures_are_shown_of_any_number_and_the_page_is_small(tmp_path):
    events = {str(i): event(i / 3000, 0.9, name=f"{i}.jpg") for i in range(3000)}
    text = page(tmp_path, events)
    found = Page(text)
    assert len(found.titles) == 2000
    assert found.titles[0] == "1500.jpg"
    assert "2,000 most uncertain of 3,000" in text
    assert "3,000</b><span>pictures" in text
    assert len(text) < 2000 * (len(THUMBNAIL) + 1500)
    small = thumbnail(np.repeat(np.repeat(PICTURE[::40, ::40], 80, 0), 80, 1), np.zeros((640, 800), bool))
    assert len(small) < 12_000
