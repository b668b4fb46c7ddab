"""Votes and images as training takes them: what is held out, what identifies them, patches of one size."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ... import images
from ...distortions.ops import Picture, resize, to_uint8
from ...errors import ImageError, Setting, StudyError, UsageError, shown
from ...records import PEAKS
from ...votes import Triplet, read_study
from ...votes.bapps import located
from ...weights.hashing import file_sha256
from ..distillation.array_cache import Store

CHUNK = 32
"""Judgements whose images are read, and go through a frozen trunk, at once: beyond it CPUs gain nothing."""

Make = Callable[[Tensor], Mapping[str, Tensor]]
"""From the bytes of N judgements, N x 3 x H x W x 3, to rows of a store."""


@dataclass(frozen=True)
class Votes:
    """What is trained on, and what is held out to test with, which may be nothing."""

    train: Sequence[Triplet]
    val: Sequence[Triplet]


def votes(path: Path, part: float, seed: int) -> Votes:
    """BAPPS has a split of its own; of a table, or of a single split, `part` of the references is held out (0: none).

    Raises StudyError where a study is not whole, UsageError where a part leaves nothing on one side.
    """
    study = read_study(path, "2afc", split="train")
    if study.layout == "bapps" and _splits(path):
        return Votes(study.triplets, read_study(path, "2afc", split="val").triplets)
    return held_out(study.triplets, part, seed) if part else Votes(study.triplets, ())


def _splits(path: Path) -> bool:
    """Whether this folder holds a split to test with beside the one to train on."""
    with suppress(StudyError):
        return located(path, "2afc", "val") != located(path, "2afc", "train")
    return False


def held_out(triplets: Sequence[Triplet], part: float, seed: int) -> Votes:
    """`part` of the references are held out with all that was asked of them, so that none is on both sides."""
    references = sorted({triplet.reference for triplet in triplets})
    order = np.random.default_rng([seed, len(references)]).permutation(len(references))
    count = round(part * len(references))
    if not 0 < count < len(references):
        raise UsageError(
            Setting("hold_out", part),
            f" of {len(references)} references is {count}; expected at least one to test with and "
            "one to train on, or 0 to test with none",
        )
    kept = {references[index] for index in order[:count]}
    return Votes([t for t in triplets if t.reference not in kept], [t for t in triplets if t.reference in kept])


def digest(triplets: Sequence[Triplet], workers: int) -> str:
    """sha256, in hexadecimal, over subsets, shares of votes and the bytes of all images, in order; paths do not count.

    Raises ImageError where an image cannot be read.
    """
    paths = list(dict.fromkeys(chain.from_iterable((t.reference, t.a, t.b) for t in triplets)))
    with ThreadPoolExecutor(workers) as pool:
        known = dict(zip(paths, pool.map(_hashed, paths), strict=True))
    whole = sha256()
    for t in triplets:
        whole.update(json.dumps([t.subset, t.share, known[t.reference], known[t.a], known[t.b]]).encode() + b"\n")
    return whole.hexdigest()


def _hashed(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise ImageError(f"{shown(path)}: cannot be read ({error.strerror}); nothing was trained") from error


def patch(path: Path, side: int) -> Picture:
    """An image as side x side x 3 bytes, resized with Pillow's bilinear filter.

    Raises ImageError where it cannot be read, or is transparent: what people saw through it, nobody knows.
    """
    pixels = images.read(path, alpha="refuse").pixels
    small = to_uint8(pixels * (255 / PEAKS[pixels.dtype]))
    return small if small.shape[:2] == (side, side) else resize(small, side, side, Image.Resampling.BILINEAR)


def fill(store: Store, triplets: Sequence[Triplet], side: int, make: Make, workers: int) -> Iterator[int]:
    """Make the rows that are missing, while the next images are read; says after each chunk how many rows are there.

    Raises ImageError where an image cannot be read.
    """
    with ThreadPoolExecutor(workers) as pool:

        def asked(start: int) -> list[list[Future[Picture]]]:
            """Of every judgement in the chunk its three patches, each file read once."""
            some = [(t.reference, t.a, t.b) for t in triplets[start : start + CHUNK]]
            reading = {path: pool.submit(patch, path, side) for path in dict.fromkeys(chain.from_iterable(some))}
            return [[reading[path] for path in three] for three in some]

        starts = store.missing(CHUNK)
        waiting = [asked(start) for start in starts[:1]]
        try:
            for start, following in zip_longest(starts, starts[1:]):
                if following is not None:
                    waiting.append(asked(following))
                pixels = np.stack([[future.result() for future in three] for three in waiting.pop(0)])
                rows = slice(start, start + len(pixels))
                for name, figures in make(torch.from_numpy(pixels)).items():
                    store.arrays[name][rows] = figures.numpy(force=True)
                store.made[rows] = True
                yield int(store.made.sum())
        finally:
            pool.shutdown(cancel_futures=True)
