"""Order, resuming, the manifest, Ray; never touches a pixel. :func:`segment_all` is its door."""

from asgnet.apply.batch.run import Result, Summary, segment_all

__all__ = ["Result", "Summary", "segment_all"]
