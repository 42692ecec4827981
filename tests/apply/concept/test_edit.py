"""A concept that was joined, added to or taken from is the one that fitting would have made at once."""

import io
import json
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.apply.concept.edit import about, merged, without_class, without_pictures
from asgnet.apply.concept.file import Concept
from asgnet.apply.concept.scale import scales_of
from asgnet.apply.concept.shots import Shot
from asgnet.apply.fitting import spatial_fusion
from asgnet.apply.fitting.refit import without_shot
from asgnet.errors import UsageError, WeightsError


@pytest.fixture(scope="module")
def painted(paint):
    """Four painted pictures, of several sizes, the last blue."""
    blue = [paint(70, 90, (20, 40, 230), seed=3)]
    return [paint(80 + 9 * i, 110, seed=i) for i in range(3)] + blue


@pytest.fixture(scope="module")
def striped():
    """Two pictures crossed by a dark line of one pixel."""
    pairs = []
    for seed, row in ((1, 60), (2, 110)):
        picture = np.random.default_rng(seed).integers(120, 160, (180, 240, 3)).astype(np.uint8)
        mask = np.zeros((180, 240), bool)
        mask[row] = True
        picture[mask] //= 4
        pairs.append((picture, mask))
    return pairs


def fitted(segmenter, pairs, **options):
    pictures, masks = (list(part) for part in zip(*pairs, strict=True))
    return segmenter.fit(pictures, masks, **options).concept


@pytest.fixture(scope="module")
def red(loaded, painted):
    return fitted(loaded, painted[:3])


@pytest.fixture(scope="module")
def both(loaded, painted):
    pictures, masks = (list(part) for part in zip(*painted, strict=True))
    return loaded.fit(pictures, {"mug": [*masks[:3], None], "cat": [None, None, None, masks[3]]}).concept


def test_one_that_was_fitted_quickly_joins_one_with_spatial_heads(loaded, painted, monkeypatch):
    monkeypatch.setattr(spatial_fusion, "_overlaps", lambda *_: np.array([0.5, 0.5, 0.6]))
    red = fitted(loaded, painted[:3])
    assert "spatial_basis" in red.tensors
    quick = fitted(loaded, painted[3:], effort="quick")
    for pair in ((red, quick), (quick, red)):
        joined = merged(pair, ["a", "b"])
        loaded.concept = joined
        found = loaded.predict(painted[3][0]).by_class
        for name, one in zip("ab", pair, strict=True):
            loaded.concept = one
            alone = loaded.predict(painted[3][0])
            np.testing.assert_allclose(found[name].probability, alone.probability, atol=1e-3)
    assert "spatial_basis" not in quick.tensors


def saved(concept, folder):
    concept.save(folder / "a.concept")
    return Concept.load(folder / "a.concept")


def equal(one, other):
    """All but when it was made."""
    apart = {"tensors": {}, "made": ""}
    assert vars(one) | apart == vars(other) | apart
    assert set(one.tensors) == set(other.tensors)
    for name, array in other.tensors.items():
        assert one.tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(one.tensors[name], array, err_msg=name)


def test_a_file_keeps_everything(both, tmp_path):
    equal(saved(both, tmp_path), both)
    assert [shot.size for shot in both.shots] == [(80, 110), (89, 110), (98, 110), (70, 90)]
    assert both.made
    assert (both.adapt, both.seed) == (True, 0)


def test_adding_equals_fitting_at_once(loaded, painted, red, tmp_path):
    loaded.concept = saved(fitted(loaded, painted[:1]), tmp_path)
    loaded.add(*painted[1])
    loaded.add([painted[2][0]], [painted[2][1]])
    equal(loaded.concept, red)


@pytest.mark.parametrize("options", [{"adapt": False}, {"seed": 5}])
def test_adding_goes_on_as_fitting_began(loaded, painted, options):
    expected = fitted(loaded, painted[:2], **options)
    fitted(loaded, painted[:1], **options)
    equal(loaded.add(*painted[1]).concept, expected)


def test_adding_a_class_equals_fitting_both(loaded, painted, red, both):
    loaded.concept = merged([red, fitted(loaded, painted[3:])], ["mug", "cat"])
    equal(loaded.concept, both)
    loaded.fit([p for p, _ in painted[:3]], {"mug": [m for _, m in painted[:3]]})
    equal(loaded.add(painted[3][0], {"cat": painted[3][1]}).concept, both)


def test_a_merged_concept_finds_what_each_finds(loaded, painted, red, paint):
    blue = fitted(loaded, painted[3:])
    query = np.hstack([paint(seed=7)[0], paint(colour=(20, 40, 230), seed=8)[0]])
    alone = {}
    for name, concept in (("mug", red), ("cat", blue)):
        loaded.concept = concept
        alone[name] = loaded.predict(query).probability
    loaded.concept = merged([red, blue], ["mug", "cat"])
    found = loaded.predict(query)
    for name, probability in alone.items():
        np.testing.assert_allclose(found.by_class[name].probability, probability, atol=1e-3)


def test_merging_works_without_pictures(red, both, loaded, painted):
    blue = fitted(loaded, painted[3:])
    joined = merged([without_pictures(red), blue], ["mug", "cat"])
    equal(joined, without_pictures(both))


def test_a_class_is_removed(loaded, painted, both, red):
    assert without_class(both, "cat").classes == ("mug",)
    equal(replace(without_class(both, "cat"), classes=("object",)), red)
    blue = fitted(loaded, painted[3:])
    equal(replace(without_class(both, "mug"), classes=("object",)), blue)
    left = without_class(without_pictures(both), "mug")
    for name, array in blue.tensors.items():
        np.testing.assert_array_equal(left.tensors[name], array)


@pytest.mark.parametrize("by_hash", [False, True])
def test_a_shot_is_removed(loaded, painted, red, by_hash, tmp_path):
    expected = fitted(loaded, [painted[0], painted[2]])
    equal(
        without_shot(loaded.backend, saved(red, tmp_path), red.supports[1][:8].upper() if by_hash else 2),
        expected,
    )


def test_small_objects_and_ignored_pixels_survive(loaded, paint):
    picture, mask = paint(400, 500, seed=1)
    tiny = np.zeros((400, 500), np.uint8)
    tiny[201, 303] = 1  # falls between the grid's pixels
    partly = mask.astype(np.uint8)
    partly[:30] = 255
    expected = loaded.fit([picture, picture[::-1]], [tiny, partly]).concept
    loaded.fit(picture, tiny)
    equal(loaded.add(picture[::-1], partly).concept, expected)


def test_without_pictures_it_cannot_be_added_to_and_is_small(loaded, painted, red, tmp_path):
    bare = fitted(loaded, painted[:3], keep_pictures=False)
    equal(bare, without_pictures(red))
    assert bare.supports == red.supports
    loaded.concept = saved(bare, tmp_path)
    with pytest.raises(UsageError, match="keeps no pictures"):
        loaded.add(*painted[3])
    with pytest.raises(UsageError, match="keeps no pictures"):
        without_shot(loaded.backend, bare, 1)


def test_what_cannot_be_meant_is_said(loaded, painted, red, both):
    loaded.concept = both
    with pytest.raises(UsageError, match=r"2 classes; say which.*mug, cat"):
        loaded.add(*painted[0])
    with pytest.raises(UsageError, match=r"Picture 1 .* already"):
        loaded.add(painted[0][0], {"mug": painted[0][1]})
    assert loaded.concept is both
    with pytest.raises(UsageError, match=r"only example of 'cat'"):
        without_shot(loaded.backend, both, 4)
    for which in (0, 5, -1, "zzzzzz", both.supports[0][:3]):
        with pytest.raises(UsageError, match="no example"):
            without_shot(loaded.backend, both, which)
    with pytest.raises(UsageError, match="no class 'dog'"):
        without_class(both, "dog")
    with pytest.raises(UsageError, match="only class"):
        without_class(red, "object")
    with pytest.raises(UsageError, match="called 'object'"):
        merged([red, red])
    with pytest.raises(UsageError, match="'mug' and ' mug', which differ"):
        merged([red, both], ["mug", "cat", " mug"])
    with pytest.raises(UsageError, match="'mug' and ' mug', which differ"):
        loaded.add(255 - painted[0][0], {" mug": painted[0][1]})
    with pytest.raises(UsageError, match="3 classes but 1 names"):
        merged([red, both], ["a"])
    with pytest.raises(UsageError, match="at least two"):
        merged([red])
    other = replace(red, network="f" * 64)
    with pytest.raises(WeightsError, match="different weights"):
        merged([other, both])
    with pytest.raises(WeightsError, match="other weights"):
        without_shot(loaded.backend, other, 1)


def test_about_is_plain_and_complete(both):
    facts = json.loads(json.dumps(about(both)))
    scales = [str(one) for one in scales_of(both.tensors, 2)]
    assert facts["classes"] == [
        {"name": "mug", "shots": 3, "scale": scales[0]},
        {"name": "cat", "shots": 1, "scale": scales[1]},
    ]
    assert facts["pictures_kept"]
    assert facts["network"] == both.network
    assert facts["pictures"][3] == {
        "number": 4, "sha256": both.supports[3], "width": 90, "height": 70, "unpainted": "background",
        "shows": ["cat"],
    }  # fmt: skip
    bare = about(Concept(("mug",), {}, "abc", ("1f",)))
    assert bare["classes"] == [{"name": "mug", "shots": None, "scale": "longer side at 512"}]
    assert bare["pictures"][0]["width"] is bare["made"] is None


PNG = b"\x89PNG\r\n\x1a\n"


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_damaged_pictures_are_refused_in_a_sentence(loaded, red, data):
    """Whatever bytes a file holds in place of its pictures: a sentence, nothing else."""
    shot = red.shots[0]
    whole = data.draw(st.sampled_from([shot.picture, shot.masks[0]]))
    at = data.draw(st.integers(0, len(whole) - 1))
    bad = data.draw(
        st.sampled_from([b"", PNG, whole[:at], whole[:at] + b"\x00" * 8 + whole[at + 8 :], shot.picture])
    )
    in_mask = data.draw(st.booleans())
    broken = Shot(shot.picture, (bad,), shot.size) if in_mask else Shot(bad, shot.masks, shot.size)
    with suppress(WeightsError):  # a grey picture in place of a coloured one is a picture, too
        without_shot(loaded.backend, replace(red, shots=(broken, *red.shots[1:])), 3)


def test_windows_are_kept_and_added_to_as_if_fitted_at_once(loaded, striped, tmp_path):
    """Lines of a pixel in pictures of nearly two views."""
    first = fitted(loaded, striped[:1])
    assert first.tensors["scale"].tolist() == [[0, 1, 1]]
    first.save(tmp_path / "lines.concept")
    loaded.concept = Concept.load(tmp_path / "lines.concept")
    assert loaded.concept.shots[0].patches == first.shots[0].patches != ()
    lines = loaded.add(*striped[1]).concept
    equal(lines, fitted(loaded, striped))
    equal(without_shot(loaded.backend, lines, 2), first)
    cat = replace(first, classes=("cat",), supports=("f" * 64,))
    assert [p.place for p in merged([cat, lines], ["cat", "line"]).shots[1].patches] == [1] * len(
        lines.shots[0].patches
    )


def test_a_fine_class_joined_and_added_to_is_as_if_fitted_at_once(loaded, painted, striped):
    """How closely a class is seen is decided by all of its examples, whenever they come."""
    striped = [(picture[:120, :160], mask[:120, :160]) for picture, mask in striped]
    assert fitted(loaded, striped[:1]).tensors["scale"].tolist() == [[1, 0, 1]]
    lines = loaded.add(*striped[1]).concept
    equal(lines, fitted(loaded, striped))
    assert lines.tensors["scale"].tolist() == [[1.5, 0, 1.5]]
    disc = fitted(loaded, painted[:3], adapt=False)
    both = merged([disc, lines], ["disc", "line"])
    assert both.tensors["scale"].tolist() == [[1, 0, 1], [1.5, 0, 1.5]]
    loaded.concept = both
    together = loaded.predict(striped[1][0])
    for name, one in (("disc", disc), ("line", lines)):
        loaded.concept = one
        np.testing.assert_allclose(
            together.by_class[name].probability, loaded.predict(striped[1][0]).probability, atol=1e-3
        )


def test_a_picture_kept_as_it_was_once_seen_is_taken(loaded, painted):
    """Concepts made before any class was seen closer kept what the network saw."""
    from asgnet.apply.inference.working_scale import working_mask, working_picture
    from asgnet.data.png import png_bytes
    from asgnet.data.read import read_picture

    def seen_once(shot):
        picture, mask = (read_picture(io.BytesIO(data)) for data in (shot.picture, shot.masks[0]))
        small = working_picture(picture, loaded.backend.side), working_mask(mask[..., 0], loaded.backend.side)
        return replace(shot, picture=png_bytes(small[0]), masks=(png_bytes(small[1]),))

    new = fitted(loaded, painted[:3], adapt=False)
    left = without_shot(loaded.backend, replace(new, shots=tuple(map(seen_once, new.shots))), 3)
    expected = without_shot(loaded.backend, new, 3)
    for name, array in expected.tensors.items():
        np.testing.assert_array_equal(left.tensors[name], array, err_msg=name)


def test_a_picture_of_another_size_is_refused(loaded, red):
    from asgnet.data.png import png_bytes

    for side in (64, 4000):
        shot = replace(red.shots[0], picture=png_bytes(np.zeros((side, side, 3), np.uint8)))
        with pytest.raises(WeightsError, match="damaged"):
            without_shot(loaded.backend, replace(red, shots=(shot, *red.shots[1:])), 3)
