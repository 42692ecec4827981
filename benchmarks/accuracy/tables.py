"""Measure, and write the tables of the page on performance between its markers.

    python -m benchmarks.accuracy.tables --out docs/performance.md    everything, some minutes on an idle machine
    python -m benchmarks.accuracy.tables --only pieces,paper          some tables, printed

A table of the page lies between ``<!-- name -->`` and ``<!-- /name -->``.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from benchmarks.common import ROOT, arguments, table
from benchmarks.speed.measure import interleaved, machine, machine_peak, peak_bytes

from asgnet import Segmenter
from asgnet.apply.concept.scale import USUAL
from asgnet.files import save_bytes
from benchmarks.accuracy import growth
from benchmarks.speed import paper as episodes
from benchmarks.speed import processes, roofline, training, work

PLOT = ROOT / "docs/images/growth.png"
ALT = "Milliseconds against picture size, shots, prototypes, classes and pictures, both axes logarithmic"
Row = Sequence[object]


def about() -> str:
    """The machine and its peak."""
    speed, copies = machine_peak()
    found = machine() | {
        "best matrix product": f"{speed / 1e9:.0f} GFLOP/s",
        "best copy": f"{copies / 1e9:.1f} GB/s",
        "measured": time.strftime("%Y-%m-%d"),
    }
    return table(["", ""], list(found.items()))


def pieces() -> str:
    """Seeds, SGC, GPA, FEM."""
    rows = []
    for name, job, rounds in (
        ("seeds, 5 in a quarter of 60×60", work.seeds(), 51),
        ("SGC, 5 prototypes, 10 iterations", work.sgc(), 25),
        ("GPA, 25 prototypes", work.gpa(), 11),
        ("FEM", work.decode(), 5),
    ):
        with torch.inference_mode():
            took = interleaved(job._asdict(), rounds)
            held = [peak_bytes(run) / 1e6 for run in job]
        memory = [f"{m:.0f} MB" if m else "" for m in held]
        rows.append([name, _ms(took["ours"]), _ms(took["plain"]), _ratio(took), *memory])
    return table(["", "ours", "plain", "times as fast", "memory", "plain"], rows)


def paper() -> str:
    """``paper-r50`` at 473×473."""
    net = work.paper_net()
    trained = sum(p.numel() for p in net.parameters() if p.requires_grad)
    inner = sum(p.numel() for p in net.decoder.inner.parameters())
    sizes = f"\n\nTrainable parameters: {trained:,}; without the inner classifiers {trained - inner:,}."
    return table(episodes.HEAD, episodes.rows()) + sizes


def predict() -> str:
    """The default network after fit, by engine and shots: some pictures in a row, each engine once.

    Threads of engines that have just answered wait by spinning: another copy of one would be slowed down.
    """
    _, query, _ = work.scene()
    every, concepts = work.engines(), {k: work.segmenter("torch", k).concept for k in (1, 5, 20)}

    def row(engine: str, shots: int, count: int = 6) -> None:
        asked = work.segmenter(engine)
        asked.concept = concepts[shots]
        for _ in range(count):
            asked.predict(query)

    runs = {f"{engine} {k}": partial(row, engine, k) for engine in every for k in (1, 5, 20)}
    took = {name: seconds / 6 for name, seconds in interleaved(runs, 11).items()}
    torch_first = work.segmenter("torch").predict(query).probability
    rows = []
    for engine in every:
        one, five, twenty = (took[f"{engine} {k}"] for k in (1, 5, 20))
        apart = abs(work.segmenter(engine).predict(query).probability - torch_first).max()
        shots = [_ms(one), _ms(five), f"{five / one:.2f}", _ms(twenty), f"{twenty / one:.2f}"]
        rows.append([engine, *shots, f"{apart:.0e}"])
    head = ["engine", "1 shot", "5", "to 1 shot", "20", "to 1 shot", "largest difference from torch"]
    return table(head, rows)


def fit() -> str:
    """The default network's fit, with and without adaptation."""
    segmenter = Segmenter.from_pretrained()
    runs = {
        f"{k} {adapt}": lambda k=k, adapt=adapt: segmenter.fit(*work.examples(k), adapt=adapt)
        for k in (1, 5)
        for adapt in (False, True)
    }
    took = interleaved(runs, 3)
    rows = [[k, _ms(took[f"{k} False"]), _ms(took[f"{k} True"])] for k in (1, 5)]
    return table(["shots", "without adaptation", "with"], rows)


def start() -> str:
    """New processes: until ready, memory, a folder."""
    took = interleaved({what: lambda w=what: processes.start(w) for what in processes.START}, 3)
    rows: list[Row] = [[what, f"{seconds:.2f} s"] for what, seconds in took.items()]
    for engine, shots in dict.fromkeys([("torch", 1), (work.fastest(), 1), (work.fastest(), 20)]):
        held = processes.peak_memory(engine, shots)
        rows.append([f"peak memory, {engine}, fit of {shots} and predict", f"{held:.0f} MB"])
    pictures = 40
    for workers in (1, 2):
        seconds = processes.folder(pictures, workers)
        what = f"a folder of {pictures} pictures, {workers} process{'es' if workers > 1 else ''}"
        rows.append([what, f"{seconds:.1f} s, {pictures / seconds:.1f} pictures/s"])
    return table(["", ""], rows)


def int8() -> str:
    """What 8 bits cost and bring: one graph, in every engine that reads it."""
    from asgnet.apply.examples.samples import SCENES
    from asgnet.apply.export import export
    from asgnet.apply.export.formats import runner
    from asgnet.apply.export.graph import tensors_of

    if "onnx" not in work.engines():
        return "Needs onnxruntime: `pip install 'asgnet[torch]'`."
    with tempfile.TemporaryDirectory() as folder:
        paths = {int8: Path(folder) / f"{int8}.onnx" for int8 in (False, True)}
        scenes = [scene() for scene in SCENES]
        found = [export(None, "onnx", path, scenes, int8=int8) for int8, path in paths.items()][1]
        whole, graph = (path.read_bytes() for path in paths.values())
    rows: list[Row] = [["IoU", f"{found['iou_fp32']:.3f}", f"{found['iou']:.3f}"]]
    tensors = tensors_of(work.segmenter("torch").fits[USUAL])
    pictures = torch.from_numpy(work.scene()[1].transpose(2, 0, 1)[None].copy())
    pictures = pictures[..., : pictures.shape[2] // 32 * 32, : pictures.shape[3] // 32 * 32]
    for engine in [name for name in work.engines() if name != "torch"]:
        runs = {
            "8": partial(runner(graph, engine), pictures, tensors),
            "32": partial(runner(whole, engine), pictures, tensors),
        }
        took = interleaved(runs, 9)
        rows.append([f"the graph in {engine}", _ms(took["32"]), _ms(took["8"])])
    return table(["", "fp32", "8 bits"], rows) + f"\n\nThe file in 8 bits: {len(graph) / 1e6:.1f} MB."


def train() -> str:
    """Training with cached features and without."""
    found = training.compare(8)
    rows = [[name, f"{s.pictures:.0f}", f"{s.waiting:.0%}"] for name, s in found.items()]
    return table(["", "pictures/s", "of the time waiting for the loader"], rows)


def roof() -> str:
    """The roofline."""
    rows = []
    for r in roofline.roofs():
        counted = f"{r.flops / 1e9:.2f}", f"{r.bytes / 1e6:.1f}"
        rows.append([r.work, *counted, _ms(r.floor), _ms(r.measured), f"{r.measured / r.floor:.1f}"])
    return table(["", "GFLOP", "MB", "floor", "measured", "times the floor"], rows)


def grow() -> str:
    """The curves; their plot, too."""
    found = list(growth.curves())
    growth.plot(found, PLOT)
    rows = []
    for curve in found:
        times = ", ".join(f"{n}: {_ms(s)}" for n, s in zip(curve.sizes, curve.seconds, strict=True))
        rows.append([curve.grows, curve.work, f"{curve.exponent:.1f}", times])
    return f"![{ALT}](images/{PLOT.name})\n\n" + table(["grows", "work", "power", "measured"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "machine": about,
    "pieces": pieces,
    "paper": paper,
    "predict": predict,
    "fit": fit,
    "start": start,
    "int8": int8,
    "training": train,
    "roofline": roof,
    "growth": grow,
}


def filled(page: str, tables: dict[str, str]) -> str:
    """The page with these tables between their markers.

    Raises:
        ValueError: a table has no place in it.
    """
    for name, text in tables.items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not place.search(page):
            raise ValueError(f"The page has no place for {name!r}: add <!-- {name} --> and <!-- /{name} -->.")
        page = place.sub(lambda found, text=text: f"{found[1]}{text}\n{found[2]}", page)
    return page


def main() -> None:
    """Measure and write."""
    parser = arguments(__doc__)
    parser.add_argument("--out", type=Path, help="the page to fill; without it tables are printed")
    parser.add_argument("--only", default=",".join(TABLES), help="names of tables")
    given = parser.parse_args()
    page = given.out.read_text("utf-8") if given.out else ""  # before minutes are spent
    made = {}
    for name in given.only.split(","):
        began = time.perf_counter()
        made[name] = TABLES[name]()
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        if given.out is None:
            print(made[name], end="\n\n", flush=True)
    if given.out is not None:
        save_bytes(given.out, filled(page, made).encode())


def _ms(seconds: float) -> str:
    milliseconds = 1000 * seconds
    return f"{milliseconds:.0f} ms" if milliseconds >= 100 else f"{milliseconds:.3g} ms"


def _ratio(took: dict[str, float]) -> str:
    return f"{took['plain'] / took['ours']:.1f}"


if __name__ == "__main__":
    main()
