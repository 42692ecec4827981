"""A server in this process, as the tests of the HTTP API have it."""

from __future__ import annotations

from tests.faces.http.conftest import client, finish, learn, painted, segmenter, serve

__all__ = ["client", "finish", "learn", "painted", "segmenter", "serve"]
