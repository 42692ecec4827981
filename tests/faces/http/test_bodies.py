"""Bodies that no form would send: answered by a problem document, and nothing is kept of them."""

from __future__ import annotations

import gzip
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from tests.hard.damage import damaged, fuzz, placed

from asgnet.apply.concept.file import Concept
from asgnet.faces.http.app import create_app
from asgnet.faces.http.settings import Settings
from asgnet.faces.integrations import labelstudio

EDGE = "edge"
FORM = f"multipart/form-data; boundary={EDGE}"
NOWHERE = "http://127.0.0.1:9"
NOBODY = "0123456789abcdef"


def part(name, value, file=None, more=""):
    value = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    named = f'form-data; name="{name}"' + ("" if file is None else f'; filename="{file}"')
    head = f"--{EDGE}\r\nContent-Disposition: {named}\r\n{more}\r\n"
    return head.encode("utf-8", "surrogateescape") + value + b"\r\n"


def body(*parts):
    return b"".join(parts) + f"--{EDGE}--\r\n".encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the server keeps its data, and its temporary files."""
    place = tmp_path_factory.mktemp("bodies")
    (place / "tmp").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(place / "tmp"))
        yield place


@pytest.fixture(scope="module")
def server(folder, segmenter):
    """One server for all these tests: none may leave anything."""
    app = create_app(
        Settings(folder / "data", workers=2, label_studio=NOWHERE), lambda: segmenter, [labelstudio.install]
    )
    with TestClient(app, base_url="http://127.0.0.1:8008", raise_server_exceptions=False) as client:
        app.state.service.loaded.result(60)
        yield client


@pytest.fixture(scope="module")
def concept(server, painted):
    """The id of the only concept that is known."""
    files = {name: ("a.png", data) for name, data in zip(("images", "masks"), painted(), strict=True)}
    return server.post("/v1/concepts", data={"adapt": "false"}, files=files).json()["id"]


@pytest.fixture
def refused(server, concept, folder):
    """``(address, body, type, method) -> problem``: asked, refused in plain words, nothing kept."""

    def ask(address, sent, kind=FORM, method="POST", **headers):
        before = kept(folder)
        answer = server.request(method, address, content=sent, headers={"Content-Type": kind, **headers})
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        said = answer.json()
        assert said["status"] == answer.status_code
        assert len(said["detail"]) < 1000
        assert "Traceback" not in said["detail"]
        assert str(folder) not in answer.text
        assert kept(folder) == before
        assert [one["id"] for one in server.get("/v1/concepts").json()["concepts"]] == [concept]
        assert server.get("/v1/jobs").json() == {"jobs": []}
        return said

    return ask


def kept(folder: Path) -> set[str]:
    """Every file of the server, but for its index, and every temporary one."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if "asgnet.sqlite3" not in p.name}


PNG = b"\x89PNG\r\n\x1a\n" + bytes(30)
PAIR = (part("images", PNG, "a.png"), part("masks", PNG, "m.png"))
BODIES = {
    "nothing": b"",
    "no form": b"\0" * 99,
    "of another boundary": body(*PAIR).replace(b"--edge", b"--egde"),
    "the last boundary cut": body(*PAIR)[:-6],
    "cut within a picture": body(*PAIR)[:120],
    "cut within a header": body(*PAIR)[:30],
    "no boundary between": part("images", PNG, "a.png")[:-2] + body(part("masks", PNG, "m.png"))[8:],
    "a part without a name": body(*PAIR, b"--edge\r\nContent-Disposition: form-data\r\n\r\nx\r\n"),
    "a part without a disposition": body(*PAIR, b"--edge\r\nX: y\r\n\r\nx\r\n"),
    "a part without headers": body(*PAIR, b"--edge\r\n\r\nx\r\n"),
    "a header without a colon": body(*PAIR, b"--edge\r\nContent-Disposition form-data\r\n\r\nx\r\n"),
    "a header of nothing but NULs": body(*PAIR, b"--edge\r\n" + bytes(50) + b"\r\n\r\nx\r\n"),
    "no empty line after the headers": b'--edge\r\nContent-Disposition: form-data; name="a"\r\n--edge--\r\n',
    "a header without end": b"--edge\r\nX: " + b"y" * 2_000_000,
    "headers without end": b"--edge\r\n" + b"X: y\r\n" * 100_000,
    "a name without end": body(part("n" * 1_500_000, "x")),
    "a field of 2 MB": body(*PAIR, part("name", "x" * 2_000_000)),
    "1,001 fields": body(*[part("name", "x")] * 1001),
    "1,001 files": body(*[part("images", "x", "a")] * 1001),
    "a part that announces 10 TB": body(*(part(n, PNG, "a", "Content-Length: 9999999999999\r\n")
                                           for n in ("images", "masks"))),
    "base64 that is announced": body(*(part(n, PNG, "a", "Content-Transfer-Encoding: base64\r\n")
                                        for n in ("images", "masks"))),
    "gzip that is announced in a part": body(*(part(n, gzip.compress(PNG), "a", "Content-Encoding: gzip\r\n")
                                                for n in ("images", "masks"))),
    "a form within the form": body(part("images", body(*PAIR), "a"), PAIR[1]),
    "a header put into a file's name": body(part("images", PNG, 'a"\r\nX-Evil: "1'), PAIR[1]),
    "NULs in a file's name": body(part("images", PNG, "a\0b\x1b[31m"), PAIR[1]),
    "a file's name that is no UTF-8": body(part("images", PNG, "caf\udce9\udcff"), PAIR[1]),
    "a file's name of 500 kB": body(part("images", PNG, "a" * 500_000), PAIR[1]),
    "a file's name that climbs out": body(part("images", PNG, "../../../etc/passwd"), PAIR[1]),
    "text where files belong": body(part("images", "x"), part("masks", "y")),
    "a file where text belongs": body(*PAIR, part("classes", '["a"]', "a.txt")),
    "no masks": body(PAIR[0]),
    "two pictures, one mask": body(PAIR[0], *PAIR),
    "classes in a broken JSON": body(*PAIR, part("classes", "[" * 100_000)),
    "classes that are surrogates": body(*PAIR, part("classes", r'["\ud800"]')),
    "a name of surrogates": body(*PAIR, part("name", "\udcff\udcfe")),
}  # fmt: skip


@pytest.mark.parametrize("case", BODIES)
def test_a_form_that_is_none_teaches_nothing_and_leaves_nothing(refused, case):
    refused("/v1/concepts", BODIES[case])


KINDS = {
    "no boundary": "multipart/form-data",
    "an empty boundary": 'multipart/form-data; boundary=""',
    "a boundary of 100 kB": "multipart/form-data; boundary=" + "e" * 100_000,
    "a boundary of spaces": 'multipart/form-data; boundary="  "',
    "JSON": "application/json",
    "words of a form": "application/x-www-form-urlencoded",
    "text": "text/plain",
    "half a type": "multipart",
    "no type": "",
    "an unknown alphabet": FORM + "; charset=klingon",
    "an alphabet that is none": FORM + "; charset=hex",
    "an alphabet for domains": FORM + "; charset=idna",
}


@pytest.mark.parametrize("case", KINDS)
def test_a_body_of_another_type_is_refused(refused, case):
    refused("/v1/concepts", body(*PAIR), KINDS[case])


@pytest.mark.parametrize("escapes", ["unicode_escape", "utf-7", "raw_unicode_escape"])
@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("/v1/segment", ("concept",)),
        ("/v1/jobs", ("concept",)),
        ("/v1/concepts", ("name", "classes")),
        ("/v1/propose", ("clicks", "box")),
    ],
)
def test_halves_of_characters_are_no_text(refused, address, fields, escapes):
    """Alphabets of Python's own can spell what no UTF-8 can: half a surrogate pair."""
    half = "+2AA-" if escapes == "utf-7" else r"\ud800"
    files = (part(name, PNG, "a.png") for name in ("picture", "pictures", "images", "masks"))
    refused(address, body(*files, *(part(name, half) for name in fields)), f"{FORM}; charset={escapes}")


def test_a_body_that_would_unpack_to_much_is_not_unpacked(refused):
    bomb = gzip.compress(body(part("images", bytes(50_000_000), "a.png"), PAIR[1]))
    assert len(bomb) < 100_000
    refused("/v1/concepts", bomb, **{"Content-Encoding": "gzip"})


@pytest.mark.parametrize("length", ["-1", "1e9", "²", "9" * 5000, "5, 6", "0x10"])
def test_a_length_that_is_no_number_is_never_trusted(refused, length):
    refused("/v1/concepts", body(*PAIR), **{"Content-Length": length.encode("latin-1")})


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//", "http://127.0.0.1:port", "\xff"])
def test_an_origin_that_is_no_address_is_foreign(refused, origin):
    assert refused("/v1/concepts", body(*PAIR), Origin=origin.encode("latin-1"))["status"] == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("clicks", "[" * 100_000), ("clicks", '[{"x": 1e999, "y": 1}]'), ("clicks", '[{"x": NaN, "y": 1}]'),
        ("clicks", '[{"x": 1e308, "y": -1e308}]'), ("clicks", "{}"), ("clicks", "[" + '{"x":1,"y":1},' * 201),
        ("box", "[NaN, 0, 1, 1]"), ("box", "[1e999, 0, 1, 1]"),
        ("box", "[5, 5, 1, 1]"), ("box", "[1]"), ("box", "null"),
    ],
)  # fmt: skip
def test_prompts_that_point_nowhere(refused, painted, field, value):
    refused("/v1/propose", body(part("picture", painted()[0], "a.png"), part(field, value)))


def test_numbers_beyond_what_the_index_holds(server, concept, painted):
    address = f"/v1/concepts/{concept}/supports"
    for number in (2**63, 10**30):
        sent = body(part("masks", painted()[1], "m.png"), part("job", NOBODY), part("index", str(number)))
        assert server.post(address, content=sent, headers={"Content-Type": FORM}).status_code in (404, 422)
    files = {"pictures": ("a.png", painted()[0])}
    job = server.post("/v1/jobs", data={"concept": concept}, files=files).json()["id"]
    answer = server.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": str(10**30)})
    assert answer.status_code in (200, 422)
    for from_job, indices in ((NOBODY, "[0]"), (job, f"[{10**30}]"), (job, '["0"]'), (job, "[]"), (job, "{")):
        fields = {"concept": concept, "from_job": from_job, "indices": indices}
        assert server.post("/v1/jobs", data=fields).status_code in (404, 422)
    server.get(f"/v1/jobs/{job}/events")  # until it has ended
    assert server.delete(f"/v1/jobs/{job}").status_code == 204


STUDIO = "<View><Image name='i' value='$image'/><BrushLabels name='b' toName='i'>{}</BrushLabels></View>"
LABEL = "<Label value='mug'/>"


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("setup", b"\xff\xfe"), ("setup", b"["), ("setup", b"[]"), ("setup", b"[" * 100_000), ("setup", b"7"),
        ("setup", b'{"project": ' + b"9" * 5000 + b"}"), ("setup", b'{"project": "\xc2\xb2"}'),
        ("setup", json.dumps({"project": "1", "schema": "\ud800"}).encode()),
        ("setup", json.dumps({"project": "1", "schema": STUDIO.format("\0")}).encode()),
        ("setup", json.dumps({"project": "1", "schema": STUDIO.format("")}).encode()),
        ("setup", json.dumps({"project": "1", "schema": "<a>" * 100_000}).encode()),
        ("predict", json.dumps({"project": "1", "tasks": 7}).encode()),
        ("predict", json.dumps({"project": "1", "tasks": [{}] * 201}).encode()),
        ("predict", json.dumps({"project": "\ud800", "tasks": []}).encode()),
        ("predict", json.dumps({"project": "77", "tasks": [{"data": "x"}]}).encode()),
        ("webhook", json.dumps({"project": {"id": [1]}, "action": "ANNOTATION_CREATED"}).encode()),
    ],
)  # fmt: skip
def test_label_studio_may_say_anything(refused, address, sent):
    refused(f"/label-studio/{address}", sent, "application/json")


@pytest.mark.parametrize("data", ["x", 7, [1], None, {"image": 7}, {"image": "\ud800"}, {"image": "data:,é"}])
def test_tasks_that_show_nothing(server, concept, refused, data):
    ready = {"project": "1", "schema": STUDIO.format(LABEL)}
    assert server.post("/label-studio/setup", json=ready).status_code == 200
    server.app.state.service.database.put("label-studio/1/concept", concept)
    sent = json.dumps({"project": "1", "tasks": [{"id": 1, "data": data}]})
    refused("/label-studio/predict", sent.encode(), "application/json")


def test_a_concept_whose_names_are_no_text_is_not_kept(refused, server, concept, tmp_path):
    (tmp_path / "c").write_bytes(server.get(f"/v1/concepts/{concept}/file").content)
    for half in ("\ud800", "\udce9"):
        replace(Concept.load(tmp_path / "c"), classes=(half,)).save(tmp_path / "half")
        refused("/v1/concepts/file", body(part("file", (tmp_path / "half").read_bytes(), "mug.concept")))


@fuzz
@given(st.data())
def test_damage_anywhere_in_a_form(server, concept, folder, painted, data):
    picture, mask = painted()
    address, whole = data.draw(st.sampled_from([
        ("/v1/concepts", body(part("images", picture, "a.png"), part("masks", mask, "m.png"),
                              part("adapt", "false"), part("classes", '["mug"]'))),
        ("/v1/concepts/file", body(part("file", bytes(40), "a.concept"), part("name", "mug"))),
        ("/v1/segment", body(part("picture", picture, "a.png"), part("concept", concept),
                             part("threshold", "0.5"))),
        ("/v1/jobs", body(part("pictures", picture, "a.png"), part("concept", concept))),
        ("/v1/propose", body(part("picture", picture, "a.png"), part("box", "[1, 2, 30, 40]"))),
        ("/v1/view", body(part("picture", picture, "a.png"), part("side", "32"))),
    ]))  # fmt: skip
    answer = server.post(address, content=data.draw(damaged([whole])), headers={"Content-Type": FORM})
    sound(answer, server, folder)


@fuzz
@given(st.data())
def test_anything_from_label_studio(server, folder, data):
    anything = st.none() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.text(max_size=3))
    address, whole = data.draw(st.sampled_from([
        ("setup", {"project": "1.5", "schema": STUDIO.format(LABEL), "access_token": "abc"}),
        ("predict", {"project": "1.5", "tasks": [{"id": 1, "data": {"image": "data:;base64,AAAA"}}]}),
        ("webhook", {"project": {"id": 1}, "action": "ANNOTATION_CREATED"}),
        ("train", {"project": {"id": 1}}),
    ]))  # fmt: skip
    sent = json.dumps(placed(data.draw, whole, anything)).encode()
    headers = {"Content-Type": "application/json"}
    sound(server.post(f"/label-studio/{address}", content=sent, headers=headers), server, folder)


def sound(answer, server, folder):
    """Understood, or refused by a problem document; what lies in the data folder is what the index knows."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
    for kind in ("concepts", "jobs"):
        known = {one["id"] for one in server.get(f"/v1/{kind}").json()[kind]}
        place = folder / "data" / kind
        assert {p.name for p in place.iterdir()} == known if place.is_dir() else not known
