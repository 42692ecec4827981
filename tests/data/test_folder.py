"""Folders here and in a store: the same words for both."""

from __future__ import annotations

import uuid

import pytest

from asgnet.data.folder import Remote, StoredFolder, folder_at, is_url, plain_path, read_source
from asgnet.errors import OutputError, PictureError, UsageError


@pytest.fixture(params=["local", "file", "memory"])
def place(request, tmp_path) -> str:
    return {
        "local": str(tmp_path / "out"),
        "file": f"file://{tmp_path}/out",
        "memory": f"memory://{uuid.uuid4().hex}/out",
    }[request.param]


def test_written_read_listed_removed(place):
    folder = folder_at(place)
    assert folder.read("a.txt") is None
    assert not folder.exists("a.txt")
    assert folder.list("") == []
    folder.save("a.txt", b"1")
    folder.save("sub/b ü.txt", b"2")
    folder.save_parts("sub/c.txt", iter([b"3", b"45"]))
    folder.save("a.txt", b"new")
    assert folder.list("") == ["a.txt", "sub/b ü.txt", "sub/c.txt"]
    assert folder.list("sub") == ["sub/b ü.txt", "sub/c.txt"]
    assert folder.list("nowhere") == []
    assert folder.read("a.txt") == read_source(folder.place("a.txt")) == b"new"
    assert folder.read("sub/c.txt") == b"345"
    folder.remove("a.txt")
    folder.remove("a.txt")
    assert not folder.exists("a.txt")


@pytest.mark.parametrize(
    ("path", "expected"),
    [("s3://a/b.jpg", True), ("gs://a", True), ("zip::s3://a/b.zip", True), ("memory://a", True),
     ("file:///a", False), ("/a/b", False), ("a:b", False), ("C:\\a", False), ("C:/a", False)],
)  # fmt: skip
def test_what_is_an_address(path, expected):
    assert is_url(path) == expected


def test_a_file_s_address_is_a_path():
    assert plain_path("file:///a/b.jpg") == "/a/b.jpg"
    assert plain_path("/a/b.jpg") == "/a/b.jpg"


@pytest.mark.parametrize("path", ["memory://nowhere/a.jpg", "/nowhere/a.jpg"])
def test_a_missing_source_is_said(path):
    with pytest.raises(PictureError, match="does not exist"):
        read_source(path)


def test_an_unknown_protocol_is_a_usage_error():
    with pytest.raises(UsageError, match="nosuch://a"):
        folder_at("nosuch://a/b")


def test_a_store_that_refuses_is_said_and_hopeless(monkeypatch):
    folder = StoredFolder(f"memory://{uuid.uuid4().hex}")

    def refuse(*_):
        raise PermissionError("Access Denied")

    monkeypatch.setattr(folder.store, "pipe_file", refuse)
    with pytest.raises(OutputError, match="Access Denied") as error:
        folder.save("a", b"")
    assert error.value.__cause__.errno is not None


def test_a_remote_file_has_a_name_for_messages():
    assert Remote(b"12", "s3://a/b.jpg").name == "s3://a/b.jpg"
