"""What a command does to the world, seen from outside by strace: whom it asks, what it writes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import asgnet

SEEN = "connect,sendto,sendmsg,sendmmsg,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat"
SEEN += ",symlink,symlinkat,unlink,unlinkat"
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")
_ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
_PATH = re.compile(r'(?:AT_FDCWD<([^>]*)>|\d+<([^>]*)>)?(?:, )?"((?:[^"\\]|\\.)*)"')
_LOOPBACK = ("127.", "::1", "::ffff:127.")
_LOOKUPS = ("/etc/resolv.conf", "/run/systemd/resolve", "/var/run/nscd", "/run/nscd")


class Deeds(NamedTuple):
    """What was seen.

    Attributes:
        asked: addresses outside this machine, and files and sockets that look names up.
        written: absolute paths that were made, opened for writing, renamed to or removed.
    """

    asked: set[str]
    written: set[str]


def able() -> bool:
    """strace is installed, and may trace here."""
    if shutil.which("strace") is None:
        return False
    return not subprocess.run(
        ["strace", "-f", "-qq", "-o", os.devnull, "true"], capture_output=True
    ).returncode


def clean_environment(home: Path, temporary: Path) -> dict[str, str]:
    """As of somebody who starts asgnet for the first time; nothing says CI, which silences some libraries."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    home.mkdir(exist_ok=True)
    places = {"HOME": home, "TMPDIR": temporary, "PYTHONPATH": Path(asgnet.__file__).parents[1]}
    fixed = {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    return kept | fixed | {name: str(value) for name, value in places.items()}


def traced(words: list[str], log: Path) -> list[str]:
    """The command that runs another one under strace."""
    return [
        "strace",
        "-f",
        "-qq",
        "-y",
        "--seccomp-bpf",
        "-s",
        "256",
        "-o",
        str(log),
        "-e",
        f"trace={SEEN}",
        *words,
    ]


def deeds(log: Path, here: Path) -> Deeds:
    """Read a log of :func:`traced`, of a command that stayed ``here``; what found nothing there is no deed."""
    asked, written = set(), set()
    for call, given in _calls(log):
        if call in ("connect", "sendto", "sendmsg", "sendmmsg"):
            asked |= _strangers(given)
        elif call in ("open", "openat"):
            (path, *_) = _paths(given, here) or [""]
            if path.startswith(_LOOKUPS):
                asked.add(path)
            if re.search(r"O_WRONLY|O_RDWR|O_CREAT", given):
                written.add(path)
        else:
            written |= set(_paths(given, here))
    assert written, f"{log} tells of nothing that was written: it cannot be read"
    return Deeds(asked, written)


def _calls(log: Path) -> Iterator[tuple[str, str]]:
    """Names of calls and all that is said of each, resumed ones put together."""
    begun: dict[str, tuple[str, str]] = {}
    for line in log.read_text(errors="replace").splitlines():
        resumed = re.match(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$", line)
        if resumed and resumed[1] in begun:
            call, given = begun.pop(resumed[1])
            given += resumed[2]
        elif found := _CALL.match(line):
            call, given = found[2], found[3]
            if "<unfinished ...>" in given:
                begun[found[1]] = (call, given.replace("<unfinished ...>", ""))
                continue
        else:
            continue
        if not re.search(r"= -1 (ENOENT|EEXIST|ENOTDIR|EISDIR)", given):
            yield call, given


def _strangers(given: str) -> set[str]:
    found = {a or b for a, b in _ADDRESS.findall(given)}
    found |= {m for m in re.findall(r'sun_path=@?"([^"]*)"', given) if m.startswith(_LOOKUPS)}
    return {address for address in found if not address.startswith(_LOOPBACK)}


def _paths(given: str, here: Path) -> list[str]:
    """Absolute; a relative one starts at the folder that ``-y`` shows, else ``here``."""
    return [
        os.path.normpath(os.path.join(folder or handle or here, path))
        for folder, handle, path in _PATH.findall(given.split(") = ")[0])
    ]
