"""The prompt network in onnxruntime, once for all pictures. It reads features of the frozen backbone, which are the
same for all weights of the default network, so it comes with the package and with no others.
"""

from __future__ import annotations

import os
from functools import lru_cache

from asgnet.apply.engines.onnx_graphs import OnnxGraphs
from asgnet.model.graph_files import read_prompt_graph


@lru_cache(1)
def prompt_graph() -> OnnxGraphs:
    """Its one graph is named ``prompts``.

    Raises:
        WeightsError: it is missing, cut or altered.
    """
    return OnnxGraphs({"prompts": read_prompt_graph()}, int(os.environ.get("OMP_NUM_THREADS") or 0))
