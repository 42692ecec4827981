"""What asgnet reads, writes and contacts, in words: ``asgnet info --privacy``.

``tests/attack/test_calls_home.py`` sees from outside that it is so.
"""

from __future__ import annotations

from asgnet.files import cache_folder


def privacy() -> dict[str, list[str]]:
    """``reads``, ``writes``, ``contacts``, each a list of sentences."""
    return {
        "reads": [
            "the pictures, masks, concepts, weights and datasets that are named",
            "its own installation, and what it keeps in its cache",
        ],
        "writes": [
            "the results, files and folders that are named (--out, --data-dir)",
            f"its cache: {cache_folder()} (exported graphs, indexes and features of datasets; may be deleted)",
            "the system's folder for temporary files, emptied when it ends",
        ],
        "contacts": [
            "nothing",
            "but what is named: a repository of the Hub (--weights, --push-to-hub), pictures at an address "
            "(s3://…), a Ray cluster (--ray-address), Label Studio (--label-studio)",
            "there is no telemetry, and that of onnxruntime, OpenVINO, Ray and the Hub's client is switched off",
        ],
    }
