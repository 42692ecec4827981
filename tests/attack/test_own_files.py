"""Nothing of the user's is ever taken away: data folders of strangers, lost indexes, files put between."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import stat
from pathlib import Path

import numpy as np
import pytest

from asgnet.apply.concept.file import Concept
from asgnet.data.png import png_bytes
from asgnet.errors import OutputError
from asgnet.serving.store.concepts import Concepts
from asgnet.serving.store.database import Database
from asgnet.serving.store.folder import INDEX, LOST, MARKER
from asgnet.serving.store.jobs import Jobs
from asgnet.serving.store.kept import Example


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder, and a hash of what is in it."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def example(number: int) -> Example:
    picture = np.full((12, 16, 3), number, np.uint8)
    mask = np.zeros((12, 16), np.uint8)
    mask[3:9, 4:12] = 1
    return Example(png_bytes(picture), png_bytes(mask), f"mug{number}.jpg", (12, 16))


def concept(value: float = 1.0) -> Concept:
    return Concept(("object",), {"prototype": np.full((1, 4), value, np.float32)}, "net", ("a", "b"), (2,))


class Store:
    """What a server keeps, without its network."""

    def __init__(self, folder: Path, repair: bool = False):
        self.database = Database(folder, repair)
        self.concepts, self.jobs = Concepts(self.database, repair), Jobs(self.database)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_) -> None:
        self.database.close()


@pytest.fixture
def kept(tmp_path) -> Path:
    """A data folder with two concepts, one of them fitted twice, and a job."""
    with Store(tmp_path / "data") as store:
        first = store.concepts.add("mug", concept(), "auto", [example(1), example(2)], ["a note"])
        store.concepts.replace(first.id, concept(2.0), [example(1), example(2), example(3)], ["another"])
        store.concepts.add("from a file", concept(3.0), "auto", [], [])
        job = store.jobs.add(first.id, ["object"], None, "mark")
        store.jobs.add_pictures(job.id, [("a.png", b"a picture")])
    return tmp_path / "data"


@pytest.mark.parametrize(
    "names", [("concepts/mine.txt", "jobs/2024/report.doc"), ("notes.txt",), ("lock", "a")]
)
def test_a_folder_of_a_stranger_is_refused_and_stays_as_it_is(tmp_path, names):
    folder = tmp_path / "mine"
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("precious")
    folder.chmod(0o755)
    before = tree(folder)
    with pytest.raises(
        OutputError, match=r"'.*mine' is not empty, and asgnet serve did not make it; give a new"
    ):
        Database(folder)
    assert tree(folder) == before
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_the_command_refuses_it_in_one_sentence(tmp_path, capsys):
    from asgnet.faces.cli.app import main

    (tmp_path / "concepts").mkdir()
    (tmp_path / "concepts" / "mine.txt").write_text("precious")
    assert main(["serve", "--port", "0", "--no-browser", "--data-dir", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "is not empty" in said
    assert tree(tmp_path).keys() == {"concepts/mine.txt"}


@pytest.mark.parametrize("made", [False, True])
def test_a_new_or_an_empty_folder_becomes_a_private_data_folder(tmp_path, made):
    folder = tmp_path / "deep" / "data"
    if made:
        folder.mkdir(parents=True)
    with Store(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert json.loads((folder / MARKER).read_text())["format"] == "asgnet-serve-data-1"


def test_a_start_that_was_killed_while_it_wrote_the_marker_can_be_repeated(tmp_path):
    (tmp_path / ".asgnet-0123456789ab.json").write_text("{")
    with Store(tmp_path):
        pass


def test_a_data_folder_of_the_version_before_is_recognised_by_its_index(kept):
    (kept / MARKER).unlink()
    for sidecar in kept.glob("concepts/*/*.json"):
        sidecar.unlink()
    with Store(kept) as store:
        assert len(store.concepts.all()) == 2
        assert (kept / MARKER).is_file()
        assert len(list(kept.glob("concepts/*/*.json"))) == 2  # written now, for a later repair


def test_another_program_s_index_of_that_name_is_no_mark(tmp_path):
    connection = sqlite3.connect(tmp_path / INDEX)
    connection.execute("CREATE TABLE concept (mine TEXT)")
    connection.close()
    with pytest.raises(OutputError, match="is not empty"):
        Database(tmp_path)


@pytest.mark.parametrize("text", ["{}", "no json", '{"format": "asgnet-serve-data-9"}', "[1]", ""])
def test_a_foreign_or_newer_marker_is_refused(tmp_path, text):
    (tmp_path / MARKER).write_text(text)
    (tmp_path / "concepts").mkdir()
    with pytest.raises(OutputError, match=r"newer asgnet|damaged"):
        Database(tmp_path)
    assert tree(tmp_path).keys() == {MARKER}


@pytest.mark.parametrize("damage", ["missing", "empty", "damaged"])
def test_without_its_index_nothing_is_touched_and_repair_brings_the_concepts_back(kept, damage, capsys):
    with Store(kept) as store:
        before = {c.id: c for c in store.concepts.all()}
        examples = {c.id: store.concepts.examples(c.id) for c in before.values()}
    for name in (INDEX, f"{INDEX}-wal", f"{INDEX}-shm"):
        (kept / name).unlink(missing_ok=True)
    if damage != "missing":
        (kept / INDEX).write_bytes(b"" if damage == "empty" else b"SQLite format 3\x00" + b"\xff" * 5000)
    files = {k: v for k, v in tree(kept).items() if k.startswith(("concepts", "jobs"))}
    with pytest.raises(OutputError, match="--repair"):
        Database(kept)
    assert {k: v for k, v in tree(kept).items() if k.startswith(("concepts", "jobs"))} == files

    with Store(kept, repair=True) as store:
        assert {c.id: c for c in store.concepts.all()} == before
        assert {c: store.concepts.examples(c) for c in before} == examples
    after = tree(kept)
    lost = {name.split("/", 2)[2]: value for name, value in after.items() if name.startswith(LOST)}
    there = {k: v for k, v in after.items() if k.startswith(("concepts", "jobs"))}
    assert {**there, **{k: v for k, v in lost.items() if k.startswith("jobs")}} == files  # all there
    assert "is known again" in capsys.readouterr().err


def test_repair_without_sidecars_finds_the_pairs_of_files(kept):
    for name in (INDEX, f"{INDEX}-wal", f"{INDEX}-shm"):
        (kept / name).unlink(missing_ok=True)
    for sidecar in kept.glob("concepts/*/*.json"):
        sidecar.unlink()
    with Store(kept, repair=True) as store:
        assert sorted(c.shots for c in store.concepts.all()) == [2, 3]
        (mug,) = (c for c in store.concepts.all() if c.shots == 3)
        assert [(e.width, e.height) for e in store.concepts.examples(mug.id)] == [(16, 12)] * 3


def test_repair_of_a_whole_index_changes_nothing(kept):
    before = tree(kept)
    with Store(kept, repair=True) as store:
        assert len(store.concepts.all()) == 2
    after = {k: v for k, v in tree(kept).items() if not k.startswith(INDEX)}
    assert after == {k: v for k, v in before.items() if not k.startswith(INDEX)}


def test_a_newer_asgnet_s_index_is_not_repaired_away(kept):
    connection = sqlite3.connect(kept / INDEX)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(OutputError, match="newer asgnet"):
        Database(kept, repair=True)


def test_what_the_index_does_not_know_is_put_aside_and_said(kept, capsys):
    (mug,) = (p.parent for p in kept.glob("concepts/*/2.concept"))
    (job,) = kept.glob("jobs/*")
    for place in (kept / "concepts", kept / "jobs", mug):
        (place / "mine.txt").write_text("precious")
        (place / "folder").mkdir()
        (place / "folder" / "deep.txt").write_text("precious, too")
    (job / "mine.txt").write_text("precious")
    (mug / "9.concept").write_text("of a backup")
    before = sorted(tree(kept).values())
    with Store(kept):
        pass
    assert sorted(v for k, v in tree(kept).items()) == before
    assert (job / "mine.txt").read_text() == "precious"
    moved = {name.split("/", 2)[2] for name in tree(kept) if name.startswith(LOST)}
    assert {"concepts/mine.txt", "jobs/folder/deep.txt", f"concepts/{mug.name}/9.concept"} <= moved
    assert capsys.readouterr().err.count("is not known to the index; it was moved to") == 7


def test_deleting_a_job_or_a_concept_leaves_what_a_person_put_into_its_folder(kept):
    (mug,) = (p.parent for p in kept.glob("concepts/*/2.concept"))
    (job,) = kept.glob("jobs/*")
    (mug / "mine.txt").write_text("precious")
    (job / "sub").mkdir()
    (job / "sub" / "0.picture").write_text("named like ours, but not where ours are")
    with Store(kept) as store:
        (job / "mine.txt").write_text("precious")
        assert store.jobs.delete(job.name)
        assert store.concepts.delete(mug.name)
    assert not job.exists()
    assert not mug.exists()
    left = {name.split("/", 2)[2] for name in tree(kept) if name.startswith(LOST)}
    assert left == {
        f"concepts/{mug.name}/mine.txt",
        f"jobs/{job.name}/mine.txt",
        f"jobs/{job.name}/sub/0.picture",
    }


def test_links_are_never_followed_by_what_removes(kept, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("0.picture", "1.concept", ".asgnet-0123456789ab.png"):
        (outside / name).write_text("precious")
    (job,) = kept.glob("jobs/*")
    for path in job.iterdir():
        path.unlink()
    job.rmdir()
    job.symlink_to(outside)
    (kept / "concepts" / "0123456789abcdef").symlink_to(outside)
    before = tree(outside)
    with Store(kept) as store:
        assert store.jobs.delete(job.name)
    assert tree(outside) == before


def test_a_kill_while_files_are_written_or_removed_leaves_no_trace_and_no_loss(kept, monkeypatch):
    """As if the process ended at every step of replacing and of deleting, one after the other."""
    (mug,) = (p.parent for p in kept.glob("concepts/*/2.concept"))

    class Killed(BaseException):
        pass

    steps = ("save_bytes", "remove", "_insert", "stay")
    for step in steps:
        with Store(kept) as store:
            before = {c.id: c for c in store.concepts.all()}

            def killed(*_, **__):
                raise Killed

            with monkeypatch.context() as patch:
                patch.setattr(store.database, "remove", killed)
                if step == "save_bytes":
                    patch.setattr("asgnet.serving.store.concepts.save_bytes", killed)
                elif step == "_insert":
                    patch.setattr(store.concepts, "_index_examples", killed)
                elif step == "stay":
                    patch.setattr(store.database, "stay", killed)
                with pytest.raises(Killed):
                    store.concepts.replace(mug.name, concept(4.0), [example(7)], [])
        with Store(kept) as store:
            after = {c.id: c for c in store.concepts.all()}
            assert after == before or step == "remove"
            names = {p.name for p in mug.iterdir()}
            kept_now = store.concepts.examples(mug.name)
            assert names == {
                f"{after[mug.name].version}.concept",
                f"{after[mug.name].version}.json",
                *(p.name for e in kept_now for p in (e.picture, e.mask)),
            }
    assert not (kept / LOST).exists()


def test_of_unfinished_files_only_the_program_s_own_are_removed(kept):
    (job,) = kept.glob("jobs/*")
    (job / ".asgnet-0123456789ab.png").write_text("half")
    for name in (".asgnet-notes.txt", ".asgnet-0123456789abc.png", ".asgnet-0123456789AB.png"):
        (job / name).write_text("precious")
    with Store(kept):
        left = {p.name for p in job.iterdir()}
    assert left == {"0.picture", ".asgnet-notes.txt", ".asgnet-0123456789abc.png", ".asgnet-0123456789AB.png"}


def test_what_a_kill_leaves_of_a_new_concept_goes_without_a_trace(kept):
    """In the middle of its first file, and of its deletion: only an empty folder, or half a file, is left."""
    for room in ("concepts", "jobs"):
        (kept / room / "00000000000000aa").mkdir()
        (kept / room / "00000000000000bb").mkdir()
        (kept / room / "00000000000000bb" / ".asgnet-0123456789ab.pictur").write_text("half")
    with Store(kept):
        pass
    assert not (kept / LOST).exists()
    assert not list(kept.glob("*/00000000000000*"))


def test_two_servers_never_work_in_one_folder(kept):
    with Store(kept), pytest.raises(OutputError, match="is in use by another asgnet serve"):
        Database(kept)
    with Store(kept, repair=True), pytest.raises(OutputError, match="is in use"):
        Database(kept, repair=True)


def test_a_folder_that_may_only_be_read_is_refused_in_one_sentence(kept, nobody):
    kept.chmod(0o555)
    os.chmod(kept.parent, 0o755)
    with nobody(), pytest.raises(OutputError, match="cannot be written"):
        Database(kept)


def test_a_run_removes_only_its_own_unfinished_files_and_parts(tmp_path):
    from asgnet.apply.batch.manifest import opened
    from asgnet.apply.batch.run import _sweep
    from asgnet.data.folder import folder_at

    for name in (".asgnet-notes.txt", "manifest.parts/mine.jsonl", "manifest.parts/" + "0" * 24 + ".jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}\n")
    (tmp_path / ".asgnet-0123456789ab.png").write_text("half")
    (tmp_path / ".asgnet-0123456789ac.png").symlink_to(tmp_path / ".asgnet-notes.txt")
    _sweep(tmp_path)
    with opened(folder_at(tmp_path)):
        pass
    assert tree(tmp_path).keys() == {
        ".asgnet-notes.txt",
        ".asgnet-0123456789ac.png",
        "manifest.jsonl",
        "manifest.parts/mine.jsonl",
    }


def test_a_cache_of_painted_labels_removes_only_what_it_made_of_the_same_file(tmp_path):
    from asgnet.data.benchmarks.coco import coco_json

    file, cache = tmp_path / "instances.json", tmp_path / "cache"
    said = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "mug"}]}
    for text in (json.dumps(said), json.dumps(said, indent=1)):
        file.write_text(text)
        coco_json(file, cache_dir=cache, workers=0)
        assert len([p for p in cache.iterdir() if "mine" not in p.name]) == 1
        (made,) = (p for p in cache.iterdir() if "mine" not in p.name)
        for mine in (cache / "coco-mine", made.with_name(f"{made.name}-mine")):
            mine.mkdir(exist_ok=True)
            (mine / "precious").write_text("precious")
    assert len(list(cache.glob("coco-*mine/precious"))) == 3


REMOVES = (
    r"\.unlink\(|rmtree\(|\.rmdir\(|os\.(replace|rename|remove)\(|shutil\.move|\.truncate\(|\.rm(_file)?\(|"
    "DELETE FROM"
)


def test_every_place_that_removes_or_replaces_is_in_the_table_of_the_documentation():
    root = Path(__file__).parents[2]
    table = (
        (root / "docs" / "reliability.md")
        .read_text()
        .partition("## What is removed")[2]
        .partition("\n## ")[0]
    )
    for path in sorted((root / "src" / "asgnet").rglob("*.py")):
        name = path.relative_to(root / "src" / "asgnet").as_posix()
        if re.search(REMOVES, path.read_text()):
            assert f"`{name}`" in table, (
                f"{name} removes something: say in docs/reliability.md what, and how it is guarded"
            )
    for test in re.findall(r"`(tests/[^`:]+\.py)(?:::(\w+))?`", table):
        assert f"def {test[1]}" in (root / test[0]).read_text(), test
