"""Which pictures a person means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.data.pictures import put
from tests.saying import says

from asgnet.data.listing import list_pictures, list_sources, read_list
from asgnet.data.results import MANIFEST
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


def run(folder: Path, *outputs: str) -> None:
    """What a run leaves in a folder: its manifest and its results."""
    for name in outputs:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        put(folder / name, b"")
    event = {"event": "begin", "picture": "/x.jpg", "key": "k", "outputs": outputs}
    put(folder / MANIFEST, json.dumps(event).encode() + b"\n")


@pytest.mark.parametrize("listed", [list_pictures, list_sources])
def test_what_runs_wrote_is_left_out_and_said_once(album, listed):
    run(album / "masks", "a.png", "sub/c.png")
    run(album / "sub" / "old", "c.png")
    run(album, "b_overlay.jpg")
    with pytest.warns(AsgnetWarning) as said:
        assert names(listed([album]), album) == ["a.png", "b.JPG", "sub/c.tiff", "sub/deep/d.webp"]
    (note,) = (str(one.message) for one in said)
    assert f"Results in {str(album)!r} and 2 more are not taken for pictures (4 of 8 files)" in note


def test_a_pattern_means_no_results_either(album):
    run(album / "masks", "a.png", "a_overlay.jpg")
    with pytest.warns(AsgnetWarning, match="2 of 3 files"):
        assert names(list_pictures([f"{album}/**/a*.[pj]*g"]), album) == ["a.png"]


def test_results_are_pictures_where_they_alone_can_be_meant(album):
    run(album / "cut", "a_cutout.png", "b_cutout.png")
    found = ["cut/a_cutout.png", "cut/b_cutout.png"]
    assert names(list_pictures(album / "cut"), album) == found
    assert names(list_pictures(f"{album}/**/*_cutout.png"), album) == found
    assert names(list_pictures(album / found[0]), album) == found[:1]
    with pytest.warns(AsgnetWarning, match="2 of 6 files"):
        assert found[0] in names(list_pictures([album, album / found[0]]), album)


def test_a_folder_of_pictures_that_a_run_wrote_into_is_still_one(album, monkeypatch):
    monkeypatch.chdir(album)
    run(album, "a_cutout.png", "sub/c.png")
    for given, kept in ((".", 4), ("sub/", 2)):
        with pytest.warns(AsgnetWarning, match="Results in"):
            assert len(list_pictures(given)) == kept


def test_results_in_a_store_are_left_out(tmp_path):
    import uuid

    import fsspec

    run(tmp_path / "masks", "x.png", "deep/y.png")
    put(tmp_path / "x.jpg", b"")
    root = f"memory://{uuid.uuid4().hex}"
    store, inside = fsspec.core.url_to_fs(root)
    store.put(str(tmp_path), inside, recursive=True)
    with pytest.warns(AsgnetWarning, match=r"masks' are not taken for pictures \(2 of 3 files\)"):
        assert [p.rpartition("/")[2] for p in list_sources([root])] == ["x.jpg"]


def test_a_manifest_in_a_store_that_cannot_be_read_says_nothing(tmp_path, monkeypatch):
    import uuid

    import fsspec

    run(tmp_path / "masks", "x.png")
    store, inside = fsspec.core.url_to_fs(root := f"memory://{uuid.uuid4().hex}")
    store.put(str(tmp_path), inside, recursive=True)

    def refused(*_):
        raise PermissionError("not yours")

    monkeypatch.setattr(type(store), "cat_file", refused)
    assert [p.rpartition("/")[2] for p in list_sources([root])] == ["x.png"]


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


def test_a_link_to_the_folder_above_shows_each_file_once(album):
    (album / "sub/up").symlink_to(album)
    for pattern in (f"{album}/**/*.png", f"{album}/**", str(album)):
        found = names(list_pictures(pattern), album)
        assert found.count("a.png") == 1
        assert all("up" not in name for name in found), found


def test_files_without_an_ending_are_taken_if_they_begin_like_pictures(album):
    for name, data in {
        "IM0001": bytes(128) + b"DICM", "photo": b"\xff\xd8\xff\xe0", "shot": b"\x89PNG\r\n", "scan": b"II*\0",
        "README": b"Dear reader", "empty": b"", "a_seg.npy": b"\x93NUMPY", "b.npy": b"\x93NUMPY",
    }.items():  # fmt: skip
        put(album / name, data)
    found = names(list_pictures(album, recursive=False), album)
    assert found == ["IM0001", "a.png", "b.JPG", "b.npy", "photo", "scan", "shot"]
