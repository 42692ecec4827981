"""What an evaluation found: metrics per seed and over seeds, a table, results.json, one line an episode."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asgnet.data.benchmarks.episodes import EpisodeList
from asgnet.imaging.iou import Overlap
from asgnet.study.evaluation.metrics import (
    Calibration,
    auroc,
    bootstrap_interval,
    class_iou,
    fb_iou,
    mean_iou,
)

if TYPE_CHECKING:
    from rich.table import Table

METRICS = {
    "miou": "mIoU",
    "fb_iou": "FB-IoU",
    "episode_iou": "mean per-episode IoU",
    "boundary_f": "boundary F",
    "ece": "pixel ECE",
    "presence_auroc": "presence AUROC",
}


@dataclass(frozen=True)
class Report:
    """The whole result of an evaluation.

    Attributes:
        protocol: what was asked, in words and numbers: dataset, fold, shots, resize, …
        environment: command, versions, processor: what is needed to make the numbers again.
        seeds: per episode list its seed, hash, and every metric.
        episodes: per episode its class, pictures, counts (intersections and unions), scores and seconds.
    """

    protocol: dict[str, Any]
    environment: dict[str, Any]
    seeds: list[dict[str, Any]]
    episodes: list[dict[str, Any]]

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Each metric's mean and standard deviation over the seeds (0 for one seed), classes included.

        The per-episode IoU also carries its 95 % bootstrap interval over all episodes of all seeds.
        """
        found: dict[str, Any] = {
            name: _spread([seed[name] for seed in self.seeds]) for name in METRICS if name in self.seeds[0]
        }
        found["episode_iou"]["interval"] = list(bootstrap_interval([row["iou"] for row in self.episodes]))
        classes = sorted({name for seed in self.seeds for name in seed["class_iou"]})
        found["class_iou"] = {
            name: _spread([seed["class_iou"][name] for seed in self.seeds if name in seed["class_iou"]])
            for name in classes
        }
        found["seconds"] = {
            step: float(np.mean([row["seconds"][step] for row in self.episodes]))
            for step in self.episodes[0]["seconds"]
        }
        return found

    def as_dict(self) -> dict[str, Any]:
        """What results.json holds: everything but the episodes."""
        return {
            "protocol": self.protocol,
            "summary": self.summary,
            "seeds": self.seeds,
            "environment": self.environment,
        }

    def save(self, folder: str | Path) -> Path:
        """Write ``results.json`` and ``episodes.jsonl`` into the folder; returns the former's path.

        Raises:
            OutputError: they cannot be written.
        """
        from asgnet.files import atomic_path

        file = Path(folder) / "results.json"
        with atomic_path(file.with_name("episodes.jsonl")) as partial:
            partial.write_text("".join(json.dumps(row) + "\n" for row in self.episodes), "utf-8")
        with atomic_path(file) as partial:
            partial.write_text(json.dumps(self.as_dict(), indent=1) + "\n", "utf-8")
        return file

    def table(self) -> Table:
        """The summary for a terminal: metrics, then classes; scores in percent."""
        from rich.table import Table

        protocol, found = self.protocol, self.summary
        ways = f"{protocol['ways']}-way " if protocol["ways"] > 1 else ""
        title = f"{protocol['dataset']} · {protocol['fold']} · {ways}{protocol['shots']}-shot"
        counted = f"{len(self.seeds)} × {protocol['episodes']} episodes, resize: {protocol['resize']}"
        table = Table("", "mean", "± over seeds", title=title, caption=counted, title_justify="left")
        low, high = found["episode_iou"]["interval"]
        for name, words in METRICS.items():
            if name in found:
                table.add_row(words, *_percent(found[name]))
            if name == "episode_iou":
                table.add_row("  its 95 % interval", f"{100 * low:.2f} – {100 * high:.2f}", "")
        for name, one in found["class_iou"].items():
            table.add_row(f"  {name}", *_percent(one))
        for step, seconds in found["seconds"].items():
            table.add_row(f"seconds, {step}", f"{seconds:.3f}", "")
        return table


def measure(
    episodes: EpisodeList, rows: Sequence[Mapping[str, Any]], calibration: Calibration
) -> dict[str, Any]:
    """Every metric of one list.

    Args:
        episodes: the list.
        rows: one per episode, as ``evaluate`` keeps them.
        calibration: filled with every query's probabilities (left empty with several ways).
    """
    overlaps = [
        (target, Overlap(**one))
        for row in rows
        for target, one in zip(row["targets"], row["overlaps"], strict=True)
    ]
    ious = [row["iou"] for row in rows]
    found: dict[str, Any] = {
        "seed": episodes.seed,
        "list_hash": episodes.hash,
        "miou": mean_iou(overlaps),
        "fb_iou": fb_iou([(0, Overlap(**row["foreground"])) for row in rows]),
        "episode_iou": float(np.mean(ious)),
        "episode_iou_interval": list(bootstrap_interval(ious)),
        "class_iou": {episodes.classes[target]: iou for target, iou in class_iou(overlaps).items()},
    }
    if "boundary_f" in rows[0]:
        found["boundary_f"] = float(np.mean([row["boundary_f"] for row in rows]))
    if episodes.ways == 1:
        found["ece"] = calibration.error
    pairs = [(row["presence"], row["absent_presence"]) for row in rows if "absent_presence" in row]
    if pairs:
        there, absent = zip(*pairs, strict=True)
        found["presence_auroc"] = auroc(there, absent)
    return found


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of ``ablate`` as a Markdown table: mIoU and FB-IoU in percent per list, ± over seeds."""
    columns = list(rows[0]["results"])
    head = [
        "variant" if any(columns) else "",
        *(f"{column} {metric}".strip() for column in columns for metric in ("mIoU", "FB-IoU")),
    ]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for row in rows:
        cells = [
            " ± ".join(_percent(row["results"][column][metric])).removesuffix(" ± ")
            for column in columns
            for metric in ("miou", "fb_iou")
        ]
        lines.append([str(row["name"]), *cells])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def save_curve(file: str | Path, reports: Mapping[int, Report]) -> list[dict[str, Any]]:
    """What more examples are worth: write each number of shots with its summary; returns them as rows.

    Args:
        file: JSON, written at once.
        reports: shots → report, about the same queries.

    Returns:
        Rows for :func:`markdown`.

    Raises:
        OutputError: it cannot be written.
    """
    from asgnet.files import atomic_path

    summaries = {str(k): report.summary for k, report in sorted(reports.items())}
    with atomic_path(Path(file)) as partial:
        partial.write_text(json.dumps(summaries, indent=1) + "\n", "utf-8")
    return [{"name": f"{k}-shot", "results": {"": summary}} for k, summary in summaries.items()]


def _spread(values: Sequence[float]) -> dict[str, float]:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return {"mean": float(np.mean(values)), "std": spread, "seeds": len(values)}


def _percent(one: Mapping[str, Any]) -> tuple[str, str]:
    return f"{100 * one['mean']:.2f}", f"{100 * one['std']:.2f}" if one["seeds"] > 1 else ""
