"""How the sources are built: nothing imports itself by a detour, and every file is short enough to read at once."""

from pathlib import Path
from statistics import median

import grimp

SRC = Path(__file__).parent.parent / "src" / "asgnet"
SOURCES = sorted(p for end in ("py", "js", "html") for p in SRC.rglob(f"*.{end}"))


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """The sets of modules that reach each other: each is one circle or several that share a module."""
    reach: dict[str, set[str]] = {}
    for start in imports:
        seen: set[str] = set()
        ahead = [start]
        while ahead:
            for name in imports.get(ahead.pop(), set()) - seen:
                seen.add(name)
                ahead.append(name)
        reach[start] = seen
    together = {frozenset(b for b in reach[a] if a in reach.get(b, set())) for a in imports if a in reach[a]}
    return sorted(sorted(group) for group in together)


def test_circles_are_found_where_they_are():
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circles({"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": {"c", "a"}}) == [["a", "b"], ["c", "d"]]


def test_no_module_imports_itself_by_a_detour():
    """Imports within functions count as well; those for type checkers alone do not."""
    graph = grimp.build_graph("asgnet", exclude_type_checking_imports=True, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert circles(imports) == []


def test_files_are_short():
    lines = {str(p.relative_to(SRC)): len(p.read_text().splitlines()) for p in SOURCES}
    assert {name: n for name, n in lines.items() if n > 300} == {}
    assert median(lines.values()) <= 120
