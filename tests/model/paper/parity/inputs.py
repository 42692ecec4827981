"""Deterministic made-up weights and episodes, shared by who records a reference and who reproduces it."""

import zlib

import numpy as np
import torch
import torch.nn.functional as F


def fill(shapes):
    """``{name: shape}`` of the published checkpoint's tensors -> ``{name: tensor}``, of moderate scale."""
    out = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            out[name] = torch.tensor(0)
            continue
        noise = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
        if name.endswith("running_var"):
            values = 1 + 0.1 * np.abs(noise)
        elif name.endswith("running_mean"):
            values = 0.1 * noise
        elif len(shape) == 4:
            values = noise * np.sqrt(1.6 / (shape[1] * shape[2] * shape[3]))
        elif name.endswith("bn3.weight"):
            values = 0.2 * (1 + 0.1 * noise)
        elif name.endswith("weight"):
            values = 1 + 0.1 * noise
        else:
            values = 0.1 * noise
        out[name] = torch.from_numpy(np.asarray(values, np.float32))
    return out


def episode(shots, size=473, seed=0):
    """Query (1,3,S,S), support images (1,K,3,S,S), masks (1,K,S,S) in {0, 1}; images already normalised."""
    generator = np.random.default_rng(1000 + seed)

    def image():
        coarse = torch.from_numpy(generator.standard_normal((1, 3, 12, 12)).astype(np.float32))
        smooth = F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)
        return (
            smooth + 0.2 * torch.from_numpy(generator.standard_normal((1, 3, size, size)).astype(np.float32))
        )[0]

    def mask():
        yy, xx = np.mgrid[:size, :size]
        cy, cx = generator.uniform(0.35, 0.65, 2) * size
        ry, rx = generator.uniform(0.15, 0.4, 2) * size
        return torch.from_numpy(((((yy - cy) / ry) ** 2 + ((xx - cx) / rx) ** 2) < 1).astype(np.int64))

    query = image()[None]
    images = torch.stack([image() for _ in range(shots)])[None]
    masks = torch.stack([mask() for _ in range(shots)])[None]
    return query, images, masks
