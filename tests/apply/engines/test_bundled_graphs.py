"""The graphs beside the bundled weights: of these weights, of this code, and nothing else is read."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import asgnet.model.graph_files as graph_files
from asgnet.apply.engines.backend import by_name
from asgnet.apply.engines.load import backend_of_net, backend_of_weights
from asgnet.errors import WeightsError
from asgnet.model.checkpoint import fingerprint
from asgnet.model.graph_files import GRAPHS, MANIFEST, read_graphs

BUNDLED = Path(graph_files.__file__).with_name("bundled")


@pytest.fixture(scope="module")
def both(net):
    """The bundled graphs in onnxruntime, and the network in torch."""
    onnx = backend_of_weights(None, "cpu", "onnx", "fp32", 192)
    return onnx, backend_of_net(net, "cpu", "torch", "fp32", 192)


@pytest.mark.parametrize("size", [(96, 128), (192, 160)])
def test_each_graph_computes_what_the_network_computes(both, paint, size):
    """Whoever changes the default network without ``make graphs`` learns it here."""
    picture, mask = paint(*size)
    graphs, torch = both
    features, expected = graphs.encode(picture), torch.encode(picture)
    for name, array in by_name(expected).items():
        np.testing.assert_allclose(by_name(features)[name], array, atol=1e-3, err_msg=name)
    (found, parts), (wanted, numbers) = (one.statistics(expected, mask.astype(np.uint8)) for one in both)
    assert (parts == numbers).mean() > 0.98
    for one, other in zip(found, wanted, strict=True):
        for name in one._fields:
            scale = max(np.abs(getattr(other, name)).max(initial=0), 1)
            difference = np.abs(getattr(one, name).astype(float) - getattr(other, name).astype(float))
            assert difference.max(initial=0) < 1e-3 * scale, name


def test_they_are_of_the_bundled_weights(net):
    network, files = read_graphs(BUNDLED)
    assert network.fingerprint == fingerprint(net)
    assert network.config == net.config
    assert network.levels == net.levels
    assert tuple(files) == GRAPHS
    assert sum(map(len, files.values())) < 32e6


@pytest.fixture
def copied(tmp_path):
    return Path(shutil.copytree(BUNDLED, tmp_path / "weights"))


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_graph_that_was_cut_or_altered_is_refused_by_name(copied, graph):
    file = copied / f"{graph}.onnx"
    content = file.read_bytes()
    for other in (content[:-1], b"x" + content[1:], b""):
        file.write_bytes(other)
        with pytest.raises(WeightsError, match=rf"{graph}\.onnx .*cut or altered.*asgnet\.model\.export"):
            read_graphs(copied)
    file.unlink()
    with pytest.raises(WeightsError, match=rf"{graph}\.onnx, which cannot be read"):
        read_graphs(copied)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 3}', "null"])
def test_a_list_of_graphs_that_is_none_is_damaged(copied, text):
    (copied / MANIFEST).write_text(text)
    with pytest.raises(WeightsError, match="is damaged; make them again"):
        read_graphs(copied)


def test_graphs_of_another_version_are_refused(copied):
    known = json.loads((copied / MANIFEST).read_text()) | {"format": "asgnet-graphs-9"}
    (copied / MANIFEST).write_text(json.dumps(known))
    with pytest.raises(WeightsError, match="of another version of asgnet"):
        read_graphs(copied)


def test_graphs_of_weights_that_were_there_before_are_not_taken(copied):
    weights = load_file(copied / "model.safetensors")
    save_file({name: -tensor for name, tensor in weights.items()}, copied / "model.safetensors")
    assert read_graphs(copied) is None


def test_a_folder_without_graphs_says_how_to_make_them(copied, monkeypatch):
    (copied / MANIFEST).unlink()
    monkeypatch.setattr("asgnet.apply.engines.load.installed", lambda engine: engine != "torch")
    with pytest.raises(WeightsError, match=r"has no graphs; make them with: python -m asgnet\.model\.export"):
        backend_of_weights(copied, "cpu", "onnx", "fp32", 128)
