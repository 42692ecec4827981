import json
import threading

import pytest

from asgnet.apply.batch.manifest import Manifest
from asgnet.data.results import MANIFEST
from asgnet.errors import AsgnetWarning, OutputError

SUMMARY = {
    "picture": "a.jpg", "files": {}, "presence": 0.9, "confidence": None, "area_fraction": 0.1, "seconds": 0.1,
    "classes": [],
}  # fmt: skip
DETAILS = {"stem": "a", "sha256": "0", "files": {}, "summary": SUMMARY, "entries": {}}


def test_finished_pictures_are_known_again(tmp_path):
    with Manifest(tmp_path) as manifest:
        manifest.begin("a b\n😀.jpg", "key", ["a.png"])
        manifest.finish("a b\n😀.jpg", "key", ["a.png"], {**DETAILS, "sha256": "1"})
    with Manifest(tmp_path) as again:
        assert again.event("a b\n😀.jpg", "key")["sha256"] == "1"
        assert again.owns("a.png", "a b\n😀.jpg", "key")


def test_a_picture_begun_but_not_finished_is_ours_and_not_done(tmp_path):
    with Manifest(tmp_path) as manifest:
        manifest.begin("a.jpg", "key", ["a.png"])
    with Manifest(tmp_path) as again:
        assert again.event("a.jpg", "key") is None
        assert again.owns("a.png", "a.jpg", "key")
        assert again.half("a.png", "a.jpg", "key")


def test_beginning_anew_takes_the_old_done_back(tmp_path):
    with Manifest(tmp_path) as manifest:
        manifest.finish("a.jpg", "old", ["a.png"], DETAILS)
        manifest.begin("a.jpg", "new", ["a.png"])
    with Manifest(tmp_path) as again:
        assert again.event("a.jpg", "old") is None
        assert again.event("a.jpg", "new") is None
        assert again.owns("a.png", "a.jpg", "new")
        assert not again.owns("a.png", "a.jpg", "old")


def test_adding_outputs_leaves_a_picture_finished(tmp_path):
    with Manifest(tmp_path) as manifest:
        manifest.finish("a.jpg", "key", ["a.png"], DETAILS)
        manifest.begin("a.jpg", "key", ["a.json"], adds=True)
    with Manifest(tmp_path) as again:
        assert again.event("a.jpg", "key")["outputs"] == ["a.png"]
        assert [again.half(name, "a.jpg", "key") for name in ("a.png", "a.json")] == [False, True]


def test_two_keys_of_one_picture_are_both_remembered(tmp_path):
    with Manifest(tmp_path) as manifest:
        for key in ("one", "two"):
            manifest.begin("a.jpg", key, [f"{key}.png"])
            manifest.finish("a.jpg", key, [f"{key}.png"], DETAILS)
    with Manifest(tmp_path) as again:
        assert again.event("a.jpg", "one")["outputs"] == ["one.png"]
        assert again.event("a.jpg", "two")["outputs"] == ["two.png"]


@pytest.mark.filterwarnings("ignore:.*lines are damaged")
@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_torn_by_a_kill_is_forgotten_and_spoils_nothing(tmp_path, cut):
    with Manifest(tmp_path) as manifest:
        manifest.finish("a.jpg", "key", ["a.png"], DETAILS)
        manifest.finish("b.jpg", "key", ["b.png"], DETAILS)
    path = tmp_path / MANIFEST
    path.write_bytes(path.read_bytes()[:-cut])
    with Manifest(tmp_path) as again:
        kept = {name for name in ("a.jpg", "b.jpg") if again.event(name, "key")}
        again.finish("c.jpg", "key", ["c.png"], DETAILS)
    assert kept - {"b.jpg"} == {"a.jpg"}
    with Manifest(tmp_path) as third:
        assert all(third.event(name, "key") for name in kept | {"c.jpg"})


@pytest.mark.parametrize(
    "line", ["[]", "3", '"x"', "{}", '{"event": "done"}', "\x00\x01", '{"event":1,"outputs":3}']
)
def test_lines_of_another_program_are_passed_over(tmp_path, line):
    (tmp_path / MANIFEST).write_text(line + "\n")
    with pytest.warns(AsgnetWarning, match="1 lines are damaged"), Manifest(tmp_path) as manifest:
        assert manifest.own == {}


def test_events_are_read_while_others_are_written(tmp_path):
    """A run asks about the next pictures while it writes about the last one."""
    with Manifest(tmp_path) as manifest:
        manifest.finish("a.jpg", "key", ["a.png"], {**DETAILS, "sha256": "1"})

        def write():
            for number in range(3000):
                manifest.finish(f"{number}.jpg", "key", [f"{number}.png"], {**DETAILS, "sha256": str(number)})

        writer = threading.Thread(target=write)
        writer.start()
        try:
            while writer.is_alive():
                assert manifest.event("a.jpg", "key")["sha256"] == "1"
        finally:
            writer.join()
        assert all(manifest.event(f"{n}.jpg", "key")["sha256"] == str(n) for n in range(3000))


def test_every_line_is_one_json_object(tmp_path):
    with Manifest(tmp_path) as manifest:
        manifest.begin("a\nb.jpg", "k", ["a\nb.png"])
        manifest.finish("a\nb.jpg", "k", ["a\nb.png"], DETAILS)
    assert [json.loads(line)["event"] for line in (tmp_path / MANIFEST).read_text().splitlines()] == [
        "begin",
        "done",
    ]


def test_two_runs_cannot_write_into_one_folder(tmp_path):
    pytest.importorskip("fcntl")
    with Manifest(tmp_path), pytest.raises(OutputError, match="another asgnet run"):
        Manifest(tmp_path)
    Manifest(tmp_path).__exit__(None, None, None)


def test_a_folder_that_cannot_be_made_is_said_with_its_name(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        Manifest(tmp_path / "file" / "out")
