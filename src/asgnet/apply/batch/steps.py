"""What happens to one picture: read, segmented, written. Every engine takes these steps."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from asgnet.apply.batch.plan import Job, RunOptions
from asgnet.apply.inference.postprocess import PRESENT, decide
from asgnet.data.folder import Folder, Remote, is_url, plain_path, read_source, store_of
from asgnet.errors import OutputError

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter
    from asgnet.types import Picture, Prediction

ManifestEntry = dict[str, Any]
_MARKS = ("size", "ETag", "etag", "generation", "mtime", "LastModified", "created")


class Record(Protocol):
    """Where beginnings and ends are written down: a manifest or a part of one."""

    def begin(self, picture: str, key: str, outputs: Iterable[str], adds: bool = False) -> None:
        """Claim outputs."""

    def finish(self, picture: str, key: str, outputs: Iterable[str], facts: ManifestEntry) -> None:
        """Record that they are complete."""


class Loaded(NamedTuple):
    """A picture read, if it lacks anything of what is wished; and what an earlier run left in ``event``."""

    picture: Picture | None
    event: ManifestEntry | None = None
    digest: str = ""
    version: str = ""
    time: float | None = None


class Answer(NamedTuple):
    """A picture segmented."""

    loaded: Loaded
    prediction: Prediction | None
    seconds: float


class Steps:
    """The three steps, for :func:`asgnet.apply.batch.prefetch.overlapped`.

    Args:
        segmenter: fitted.
        folder: for the results.
        options: what to write.
        key: of the run, :meth:`RunOptions.key`.
    """

    def __init__(self, segmenter: Segmenter, folder: Folder, options: RunOptions, key: str):
        from asgnet.data.read import FrameReader

        self.segmenter, self.folder, self.options, self.key = segmenter, folder, options, key
        self._frames = FrameReader()
        self._digests: dict[str, tuple[str, str]] = {}  # of the last file read: version and digest

    def read(self, job: Job, event: ManifestEntry | None) -> Loaded:
        """A picture, unless an earlier run's ``event`` has all of it and it is still the same file.

        Raises:
            PictureError: it cannot be read.
            OutputError: it has changed since it was finished.
        """
        from asgnet.data.read import is_video, read_picture

        version = version_of(job.picture)
        satisfied = self.options.satisfied(job.stem, event)
        if event is not None and satisfied and version and version == event.get("version"):
            return Loaded(None, event)
        data = None if job.frame is not None or is_video(job.picture) else _data(job.picture)
        digest = self._digest(job.picture, version, data)
        if event is not None and event["sha256"] != digest:
            raise OutputError(
                f"{job.picture!r} has changed since it was segmented; give --overwrite to do it again."
            )
        if satisfied:
            return Loaded(None, event)
        if data is None:
            frame = self._frames.read(job.picture, job.frame or 0)
            return Loaded(frame.picture, event, digest, version, frame.time)
        source = job.picture if isinstance(data, str) else Remote(data, job.picture)
        return Loaded(read_picture(source), event, digest, version)

    def predict(self, job: Job, loaded: Loaded) -> Answer:
        """The prediction, decided as wished."""
        from asgnet.apply.output.objects import without_specks

        if loaded.picture is None:
            return Answer(loaded, None, 0.0)
        began = time.perf_counter()
        prediction = self.segmenter.predict(loaded.picture)
        prediction = decide(prediction, self.options.threshold, self.options.absent)
        prediction = without_specks(prediction, self.options.min_area)
        return Answer(loaded, prediction, time.perf_counter() - began)

    def write(self, job: Job, answer: Answer, record: Record) -> ManifestEntry:
        """All files of a picture that it lacks, and its line in the manifest; the event of it."""
        loaded, prediction, seconds = answer
        if loaded.picture is None or prediction is None:
            assert loaded.event is not None
            return {**loaded.event, "skipped": True}
        outputs = self.options.outputs(job.stem, loaded.event)
        record.begin(job.name, self.key, outputs.values(), loaded.event is not None)
        facts = self._written(job, loaded, prediction, outputs)
        facts["summary"] |= {"seconds": round(seconds, 4)}
        record.finish(job.name, self.key, facts["files"].values(), facts)
        return facts

    def _written(
        self, job: Job, loaded: Loaded, prediction: Prediction, outputs: dict[str, str]
    ) -> ManifestEntry:
        from asgnet.apply.output.save import save_prediction, summary
        from asgnet.data.png import png_bytes

        picture, options = loaded.picture, self.options
        assert picture is not None
        if "explain" in outputs:
            from asgnet.apply.figures.explain import explain

            self.folder.save(outputs["explain"], png_bytes(explain(self.segmenter, picture, prediction)))
        source = job.picture if job.frame is None else f"{job.picture}#{job.frame:06}"
        written = save_prediction(
            prediction, picture, self.folder, job.stem, source=source, formats=options.formats,
            overlay=options.overlay, overwrite=options.overwrite, instances=options.instances,
            simplify=options.simplify, kinds=outputs,
        )  # fmt: skip
        before: ManifestEntry = loaded.event or {"files": {}, "entries": {}}
        files = before["files"] | outputs
        places = {kind: self.folder.place(name) for kind, name in files.items()}
        said = summary(prediction, job.picture, mask=places.get("png"), instances=options.instances)
        said["present"] = prediction.presence >= PRESENT
        if job.frame is not None:
            said |= {"frame": job.frame, "time": loaded.time}
        facts = {
            "stem": job.stem,
            "sha256": loaded.digest,
            "version": loaded.version,
            "files": files,
            "summary": {**said, "files": places},
            "entries": before["entries"] | {form: written[form] for form in options.entries},
        }
        if "thumbnail" in before:
            facts["thumbnail"] = before["thumbnail"]
        elif options.report:
            from asgnet.apply.output.report import thumbnail

            facts["thumbnail"] = thumbnail(picture, prediction.mask)
        return facts

    def _digest(self, path: str, version: str, data: bytes | str | None) -> str:
        """SHA-256 of a file; that of one with many frames is made once."""
        if isinstance(data, bytes):
            return hashlib.sha256(data).hexdigest()
        known = self._digests.get(path)
        if known is None or known[0] != version or not version:
            self._digests = {path: (version, _file_digest(path))}
        return self._digests[path][1]


def version_of(path: str) -> str:
    """What changes whenever a file does: size and time, or what its store says; empty if not to be had."""
    try:
        if not is_url(path):
            status = os.stat(plain_path(path))
            return f"{status.st_size} {status.st_mtime_ns}"
        store, inside = store_of(path)
        info = store.info(inside)
        return " ".join(str(info[mark]) for mark in _MARKS if info.get(mark) is not None)
    except Exception:  # reading it will say why
        return ""


def _data(path: str) -> bytes | str:
    """The bytes of an object in a store; of a file of this machine its path, for that is read by Pillow."""
    return read_source(path) if is_url(path) else path


def _file_digest(path: str) -> str:
    """SHA-256 of a file; empty if it cannot be read (reading it as a picture will say why).

    Only regular files are opened: a pipe would keep us waiting for ever.
    """
    try:
        if is_url(path):
            store, inside = store_of(path)
            with store.open(inside, "rb") as stream:
                digest = hashlib.sha256()
                for block in iter(lambda: stream.read(1 << 20), b""):
                    digest.update(block)
                return digest.hexdigest()
        if not os.path.isfile(path):
            return ""
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except Exception:
        return ""
