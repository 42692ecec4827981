"""Every snippet of README.md, CONTRIBUTING.md and docs/ runs: a page's blocks in order, in a folder of pictures.

- ``python`` and ``bash`` blocks run. A page is one session: what a block defines or writes, later ones see.
- A block that cannot run here says so to the reader: title="Not run in the tests: needs a cluster".
- A ``text`` block titled ``Output`` is what the block before it prints; ``…`` stands for anything.
- Commands without a language would be snippets that nobody runs: they are refused, except on pages that
  record what was measured, for hours, on data that is not here.
"""

from __future__ import annotations

import contextlib
import glob
import io
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from asgnet.faces.cli.app import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
RECORDS = {"notebook.md", "performance.md", "results.md"}
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w+-]*)(?P<more>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```", re.M | re.S
)
NOT_RUN = "Not run in the tests"
MOST_NOT_RUN = 18
SHELL = re.compile(r"[|;&<>`$()]")
COMMAND = re.compile(r"^\s*(\$ )?(asgnet|python|pip|docker|curl|make) ", re.M)


@dataclass(frozen=True)
class Block:
    """A fenced block: where its body begins, its language, its title, its text."""

    line: int
    language: str
    title: str
    body: str


def blocks(text: str) -> Iterator[Block]:
    """All fenced blocks of a Markdown text, also those indented under a list or an admonition."""
    for found in FENCE.finditer(text):
        title = re.search(r'title="([^"]*)"', found["more"])
        indent = len(found["indent"])
        body = "".join(line[indent:] if line.strip() else "\n" for line in found["body"].splitlines(True))
        yield Block(
            text.count("\n", 0, found.start("body")) + 1, found["language"], title[1] if title else "", body
        )


class Session:
    """One page's blocks share names, folder and what was printed last."""

    def __init__(self, page: Path) -> None:
        self.page, self.names, self.printed = page, {"__name__": "__main__"}, ""

    def run(self, block: Block) -> None:
        """Run a block, or compare an output with what the block before printed."""
        if block.language == "python":
            self.printed = self._python(block)
        elif block.language == "bash":
            self.printed = "".join(map(self._command, _commands(block.body)))
        elif block.language == "text" and block.title == "Output":
            assert _alike(block.body, self.printed), f"{self.page.name}:{block.line} prints\n{self.printed}"

    def _python(self, block: Block) -> str:
        source = "\n" * (block.line - 1) + block.body  # so that a traceback names the page's own line
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(source, str(self.page), "exec"), self.names)
        return out.getvalue()

    def _command(self, command: str) -> str:
        if command.startswith("asgnet ") and not SHELL.search(command):
            words = [w for word in shlex.split(command)[1:] for w in (sorted(glob.glob(word)) or [word])]
            with (
                contextlib.redirect_stdout(io.StringIO()) as out,
                contextlib.redirect_stderr(io.StringIO()) as told,
            ):
                code = main(words)
            assert code == 0, f"{self.page.name}: {command}\nended with {code}: {told.getvalue()}"
            return out.getvalue()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, (
            f"{self.page.name}: {command}\nended with {done.returncode}: {done.stderr}"
        )
        return done.stdout


def _commands(body: str) -> list[str]:
    """Logical lines; loops and the like stay whole."""
    if re.search(r"^(for|while|if|function) |<<", body, re.M):
        return [body]
    joined = body.replace("\\\n", " ")
    lines = [re.sub(r"(^|\s+)#.*$", "", line) for line in joined.splitlines()]
    return [line.strip() for line in lines if line.strip()]


def _alike(expected: str, printed: str) -> bool:
    pattern = r"[\s\S]*?".join(re.escape(" ".join(part.split())) for part in expected.split("…"))
    return re.fullmatch(pattern.replace(r"\ ", r"\s+"), " ".join(printed.split())) is not None


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_page_s_snippets_run(page, pictures):
    found = [b for b in blocks(page.read_text("utf-8")) if not b.title.startswith(NOT_RUN)]
    session = Session(page)
    with pictures(page):
        for block in found:
            session.run(block)


@pytest.mark.parametrize("page", [p for p in PAGES if p.name not in RECORDS], ids=named)
def test_commands_have_a_language(page):
    bare = [b for b in blocks(page.read_text("utf-8")) if not b.language and COMMAND.search(b.body)]
    assert not bare, f"line {bare[0].line}: write ```bash, so that it runs, or ```text for what is printed"


def test_few_snippets_do_not_run_and_each_says_why():
    left = [(named(p), b) for p in PAGES for b in blocks(p.read_text("utf-8")) if b.title.startswith(NOT_RUN)]
    assert len(left) <= MOST_NOT_RUN
    assert all(re.fullmatch(NOT_RUN + r": \w.{8,}", b.title) for _, b in left), left


def test_blocks_are_found_with_their_lines_languages_and_titles():
    text = 'a\n```python\nx = 1\n```\n\n=== "Tab"\n\n    ```bash title="Why not"\n    ls\n    ```\n'
    assert list(blocks(text)) == [
        Block(3, "python", "", "x = 1\n"),
        Block(9, "bash", "Why not", "ls\n"),
    ]


def test_a_session_keeps_names_and_output(tmp_path):
    session = Session(tmp_path / "page.md")
    for block in blocks("```python\nx = 7\n```\n```python\nprint('x is', x)\n```\n"):
        session.run(block)
    session.run(Block(1, "text", "Output", "x … 7\n"))
    with pytest.raises(AssertionError, match="prints"):
        session.run(Block(1, "text", "Output", "x is 8\n"))


def test_a_failing_command_fails(tmp_path):
    session = Session(tmp_path / "page.md")
    with pytest.raises(AssertionError, match="ended with 2"):
        session.run(Block(1, "bash", "", "asgnet segment nowhere.jpg --out x\n"))
    with pytest.raises(AssertionError, match="ended with 3"):
        session.run(Block(1, "bash", "", "exit 3\n"))


def test_commands_are_logical_lines_without_remarks():
    assert _commands("asgnet info \\\n  --json  # all of it\n\n# a remark\nls photos\n") == [
        "asgnet info    --json",
        "ls photos",
    ]
    assert _commands("for f in *; do\n  ls $f\ndone\n") == ["for f in *; do\n  ls $f\ndone\n"]
