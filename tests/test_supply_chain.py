"""What asgnet is tested with is written down; what is installed has a licence that it may have."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def required() -> set[str]:
    """Names of all that asgnet and its extras ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [
        *project["dependencies"],
        *(r for extra in project["optional-dependencies"].values() for r in extra),
    ]
    return {re.match(r"[\w.-]+", one)[0].lower().replace("_", "-") for one in asked} - {"asgnet"}


def test_the_constraints_name_one_version_of_everything_that_is_asked_for():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9.-]+==[\w.]+", line) for line in lines)
    named = [line.partition("==")[0] for line in lines]
    assert len(named) == len(set(named))
    # The first two look at an environment; the third is tested in one of its own (make integrations).
    elsewhere = {"pip-audit", "cyclonedx-bom", "napari"}
    assert required() - set(named) - elsewhere == set()


def test_no_licence_that_is_installed_is_a_gpl():
    ended = subprocess.run([sys.executable, ROOT / ".ci/licences"], capture_output=True, text=True)
    assert [line for line in ended.stdout.splitlines() if line.startswith("REFUSED")] == []
    assert ended.returncode == 0
    assert "numpy" in ended.stdout


@pytest.mark.parametrize(
    ("licence", "refused"),
    [
        ("GPL-3.0-or-later", True),
        ("GNU Affero General Public License v3", True),
        ("AGPL-3.0", True),
        ("LGPL-2.1", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("MPL-2.0", False),
        ("MIT OR GPL-2.0", False),
        ("", True),
    ],
)
def test_licences_are_told_apart(tmp_path, licence, refused):
    info = tmp_path / "strange-1.0.dist-info"
    info.mkdir()
    told = f"License-Expression: {licence}\n" if licence else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: strange\nVersion: 1.0\n{told}")
    code = f"import sys; sys.path = [{str(tmp_path)!r}, *sys.path]; exec(open({str(ROOT / '.ci/licences')!r}).read())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    (line,) = [line for line in ended.stdout.splitlines() if "strange 1.0" in line]
    assert line.startswith("REFUSED") is refused
