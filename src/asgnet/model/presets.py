"""The presets' configurations."""

from __future__ import annotations

import difflib
from dataclasses import replace

from asgnet.errors import UsageError
from asgnet.model.default.config import DefaultConfig
from asgnet.model.paper.config import Config

_PAPER = Config(
    backbone="published-50",
    levels=(),
    channels=256,
    length=0.0,
    region="exact",
    border=False,
    zero_is_padding=True,
    rounding="round",
    reduce="sum",
    published_scales=True,
    hidden=256,
)
PRESETS: dict[str, Config | DefaultConfig] = {
    "default": DefaultConfig(),
    "light": Config(),
    "paper-r50": _PAPER,
    "paper-r101": replace(_PAPER, backbone="published-101"),
    "paper-r50-aspp": replace(_PAPER, decoder="aspp"),
}


def preset_config(name: str) -> Config | DefaultConfig:
    """A preset's configuration, to vary with ``dataclasses.replace``; UsageError if there is none."""
    if name not in PRESETS:
        close = difflib.get_close_matches(name, PRESETS, 1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UsageError(f"There is no preset {name!r}; choose from {', '.join(sorted(PRESETS))}.{hint}")
    return PRESETS[name]
