"""What is exported answers as the network does, or is not written."""

import pytest

from asgnet.apply.concept.scale import USUAL
from asgnet.apply.engines import choose
from asgnet.apply.examples.samples import SCENES
from asgnet.apply.export import export
from asgnet.apply.export import run as module
from asgnet.apply.export.formats import runner
from asgnet.apply.export.graph import tensors_of
from asgnet.apply.export.onnx_graph import to_onnx
from asgnet.apply.export.parity import parity, refuse_strangers
from asgnet.apply.segmenter import Segmenter
from asgnet.errors import OutputError, UsageError
from asgnet.model.checkpoint import fingerprint

pytestmark = pytest.mark.usefixtures("coarse")
SAMPLES = [scene() for scene in SCENES]


def needs(to):
    missing = [p for p in choose.PACKAGES.get(to, ()) if choose.find_spec(p) is None]
    reason = f"{', '.join(missing)} not installed: pip install 'asgnet[{to}]'"
    return pytest.param(to, marks=pytest.mark.skipif(bool(missing), reason=reason))


@pytest.fixture(scope="module")
def tensors(net, paint, coarse):
    picture, mask = paint(80, 110)
    return tensors_of(Segmenter(net).fit(picture, mask, adapt=False).fits[USUAL])


@pytest.mark.parametrize("to", [needs("onnx"), needs("openvino"), "torch"])
def test_a_file_that_answers_as_the_network_does(net, tensors, tmp_path, to):
    path = tmp_path / ("graph.xml" if to == "openvino" else "graph.bin")
    facts = export(None, to, path, SAMPLES)
    assert 0 <= facts["difference"] < 1e-3
    assert facts["fingerprint"] == fingerprint(net)
    assert path.stat().st_size > 100_000
    if to == "openvino":
        assert path.with_suffix(".bin").stat().st_size > 1_000_000
        return
    assert parity(net, tensors, runner(path.read_bytes(), to), 192) < 1e-3  # another side


@pytest.mark.parametrize("to", [needs("onnx")])
def test_a_graph_made_for_large_pictures_answers_for_small_ones(net, tensors, to):
    graph = to_onnx(net, tensors, 256)
    assert parity(net, tensors, runner(graph, to), 96) < 1e-3


@pytest.mark.parametrize("to", [needs("onnx")])
def test_the_graph_s_axes_are_open(net, tensors, to):
    import onnx

    model = onnx.load_from_string(to_onnx(net, tensors, 128))
    shapes = {each.name: [d.dim_param for d in each.type.tensor_type.shape.dim] for each in model.graph.input}
    assert shapes["pictures"] == ["batch", "", "height", "width"]
    assert shapes["object"][:2] == ["classes", "object_prototypes"]
    assert shapes["background_valid"] == ["classes", "background_prototypes"]
    assert all(shape[0] == "classes" for name, shape in shapes.items() if name != "pictures")


@pytest.mark.parametrize("to", [needs("onnx")])
def test_eight_bits_are_smaller_and_what_they_cost_is_said(net, tensors, tmp_path, to):
    facts = export(None, to, tmp_path / "small.onnx", SAMPLES, int8=True)
    assert facts["iou"] == pytest.approx(facts["iou_fp32"], abs=0.1)
    full = len(to_onnx(net, tensors, 128))
    assert (tmp_path / "small.onnx").stat().st_size < full / 2


def test_a_stranger_is_not_written(tmp_path, monkeypatch):
    honest = module.runner

    def shifted(graph, to):
        run = honest(graph, to)
        return lambda pictures, learnt: (answer := run(pictures, learnt))._replace(logits=answer.logits + 0.1)

    monkeypatch.setattr(module, "runner", shifted)
    with pytest.raises(OutputError, match="differs from the network"):
        export(None, "torch", tmp_path / "graph.pt", SAMPLES)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("difference", [1e-3, float("nan"), float("inf")])
def test_strangers(difference):
    with pytest.raises(OutputError):
        refuse_strangers(difference, "graph")


def test_eight_bits_of_torchscript_are_refused(tmp_path):
    with pytest.raises(UsageError, match="--to onnx"):
        export(None, "torch", tmp_path / "graph.pt", SAMPLES, int8=True)
