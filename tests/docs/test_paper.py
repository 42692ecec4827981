"""The page on the paper points at the lines that it means."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_line_that_the_page_names_holds_what_it_says():
    page = (ROOT / "docs/paper.md").read_text("utf-8")
    named = re.findall(r"`(\w+\.py):(\d+)`(?: \| |: )`([^`]+)`", page)
    assert len(named) > 10
    for file, number, code in named:
        line = (ROOT / "src/asgnet/model/paper" / file).read_text("utf-8").splitlines()[int(number) - 1]
        assert code in line, f"{file}:{number} is {line.strip()!r}"
