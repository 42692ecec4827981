"""A page that shows a run: thumbnails, presence, confidence, timings; the uncertain first.

One HTML file without any other resource. It is made from the manifest, so that it is complete also after a
run that was stopped, and written picture by picture, so that a thousand need no more memory than ten.
"""

from __future__ import annotations

import base64
import html
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from heapq import nsmallest
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from asgnet import __version__
from asgnet.apply.inference.postprocess import PRESENT
from asgnet.apply.output.objects import uncertainty
from asgnet.apply.output.overlays import jpeg_bytes, overlay
from asgnet.data.folder import Folder, is_url
from asgnet.data.results import ManifestEntry
from asgnet.types import Picture

MOST = 2000
"""So many pictures are shown, the most uncertain ones; the figures count all."""
SIDE = 192
UNCERTAIN = 0.5
"""From this uncertainty on a result should be looked at."""
_BINS = 10


class _Count(NamedTuple):
    """Of all finished pictures, in order: how uncertain, how present, how long."""

    names: list[str]
    uncertainties: list[float]
    presences: list[float]
    seconds: list[float]


def thumbnail(picture: Picture, mask: NDArray) -> str:
    """The picture with what was found, small, as a JPEG in base64."""
    image = Image.fromarray(picture)
    image.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    rows = np.arange(image.height) * mask.shape[0] // image.height
    columns = np.arange(image.width) * mask.shape[1] // image.width
    shown = overlay(np.asarray(image), mask[rows[:, None], columns])
    return base64.b64encode(jpeg_bytes(shown, quality=70)).decode("ascii")


def save_report(
    folder: Folder,
    name: str,
    names: Sequence[str],
    event: Callable[[str], ManifestEntry | None],
    failed: Sequence[tuple[str | os.PathLike[str], str]] = (),
) -> None:
    """Write the page.

    Args:
        folder: of the results.
        name: of the page in it.
        names: the pictures, as the manifest knows them.
        event: a picture's ``done`` event, None if it is not finished.
        failed: pictures that could not be done, with the reason.
    """
    count = _counted(names, event)
    order = nsmallest(MOST, range(len(count.names)), key=lambda i: (-count.uncertainties[i], i))
    folder.save_parts(name, _page(count, order, event, failed))


def _counted(names: Sequence[str], event: Callable[[str], ManifestEntry | None]) -> _Count:
    count = _Count([], [], [], [])
    for name in names:
        one = event(name)
        if one is not None and "thumbnail" in one:
            said = one["summary"]
            count.names.append(name)
            count.uncertainties.append(uncertainty(said["presence"], said.get("confidence")))
            count.presences.append(float(said["presence"]))
            count.seconds.append(float(said["seconds"] or 0))
    return count


def _page(
    count: _Count, order: Sequence[int], event: Callable[[str], ManifestEntry | None], failed: Sequence[Any]
) -> Iterator[bytes]:
    yield _head(count, len(order), len(failed)).encode()
    if failed:
        yield b'<section class="failed"><h2>Could not be done</h2><ul>\n'
        for _, reason in failed:
            yield f"<li>{_safe(reason)}</li>\n".encode()
        yield b"</ul></section>\n"
    yield b"<main>\n"
    for i in order:
        one = event(count.names[i])
        if one is not None:
            yield _card(one, count.uncertainties[i]).encode()
    yield b"</main>\n</body>\n</html>\n"


def _head(count: _Count, shown: int, failed: int) -> str:
    total = len(count.names)
    there = sum(p >= PRESENT for p in count.presences)
    unsure = sum(one >= UNCERTAIN for one in count.uncertainties)
    pictures = "picture" if total == 1 else "pictures"
    figures = [(f"{total:,}", pictures), (f"{there:,}", "with the object"), (f"{unsure:,}", "uncertain")]
    figures += [(f"{failed:,}", "failed")] if failed else []
    if total:
        figures.append((f"{1000 * statistics.median(count.seconds):.0f} ms", "a picture (median)"))
    tiles = "".join(f"<div><b>{value}</b><span>{label}</span></div>" for value, label in figures)
    words = "The uncertain come first: the model is torn whether the object is there, or where it ends."
    words = words if total > 1 else ""
    if shown < total:
        words = f"{words} The {shown:,} most uncertain of {total:,} are shown."
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>asgnet: {total:,} {pictures}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        f'<meta name="generator" content="asgnet {__version__}">\n<style>{_STYLE}</style>\n</head>\n<body>\n'
        f'<header><h1>What was found</h1><div class="figures">{tiles}</div>{_histogram(count.presences)}'
        f"<p>{words}</p></header>\n"
    )


def _histogram(presences: Sequence[float]) -> str:
    """How many pictures have which presence, as a small drawing."""
    if len(presences) < 2:
        return ""
    counts = [0] * _BINS
    for presence in presences:
        counts[min(int(presence * _BINS), _BINS - 1)] += 1
    heights = [56 * n / max(counts) for n in counts]
    bars = "".join(
        f'<rect x="{24 * i}" y="{60 - heights[i]:.1f}" width="22" height="{heights[i]:.1f}">'
        f"<title>presence {i / _BINS:.1f} to {(i + 1) / _BINS:.1f}: {n:,}</title></rect>"
        for i, n in enumerate(counts)
    )
    return (
        '<figure><svg viewBox="0 0 240 62" role="img" aria-label="Histogram of the presences">'
        f"{bars}</svg><figcaption><span>0</span><span>presence</span><span>1</span></figcaption></figure>"
    )


def _card(event: ManifestEntry, unsure: float) -> str:
    said = event["summary"]
    name = said["picture"] + (f" · frame {said['frame']}" if "frame" in said else "")
    kind, words = _verdict(said, unsure)
    classes = said["classes"] if len(said["classes"]) > 1 else []
    rows = [("presence", said["presence"]), ("confidence", said["confidence"])]
    meters = "".join(_meter(label, value) for label, value in rows)
    meters += "".join(_meter(one["name"], one["presence"]) for one in classes)
    figures = (
        f"{100 * said['area_fraction']:.1f}% of the picture · {1000 * (said['seconds'] or 0):.0f}&nbsp;ms"
    )
    figures += f" · at {said['time']:.2f}&nbsp;s" if said.get("time") is not None else ""
    return (
        f'<article class="{kind}"><a href="{_safe(_link(event))}"><img alt="{_safe(name)}" loading="lazy" '
        f'decoding="async" src="data:image/jpeg;base64,{event["thumbnail"]}"></a>'
        f'<div class="words"><h2 title="{_safe(name)}">{_safe(os.path.basename(name))}</h2>'
        f'<p class="verdict">{words}</p>{meters}'
        f"<p>{figures}</p></div></article>\n"
    )


def _verdict(said: ManifestEntry, unsure: float) -> tuple[str, str]:
    if unsure >= UNCERTAIN:
        return "uncertain", "uncertain"
    return ("found", "found") if said["presence"] >= PRESENT else ("absent", "not there")


def _meter(label: str, value: float | None) -> str:
    if value is None:
        return f'<div class="meter"><span>{_safe(label)}</span><i></i><span>–</span></div>'
    return (
        f'<div class="meter"><span>{_safe(label)}</span><i><b style="width:{100 * value:.0f}%"></b></i>'
        f"<span>{value:.2f}</span></div>"
    )


def _link(event: ManifestEntry) -> str:
    """From the page to the first of the picture's files, else to the picture."""
    name = next(reversed(event["files"].values()), None)
    if name is not None:
        return "./" + quote(os.fsencode(name))
    picture = event["summary"]["picture"]
    return picture if is_url(picture) else "file://" + quote(os.fsencode(os.path.abspath(picture)))


def _safe(text: str) -> str:
    return html.escape(text.encode("utf-8", "replace").decode())


_STYLE = """
:root{color-scheme:light dark;--ground:#fff;--card:#f6f6f4;--ink:#1d1d1b;--soft:#62625d;--line:#dcdcd6;
--unsure:#b4540a;--good:#0b6e4f;--none:#5b5b66;--bar:#3d7ea6}
@media (prefers-color-scheme:dark){:root{--ground:#161615;--card:#212120;--ink:#ecece8;--soft:#a5a59d;
--line:#3a3a37;--unsure:#f0a35e;--good:#6fcf9f;--none:#aaaab5;--bar:#7ab8dc}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem;max-width:90rem;background:var(--ground);color:var(--ink);
font:16px/1.45 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0 0 1rem}h2{font-size:1rem;margin:0;overflow-wrap:anywhere}
header p,.words p{color:var(--soft)}
.figures{display:flex;flex-wrap:wrap;gap:1rem 2.5rem}.figures b{display:block;font-size:1.6rem}
.figures span,figcaption{color:var(--soft);font-size:.85rem}
figure{margin:1rem 0 0;max-width:20rem}svg{width:100%;display:block;border-bottom:1px solid var(--line)}
rect{fill:var(--bar)}figcaption{display:flex;justify-content:space-between}
.failed{border:1px solid var(--unsure);border-radius:.5rem;padding:1rem;margin:1rem 0}
.failed ul{margin:.5rem 0 0;padding-left:1.2rem;overflow-wrap:anywhere}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(21rem,1fr));gap:.8rem;margin-top:1.5rem}
article{display:flex;gap:.8rem;background:var(--card);border:1px solid var(--line);border-left:4px solid;
border-radius:.4rem;padding:.7rem;content-visibility:auto;contain-intrinsic-size:auto 9rem}
article.uncertain{border-left-color:var(--unsure)}article.found{border-left-color:var(--good)}
article.absent{border-left-color:var(--none)}
article img{width:9rem;max-height:9rem;object-fit:contain;display:block}
.words{flex:1;min-width:0}.words p{margin:.15rem 0;font-size:.85rem}.words .verdict{font-weight:600}
.uncertain .verdict{color:var(--unsure)}.found .verdict{color:var(--good)}.absent .verdict{color:var(--none)}
.meter{display:grid;grid-template-columns:5.5rem 1fr 2.3rem;gap:.4rem;align-items:center;font-size:.85rem}
.meter span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.meter i{height:.5rem;border-radius:.25rem;background:var(--line)}
.meter b{display:block;height:100%;border-radius:.25rem;background:var(--bar)}
@media (max-width:30rem){body{padding:.8rem}main{grid-template-columns:1fr}article img{width:6.5rem}}
"""
