"""One meaning for every field: what the commands and the server write is what ``asgnet schema`` says."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import BaseModel
from skimage import data

from asgnet.apply.output import records
from asgnet.faces.cli.app import main

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "json.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("coins")
    coins = data.coins()
    for number, part in enumerate((coins[:150, :190], coins[150:, 190:])):
        Image.fromarray(part).convert("RGB").save(place / f"{number}.png")
        Image.fromarray((part > 130).astype(np.uint8)).save(place / f"{number}_mask.png")
    (place / "torn.png").write_bytes((place / "0.png").read_bytes()[:300])
    return place


def lines(capsys, monkeypatch, folder: Path, command: str, code: int = 0) -> list[dict]:
    monkeypatch.chdir(folder)
    assert main(command.split()) == code
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def says(record: dict, model: type[BaseModel]) -> None:
    """Every field is named in the schema, and is what the schema says."""
    known = model.model_validate(record, strict=True).model_dump(mode="json", exclude_unset=True)
    assert known == record


def test_the_lines_of_segment(capsys, monkeypatch, folder):
    command = "segment 1.png torn.png --support 0.png 0_mask.png --out out --instances --json"
    done, failed = lines(capsys, monkeypatch, folder, command, 3)
    says(done, records.PictureResult)
    says(failed, records.FailedPicture)
    assert (done["width"], done["height"]) == (194, 153)
    assert done["objects"]


def test_the_lines_of_a_manifest(folder):
    events = [json.loads(line) for line in (folder / "out" / "manifest.jsonl").read_text().splitlines()]
    for event in events:
        says(event, {"begin": records.Begun, "done": records.Done}[event["event"]])
    assert {event["event"] for event in events} == {"begin", "done"}


@pytest.mark.parametrize(
    ("command", "model"),
    [
        ("doctor --support 0.png 0_mask.png --support 1.png 1_mask.png --json", records.Finding),
        ("suggest 1.png --support 0.png 0_mask.png --json", records.Suggestion),
        ("propose 1.png --click 30,30 --out proposed.png --json", records.Proposal),
    ],
)
def test_the_lines_of_other_commands(capsys, monkeypatch, folder, command, model):
    found = lines(capsys, monkeypatch, folder, command)
    assert found
    for line in found:
        says(line, model)


def test_the_schema_names_every_record_and_its_version(capsys):
    assert main(["schema"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["$id"].endswith(f":{records.VERSION}")
    assert {model.__name__ for model in records.RECORDS} <= set(found["$defs"])
    for record in found["$defs"].values():
        assert record["description"]


def test_the_reference_in_the_docs_is_made_of_it(capsys):
    assert main(["schema", "--markdown"]) == 0
    assert PAGE.read_text().endswith(capsys.readouterr().out), "make it anew: asgnet schema --markdown"
