"""Engines: which one is taken, and that each answers as torch does."""

import numpy as np
import pytest

from asgnet.apply import segmenter
from asgnet.apply.engines import choose
from asgnet.apply.engines.choose import choose_engine, choose_precision
from asgnet.apply.segmenter import Segmenter
from asgnet.errors import UsageError


def needs(engine):
    missing = [p for p in choose.PACKAGES.get(engine, ()) if choose.find_spec(p) is None]
    reason = f"{', '.join(missing)} not installed: pip install 'asgnet[{engine}]'"
    return pytest.param(engine, marks=pytest.mark.skipif(bool(missing), reason=reason))


EXPORTED = [needs("onnx"), needs("openvino")]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache of this module's own, and pictures of a quarter of the side."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setattr(segmenter, "SIDE", 128)
        yield folder


@pytest.fixture(scope="module")
def taught(net, cache, paint):
    """Fitted on two classes, in torch."""
    (a, b), (mask_a, mask_b) = zip(*(paint(80, 110, seed=i) for i in range(2)), strict=True)
    return Segmenter(net).fit([a, b], {"disc": [mask_a, mask_b], "ground": [~mask_a, None]})


def with_engine(net, taught, engine, precision="fp32"):
    other = Segmenter(net, engine=engine, precision=precision)
    other.concept = taught.concept
    return other


@pytest.mark.parametrize("engine", EXPORTED)
def test_an_engine_answers_as_torch_does(net, taught, paint, engine):
    other = with_engine(net, taught, engine)
    for seed, size in ((5, (90, 120)), (6, (131, 67))):
        picture, _ = paint(*size, seed=seed)
        expected, found = taught.predict(picture), other.predict(picture)
        assert np.abs(found.probability - expected.probability).max() < 1e-3
        assert found.presence == pytest.approx(expected.presence, abs=1e-3)
        assert (found.guide == expected.guide).mean() > 0.999
        assert found.classes == ("disc", "ground")


@pytest.mark.parametrize("engine", EXPORTED)
def test_an_engine_meets_new_numbers_of_classes_and_prototypes(net, taught, paint, engine):
    other = with_engine(net, taught, engine)
    pictures, masks = zip(*(paint(80, 110, seed=i) for i in range(3)), strict=True)
    plain = Segmenter(net)
    for count in (1, 3):
        plain.fit(list(pictures[:count]), list(masks[:count]))
        other.concept = plain.concept
        found, expected = other.predict(pictures[0]), plain.predict(pictures[0])
        assert np.abs(found.probability - expected.probability).max() < 1e-3


@pytest.mark.parametrize("engine", EXPORTED)
def test_an_engine_serves_several_threads(net, taught, paint, engine):
    from concurrent.futures import ThreadPoolExecutor

    other = with_engine(net, taught, engine)
    pictures = [paint(80, 110, seed=i)[0] for i in range(8)]
    alone = [other.predict(p).probability for p in pictures]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda p: other.predict(p).probability, pictures))
    for one, same in zip(alone, together, strict=True):
        np.testing.assert_allclose(same, one, atol=1e-5)


@pytest.mark.parametrize("engine", EXPORTED)
def test_graphs_of_weights_without_any_are_made_once_and_kept_whole(net, taught, cache, paint, engine):
    picture, _ = paint(80, 110)
    first = with_engine(net, taught, engine).predict(picture)
    (file,) = (cache / "asgnet" / "graphs").rglob("decode.onnx")
    kept = file.read_bytes()
    with_engine(net, taught, engine).predict(picture)
    assert file.read_bytes() == kept
    file.write_bytes(kept[:-10])  # damaged: made anew
    again = with_engine(net, taught, engine).predict(picture)
    np.testing.assert_allclose(again.probability, first.probability, atol=1e-5)
    assert len(file.read_bytes()) == len(kept)


@pytest.mark.parametrize("engine", [needs("onnx")])
def test_a_cache_that_cannot_be_written_does_not_matter(net, taught, paint, tmp_path, monkeypatch, engine):
    (tmp_path / "asgnet").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    picture, _ = paint(80, 110)
    found = with_engine(net, taught, engine).predict(picture)
    assert np.abs(found.probability - taught.predict(picture).probability).max() < 1e-3
    assert (tmp_path / "asgnet").read_text() == "in the way"


def test_bf16_is_close(net, taught, paint):
    picture, _ = paint(90, 120, seed=4)
    low, full = with_engine(net, taught, "torch", "bf16").predict(picture), taught.predict(picture)
    assert 0 < np.abs(low.probability - full.probability).max() < 0.2
    assert (low.mask == full.mask).mean() > 0.98


@pytest.mark.parametrize(
    ("there", "device", "expected"),
    [
        ({"openvino", "onnxruntime"}, "cpu", "openvino"),
        ({"onnxruntime"}, "cpu", "onnx"),
        ({"torch", "torchvision", "timm"}, "cpu", "torch"),
        (set(), "cpu", "torch"),
        ({"openvino", "onnxruntime"}, "cuda", "torch"),
    ],
)
def test_the_fastest_installed_is_taken(monkeypatch, there, device, expected):
    monkeypatch.setattr(choose, "find_spec", lambda name: name if name in there else None)
    assert choose_engine("auto", device) == expected


def test_what_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr(choose, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'asgnet\[openvino\]'"):
        choose_engine("openvino", "cpu")
    with pytest.raises(UsageError, match="no engine 'tensorrt'"):
        choose_engine("tensorrt", "cpu")
    with pytest.raises(UsageError, match="runs on the CPU"):
        choose_engine("onnx", "cuda")


@pytest.mark.parametrize("able", [True, False])
def test_auto_precision_is_what_the_processor_is_fast_in(monkeypatch, able):
    monkeypatch.setattr(choose, "has_bf16", lambda: able)
    assert choose_precision("auto", "openvino") == ("bf16" if able else "fp32")
    assert choose_precision("auto", "onnx") == choose_precision("auto", "torch") == "fp32"
    assert choose_precision("bf16", "torch") == "bf16"
    with pytest.raises(UsageError, match="no bf16"):
        choose_precision("bf16", "onnx")
    with pytest.raises(UsageError, match="no precision 'fp8'"):
        choose_precision("fp8", "torch")


def test_an_engine_is_made_once_however_many_threads_ask(net, taught, paint):
    from concurrent.futures import ThreadPoolExecutor

    other = with_engine(net, taught, "torch")
    picture, _ = paint(90, 120, seed=5)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: (other.predict(picture), other.backend.graphs), range(4)))
    assert len({id(graphs) for _, graphs in found}) == 1
    assert all(np.array_equal(one.mask, found[0][0].mask) for one, _ in found)
