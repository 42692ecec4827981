"""What happens to one picture: read, segmented, written; the next is read and the last written meanwhile."""

from __future__ import annotations

import errno
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from asgnet.apply.batch.large import WrittenPicture, find_rows, write_rows
from asgnet.apply.batch.manifest import ManifestPart, ManifestWriter
from asgnet.apply.batch.plan import PictureTask, RunOptions
from asgnet.apply.batch.reading import LoadedPicture, PictureReader
from asgnet.apply.inference.postprocess import postprocess
from asgnet.apply.output.formats import ENTRIES
from asgnet.apply.output.large.rows import RowFile
from asgnet.apply.output.objects import ResultView, without_specks
from asgnet.apply.output.report import thumbnail
from asgnet.apply.output.save import described, write_files
from asgnet.data.folder import Folder
from asgnet.data.png import png_bytes
from asgnet.data.results import ManifestEntry
from asgnet.errors import OutputError

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter
    from asgnet.types import Prediction

TaskResult = tuple[PictureTask, ManifestEntry | Exception]
Known = Callable[[PictureTask], ManifestEntry | None]
"""What the manifest knows of a picture that an earlier run finished."""

_HOPELESS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}

CROWDED = 48_000_000
"""Bytes of a picture, three a pixel, above which the results before it are written before it is segmented."""

Task = TypeVar("Task")
Read = TypeVar("Read")
Worked = TypeVar("Worked")
Written = TypeVar("Written")


class PredictedPicture(NamedTuple):
    """A picture segmented; no prediction if nothing of it was missing, and the rows of a large one."""

    loaded: LoadedPicture
    prediction: Prediction | None = None
    seconds: float = 0.0
    rows: RowFile | None = None


@dataclass
class Pipeline:
    """Takes tasks through the three steps.

    Attributes:
        segmenter: fitted.
        folder: for the results.
        options: what to write.
        key: of the run, :func:`asgnet.apply.batch.run.run_key`.
        shared: what the pictures share: :func:`asgnet.apply.output.formats.shared_files`.
        reader: of the pictures, as the concept shows them.
        on_part: told of a large picture which part of it is finished, in [0, 1].
    """

    segmenter: Segmenter
    folder: Folder
    options: RunOptions
    key: str
    shared: Mapping[str, bytes]
    reader: PictureReader = field(default_factory=PictureReader)
    on_part: Callable[[str, float], None] | None = None

    def run(
        self, tasks: Iterable[PictureTask], known: Known, manifest: ManifestWriter
    ) -> Iterator[TaskResult]:
        """Every task with its manifest entry, or with its error.

        Raises:
            OutputError: what would make every other picture fail as well.
        """

        def read(task: PictureTask) -> LoadedPicture:
            return self.reader.read(task, known(task) if task.resumed else None)

        def write(task: PictureTask, predicted: PredictedPicture) -> ManifestEntry:
            return self.write(task, predicted, manifest)

        for task, result in overlapped(tasks, read, self.predict, write, alone=_crowds):
            if isinstance(result, OutputError) and getattr(result.__cause__, "errno", None) in _HOPELESS:
                raise result
            yield task, result

    def run_part(self, tasks: list[PictureTask], known: Known) -> Iterator[TaskResult]:
        """As :meth:`run`, with a part of the manifest for these tasks alone."""
        claims = [
            (task.name, self.key, [*task.missing.values()], task.resumed)
            for task in tasks
            if not task.complete
        ]
        yield from self.run(tasks, known, ManifestPart(self.folder, claims))

    def predict(self, task: PictureTask, loaded: LoadedPicture) -> PredictedPicture:
        """The prediction, decided as asked for."""
        began = time.perf_counter()
        if loaded.large:
            rows = find_rows(self.segmenter, self.folder, task, self.options, loaded.digest, self.on_part)
            return PredictedPicture(loaded, rows=rows, seconds=time.perf_counter() - began)
        if loaded.picture is None:
            return PredictedPicture(loaded)
        prediction = self.segmenter.predict(loaded.picture)
        if self.options.threshold is not None or self.options.absent != "mark":
            prediction = postprocess(prediction, self.options.threshold, self.options.absent)
        least = math.ceil(loaded.pixel_size.pixels(str(self.options.min_area)))
        if least > 1:
            prediction = without_specks(prediction, least)
        return PredictedPicture(loaded, prediction, time.perf_counter() - began)

    def write(
        self, task: PictureTask, predicted: PredictedPicture, manifest: ManifestWriter
    ) -> ManifestEntry:
        """All files of a picture that it lacks, and its line in the manifest; the entry of it."""
        loaded, prediction, seconds, rows = predicted
        if rows is not None:
            return self._write_large(task, loaded, rows, seconds, manifest)
        if loaded.picture is None or prediction is None:
            assert loaded.entry is not None
            return {**loaded.entry, "skipped": True}
        options = self.options
        source = task.picture if task.frame is None else f"{task.picture}#{task.frame:06}"
        view = ResultView(
            prediction, loaded.picture, source, "", options.instances, options.simplify, loaded.pixel_size
        )
        manifest.begin(task.name, self.key, task.missing.values(), task.resumed)
        write_files(
            view,
            self.folder,
            self._drawn(task, view),
            self.shared,
            source=source,
            overwrite=options.overwrite,
        )
        said = described(view)
        if task.frame is not None:
            said |= {"frame": task.frame, "time": loaded.time}
        entries = {form: entry(view) for form, entry in ENTRIES.items() if form in options.formats}
        small = "" if not options.report else thumbnail(view.picture, prediction.mask)
        return self._finish(task, loaded, WrittenPicture(said, entries, small), seconds, manifest)

    def _write_large(
        self,
        task: PictureTask,
        loaded: LoadedPicture,
        rows: RowFile,
        seconds: float,
        manifest: ManifestWriter,
    ) -> ManifestEntry:
        """The same of a large picture; its rows are kept until all of it is written."""
        concept = self.segmenter.concept
        assert concept is not None
        try:
            manifest.begin(task.name, self.key, task.missing.values(), task.resumed)
            written = write_rows(
                rows, concept, self.folder, task, self.options, self.shared, loaded.pixel_size
            )
            entry = self._finish(task, loaded, written, seconds, manifest)
        except BaseException:
            rows.close()
            raise
        rows.close(remove=True)
        return entry

    def _drawn(self, task: PictureTask, view: ResultView) -> dict[str, str]:
        """The files still to be written; the explanation, which takes the Segmenter, is written here."""
        names = dict(task.missing)
        explained = names.pop("explain", None)
        if explained is not None:
            from asgnet.apply.figures.explain import explain

            self.folder.save(explained, png_bytes(explain(self.segmenter, view.picture, view.prediction)))
        return names

    def _finish(
        self,
        task: PictureTask,
        loaded: LoadedPicture,
        written: WrittenPicture,
        seconds: float,
        manifest: ManifestWriter,
    ) -> ManifestEntry:
        """Note in the manifest what it keeps of a finished picture, with what an earlier run left."""
        before: ManifestEntry = loaded.entry or {"files": {}, "entries": {}}
        files = before["files"] | task.missing
        places = {kind: self.folder.place(name) for kind, name in files.items()}
        said = {**written.said, "picture": task.picture, "mask": places.get("png")}
        said["seconds"] = round(seconds, 4)
        entry = {
            "stem": task.stem,
            "sha256": loaded.digest,
            "version": loaded.version,
            "files": files,
            "summary": {**said, "files": places},
            "entries": before["entries"] | written.entries,
        }
        small = before.get("thumbnail") or written.thumbnail
        if small:
            entry["thumbnail"] = small
        manifest.finish(task.name, self.key, files.values(), entry)
        return entry


def _crowds(loaded: LoadedPicture) -> bool:
    """One is enough to have in memory at a time."""
    return loaded.large or (loaded.picture is not None and loaded.picture.size > CROWDED)


def overlapped(
    tasks: Iterable[Task],
    read: Callable[[Task], Read],
    work: Callable[[Task, Read], Worked],
    write: Callable[[Task, Worked], Written],
    ahead: int = 2,
    alone: Callable[[Read], bool] | None = None,
) -> Iterator[tuple[Task, Written | Exception]]:
    """Yield every task with what ``write`` returned, or with the error that one of its steps raised.

    ``read`` runs in one thread, ``write`` in another, ``work`` in the caller's; at most ``ahead`` tasks wait
    before and after ``work``; before it goes on with what is to be ``alone`` in memory, all are written. Results come
    in the order of the tasks. When the caller stops early, or is interrupted, the write that runs is finished and
    those that wait are dropped.
    """
    source = iter(tasks)
    reads: deque[tuple[Task, Future[Read]]] = deque()
    writes: deque[tuple[Task, Future[Written]]] = deque()
    reader, writer = ThreadPoolExecutor(1, "asgnet-read"), ThreadPoolExecutor(1, "asgnet-write")
    try:
        crowded = False
        while True:
            for task in islice(source, max((0 if crowded else ahead) + 1 - len(reads), 0)):
                reads.append((task, reader.submit(read, task)))
            if not reads:
                break
            task, future = reads.popleft()
            wait([future])
            crowded = alone is not None and future.exception() is None and alone(future.result())
            while crowded and writes:
                yield writes[0][0], _outcome(writes.popleft()[1])
            try:
                worked = work(task, future.result())
            except Exception as error:
                writes.append((task, _failed(error)))
            else:
                writes.append((task, writer.submit(write, task, worked)))
                del worked
            del future
            while writes and (len(writes) > ahead or writes[0][1].done()):
                yield writes[0][0], _outcome(writes.popleft()[1])
        while writes:
            yield writes[0][0], _outcome(writes.popleft()[1])
    finally:
        for pool in (reader, writer):
            pool.shutdown(wait=False, cancel_futures=True)
        for pool in (reader, writer):
            pool.shutdown(wait=True)


def _failed(error: Exception) -> Future:
    future: Future = Future()
    future.set_exception(error)
    return future


def _outcome(future: Future) -> Any:
    """What came of it, or its error."""
    try:
        return future.result()
    except Exception as error:
        return error
