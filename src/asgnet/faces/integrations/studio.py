"""The Label Studio that a server was told of: pictures and annotations from there, and from nowhere else."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any
from urllib.parse import urljoin, urlsplit

from asgnet.errors import DataError, PictureError
from asgnet.faces.integrations.fetch import fetch

SECONDS = 30.0
"""For each request, as a whole."""


class Studio:
    """The Label Studio that pictures and annotations may be fetched from, and no other host.

    Args:
        address: as ``--label-studio`` gave it.
        key: its access token.
        most: bytes that an answer may have.
    """

    def __init__(self, address: str, key: str, most: int):
        self.address, self._key, self._most = address.rstrip("/") + "/", key, most
        self._access: str | None = None

    def picture(self, source: Any) -> bytes:
        """A task's picture: an upload of Label Studio's own, or a data: URL.

        Raises:
            PictureError: it cannot be fetched, or lies elsewhere.
        """
        text = source if isinstance(source, str) else ""
        if text.startswith("data:"):
            try:
                return base64.b64decode(text.partition(",")[2], validate=True)
            except (binascii.Error, ValueError) as error:
                raise PictureError("A task's data: URL is not base64; upload the picture instead.") from error
        try:
            return self._get(text)
        except (ValueError, KeyError, TypeError) as error:
            raise PictureError(f"A task's picture cannot be fetched from Label Studio ({error}).") from error

    def annotated(self, project: int) -> list[dict[str, Any]]:
        """All tasks of a project that somebody annotated, with their annotations.

        Raises:
            DataError: Label Studio does not answer as it should.
        """
        try:
            tasks = json.loads(self._get(f"api/projects/{project}/export?exportType=JSON"))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"Label Studio did not hand out the annotations of project {project} ({error}); "
                "is --label-studio-key right?"
            ) from error
        return [task for task in tasks if isinstance(task, dict)] if isinstance(tasks, list) else []

    def _get(self, path: str) -> bytes:
        url = urljoin(self.address, path)
        if urlsplit(url).netloc != urlsplit(self.address).netloc or not url.startswith("http"):
            raise ValueError(f"it is not at {self.address}, as --label-studio says")
        return fetch(url, self._authorization(), self._most, SECONDS)

    def _authorization(self) -> dict[str, str]:
        """The key as a header: an old token as it is, a personal access token made into a short-lived one."""
        if self._key.count(".") != 2:
            return {"Authorization": f"Token {self._key}"} if self._key else {}
        if self._access is None:
            url, body = (
                urljoin(self.address, "api/token/refresh"),
                json.dumps({"refresh": self._key}).encode(),
            )
            answer = fetch(url, {"Content-Type": "application/json"}, self._most, SECONDS, body)
            self._access = json.loads(answer)["access"]
        return {"Authorization": f"Bearer {self._access}"}
