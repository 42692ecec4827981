"""Pictures as the network takes them."""

from __future__ import annotations

from asgnet.apply.engines.backend import Backend
from asgnet.apply.engines.features import Features
from asgnet.apply.inference.working_scale import stored_picture, working_picture, working_side
from asgnet.types import Picture


def encode(backend: Backend, picture: Picture, fine: bool = False) -> Features:
    """The backbone's features of a picture ``h w 3`` uint8 of any size, at a working scale.

    Args:
        backend: of the network.
        picture: of any size.
        fine: at the fine working scale.
    """
    side = working_side(backend.side, fine)
    return backend.encode(working_picture(stored_picture(picture, backend.side), side))
