"""What holds for the package as a whole: style, import contracts, an instant start, honest metadata."""

import os
import pkgutil
import re
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml

import asgnet

ROOT = Path(__file__).parent.parent


def _run(*command: str, **options) -> subprocess.CompletedProcess:
    tool = Path(sys.executable).with_name(command[0])
    if not tool.exists():
        pytest.skip(f"{command[0]} is not installed beside {sys.executable}: pip install -e '.[dev]'")
    run = [str(tool), *command[1:]]
    return subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=600, **options)


@pytest.mark.parametrize("command", [("check", "--no-cache"), ("format", "--check", "--no-cache")])
def test_ruff_finds_nothing(command):
    done = _run("ruff", *command, ".")
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_finds_nothing():
    done = _run("mypy")
    assert done.returncode == 0, done.stdout + done.stderr


def test_imports_keep_their_contracts():
    done = _run("lint-imports", "--no-cache", env={**os.environ, "PYTHONPATH": str(ROOT / "src")})
    assert done.returncode == 0, done.stdout + done.stderr


def test_other_machines_run_the_same_make_targets():
    """Hosted checks and commit hooks call what a person calls, and take no action that may change under them."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    calls = [step["run"] for step in steps if "run" in step] + [hook["entry"] for hook in hooks]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"make style", "make test"} <= set(calls)
    for call in calls:
        program, target, *_ = call.split()
        assert program == "make"
        assert target in targets
    for used in (step["uses"] for step in steps if "uses" in step):
        assert re.search(r"@[0-9a-f]{40}$", used), f"{used}: pin it by its commit"


def _python(code: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )


def test_help_starts_in_no_time():
    """Processor time, so that a busy machine does not matter: on an idle one it is what a person waits."""
    code = "import sys; from asgnet.faces.cli.app import main; sys.exit(main(['--help']))"
    spent = []
    for _ in range(5):
        before = os.times()
        _python(code)
        after = os.times()
        spent.append(sum(after[2:4]) - sum(before[2:4]))
    assert sorted(spent)[2] < 0.3


def test_help_and_import_load_nothing_heavy():
    code = """
import sys, asgnet
from asgnet.faces.cli.app import main
for command in ([], ["demo"], ["segment"], ["fit"], ["doctor"], ["info"], ["evaluate"], ["episodes"]):
    assert main([*command, "--help"]) == 0
print(*sorted({m.partition(".")[0] for m in sys.modules}))
"""
    loaded = set(_python(code).stdout.split())
    assert "asgnet" in loaded
    assert not loaded & {"torch", "torchvision", "timm", "numpy", "scipy", "skimage", "PIL", "pycocotools"}


def test_importing_takes_no_longer_than_python_itself():
    began = time.perf_counter()
    _python("pass")
    bare = time.perf_counter() - began
    began = time.perf_counter()
    _python("import asgnet")
    assert time.perf_counter() - began < bare + 0.2


def test_public_names_are_there_and_no_others():
    assert set(dir(asgnet)) == set(asgnet.__all__)
    for name in asgnet.__all__:
        assert getattr(asgnet, name) is not None
    with pytest.raises(AttributeError, match="Segmentor"):
        _ = asgnet.Segmentor


def test_the_version_is_one_everywhere():
    assert re.fullmatch(r"\d+\.\d+\.\d+", asgnet.__version__)
    assert f"version: {asgnet.__version__}" in (ROOT / "CITATION.cff").read_text()
    try:
        installed = version("asgnet")
    except PackageNotFoundError:
        pytest.skip("run from the source tree, not installed")
    assert installed == asgnet.__version__


def test_types_are_announced_to_type_checkers():
    assert (ROOT / "src" / "asgnet" / "py.typed").exists()


def test_the_readme_s_links_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_files_and_names_that_a_page_names_exist(page):
    text = page.read_text()
    for path in re.findall(
        r"`(?:\.venv/bin/python -m pytest |python )?((?:src|tests|benchmarks)/[\w/.-]+)", text
    ):
        assert (ROOT / path).exists(), f"{page.name} names {path}"
    rooms = "|".join(p.stem for p in (ROOT / "src/asgnet").iterdir() if p.suffix in ("", ".py"))
    for name in re.findall(rf"\basgnet\.(?:{rooms})\b(?:\.\w+)*", text):
        pkgutil.resolve_name(name)


def test_troubleshooting_quotes_messages_as_they_are():
    page = (ROOT / "docs/troubleshooting.md").read_text()
    table = page.split("## Messages")[1].split("\n## ")[0]
    quoted = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    source = "\n".join(p.read_text() for p in (ROOT / "src").rglob("*.py"))
    assert quoted
    assert [message for message in quoted if message not in source] == []


def test_the_map_of_rooms_names_every_room():
    text = (ROOT / "CONTRIBUTING.md").read_text().split("## Where things are")[1].split("```")[1]
    rooms = {p.parent.relative_to(ROOT / "src/asgnet") for p in (ROOT / "src/asgnet").rglob("__init__.py")}
    inner = {Path("apply/fitting/rules"), Path("serving/store"), Path()}
    assert {room for room in rooms - inner if f"{room.name}/" not in text} == set()
