"""Weights folders and graphs of strangers: refused in one sentence, nothing else of the machine is read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import asgnet.model
from asgnet.apply.engines.choose import installed
from asgnet.apply.engines.load import backend_of_weights
from asgnet.errors import AsgnetError, WeightsError
from asgnet.model.checkpoint import load_weights
from asgnet.model.graph_files import read_graphs

BUNDLED = Path(asgnet.model.__file__).with_name("bundled")


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(BUNDLED, tmp_path / "weights"))


def configured(folder: Path, **values) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_the_folder_as_it_is_is_loaded(folder):
    load_weights(folder)
    assert read_graphs(folder) is not None


@pytest.mark.parametrize("key", ["channels", "area", "most"])
@pytest.mark.parametrize("value", [10**9, 10**6, -1, 2.5, None, "16", [16]])
def test_a_network_of_any_size_is_refused_at_once(folder, key, value):
    configured(folder, **{key: value})
    began = time.monotonic()
    with pytest.raises(WeightsError, match=f"{key!r} cannot be"):
        load_weights(folder)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{" * 3, '{"channels": 1' + "0" * 5000 + "}", "\x00" * 100, '{"backbone": "../../x"}'],
)
def test_a_configuration_that_is_none_is_refused(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(AsgnetError):
        load_weights(folder)


def changed(data: bytes, where: float, by: int) -> bytes:
    altered = bytearray(data)
    altered[int(where * (len(data) - 1))] ^= by
    return bytes(altered)


WEIGHTS = (BUNDLED / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        WEIGHTS[:7],
        WEIGHTS[: len(WEIGHTS) // 2],
        WEIGHTS[:-1],
        WEIGHTS + b"more",
        struct.pack("<Q", 2**62) + WEIGHTS[8:],
        struct.pack("<Q", 2 * len(WEIGHTS)) + WEIGHTS[8:],
    ],
    ids=["empty", "no length", "half", "a byte less", "more", "endless header", "long header"],
)
def test_weights_that_are_cut_or_lie_about_their_length_are_refused(folder, data):
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match="cannot be read"):
        load_weights(folder)


def test_damaged_headers_of_weights_are_refused_wherever_they_are_damaged(folder):
    (length,) = struct.unpack("<Q", WEIGHTS[:8])
    random = np.random.default_rng(0)
    for place in random.integers(8, 8 + length, 40):
        (folder / "model.safetensors").write_bytes(changed(WEIGHTS, place / (len(WEIGHTS) - 1), 0x01))
        with suppress(AsgnetError):  # or it was in the white space, or in what is said for people
            load_weights(folder)


@pytest.mark.parametrize("graph", ["encode", "statistics", "decode"])
@pytest.mark.parametrize("where", [0.0, 0.3, 0.7, 1.0])
def test_a_flipped_bit_in_a_graph_is_noticed(folder, graph, where):
    file = folder / f"{graph}.onnx"
    file.write_bytes(changed(file.read_bytes(), where, 0x10))
    with pytest.raises(WeightsError, match="is cut or altered"):
        read_graphs(folder)


def test_a_graph_that_is_cut_is_noticed(folder):
    file = folder / "decode.onnx"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="is cut or altered"):
        read_graphs(folder)


def forged(folder: Path, graph: str, data: bytes) -> None:
    """As somebody writes it who also writes the checksums."""
    (folder / f"{graph}.onnx").write_bytes(data)
    manifest = folder / "graphs.json"
    known = json.loads(manifest.read_text())
    known["sha256"][graph] = hashlib.sha256(data).hexdigest()
    manifest.write_text(json.dumps(known))


@pytest.mark.parametrize("longer", [False, True], ids=["plain", "with longer numbers"])
def test_a_graph_that_reads_another_file_is_refused(folder, tmp_path, longer):
    onnx = pytest.importorskip("onnx")
    (tmp_path / "secret").write_bytes(b"\0" * 4096)
    tensor = onnx.TensorProto(name="w", dims=[1024], data_type=1, data_location=1)
    tensor.external_data.add(key="location", value="../secret")
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], [tensor]))
    data = model.SerializeToString()
    if longer:  # the same to a parser: the length of the key in two bytes, and what is around it one longer
        key = data.index(b"\x0a\x08location")
        data = data[:key] + b"\x0a\x88\x00location" + data[key + 10 :]
    forged(folder, "decode", data)
    with pytest.raises(WeightsError, match="wants to read other files"):
        read_graphs(folder)


def test_a_flipped_bit_in_the_weights_alone_is_noticed(folder):
    (length,) = struct.unpack("<Q", WEIGHTS[:8])
    places = np.random.default_rng(0).integers(8 + length, len(WEIGHTS), 12)
    for place in (8 + length, *places, len(WEIGHTS) - 1):
        (folder / "model.safetensors").write_bytes(changed(WEIGHTS, (place + 0.5) / (len(WEIGHTS) - 1), 0x01))
        for read in (load_weights, read_graphs):
            with pytest.raises(
                WeightsError, match="are damaged: their contents are not those that were saved"
            ):
                read(folder)


def test_weights_of_a_version_without_a_checksum_are_loaded(folder):
    file = folder / "model.safetensors"
    save_file(load_file(file), file)
    load_weights(folder)
    assert read_graphs(folder) is None  # graphs of other weights, for all that is known


@pytest.mark.parametrize("engine", [name for name in ("onnx", "openvino") if installed(name)])
@pytest.mark.parametrize(
    "data", ["custom", b"\x00" * 4096, b"", b"ORTM" * 2000], ids=["custom op", "zeros", "empty", "other form"]
)
def test_graphs_that_no_engine_should_compute_are_refused_in_a_sentence(
    folder, engine, data, tmp_path, capfd
):
    onnx = pytest.importorskip("onnx")
    if data == "custom":
        node = onnx.helper.make_node("Run", ["map_0"], ["logits"], domain="evil.example", library="evil.so")
        ends = [onnx.helper.make_tensor_value_info(name, 1, [1]) for name in ("map_0", "logits")]
        graph = onnx.helper.make_graph([node], "g", ends[:1], ends[1:])
        domains = [onnx.helper.make_opsetid(*one) for one in (("", 17), ("evil.example", 1))]
        data = onnx.helper.make_model(graph, opset_imports=domains).SerializeToString()
    forged(folder, "decode", data)
    with pytest.raises(WeightsError, match="cannot be computed by") as refused:
        backend_of_weights(folder, "cpu", engine, "fp32", 128).graphs.run("decode", {})
    assert "\n" not in str(refused.value)
    assert not capfd.readouterr().err


@pytest.mark.parametrize("file", ["graphs.json", "decode.onnx", "model.safetensors", "config.json"])
def test_a_device_or_a_pipe_in_a_weights_folder_is_not_read(folder, file):
    for make in (lambda path: path.symlink_to("/dev/zero"), os.mkfifo):
        (folder / file).unlink()
        make(folder / file)
        began = time.monotonic()
        with suppress(WeightsError):
            assert read_graphs(folder) is None
        with suppress(WeightsError):
            load_weights(folder)
        assert time.monotonic() - began < 5


def test_a_link_in_place_of_weights_reads_nothing_endless(folder):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("/dev/zero")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_weights(folder)
