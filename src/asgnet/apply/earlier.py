"""What earlier runs left in the folder: what of it this run needs not do again, and must not replace."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from asgnet.apply.manifest import Manifest
from asgnet.apply.plan import Job, Wishes
from asgnet.apply.steps import Event
from asgnet.data.folder import Folder, LocalFolder, is_url
from asgnet.errors import OutputError


@dataclass
class Earlier:
    """The folder's files, as a run with these wishes and this key (:meth:`Wishes.key`) sees them."""

    folder: Folder
    manifest: Manifest
    wishes: Wishes
    key: str

    def __post_init__(self) -> None:
        # A store is asked once for all of its names, not once for each.
        remote = not isinstance(self.folder, LocalFolder)
        self._there = set(self.folder.list("")).__contains__ if remote else self.folder.exists

    def known(self, job: Job) -> Event | None:
        """What the manifest says of a picture finished for this key; of its files those still there."""
        event = None if self.wishes.overwrite else self.manifest.event(job.name, self.key)
        if event is None:
            return None
        files = {kind: name for kind, name in event["files"].items() if self._there(name)}
        said = event["summary"]
        said["files"] = {kind: place for kind, place in said["files"].items() if kind in files}
        said["mask"] = said["files"].get("png")
        return {**event, "files": files}

    def named(self, jobs: Iterable[Job]) -> list[Job]:
        """The jobs; those that earlier runs began to answer keep the stem that they had."""
        found = ((job, self.known(job)) for job in jobs)
        return [job if event is None else job._replace(stem=event["stem"]) for job, event in found]

    def refuse_losses(self, jobs: Iterable[Job], run_files: Iterable[str]) -> None:
        """Raise if an output is a picture, or exists and is no half-done one of this very job."""
        jobs = list(jobs)
        sources = {_real(job.picture) for job in jobs}
        lost = []
        for job in jobs:
            for name in self.wishes.outputs(job.stem).values():
                if _real(self.folder.place(name)) in sources:
                    raise OutputError(
                        f"{self.folder.place(name)!r} is one of the pictures; give another --out."
                    )
            if not self.wishes.overwrite:
                lost += [name for name in self._lacking(job) if self._foreign(name, job.name)]
        if not self.wishes.overwrite:
            lost += [n for n in run_files if self._there(n) and not self.manifest.owns(n, "", self.key)]
        if lost:
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            raise OutputError(
                f"{self.folder.place(lost[0])!r}{more} exist already and come from something else than this "
                "run; give another --out, or --overwrite to replace them."
            )

    def clear(self, job: Job) -> None:
        """Remove what a killed run left of this picture's own outputs."""
        if not self.wishes.overwrite:
            for name in self._lacking(job):
                if self.manifest.half(name, job.name, self.key):
                    self.folder.remove(name)

    def _lacking(self, job: Job) -> Iterable[str]:
        return self.wishes.outputs(job.stem, self.known(job)).values()

    def _foreign(self, name: str, picture: str) -> bool:
        return self._there(name) and not self.manifest.half(name, picture, self.key)


def _real(path: str) -> str:
    return path if is_url(path) else os.path.realpath(path)
