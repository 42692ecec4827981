"""What earlier runs left in the folder: what of it is missing for this run, and what it must not replace."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from asgnet.apply.batch.manifest import Manifest
from asgnet.apply.batch.plan import PictureTask, RunOptions
from asgnet.apply.output.formats import ENTRIES
from asgnet.apply.output.names import output_names
from asgnet.data.folder import Folder, LocalFolder, is_url
from asgnet.data.results import MANIFEST, ManifestEntry
from asgnet.errors import OutputError


@dataclass
class ResumeState:
    """The folder's files, as a run with these options and this key (``keys.run_key``) sees them."""

    folder: Folder
    manifest: Manifest
    options: RunOptions
    key: str

    @cached_property
    def _files(self) -> set[str] | None:
        """A store is asked once for all of its names, not once for each."""
        return None if isinstance(self.folder, LocalFolder) else set(self.folder.list(""))

    def known(self, task: PictureTask) -> ManifestEntry | None:
        """What the manifest says of a picture finished for this key; of its files those still there."""
        entry = None if self.options.overwrite else self.manifest.event(task.name, self.key)
        if entry is None:
            return None
        files = {kind: name for kind, name in entry["files"].items() if self._there(name)}
        said = entry["summary"]
        said["files"] = {kind: place for kind, place in said["files"].items() if kind in files}
        said["mask"] = said["files"].get("png")
        return {**entry, "files": files}

    def settled(
        self, tasks: Sequence[PictureTask], run_files: Iterable[str], shared: Iterable[str]
    ) -> list[PictureTask]:
        """The tasks with what is missing of each; those whose files would fall on others' with their refusal.

        What an earlier run finished keeps the stem that it had, and goes before the others. What a killed
        run left half-done of these tasks is removed.

        Args:
            tasks: as planned.
            run_files: that the run writes at its end.
            shared: the files that it writes beside those of the pictures.

        Raises:
            OutputError: an output is a picture, or exists and is no half-done one of this very task.
        """
        settled, run_files = list(tasks), list(run_files)
        taken = {name.casefold(): "" for name in (*run_files, *shared, MANIFEST)}
        sources = {_real(task.picture) for task in tasks}
        lost: list[str] = []
        half: list[str] = []
        for i, entry in self._resumed_first(tasks):
            task = tasks[i] if entry is None else self._resumed(tasks[i], entry)
            self._refuse_sources(task, sources)
            task = replace(task, refusal=self._claim(task, entry, taken))
            settled[i] = task
            if task.refusal is None and not self.options.overwrite:
                for name in filter(self._there, task.missing.values()):
                    (half if self.manifest.half(name, task.name, self.key) else lost).append(name)
        if not self.options.overwrite:
            lost += [n for n in run_files if self._there(n) and not self.manifest.owns(n, "", self.key)]
        self._refuse_losses(lost)
        for name in half:
            self.folder.remove(name)
        return settled

    def _there(self, name: str) -> bool:
        return self.folder.exists(name) if self._files is None else name in self._files

    def _resumed_first(self, tasks: Sequence[PictureTask]) -> Iterator[tuple[int, ManifestEntry | None]]:
        """The places of the tasks that earlier runs finished, with what is known of them; then the others'."""
        fresh = []
        for i, task in enumerate(tasks):
            entry = self.known(task)
            if entry is None:
                fresh.append(i)
            else:
                yield i, entry
        yield from ((i, None) for i in fresh)

    def _resumed(self, task: PictureTask, entry: ManifestEntry) -> PictureTask:
        """With the stem that it had, and only what is missing."""
        stem, options, outputs = entry["stem"], self.options, task.outputs
        if stem != task.stem:
            outputs = output_names(stem, options.formats, overlay=options.overlay, explain=options.explain)
        missing = {kind: name for kind, name in outputs.items() if kind not in entry["files"]}
        entries = {form for form in ENTRIES if form in options.formats}
        complete = (
            not missing
            and entries <= set(entry["entries"])
            and ("thumbnail" in entry or not options.report)
        )  # fmt: skip
        return replace(task, stem=stem, outputs=outputs, missing=missing, resumed=True, complete=complete)

    def _claim(
        self, task: PictureTask, entry: ManifestEntry | None, taken: dict[str, str]
    ) -> OutputError | None:
        """Note a picture's files as taken, by their names in lower case; or say on whose they would fall."""
        names = {*task.outputs.values(), *(entry["files"].values() if entry else ())}
        for name in sorted(names):
            owner = taken.get(name.casefold(), task.name)
            if owner != task.name:
                whose = f"that of {owner!r}" if owner else "the run's own of that name"
                return OutputError(
                    f"{task.picture!r} is left out: its {self.folder.place(name)!r} would be the same file as "
                    f"{whose}; rename the picture, or choose another --out or fewer formats."
                )
        taken.update((name.casefold(), task.name) for name in names)
        return None

    def _refuse_sources(self, task: PictureTask, sources: set[str]) -> None:
        for place in map(self.folder.place, task.outputs.values()):
            if _real(place) in sources:
                raise OutputError(f"{place!r} is one of the pictures; give another --out.")

    def _refuse_losses(self, lost: list[str]) -> None:
        if lost:
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            raise OutputError(
                f"{self.folder.place(lost[0])!r}{more} exist already and come from something else than this "
                "run; give another --out, or --overwrite to replace them."
            )


def _real(path: str) -> str:
    return path if is_url(path) else os.path.realpath(path)
