"""The page's tables are replaced where they lie, and the page has a place for each."""

from pathlib import Path

import pytest
from benchmarks.accuracy.growth import Curve
from benchmarks.accuracy.tables import TABLES, filled
from benchmarks.common import table

PAGE = Path(__file__).parents[3] / "docs/performance.md"


def test_a_table_replaces_the_last_one():
    page = "before\n<!-- a -->\nold\nrows\n<!-- /a -->\nafter <!-- b -->\n<!-- /b -->\n"
    made = table(["x", ""], [[1, "y"]])
    assert made == "| x |  |\n| --- | --- |\n| 1 | y |"
    once = filled(page, {"a": made, "b": r"\1"})
    assert once == f"before\n<!-- a -->\n{made}\n<!-- /a -->\nafter <!-- b -->\n\\1\n<!-- /b -->\n"
    assert filled(once, {"a": made}) == once


def test_a_table_without_a_place_is_refused():
    with pytest.raises(ValueError, match="no place for 'c'"):
        filled("<!-- a -->\n<!-- /a -->\n", {"c": ""})


def test_the_page_has_a_place_for_every_table():
    page = PAGE.read_text("utf-8")
    assert filled(page, dict.fromkeys(TABLES, "new")).count("\nnew\n") == len(TABLES)


def test_a_power_is_read_off_the_larger_half():
    sizes = (1, 2, 4, 8, 16, 32)
    assert Curve("n", "it", sizes, tuple(max(n, 4) ** 2 / 100 for n in sizes)).exponent == pytest.approx(2)
