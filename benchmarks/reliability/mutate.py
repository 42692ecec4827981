"""Would the tests notice? Small mistakes are put into a file, one at a time, and its tests must fail.

    python -m benchmarks.reliability.mutate --sample 25

A sample, drawn with a seed, of: comparisons turned, + for -, * for /, numbers one larger, True for False, and
for or, conditions negated. Each mutant is the package's copy in a temporary folder; its tests run in a fork
of a process that has torch loaded already. A mutant that survives is printed with its line: either a test is
missing, or the change does not matter, and docs/reliability.md says why.
"""

from __future__ import annotations

import ast
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.common import arguments

ROOT = Path(__file__).parents[2]
TESTS = {
    "model/paper/sgc.py": [
        "tests/model/paper/test_sgc.py",
        "tests/hard/test_numbers.py::test_constant_features_are_finite_and_themselves",
    ],
    "model/paper/gpa.py": ["tests/model/paper/test_gpa.py"],
    "model/paper/seeds.py": ["tests/model/paper/test_seeds.py"],
    "study/evaluation/metrics.py": ["tests/study/evaluation/test_metrics.py"],
    "imaging/iou.py": [
        "tests/study/evaluation/test_metrics.py",
        "tests/hard/test_laws.py::test_ignored_pixels_count_for_nothing",
    ],
}
SWAPS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Every mutant: line, what was changed, the whole file's text."""
    for i, place in enumerate(ast.walk(ast.parse(source))):
        for change in _changes(place):
            tree = ast.parse(source)
            node = list(ast.walk(tree))[i]
            line = getattr(node, "lineno", 0)
            before = ast.unparse(node)
            change(node)
            after = ast.unparse(node)
            if after != before and not _annotation(tree, node):
                yield line, f"{before:.60}  →  {after:.60}", ast.unparse(tree)


def _changes(node: ast.AST) -> Iterator:
    if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS:
        yield lambda n: setattr(n, "op", SWAPS[type(n.op)]())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        yield lambda n: n.ops.__setitem__(0, SWAPS[type(n.ops[0])]())
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield lambda n: setattr(n, "value", not n.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield lambda n: setattr(n, "value", n.value + 1)
    if isinstance(node, ast.If | ast.IfExp):
        yield lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert | ast.USub):
        yield lambda n: setattr(n, "op", ast.UAdd())


def _annotation(tree: ast.AST, node: ast.AST) -> bool:
    """Types are never computed: a change in one is no mistake that a test could see."""
    kinds = [getattr(n, at, None) for n in ast.walk(tree) for at in ("annotation", "returns")]
    return any(node is inner for kind in kinds if kind is not None for inner in ast.walk(kind))


def killed(tests: list[str], limit: float) -> str:
    """``killed``, ``slow`` (killed, too) or ``survived``: the tests, in a fork."""
    child = os.fork()
    if not child:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        import pytest

        os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *tests])) != 0)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "killed" if status else "survived"
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "slow"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sample", type=int, default=25, help="mutants of each file, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for a mutant's tests")
    parser.add_argument("--only", choices=TESTS, help="one of the files")
    asked = parser.parse_args()
    sys.dont_write_bytecode = True  # a mutant lives for less than the resolution of a file's time
    import hypothesis  # noqa: F401  (loaded before the forks)
    import pytest  # noqa: F401
    import scipy.ndimage  # noqa: F401
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(
            ROOT / "src", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
        sys.path.insert(0, folder)
        os.chdir(ROOT)
        for name, tests in TESTS.items():
            if asked.only not in (None, name):
                continue
            file = Path(folder, "asgnet", name)
            source = file.read_text()
            if killed(tests, asked.limit) != "survived":
                sys.exit(f"The tests of {name} fail without any mistake in it.")
            every = list(mutants(source))
            drawn = random.Random(asked.seed).sample(every, min(asked.sample, len(every)))
            lived = []
            for line, change, text in sorted(drawn):
                file.write_text(text)
                if killed(tests, asked.limit) == "survived":
                    lived.append((line, change))
                    print(f"    {name}:{line}  {change}", flush=True)
            file.write_text(source)
            print(
                f"{name}: {len(drawn) - len(lived)} of {len(drawn)} killed ({len(every)} there are)",
                flush=True,
            )


if __name__ == "__main__":
    main()
