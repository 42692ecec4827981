"""Which pictures a person means."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.data.pictures import put
from tests.saying import says

from asgnet.data.listing import list_pictures, list_sources, read_list
from asgnet.errors import AsgnetWarning, UsageError

pytestmark = pytest.mark.usefixtures("unexpected_notes_fail")


@pytest.fixture
def album(tmp_path) -> Path:
    for name in ("b.JPG", "a.png", "notes.txt", "sub/c.tiff", "sub/deep/d.webp", ".hidden/e.png", "._b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        put(tmp_path / name, b"")
    return tmp_path


def names(found: list[Path], album: Path) -> list[str]:
    return [p.relative_to(album).as_posix() for p in found]


def test_a_folder_gives_its_pictures(album):
    assert names(list_pictures(album), album) == ["a.png", "b.JPG", "sub/c.tiff", "sub/deep/d.webp"]
    assert names(list_pictures([str(album)], recursive=False), album) == ["a.png", "b.JPG"]


def test_a_pattern_and_a_named_file_of_any_ending(album):
    found = list_pictures([f"{album}/*.png", album / "notes.txt", f"{album}/**/*.webp"])
    assert names(found, album) == ["a.png", "notes.txt", "sub/deep/d.webp"]
    assert names(list_pictures(f"{album}/s*"), album) == ["sub/c.tiff", "sub/deep/d.webp"]


def test_nothing_comes_twice(album, monkeypatch):
    monkeypatch.chdir(album)
    found = list_pictures(["a.png", "./a.png", album / "a.png", ".", "sub/../a.png"])
    assert [p.name for p in found].count("a.png") == 1
    assert len(found) == 4


def test_a_name_with_brackets_is_a_name_first(album):
    put(album / "x[1].png", b"")
    assert names(list_pictures(f"{album}/x[1].png"), album) == ["x[1].png"]


def test_a_missing_name_is_kept_so_that_reading_it_says_why(album):
    assert names(list_pictures(album / "gone.png"), album) == ["gone.png"]


def test_finding_nothing(album):
    (album / "empty").mkdir()
    for wanted in (album / "empty", f"{album}/*.bmp", []):
        with pytest.raises(UsageError) as error:
            list_pictures(wanted)
        says(error, "No pictures found in", Path(wanted).name if wanted else "an empty list", "name pictures")


def test_finding_nothing_in_one_of_several_is_said(album):
    (album / "empty").mkdir()
    with pytest.warns(AsgnetWarning, match="No pictures in '.*empty'"):
        assert names(list_pictures([album / "empty", album / "a.png"]), album) == ["a.png"]


def test_a_list_has_a_line_or_a_zero_byte_for_each_name():
    assert read_list("a b.jpg\r\n\nü.png\n".encode()) == ["a b.jpg", "ü.png"]
    assert read_list(b"a\nb.jpg\0c.png\0") == ["a\nb.jpg", "c.png"]
    assert read_list(b"") == []


def test_sources_are_pictures_and_videos_and_what_a_store_holds(tmp_path):
    import uuid

    import fsspec

    for name in ("a.jpg", "b.mp4", "c.txt"):
        (tmp_path / name).write_bytes(b"")
    root = f"memory://{uuid.uuid4().hex}"
    for name in ("x.jpg", "deep/y.PNG", "deep/z.txt"):
        with fsspec.open(f"{root}/{name}", "wb") as stream:
            stream.write(b"")
    assert [p.name for p in list_sources([tmp_path])] == ["a.jpg", "b.mp4"]
    bucket = root.replace("memory://", "memory:///")
    assert list_sources([root]) == [f"{bucket}/deep/y.PNG", f"{bucket}/x.jpg"]
    assert list_sources([f"{root}/**/*.PNG"]) == [f"{bucket}/deep/y.PNG"]
    mixed = list_sources([tmp_path / "a.jpg", f"{root}/x.jpg", f"file://{tmp_path}/b.mp4"])
    assert [str(p) for p in mixed] == [str(tmp_path / "a.jpg"), str(tmp_path / "b.mp4"), f"{root}/x.jpg"]
