"""Concepts come back as they went; a file that is none is refused in a sentence, and never run."""

import json
import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_torch_file

from asgnet import Concept
from asgnet.apply.concept.file import CONCEPT_FORMAT, SCALE_FORMAT, SHOTS_FORMAT
from asgnet.apply.concept.scale import LARGER, USUAL, Scale, scales_to_arrays
from asgnet.apply.concept.shots import Shot
from asgnet.errors import OutputError, WeightsError
from asgnet.imaging.interior import FEATURES, READOUT
from asgnet.imaging.separation import Separation


def concept(classes=("mug", "cat")):
    n = len(classes)
    tensors = {
        "vectors": np.arange(6 * n, dtype=np.float32).reshape(n, 2, 3),
        "valid": np.ones((n, 2), bool),
        "turned": np.arange(4 * n, dtype=np.float32).reshape(4, n).T,
    }
    return Concept(classes, tensors, "abc", ("1f", "2e", "3d"), (2,) * n)


def equal(one, other):
    assert vars(one) | {"tensors": {}} == vars(other) | {"tensors": {}}
    assert list(one.tensors) == sorted(other.tensors) or set(one.tensors) == set(other.tensors)
    for name, array in other.tensors.items():
        assert one.tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(one.tensors[name], array)


def rewritten(path, **facts):
    """The same tensors with other words in the header; None takes one away."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        old = {k: v for k, v in file.metadata().items() if k != "checksum"}
    merged = {key: value for key, value in (old | facts).items() if value is not None}
    save_file(load_file(path), path, merged)


def test_saved_and_loaded_is_the_same(tmp_path):
    concept().save(tmp_path / "new" / "mug.concept")
    equal(Concept.load(str(tmp_path / "new" / "mug.concept")), concept())
    assert os.listdir(tmp_path / "new") == ["mug.concept"]


def test_pictures_and_counts_may_be_unknown(tmp_path):
    bare = Concept(("mug",), {"a": np.zeros((1, 2))}, "abc")
    bare.save(tmp_path / "a")
    equal(Concept.load(tmp_path / "a"), bare)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4, unique=True))
def test_any_name_is_kept(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("names") / "a.concept"
    concept(tuple(names)).save(path)
    assert Concept.load(path).classes == tuple(names)


def test_a_concept_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "mug.concept"
    concept().save(path)
    with pytest.raises(OutputError, match=r"folder|file"):
        concept().save(path / "below")
    with pytest.raises(OutputError):
        concept().save(tmp_path)
    equal(Concept.load(path), concept())


@pytest.mark.parametrize("path", [None, 3])
def test_a_concept_is_read_from_a_path(path):
    with pytest.raises(WeightsError, match="read from its path"):
        Concept.load(path)


def test_what_holds_arrays_is_equal_to_itself_alone():
    one, other = concept(), concept()
    same = one
    assert one == same
    assert one != other
    assert len({one, other}) == 2


def test_every_cut_is_noticed(tmp_path):
    path = tmp_path / "mug.concept"
    concept().save(path)
    whole = path.read_bytes()
    for size in {*range(0, 64), *range(64, len(whole), 97), len(whole) - 1}:
        path.write_bytes(whole[:size])
        with pytest.raises(WeightsError, match=r"mug\.concept.*fit it again"):
            Concept.load(path)
    path.write_bytes(whole + b"more")
    with pytest.raises(WeightsError, match="damaged"):
        Concept.load(path)


class Malice:
    """Makes a folder when unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


def test_other_files_are_no_concepts(tmp_path):
    path = tmp_path / "other"
    malice = pickle.dumps(Malice(str(tmp_path / "made")))
    for content in (b"hello, I am a text", b"\x89PNG\r\n\x1a\n" + bytes(100), malice, bytes(8), b"\xff" * 64):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match="not a concept"):
            Concept.load(path)
    assert not (tmp_path / "made").exists()
    for missing in (tmp_path / "nowhere", tmp_path, "", "a\0b"):
        with pytest.raises(WeightsError, match="There is no concept"):
            Concept.load(missing)


def test_a_concept_that_may_not_be_read(tmp_path, nobody):
    path = tmp_path / "mug.concept"
    concept().save(path)
    path.chmod(0)
    tmp_path.chmod(0o755)
    with nobody(), pytest.raises(WeightsError):
        Concept.load(path)


@pytest.mark.parametrize(
    "facts",
    [
        {"format": None},
        {"format": "pt"},
        {"classes": None},
        {"classes": "mug"},
        {"classes": '"mu"'},
        {"classes": '{"mug": 1, "cat": 2}'},
        {"classes": "[]"},
        {"classes": '["mug"]'},
        {"classes": '["mug", "mug"]'},
        {"classes": "[" * 100_000},
        {"supports": "3"},
        {"counts": '["two", "one"]'},
        {"counts": "[1]"},
        {"counts": None},
        {"network": None},
        {"separations": '{"dog": [0.1, 0.1, 0.1]}'},
        {"separations": "[]"},
        {"separations": '{"cat": ["a"]}'},
        {"separations": '{"cat": [1, 2, 3, 4]}'},
        {"separations": '{"cat": 1}'},
        {"separations": '{"cat": [1, 2, 3, null, [1, 2]]}'},
    ],
)
def test_headers_that_say_something_else(tmp_path, facts):
    path = tmp_path / "mug.concept"
    concept().save(path)
    rewritten(path, **facts)
    with pytest.raises(WeightsError, match="not a concept of asgnet") as refused:
        Concept.load(path)
    assert refused.value.exit_code == 4


def test_a_newer_concept_asks_for_an_update(tmp_path):
    path = tmp_path / "mug.concept"
    concept().save(path)
    rewritten(path, format="asgnet-concept-99")
    with pytest.raises(WeightsError, match=r"newer asgnet.*update"):
        Concept.load(path)


def test_safetensors_of_something_else(tmp_path):
    path = tmp_path / "model.safetensors"
    facts = {"format": CONCEPT_FORMAT, "classes": '["a"]', "network": "", "supports": "[]", "counts": "[1]"}
    save_file({"a": np.zeros(3)}, path)
    with pytest.raises(WeightsError, match="not a concept of asgnet"):
        Concept.load(path)
    for array in (np.zeros(3), np.float32(1)):  # not one entry per class; not even a list
        save_file({"a": np.asarray(array)}, path, facts)
        with pytest.raises(WeightsError, match="not a concept of asgnet"):
            Concept.load(path)


@pytest.mark.parametrize("known", [False, True], ids=["", "once onnx taught numpy the type"])
@pytest.mark.parametrize("kind", ["bfloat16", "float8_e4m3fn"])
def test_types_that_are_not_numpys_own_are_no_concepts(tmp_path, kind, known):
    import torch

    if known:
        pytest.importorskip("ml_dtypes")
    path = tmp_path / "model.safetensors"
    facts = {"format": CONCEPT_FORMAT, "classes": '["a"]', "network": "", "supports": "[]", "counts": "[1]"}
    save_torch_file({"a": torch.zeros(1).to(getattr(torch, kind))}, path, facts)
    with pytest.raises(WeightsError, match="not a concept"):
        Concept.load(path)


def test_the_header_is_plain_json(tmp_path):
    """What else reads safetensors can read a concept, too."""
    path = tmp_path / "mug.concept"
    concept(("Täßchen", "猫")).save(path)
    whole = path.read_bytes()
    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    assert json.loads(header["__metadata__"]["classes"]) == ["Täßchen", "猫"]
    assert header["__metadata__"]["format"] == CONCEPT_FORMAT


def with_shots(classes=("mug", "cat")):
    shots = tuple(Shot(b"p%d" % i, (b"m", None if i else b"n"), (3 + i, 4)) for i in range(3))
    return replace(concept(classes), counts=(3, 1), shots=shots, adapt=False, seed=7, made="now", version="1")


@pytest.mark.parametrize(
    ("scales", "kept", "kind"),
    [
        ([USUAL, USUAL], False, CONCEPT_FORMAT),
        ([USUAL, USUAL], True, SHOTS_FORMAT),
        ([USUAL, LARGER], False, SCALE_FORMAT),
        ([Scale(0.0, 0.5), USUAL], True, SCALE_FORMAT),
    ],
)
def test_its_format_is_the_oldest_that_says_all(tmp_path, scales, kept, kind):
    """An asgnet that knows nothing of working scales must not apply a concept that needs it."""
    path, one = tmp_path / "mug.concept", with_shots()
    one = replace(
        one, tensors=one.tensors | scales_to_arrays(scales, [0.0, 0.0]), shots=one.shots if kept else ()
    )
    one.save(path)
    whole = path.read_bytes()
    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    assert header["__metadata__"]["format"] == kind
    equal(Concept.load(path), one)
    rewritten(path, format=CONCEPT_FORMAT if kind != CONCEPT_FORMAT else SHOTS_FORMAT)
    with pytest.raises(WeightsError, match="not a concept of asgnet"):
        Concept.load(path)


def test_shots_come_back(tmp_path):
    with_shots().save(tmp_path / "a")
    equal(Concept.load(tmp_path / "a"), with_shots())


@pytest.mark.parametrize(
    "facts",
    [
        {"format": CONCEPT_FORMAT},
        {"sizes": None},
        {"sizes": "[[3, 4], [4, 4]]"},
        {"sizes": "[[3, 4], [4, 4], [5, 4], [6, 4]]"},
        {"sizes": "[[3], [4, 4], [5, 4]]"},
        {"sizes": "[[0, 4], [4, 4], [5, 4]]"},
        {"sizes": "[3, 4, 5]"},
        {"counts": "[3, 2]"},
        {"counts": "[]"},
        {"supports": "[]"},
        {"fitting": "[true]"},
        {"fitting": '[true, "x"]'},
        {"fitting": "[true, Infinity]"},
    ],
)
def test_shots_that_do_not_fit_their_header_are_refused(tmp_path, facts):
    with_shots().save(tmp_path / "a")
    rewritten(tmp_path / "a", **facts)
    with pytest.raises(WeightsError, match="not a concept of asgnet"):
        Concept.load(tmp_path / "a")


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.recursive(
        st.none() | st.integers(-3, 9) | st.floats() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
        max_leaves=8,
    ).filter(lambda sizes: not (isinstance(sizes, list) and len(sizes) == 3))
)
def test_any_other_sizes_are_refused(tmp_path_factory, sizes):
    path = tmp_path_factory.mktemp("sizes") / "a"
    with_shots().save(path)
    rewritten(path, sizes=json.dumps(sizes))
    with pytest.raises(WeightsError, match="not a concept of asgnet"):
        Concept.load(path)


def test_separations_come_back(tmp_path):
    interior = tuple(np.linspace(-1, 1, 2 * FEATURES + READOUT, dtype=np.float32).tolist())
    separations = {"cat": Separation(0.1, 0.15, 0.05, (0.5, 1.25), interior)}
    path = tmp_path / "c.concept"
    replace(concept(), separations=separations).save(path)
    assert Concept.load(path).separations == separations
