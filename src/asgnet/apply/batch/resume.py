"""What earlier runs left in the folder: what of it this run needs not do again, and must not replace."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from asgnet.apply.batch.manifest import NAME, Manifest
from asgnet.apply.batch.plan import Job, RunOptions
from asgnet.apply.batch.steps import ManifestEntry
from asgnet.data.folder import Folder, LocalFolder, is_url
from asgnet.errors import OutputError


@dataclass
class ResumeState:
    """The folder's files, as a run with these options and this key (:meth:`RunOptions.key`) sees them."""

    folder: Folder
    manifest: Manifest
    options: RunOptions
    key: str

    def __post_init__(self) -> None:
        # A store is asked once for all of its names, not once for each.
        remote = not isinstance(self.folder, LocalFolder)
        self._there = set(self.folder.list("")).__contains__ if remote else self.folder.exists

    def known(self, job: Job) -> ManifestEntry | None:
        """What the manifest says of a picture finished for this key; of its files those still there."""
        event = None if self.options.overwrite else self.manifest.event(job.name, self.key)
        if event is None:
            return None
        files = {kind: name for kind, name in event["files"].items() if self._there(name)}
        said = event["summary"]
        said["files"] = {kind: place for kind, place in said["files"].items() if kind in files}
        said["mask"] = said["files"].get("png")
        return {**event, "files": files}

    def settled(
        self, jobs: Iterable[Job], run_files: Iterable[str], shared: Iterable[str]
    ) -> tuple[list[Job], dict[Job, OutputError]]:
        """The jobs, and those of them whose files would fall on others', each with the error that says so.

        What an earlier run finished keeps the stem that it had, and goes before the others.

        Args:
            jobs: as planned.
            run_files: that the run writes at its end.
            shared: the files that it writes beside those of the pictures.

        Raises:
            OutputError: an output is a picture, or exists and is no half-done one of this very job.
        """
        jobs, run_files = list(jobs), list(run_files)
        taken = {name.casefold(): "" for name in (*run_files, *shared, NAME)}
        sources = {_real(job.picture) for job in jobs}
        refused: dict[Job, OutputError] = {}
        lost: list[str] = []
        for i, event in self._oldest_first(jobs):
            job = jobs[i] if event is None else jobs[i]._replace(stem=event["stem"])
            jobs[i] = job
            self._refuse_sources(job, sources)
            clash = self._claim(job, event, taken)
            if clash is not None:
                refused[job] = clash
            elif not self.options.overwrite:
                names = self.options.outputs(job.stem, event).values()
                lost += [name for name in names if self._foreign(name, job.name)]
        if not self.options.overwrite:
            lost += [n for n in run_files if self._there(n) and not self.manifest.owns(n, "", self.key)]
        self._refuse_losses(lost)
        return jobs, refused

    def _oldest_first(self, jobs: Sequence[Job]) -> Iterator[tuple[int, ManifestEntry | None]]:
        """The places of the jobs that earlier runs finished, with what is known of them; then the others'."""
        fresh = []
        for i, job in enumerate(jobs):
            event = self.known(job)
            if event is None:
                fresh.append(i)
            else:
                yield i, event
        yield from ((i, None) for i in fresh)

    def _claim(self, job: Job, event: ManifestEntry | None, taken: dict[str, str]) -> OutputError | None:
        """Note a picture's files as taken, by their names in lower case; or say on whose they would fall."""
        names = {*self.options.outputs(job.stem).values(), *(event["files"].values() if event else ())}
        for name in sorted(names):
            owner = taken.get(name.casefold(), job.name)
            if owner != job.name:
                whose = f"that of {owner!r}" if owner else "the run's own of that name"
                return OutputError(
                    f"{job.picture!r} is left out: its {self.folder.place(name)!r} would be the same file as "
                    f"{whose}; rename the picture, or choose another --out or fewer formats."
                )
        taken.update((name.casefold(), job.name) for name in names)
        return None

    def _refuse_sources(self, job: Job, sources: set[str]) -> None:
        for name in self.options.outputs(job.stem).values():
            if _real(self.folder.place(name)) in sources:
                raise OutputError(f"{self.folder.place(name)!r} is one of the pictures; give another --out.")

    def _refuse_losses(self, lost: list[str]) -> None:
        if lost:
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            raise OutputError(
                f"{self.folder.place(lost[0])!r}{more} exist already and come from something else than this "
                "run; give another --out, or --overwrite to replace them."
            )

    def clear(self, job: Job) -> None:
        """Remove what a killed run left of this picture's own outputs."""
        if not self.options.overwrite:
            for name in self.options.outputs(job.stem, self.known(job)).values():
                if self.manifest.half(name, job.name, self.key):
                    self.folder.remove(name)

    def _foreign(self, name: str, picture: str) -> bool:
        return self._there(name) and not self.manifest.half(name, picture, self.key)


def _real(path: str) -> str:
    return path if is_url(path) else os.path.realpath(path)
