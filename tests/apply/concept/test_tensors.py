"""A concept is the object: saved, loaded, and applied it finds the same; one that does not fit is refused."""

from dataclasses import replace

import numpy as np
import pytest

from asgnet.apply.concept.file import Concept
from asgnet.apply.concept.scale import LARGER, USUAL, scales_to_arrays
from asgnet.apply.concept.tensors import SPATIAL, check_concept, concept_tensors
from asgnet.apply.fitting.learn import expected_of
from asgnet.apply.segmenter import Segmenter
from asgnet.errors import UsageError, WeightsError
from asgnet.model.default.calibration import Calibration


@pytest.fixture(scope="module")
def query(paint):
    return paint(seed=8)[0]


@pytest.fixture(scope="module")
def one(loaded, paint):
    return loaded.fit(*paint()).concept


@pytest.fixture(scope="module")
def two(loaded, paint):
    pictures, masks = zip(*(paint(seed=i) for i in range(3)), strict=True)
    masks = {"mug": [*masks[:2], None], "cat": [None, None, masks[2]]}
    return loaded.fit(pictures, masks).concept


@pytest.mark.parametrize("which", ["one", "two"])
def test_from_a_file_it_finds_the_same(loaded, query, which, request, tmp_path):
    loaded.concept = concept = request.getfixturevalue(which)
    expected = loaded.predict(query)
    concept.save(tmp_path / "mug.concept")
    other = Segmenter(loaded.backend)
    other.concept = Concept.load(tmp_path / "mug.concept")
    assert other.supports == other.superpixels() == []
    assert other.concept.classes == concept.classes
    found = other.predict(query)
    for name in ("mask", "probability", "guide"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.presence == expected.presence
    assert found.classes == expected.classes


def test_setting_one_forgets_the_supports(loaded, one, paint):
    loaded.fit(*paint())
    assert loaded.supports
    loaded.concept = one
    assert loaded.supports == loaded.superpixels() == []


def test_fitting_and_setting_learn_the_same(loaded, query, paint):
    loaded.fit(*paint(seed=4))
    expected = loaded.predict(query)
    loaded.concept = loaded.concept
    np.testing.assert_array_equal(loaded.predict(query).probability, expected.probability)


def test_what_adaptation_learnt_is_in_it(one):
    assert one.tensors["adapted_weights"].any()
    assert all(np.isfinite(t).all() for t in one.tensors.values())
    assert len(one.supports) == 1
    assert len(one.supports[0]) == 64
    assert one.counts == (1,)


def changed(concept, **tensors):
    merged = concept.tensors | tensors
    return replace(concept, tensors={name: t for name, t in merged.items() if t is not None})


def test_every_tensor_is_checked(loaded, one, two):
    expected = expected_of(loaded.backend)
    heads = {name: np.concatenate([a, a]) for name, a in expected.items() if name.startswith(SPATIAL)}
    with_heads = changed(two, **heads)
    assert set(expected) == set(with_heads.tensors)
    assert set(expected) - set(heads) == set(one.tensors) == set(two.tensors)
    for concept in (one, with_heads):
        check_concept(concept, expected)
        for name, array in concept.tensors.items():
            broken = [
                None,
                array[..., None],
                np.concatenate([array, array]),
                array[:0],
                array.astype(np.float16),
                np.zeros(len(array), "U3"),
            ]
            if array.ndim > 1:
                broken += [array[..., :-1], array[:, :0]]
            if array.dtype == np.float32:
                broken += [np.full_like(array, np.nan), np.full_like(array, np.inf)]
            for value in broken:
                with pytest.raises(WeightsError, match=rf"The concept.*{name}.*fit it again"):
                    check_concept(changed(concept, **{name: value}), expected)


def test_a_concept_of_the_first_version_is_at_the_usual_working_scale(loaded, two, query):
    loaded.concept = changed(two, **scales_to_arrays([USUAL, USUAL], [0.0, 0.0]))
    expected = loaded.predict(query)
    loaded.concept = changed(two, scale=None, breadth=None)
    found = loaded.predict(query)
    np.testing.assert_array_equal(found.probability, expected.probability)
    np.testing.assert_array_equal(found.mask, expected.mask)


def test_thin_structures_are_told_by_pixels_and_like_their_surroundings(two):
    kinds = two.tensors["kinds"].copy()
    kinds[0, 1], kinds[1, 1] = kinds[0, 0], -kinds[1, 0]
    for weights, thin in (((0.75, 0.75), [True, False]), ((0.25, 0.75), [False, False])):
        concept = changed(two, kinds=kinds, adapted_share=np.array(weights, np.float32), scale=None)
        assert concept_tensors(concept)[USUAL].thin(Calibration()) == thin


def test_classes_are_parted_by_working_scale(two):
    found = concept_tensors(changed(two, **scales_to_arrays([LARGER, USUAL], [0.0, 0.0])))
    assert {scale: part.classes for scale, part in found.items()} == {USUAL: ("cat",), LARGER: ("mug",)}
    whole = concept_tensors(changed(two, scale=None))[USUAL]
    for number, part in enumerate((found[LARGER], found[USUAL])):
        assert np.array_equal(part.inputs["fusion_weight"][0], whole.inputs["fusion_weight"][number])
        assert np.array_equal(part.inputs["head_weights"][0], whole.inputs["head_weights"][number])
        for own, both in zip(part.statistics, whole.statistics, strict=True):
            assert np.array_equal(own[0], both[number])


def test_the_number_of_prototypes_is_free_but_one(loaded, one, query):
    more = {n: np.concatenate([one.tensors[n]] * 2, 1) for n in ("object", "object_valid")}
    loaded.concept = changed(one, **more)
    tensors = {name: one.tensors[name][:, :1] for name in more}
    loaded.concept = changed(one, **tensors)
    assert not loaded.predict(query).guide.any()
    with pytest.raises(WeightsError, match="different numbers"):
        loaded.concept = changed(one, object=more["object"])


def test_a_refused_concept_changes_nothing(loaded, one, two, query):
    loaded.concept = one
    expected = loaded.predict(query)
    bad = [
        (replace(two, network="f" * 64), WeightsError, "other weights than these; fit it again"),
        (changed(two, adapted_bias=None), WeightsError, "lacks adapted_bias"),
        (replace(two, classes=("mug",)), WeightsError, "of shape"),
        (None, UsageError, r"Concept\.load"),
        ("mug.concept", UsageError, r"Concept\.load"),
    ]
    for concept, error, says in bad:
        with pytest.raises(error, match=says):
            loaded.concept = concept
        assert loaded.concept is one
    np.testing.assert_array_equal(loaded.predict(query).probability, expected.probability)


def test_a_concept_is_a_small_file(one, tmp_path):
    one.save(tmp_path / "mug.concept")
    assert (tmp_path / "mug.concept").stat().st_size < 2_000_000
