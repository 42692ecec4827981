"""One word, one meaning: the words of the glossary in CONTRIBUTING.md, and none of those they replaced."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# What was said once -> what is said now. Names count word by word: fine_readout and FineReadout are "fine readout".
RETIRED = {
    "opinions?": "prediction",
    "belie(f|fs|ve|ves|ved|ving)": "prediction, presence_logit",
    "testif(y|ies|ied)|testimony": "head, cross_predict",
    "(the|a|an|one|two|another|which|both) judges?": "head",
    "(mis|dis|un)?trust(s|ed|ing|worthy)?": "use_appearance; a file is checked",
    "doubt(s|ed|ful)?": "uncertainty, presence_bias",
    "kins?|kinship": "class_similarity",
    "closer looks?|looks? closer": "working scale",
    "fine readouts?": "pixel head",
    "moments": "gram matrices",
    "reservoirs?": "memory bank",
    "knowledge|taught": "PooledTensors",
    "learnt": "ClassFit; learned",
    "evidence": "similarity maps",
    "facts": "episode statistics",
    "left out (examples?|supports?|shots?|ones?|iou)|agreement": "leave-one-out, loo_iou",
    "weigh": "decoder",
    "fuse": "fold_batchnorm",
    "hints": "prompts",
    "intake": "uploads",
    "sights?": "preprocess",
    "wish(es)?": "RunOptions",
}
CLASSES = {"Answering", "Earlier", "Event", "Kinds", "Moments", "Seen", "Steps", "Thing", "View", "Weigh"}

# Names in files, JSON lines and the HTTP API that people's programs read: where, what, why they stay.
KEPT: dict[str, dict[str, str]] = {
    "src/asgnet/apply/concept/adaptation.py": {
        '"adapted_trust"': "a tensor of concept files",
        '"adapted_doubt"': "the same",
    },
    "src/asgnet/apply/concept/file.py": {"``adapted_trust``": "the same"},
    "src/asgnet/apply/concept/tensors.py": {'"adapted_trust"': "the same"},
    "src/asgnet/apply/export/graph.py": {'"trusts"': "an input of exported graphs"},
    "src/asgnet/apply/export/parity.py": {'"trusts"': "an input of exported graphs"},
    "src/asgnet/model/default/config.py": {'"weigh"': "in config.json of the first version"},
    "src/asgnet/model/default/pooled_tensors.py": {"facts": "a tensor of concept files"},
    "src/asgnet/model/default/pooling.py": {"facts": "the same"},
    "src/asgnet/model/for_inference.py": {"fuse_conv_bn_weights": "torch's name"},
    "src/asgnet/model/paper/aspp.py": {"self.fuse": "tensors of weights files"},
    "src/asgnet/model/paper/fem.py": {"self.fuse": "the same"},
    "src/asgnet/model/published.py": {"decoder.fuse": "the same"},
}

# The fusion rules are to be replaced as a whole, words and all.
EXEMPT = ("src/asgnet/apply/fitting/rules/",)
PLACES = ("CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md", "docs", "src/asgnet")


def _words(text: str) -> str:
    """The text with every name taken apart: FineReadout and fine_readout become 'fine readout'."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return re.sub(r"[\s_-]+", " ", text).lower()


def retired(text: str, kept: tuple[str, ...] = ()) -> list[str]:
    """Where the text says a retired word: 'line: word -> say instead'."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for name in kept:
            line = line.replace(name, "")
        said = _words(line)
        for pattern, instead in RETIRED.items():
            found += [f"{number}: {m[0]} -> {instead}" for m in re.finditer(rf"\b({pattern})\b", said)]
        if (m := re.match(r"\s*class (\w+)", line)) and m[1] in CLASSES:
            found.append(f"{number}: class {m[1]}")
    return found


def test_words_are_found_in_prose_and_in_names():
    assert [found.split()[1] for found in retired("We believe\nthe FineReadout's kin_share\nHINTS\n")] == [
        "believe",
        "kin",
        "fine",
        "hints",
    ]
    assert retired("class Thing:") == ["1: class Thing"]
    assert retired("kind, thinking, distrustfulness, to hint_at".replace("hint_at", "point at")) == []
    assert retired('{"doubt": 0.1}', ("doubt",)) == []


def _files(place: str) -> list[Path]:
    path = ROOT / place
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    files = [p for p in files if p.suffix in {".py", ".js", ".html", ".md", ".ipynb"}]
    return [p for p in files if not p.relative_to(ROOT).as_posix().startswith(EXEMPT)]


@pytest.mark.parametrize("place", PLACES)
def test_no_retired_word_is_left(place):
    files = _files(place)
    assert files
    said = []
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        text = re.sub(r'"image/png": ".*"', "", path.read_text())  # a notebook's pictures are no words
        said += [f"{name}:{found}" for found in retired(text, tuple(KEPT.get(name, ())))]
    assert not said, "\n".join(said)
