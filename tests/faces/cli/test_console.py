import os
import signal
import subprocess
import sys
import warnings
from contextlib import suppress

import pytest

from asgnet.errors import AsgnetWarning, PictureError, SupportError, UsageError
from asgnet.faces.cli import console


def test_support_becomes_one_value_and_the_order_is_kept():
    words = ["segment", "x", "--support", "a", "b", "--out", "o", "--support", "c", "d"]
    assert console.arranged(words) == ["segment", "x", "--support", "a\0b", "--out", "o", "--support", "c\0d"]


@pytest.mark.parametrize("words", [["--support"], ["--support", "a"], ["--support", "a", "--out", "o"]])
def test_support_without_its_mask_is_a_usage_error(words):
    with pytest.raises(UsageError, match="two values"):
        console.arranged(words)


def test_debug_is_understood_anywhere_but_behind_a_double_dash():
    assert console.arranged(["fit", "--debug", "x"]) == ["--debug", "fit", "x"]
    assert console.arranged(["fit", "--", "--debug", "--support"]) == ["fit", "--", "--debug", "--support"]


def _raise(error):
    def run():
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SupportError("The mask is empty."), 4),
        (PictureError("No picture."), 3),
        (UsageError("Not so."), 2),
        (ValueError("a bug\nin two lines"), 1),
        (KeyboardInterrupt(), 130),
        (console.Terminated(), 143),
    ],
)
def test_every_ending_is_one_line_on_stderr_and_its_code(capsys, error, code):
    assert console.ending(_raise(error)) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_debug_shows_where_it_happened(capsys):
    assert console.ending(_raise(ValueError("a bug")), debug=True) == 1
    assert "Traceback" in capsys.readouterr().err


def test_the_code_of_the_command_is_the_code_of_the_program():
    assert console.ending(lambda: 3) == 3
    assert console.ending(lambda: None) == 0


def test_our_warnings_are_one_line_and_those_of_libraries_silent(capsys):
    def run():
        warnings.warn("first frame only", AsgnetWarning, stacklevel=1)
        warnings.warn("deprecated", DeprecationWarning, stacklevel=1)
        warnings.warn("careful", UserWarning, stacklevel=1)

    console.ending(run)
    assert capsys.readouterr().err == "asgnet: warning: first frame only\n"


def test_json_is_one_line_whatever_the_names(capsys):
    console.emit({"picture": "a\nb😀"})
    assert capsys.readouterr().out.count("\n") == 1


def test_no_bar_where_stderr_is_no_terminal(capsys):
    with console.bar(10, "pictures") as step, console.bar(None, "frames") as other:
        step()
        other(total=10)
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(os.name == "nt", reason="terminals are different there")
@pytest.mark.parametrize(("known", "found", "shown"), [(3, None, "3/3"), (None, 3, "3/3"), (None, 1, "")])
def test_a_bar_counts_to_a_total_that_may_turn_out_later(known, found, shown):
    """On a terminal; of one item there is no bar."""
    import pty

    steps = [f"step(total={found})"] * (found is not None) + ["step()"] * (known or found)
    lines = [f"with _console.bar({known}, 'frames') as step:", *(f"    {step}" for step in steps)]
    ours, theirs = pty.openpty()
    child = _child("\n".join(f"    {line}" for line in [*lines, "_console.say('end')"]), stderr=theirs)
    os.close(theirs)
    said = ""
    with suppress(OSError):  # how a terminal ends on Linux
        while part := os.read(ours, 4096):
            said += part.decode("utf-8", "replace")
    os.close(ours)
    child.stdout.close()
    assert child.wait(timeout=20) == 0
    assert said.endswith("end\r\n")
    assert ("frames" in said) == bool(shown)
    assert shown in said


_CHILD = """
import signal, sys, time
from asgnet.faces.cli import console as _console
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
def run():
{body}
sys.exit(_console.ending(run))
"""


def _child(body: str, stderr: int = subprocess.PIPE):
    code = _CHILD.format(body=body)
    pipes = {"stdout": subprocess.PIPE, "stderr": stderr, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], **pipes)


@pytest.mark.skipif(os.name == "nt", reason="signals are different there")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_with_one_sentence_and_their_code(number, code):
    child = _child("    print('ready', flush=True)\n    time.sleep(30)")
    assert child.stdout.readline() == "ready\n"
    child.send_signal(number)
    _, err = child.communicate(timeout=20)
    assert child.returncode == code
    assert err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="pipes are different there")
def test_a_reader_that_goes_away_ends_it_quietly():
    child = _child("    while True:\n        _console.put('x' * 1000)")
    child.stdout.readline()
    child.stdout.close()
    assert child.wait(timeout=20) == 141
    assert child.stderr.read() == ""
    child.stderr.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is always full")
@pytest.mark.parametrize("body", ["_console.put('x')", "print('x')", "print('x', flush=True)"])
def test_a_full_disk_behind_stdout_is_one_sentence(body):
    code = _CHILD.format(body=f"    {body}")
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        streams = {"stdout": full, "stderr": subprocess.PIPE, "text": True}
        child = subprocess.run([sys.executable, "-c", code], **streams, env=buffered)
    assert child.returncode == 1
    assert child.stderr.startswith("asgnet: Standard output cannot be written: the disk is full; ")
    assert child.stderr.count("\n") == 1
