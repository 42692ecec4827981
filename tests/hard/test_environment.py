"""Machines that lack something: home, temporary folder, rights, space, network, memory, a steady clock."""

from __future__ import annotations

import errno
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.batch.manifest import Manifest

EXAMPLE = ["--support", "a.png", "a_mask.png", "--no-adapt"]
FIT = ["fit", *EXAMPLE, "--out", "x.concept"]
SEGMENT = ["segment", "photos", "--support", "a.png", "a_mask.png", "--out", "out", "--runtime", "torch"]
POSIX = pytest.mark.skipif(os.name == "nt", reason="signals, limits and rights are different there")


def test_without_a_home_directory(world, run, monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME", "HF_HOME"):
        monkeypatch.setenv(name, "/nowhere/at/all")
    assert run(*SEGMENT).code == 0
    monkeypatch.delenv("HOME")
    assert run(*FIT).left == ["x.concept"]


def test_without_a_temporary_folder(world, run, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/nowhere/at/all")
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert run(*SEGMENT).code == 0


def test_without_a_network_nothing_is_missed_and_no_socket_is_opened(world, run, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a socket was opened")

    for name in ("connect", "connect_ex", "sendto", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert run(*FIT).code == 0
    assert run(*SEGMENT).code == 0
    assert run("doctor", "--support", "a.png", "a_mask.png").code in (0, 4)


def test_a_read_only_installation_is_enough(world, run, nobody):
    world.chmod(0o777)
    for folder in [world, *world.parents]:
        if not os.stat(folder).st_mode & 0o001 and folder.is_relative_to(tempfile.gettempdir()):
            folder.chmod(0o755)
    with nobody():  # the package's own files belong to someone else
        assert run(*SEGMENT).code == 0


def test_no_permission_to_write(world, run, nobody, refused):
    world.chmod(0o755)
    for folder in world.parents:
        if not os.stat(folder).st_mode & 0o001 and folder.is_relative_to(tempfile.gettempdir()):
            folder.chmod(0o755)
    with nobody():
        refused(run(*FIT), 1, "x.concept", "choose a folder that you may write to")
        refused(run(*SEGMENT), 1, "out", "Permission denied", "give another --out")


def test_a_full_disk_is_said_and_leaves_nothing_half_written(world, run, refused, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    refused(run(*FIT), 1, "x.concept", "the disk is full", "free some space")
    ended = run(*SEGMENT)
    assert ended.code != 0
    assert "disk is full" in ended.err
    assert [p for p in ended.left if p.endswith(".png") or ".asgnet-" in p] == []


def test_a_really_full_disk(world, run, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(small)]
    if os.name == "nt" or subprocess.run(mounted, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        ended = run("fit", *EXAMPLE, "--out", "small/x.concept")
        left = list(small.iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert ended.code == 1
    assert "the disk is full" in ended.err
    assert left == []


def test_two_runs_into_one_folder(world, run, refused):
    Path("out").mkdir()
    with Manifest(Path("out")):
        before = set(Path("out").iterdir())
        refused(run(*SEGMENT), 1, "out", "wait for it, or give another --out")
        assert set(Path("out").iterdir()) == before
    assert run(*SEGMENT).code == 0


@pytest.mark.parametrize("shift", [-10 * 365 * 86400, 10 * 365 * 86400], ids=["back", "ahead"])
def test_a_clock_that_was_moved(world, run, monkeypatch, shift):
    real = time.time
    assert run(*SEGMENT).code == 0
    monkeypatch.setattr(time, "time", lambda: real() + shift)
    for path in Path("photos").iterdir():
        os.utime(path, (real() + shift, real() + shift))
    ended = run(*SEGMENT)
    assert ended.code == 0
    assert "2 finished before" in ended.err


def test_the_current_folder_is_gone(world, run, monkeypatch):
    gone = world / "gone"
    gone.mkdir()
    words = [str(world / w) if w in ("a.png", "a_mask.png", "photos", "out") else w for w in SEGMENT]
    from asgnet.faces.cli.app import main

    os.chdir(gone)
    gone.rmdir()
    try:
        code = main(words)
    finally:
        os.chdir(world)
    assert code == 0


def started(*words: str, before: str = "pass") -> subprocess.Popen:
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"{before}; from asgnet.faces.cli.app import main; sys.exit(main())"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code, *words], **pipes)


@POSIX
@pytest.mark.parametrize("megabytes", [300, 400])
def test_too_little_memory_is_one_sentence(world, megabytes):
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({megabytes << 20},) * 2)"
    run = started(*FIT, before=limit)
    out, err = run.communicate(timeout=180)
    assert run.returncode != 0
    assert out == ""
    assert "Traceback" not in err
    assert "memory" in err
    assert not Path("x.concept").exists()


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_moment_leaves_whole_files_and_no_others(world, number, scene):
    for i in range(3, 60):
        Image.fromarray(scene(i)[0]).save(f"photos/{i}.png")
    run = started(*SEGMENT)
    run.stdout.readline()  # it has begun
    time.sleep(random.uniform(0, 0.5))
    run.send_signal(number)
    _, err = run.communicate(timeout=180)
    assert run.returncode in {signal.SIGINT: (130, 0), signal.SIGTERM: (143, 0)}[number], err
    assert "Traceback" not in err
    for path in Path("out").glob("*.png"):
        assert np.asarray(Image.open(path)).shape == (48, 64)
    assert list(Path().rglob(".asgnet-*")) == []


@POSIX
def test_a_second_process_on_one_folder_is_refused_and_the_first_goes_on(world, run, refused, scene):
    for i in range(3, 40):
        Image.fromarray(scene(i)[0]).save(f"photos/{i}.png")
    first = started(*SEGMENT)
    first.stdout.readline()  # it has begun
    second = run(*SEGMENT)
    assert first.poll() is None, "it was over too soon to tell"
    assert second.code == 1
    refused.text(second.err, "out", "wait for it, or give another --out")
    _, err = first.communicate(timeout=180)
    assert first.returncode == 0, err
    assert len(list(Path("out").glob("*.png"))) == 39


@POSIX
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_everything_is_still_loading(world, number, code):
    begin = "import asgnet.faces.cli.app, threading, os, time; " + (
        f"threading.Timer(0.3, os.kill, (os.getpid(), {int(number)})).start()"
    )
    run = started(*FIT, before=begin)
    out, err = run.communicate(timeout=180)
    assert run.returncode == code, err
    assert "Traceback" not in err
    assert out == ""
    assert not Path("x.concept").exists()
