"""The page's arithmetic, run where it runs: in the browser."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab
from skimage.draw import polygon2mask


@pytest.fixture
def run(opened):
    """``(script, argument)``: a script's answer; it may import the page's modules."""
    page = opened()
    return lambda script, argument=None: page.evaluate(script, argument)


def test_a_brush_paints_the_pixels_whose_centre_it_covers(run):
    script = """async ([w, h, from, to, radius]) => {
      const { stroke } = await import('/page/paint/brush.js');
      const mask = new Uint8Array(w * h);
      const touched = stroke(mask, w, h, from, to, radius, 1);
      return [[...mask], touched];
    }"""
    mask, _ = run(script, [5, 3, [2.5, 1.5], [2.5, 1.5], 1])
    assert np.reshape(mask, (3, 5)).tolist() == [[0, 0, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0]]
    mask, _ = run(script, [5, 1, [0.2, 0.4], [0.2, 0.4], 0.1])
    assert mask == [1, 0, 0, 0, 0]  # the finest brush still paints its pixel
    assert run(script, [5, 3, [40, 40], [41, 41], 2])[1] is None
    mask, _ = run(script, [40, 30, [5, 6], [31, 22], 4.2])
    rows, columns = np.indices((30, 40)) + 0.5
    along = np.clip(((columns - 5) * 26 + (rows - 6) * 16) / (26**2 + 16**2), 0, 1)
    near = (columns - 5 - along * 26) ** 2 + (rows - 6 - along * 16) ** 2 <= 4.2**2
    assert (np.reshape(mask, (30, 40)) == near).all()


def test_a_polygon_is_filled_as_skimage_fills_it(run):
    script = """async ([w, h, points]) => {
      const { polygon } = await import('/page/paint/brush.js');
      const mask = new Uint8Array(w * h);
      polygon(mask, w, h, points, 3);
      return [...mask];
    }"""
    random = np.random.default_rng(0)
    for _ in range(5):
        points = random.uniform(2, 38, (7, 2))
        mask = np.reshape(run(script, [40, 40, points.tolist()]), (40, 40))
        expected = polygon2mask((40, 40), points[:, ::-1] - 0.5)
        assert (mask == 3 * expected).all()


def test_undo_and_redo_give_back_every_pixel(run):
    script = """async () => {
      const { History } = await import('/page/paint/history.js');
      const mask = new Uint8Array(12), history = new History(mask, 4), states = [[...mask]];
      for (const [at, value] of [[5, 1], [0, 2], [11, 3]]) {
        history.begin(); mask[at] = value; history.end(); states.push([...mask]);
      }
      const back = [], forth = [];
      for (let i = 0; i < 3; i++) { history.undo(); back.push([...mask]); }
      const none = history.undo();
      for (let i = 0; i < 3; i++) { history.redo(); forth.push([...mask]); }
      history.begin(); const changed = history.end();
      return { states, back, forth, none, changed };
    }"""
    told = run(script)
    assert told["back"] == told["states"][2::-1]
    assert told["forth"] == told["states"][1:]
    assert (told["none"], told["changed"]) == (False, False)


def test_masks_go_and_come_as_png_without_a_change(run):
    values = np.random.default_rng(1).integers(0, 256, (7, 13)).astype(np.uint8)
    script = """async ([values, w, h]) => {
      const { greyPng, readGrey } = await import('/page/parts/png.js');
      const blob = await greyPng(Uint8Array.from(values), w, h);
      const bytes = new Uint8Array(await blob.arrayBuffer());
      return [btoa(String.fromCharCode(...bytes)), [...(await readGrey(blob)).values]];
    }"""
    encoded, back = run(script, [values.ravel().tolist(), 13, 7])
    assert (np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded)))) == values).all()
    assert back == values.ravel().tolist()


def test_the_threshold_decides_as_the_library_does(run):
    script = """async ([layers, threshold]) => {
      const { decided } = await import('/page/view/lens.js');
      return [...decided(layers.map((layer) => Uint8Array.from(layer)), threshold)];
    }"""
    assert run(script, [[[0, 127, 128, 255]], 0.5]) == [0, 0, 1, 1]
    assert run(script, [[[10, 200, 200, 90], [10, 100, 220, 80]], 0.5]) == [0, 1, 2, 0]


# Machado, Oliveira & Fernandes 2009, severity 1: linear RGB as it is seen without one kind of cones.
BLINDNESS = {
    "none": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def test_colour_blind_eyes_tell_the_classes_apart(run):
    script = """async () => {
      const { colourOf, patternOf, heat } = await import('/page/view/palette.js');
      const labels = Array.from({ length: 20 }, (_, i) => i + 1);
      return [labels.map(colourOf), labels.map((label) => [...patternOf(label)]), [...heat]];
    }"""
    colours, patterns, heat = run(script)
    first, shades = np.array(colours[:7]) / 255, np.reshape(heat, (256, 3)) / 255
    for kind, matrix in BLINDNESS.items():
        seen = _lab(first, matrix)
        apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1)[np.triu_indices(7, 1)]
        assert apart.min() > 10, kind  # some 2 can be seen side by side
        assert (np.diff(_lab(shades, matrix)[:, 0]) > -0.2).all(), kind  # more probable is never darker
    both = {(tuple(c), tuple(p)) for c, p in zip(colours, patterns, strict=True)}
    assert len(both) == 20  # where colours come again they have other patterns


def _lab(colours: np.ndarray, matrix) -> np.ndarray:
    """sRGB in [0, 1] as such eyes see it, in CIE Lab."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.asarray(matrix).T, 0, 1)
    back = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    return rgb2lab(back[None])[0]


def test_zooming_leaves_the_point_under_the_pointer_where_it_is(run):
    script = """async () => {
      const { Frame } = await import('/page/view/frame.js');
      const frame = new Frame();
      frame.fit(400, 300, 800, 800);
      const before = frame.toPicture(300, 310);
      frame.zoom(2.5, 300, 310, 0.1);
      return [before, frame.toPicture(300, 310), frame.scale];
    }"""
    before, after, scale = run(script)
    assert after == pytest.approx(before)
    assert scale == 5


def test_boxes_and_clicks_wait_for_their_turn_and_each_is_one_undo(run):
    script = """async () => {
      const { Proposals } = await import('/page/paint/proposal.js');
      const { History } = await import('/page/paint/history.js');
      const mask = new Uint8Array(10), asked = [], failed = [];
      const item = { mask, history: new History(mask, 10), picture: { width: 10, height: 1 } };
      let open = [], done;
      const propose = (_, clicks, box) => new Promise((answer, refuse) => {
        asked.push([clicks.map(({ x, object }) => (object ? x : -x)), box && [box[0][0], box[1][0]]]);
        const found = new Uint8Array(10);
        if (box) found.fill(1, box[0][0], box[1][0]);
        for (const { x, object } of clicks) found[x] = object ? 1 : 0;
        open.push(() => (clicks.some(({ x }) => x === 9) ? refuse(new Error('no')) : answer(found)));
      });
      const proposals = new Proposals(propose, {
        asking() {}, answered: () => done?.(), changed() {},
        failed: (error) => { failed.push(error.message); done?.(); },
      });
      const all = () => new Promise((resolve) => {
        done = () => { done = null; resolve(); };
        const next = () => { open.shift()?.(); if (done) setTimeout(next, 5); };
        next();
      });
      const at = (x) => [x, 0], seen = [];
      const click = (x, object = true) => proposals.click(item, 1, { x, y: 0, object });
      const look = () => seen.push(mask.join(''));
      click(1, false);  // takes away from nothing
      proposals.drawBox(item, 1, [at(2), at(5)]);
      click(3, false);
      click(4, false);
      const waiting = open.length;
      await all(); look();
      item.history.undo(); proposals.undone(); look();
      click(2, false); await all(); look();
      proposals.drawBox(item, 1, [at(6), at(8)]); await all(); look();
      click(0); await all(); look();
      proposals.drawBox(item, 1, [at(0), at(9)]);
      proposals.end();  // a tool is chosen: what was asked is still answered
      await all(); look();
      item.history.undo(); proposals.undone();
      click(0); await all();
      click(9); await all(); look();
      for (let i = 0; i < 5; i++) { item.history.undo(); proposals.undone(); }
      look();
      await new Promise((resolve) => setTimeout(resolve, 5));
      proposals.drawBox(item, 1, [at(6), at(8)]);
      proposals.drop();  // on to something else
      await all(); look();
      return { asked, failed, seen, waiting };
    }"""
    told = run(script)
    assert told["waiting"] == 1  # the others are queued
    assert told["asked"] == [
        [[], [2, 5]],
        [[-3], [2, 5]],
        [[-3, -4], [2, 5]],
        [[-3, -2], [2, 5]],  # the click that was undone is not said again
        [[], [6, 8]],
        [[0], None],  # beyond the box: another object
        [[], [0, 9]],
        [[0], None],
        [[0, 9], None],
        [[], [6, 8]],
    ]
    assert told["failed"] == ["Click the object first; Alt and click then takes away.", "no"]
    assert told["seen"] == [
        "0010000000",
        "0010100000",
        "0000100000",
        "0000101100",
        "1000101100",
        "1111111110",
        "1000101100",
        "0000000000",
        "0000000000",
    ]


def test_pieces_beside_the_paint(run):
    found = run(
        """async () => {
          const { numbered, piecesBeside } = await import("/page/job/pieces.js");
          const [width, height] = [40, 10];
          const rows = (...runs) => {
            const labels = new Uint8Array(width * height);
            for (const [from, to] of runs) for (let y = 2; y < 7; y++) labels.fill(1, y * width + from, y * width + to);
            return labels;
          };
          const pieces = piecesBeside(rows([0, 6], [8, 9], [15, 20], [30, 31]), rows([0, 5]), width, height);
          return [pieces.map(({ label, pixels }) => [label, pixels.length]), numbered(pieces, 400)[3 * width + 16]];
        }"""
    )
    assert found == [[[1, 25]], 1]  # what lies near the paint, or is small, is none
