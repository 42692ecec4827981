"""A file is written whole or not at all, and every reason why not is one sentence."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.saying import says

from asgnet import files
from asgnet.errors import OutputError
from asgnet.files import atomic_path, check_writable, save_bytes


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def left_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def write_half(path: Path, failure: BaseException | None) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        if failure is not None:
            raise failure


def test_what_is_written_takes_its_place_as_a_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "out.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == path.parent
        assert temporary.name.startswith(".")
        assert temporary.suffix == ".txt"
        assert not path.exists()
    assert path.read_text() == "whole"
    assert left_in(path.parent) == ["out.txt"]


@pytest.mark.parametrize("failure", [ValueError("mine"), KeyboardInterrupt(), SystemExit(3), MemoryError()])
def test_any_failure_leaves_what_was_there(failure, tmp_path):
    path = put(tmp_path / "out.txt", b"old")
    with pytest.raises(type(failure)):
        write_half(path, failure)
    assert path.read_text() == "old"
    assert left_in(tmp_path) == ["out.txt"]


@pytest.mark.parametrize(
    ("code", "fragment"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EDQUOT, "your disk quota is used up"),
        (errno.EACCES, "permission denied; choose a folder that you may write to"),
        (errno.EPERM, "permission denied"),
        (errno.EROFS, "the disk is read-only"),
        (errno.ENAMETOOLONG, "its name is too long; choose a shorter one"),
        (errno.EFBIG, "larger than a file may be"),
        (errno.EIO, "Input/output error; choose another folder"),
    ],
)
@pytest.mark.parametrize("where", ["fsync", "replace", "body"])
def test_each_reason_of_the_system_has_its_remedy(code, fragment, where, tmp_path, monkeypatch):
    if where != "body":

        def fail(*_):
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(files.os, where, fail)
    path = put(tmp_path / "out.png", b"old")
    with pytest.raises(OutputError) as error:
        write_half(path, OSError(code, os.strerror(code)) if where == "body" else None)
    says(error, "out.png' cannot be written", fragment)
    assert path.read_bytes() == b"old"
    assert left_in(tmp_path) == ["out.png"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_really_full_disk(tmp_path):
    path = tmp_path / "out.bin"

    def write() -> None:
        with atomic_path(path) as temporary:
            temporary.symlink_to("/dev/full")
            temporary.write_bytes(b"x" * 10_000)

    with pytest.raises(OutputError) as error:
        write()
    says(error, "out.bin", "the disk is full; free some space")
    assert left_in(tmp_path) == []
    assert os.path.exists("/dev/full")


def test_a_file_that_really_stops_half_way(tmp_path):
    program = (
        "import resource, sys\n"
        "from asgnet.files import save_bytes\n"
        "from asgnet.errors import OutputError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: save_bytes(sys.argv[1], bytes(9999))\n"
        "except OutputError as error: print(error)\n"
    )
    command = [sys.executable, "-c", program, tmp_path / "out.bin"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert "out.bin' cannot be written: it is larger than a file may be here" in ran.stdout, ran.stderr
    assert left_in(tmp_path) == []


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = put(tmp_path / "out.txt", b"old")
    program = (
        "import os, signal, sys\n"
        "from asgnet.files import atomic_path\n"
        "with atomic_path(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, path]).returncode == -9
    assert path.read_text() == "old"
    assert [name for name in left_in(tmp_path) if not name.startswith(".asgnet-")] == ["out.txt"]


def test_errors_of_others_are_left_alone(tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic_path(tmp_path / "out.txt"):
        (tmp_path / "elsewhere" / "in.txt").read_text()
    with pytest.raises(OSError, match="encoder error"):
        write_half(tmp_path / "out.txt", OSError("encoder error -2"))
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    ("make", "fragment"),
    [
        (lambda d: put(d / "file", b"") / "out.png", "is a file, not a folder"),
        (lambda d: put(d / "file", b"") / "deeper" / "out.png", "is a file, not a folder"),
        (lambda d: d / ("x" * 300), "its name is too long"),
        (lambda d: d, "a folder or a device has that name"),
        (lambda d: os.mkfifo(d / "pipe") or d / "pipe", "a folder or a device has that name"),
        (lambda d: Path(""), "names no file"),
        (lambda d: Path("/"), "names no file"),
    ],
    ids=["inside a file", "deep inside a file", "too long", "a folder", "a pipe", "nothing", "the root"],
)
def test_a_path_that_cannot_be_written(make, fragment, tmp_path):
    path = make(tmp_path)
    with pytest.raises(OutputError) as error:
        save_bytes(path, b"data")
    says(error, fragment, path.name)
    assert set(left_in(tmp_path)) <= {"file", "pipe"}
    assert not (tmp_path / "pipe").is_file()


def test_no_permission_to_write(nobody, tmp_path):
    tmp_path.chmod(0o555)
    try:
        with nobody(), pytest.raises(OutputError) as error:
            save_bytes(tmp_path / "out.bin", b"data")
    finally:
        tmp_path.chmod(0o755)
    says(error, "out.bin", "permission denied", "choose a folder that you may write to")
    assert left_in(tmp_path) == []


def test_a_name_of_the_greatest_length_and_strange_bytes(tmp_path):
    for name in ("x" * 251 + ".png", os.fsdecode(b"\xff\n.png"), "🐈.png", "a." + "b" * 200):
        save_bytes(tmp_path / name, b"data")
        assert (tmp_path / name).read_bytes() == b"data"


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "real").mkdir()
    target = put(tmp_path / "real" / "target.txt", b"old")
    link = tmp_path / "link.txt"
    link.symlink_to(target)
    save_bytes(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert left_in(tmp_path / "real") == ["target.txt"]


def test_a_folder_is_tried_before_the_work(tmp_path):
    check_writable(tmp_path / "new/folder")
    assert list(tmp_path.iterdir()) == []
    put(tmp_path / "file", b"")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        check_writable(tmp_path / "file")
