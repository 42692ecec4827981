"""The prompt network: similarity to what the prompts say, and its graph."""

import numpy as np
import pytest
import torch

from asgnet.errors import WeightsError
from asgnet.model import graph_files
from asgnet.model.prompts.channels import CHANNELS, GRID, READ
from asgnet.model.prompts.export import exported
from asgnet.model.prompts.network import DEPTHS, STRIDES, PromptNet, similarities


def test_similarities_by_hand():
    embedding = torch.zeros(1, 2, 1, 3)
    embedding[0, :, 0] = torch.tensor([[2.0, 0.0, 1.0], [0.0, 5.0, 1.0]])
    prompts = torch.zeros(1, CHANNELS, 1, 3)
    prompts[0, 0, 0, 0] = 1  # a click on the first
    found = similarities(embedding, prompts)
    np.testing.assert_allclose(found[0, 0, 0], [1, 0, 0.5**0.5], atol=1e-6)
    assert not found[0, 1:].any()  # nothing else is given


@pytest.fixture(scope="module")
def inputs():
    torch.manual_seed(0)
    sides = [4 * GRID // stride for stride in STRIDES]
    features = [torch.randn(1, depth, side, side) for depth, side in zip(DEPTHS, sides, strict=True)]
    return [torch.rand(1, CHANNELS, GRID, GRID), *features]


def test_the_graph_answers_as_the_network(inputs):
    from asgnet.apply.engines.onnx_graphs import OnnxGraphs

    net = PromptNet().eval()
    with torch.no_grad():
        expected = net(*inputs).numpy()
    feed = dict(zip(("prompts", *READ), (x.numpy() for x in inputs), strict=True))
    found = OnnxGraphs({"prompts": exported(net)}).run("prompts", feed)["logits"]
    assert found.shape == (1, 2 * GRID, 2 * GRID)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_cut_graph_is_refused(tmp_path, monkeypatch):
    graph = graph_files.read_prompt_graph()
    (tmp_path / "prompts.onnx").write_bytes(graph[:-9])
    (tmp_path / "prompts.json").write_bytes((graph_files.weights_folder() / "prompts.json").read_bytes())
    monkeypatch.setattr(graph_files, "weights_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match="cut or altered"):
        graph_files.read_prompt_graph()
    (tmp_path / "prompts.json").unlink()
    with pytest.raises(WeightsError, match="cannot be read"):
        graph_files.read_prompt_graph()
