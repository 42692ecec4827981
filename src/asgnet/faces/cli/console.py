"""What all commands share: data to stdout, all else to stderr, every ending with its exit code.

0 done · 1 unexpected · 2 usage · 3 finished, some pictures failed · 4 unusable support, mask or weights ·
130 interrupted (Ctrl-C) · 143 terminated (SIGTERM) · 141 the reader of stdout went away.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from asgnet.errors import AsgnetError, OutputError, UsageError, out_of_memory
from asgnet.files import remedy_for
from asgnet.progress import advance, progress_bar

PAIR = "\0"
"""Joins the two values of ``--support``: no argument of a process can contain it."""
_PAIRS = {"--support": "its mask", "--background": "a mask of its background"}
"""The options of two values, and what the second is."""
MOMENT = 0.4
"""Seconds that a person does not mind to wait without a word."""


class Terminated(BaseException):
    """SIGTERM, raised where the program is, so that nothing is left half-written."""


class ReaderGone(BaseException):
    """Whatever read stdout went away; the parser would turn the OSError into exit code 1."""


def arranged(arguments: Sequence[str]) -> list[str]:
    """The arguments as the parser wants them: ``--support IMG MASK`` and its like as one value, ``--debug`` in front.

    Raises:
        UsageError: such an option without two values after it.
    """
    out: list[str] = []
    debug: list[str] = []
    i = 0
    while i < len(arguments):
        word = arguments[i]
        if word == "--":
            return [*debug, *out, *arguments[i:]]
        if word == "--debug":
            debug = [word]
        elif word in _PAIRS:
            pair = arguments[i + 1 : i + 3]
            if len(pair) < 2 or any(value.startswith("--") for value in pair):
                raise UsageError(
                    f"{word} needs two values: a picture and {_PAIRS[word]} ({word} photo.jpg mask.png)."
                )
            out += [word, PAIR.join(pair)]
            i += 2
        else:
            out.append(word)
        i += 1
    return [*debug, *out]


def say(text: str) -> None:
    """One message for the person, on stderr."""
    print(text, file=sys.stderr, flush=True)


def put(line: str) -> None:
    """One line of data, on stdout.

    Raises:
        OutputError: stdout leads to a file that cannot be written.
    """
    with _written():
        print(line, flush=True)


@contextmanager
def _written() -> Iterator[None]:
    """What stdout may answer, told apart: its reader went away, or the disk behind it is full."""
    try:
        yield
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        _leave_stdout()
        raise OutputError(f"Standard output cannot be written: {remedy_for(error)}.") from error


def _leave_stdout() -> None:
    """Point stdout at nothing: the interpreter's last flush must not fail again."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def emit(record: dict[str, Any]) -> None:
    """One JSON object, on one line of stdout."""
    put(json.dumps(record, allow_nan=False))


def free(file: Path, overwrite: bool) -> None:
    """Nothing is replaced unasked.

    Raises:
        OutputError: there is such a file already.
    """
    if file.exists() and not overwrite:
        raise OutputError(f"{str(file)!r} exists already; give another --out, or --overwrite to replace it.")


AGAIN = "nothing is half-written, the same command starts again"


def ending(run: Callable[[], Any], debug: bool = False, stopped: str = AGAIN) -> int:
    """Run, and turn whatever happens into an exit code and at most one line on stderr.

    With ``debug`` errors show their traceback as well; ``stopped`` tells what is left after a signal.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="surrogateescape")  # file names that are no UTF-8 leave as they came
    try:
        with _terminable(), _plain_warnings(debug):
            code = run()
            with _written():
                sys.stdout.flush()
            if code == 130:  # what typer makes of Ctrl-C, without a word
                raise KeyboardInterrupt
            return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        say(f"asgnet: interrupted; {stopped}.")
        return 130
    except Terminated:
        say(f"asgnet: terminated; {stopped}.")
        return 143
    except (ReaderGone, BrokenPipeError):
        _leave_stdout()
        return 141
    except Exception as error:
        return _failed(_of_stdout(error), debug)


def _of_stdout(error: Exception) -> Exception:
    """The error; or the one of stdout, if the error is the system's and stdout can still not be written."""
    if isinstance(error, OSError):
        try:
            with _written():
                sys.stdout.flush()
        except OutputError as lost:
            return lost
        except ReaderGone:
            _leave_stdout()
    return error


def _failed(error: Exception, debug: bool) -> int:
    if hasattr(error, "show") and hasattr(error, "exit_code"):  # the parser's own: usage line and message
        error.show()
        return int(error.exit_code)
    if debug:
        import traceback

        traceback.print_exc()
    if isinstance(error, AsgnetError):
        say(f"asgnet: {error}")
        return error.exit_code
    what = " ".join(f"{type(error).__name__}: {error}".split())
    if out_of_memory(error):
        say(f"asgnet: there is not enough memory ({what[:120]}); close other programs, or raise ulimit -v.")
        return 1
    say(f"asgnet: unexpected: {what}" + ("" if debug else " (--debug shows where)"))
    return 1


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM raises Terminated in here; only the main thread can arrange that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, frame: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _plain_warnings(debug: bool) -> Iterator[None]:
    """Our own warnings as one line each; those of libraries only with ``debug``."""
    from asgnet.errors import AsgnetWarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        say(f"asgnet: warning: {message}")

    with warnings.catch_warnings():
        if not debug:
            warnings.simplefilter("ignore")
            warnings.showwarning = show
        warnings.simplefilter("always", AsgnetWarning)
        yield


@contextmanager
def phase(words: str) -> Iterator[None]:
    """Say on stderr what is being done, if it takes more than a moment."""
    timer = threading.Timer(MOMENT, say, [f"{words} …"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Above(io.TextIOBase):
    """Stands for stdout while a bar is on the same terminal: whole lines, unwrapped, above the bar."""

    def __init__(self, terminal: Any) -> None:
        self.terminal, self.line = terminal, ""

    def write(self, text: str) -> int:
        *lines, self.line = (self.line + text).split("\n")
        for line in lines:
            self.terminal.print(line, soft_wrap=True, markup=False, highlight=False, emoji=False)
        return len(text)


@contextmanager
def bar(total: int | None, label: str) -> Iterator[Callable[..., None]]:
    """A progress bar with rate and time left on a terminal's stderr, for more than one item; else a phase.

    Args:
        total: how many items there are, None if that turns out later.
        label: what they are.

    Yields:
        To be called once an item; and once with the total, when it is known, if it was not.
    """
    with ExitStack() as waiting, ExitStack() as shown:
        waiting.enter_context(phase(label))  # until something is done
        if not sys.stderr.isatty():
            yield lambda total=None: waiting.close()
            return
        progress, task = progress_bar(label, None, redirect_stdout=False)

        def step(total: int | None = None) -> None:
            waiting.close()
            if total is None:
                advance(progress)
                return
            progress.update(task, total=total)
            if total > 1:
                shown.enter_context(progress)
                if sys.stdout.isatty():
                    shown.enter_context(redirect_stdout(_Above(progress.console)))

        if total is not None:
            step(total)
        yield step
