"""The network's graphs in onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from asgnet import quiet


class OnnxGraphs:
    """The graphs of :data:`~asgnet.model.graph_files.GRAPHS` by name.

    Args:
        files: their ONNX files.
        threads: of one run; 0: one a core.
    """

    def __init__(self, files: Mapping[str, bytes], threads: int = 0) -> None:
        onnxruntime = quiet.onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Threads of one graph that wait by spinning would slow down the next one.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = ["CPUExecutionProvider"]
        self._sessions = {
            name: onnxruntime.InferenceSession(graph, options, providers=providers)
            for name, graph in files.items()
        }
        self._names = {name: [o.name for o in s.get_outputs()] for name, s in self._sessions.items()}
        self._parts = onnxruntime.RunOptions()
        self._parts.add_run_config_entry("only_execute_path_to_fetches", "1")

    def run(
        self, name: str, feed: Mapping[str, NDArray], wanted: Sequence[str] | None = None
    ) -> dict[str, NDArray]:
        """A graph's outputs by name; only the ``wanted`` ones are computed."""
        outputs = list(wanted or self._names[name])
        options = self._parts if wanted else None
        found = self._sessions[name].run(outputs, dict(feed), options)
        return dict(zip(outputs, map(np.asarray, found), strict=True))
