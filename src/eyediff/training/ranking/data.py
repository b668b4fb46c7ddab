"""Prepare votes and images for training: hold out votes, hash all input, and read images as patches of one size."""

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

from ... import defaults, images
from ...distortions.ops import Picture, resize, to_uint8
from ...errors import ImageError, Setting, StudyError, UsageError, check_number, shown
from ...records import PEAKS
from ...votes import Triplet, read_study
from ...votes.bapps import find_subsets, own_splits
from ...weights.hashing import file_sha256
from ..distillation.array_cache import ArrayCache

CHUNK = 32
"""Number of judgements whose images are read and processed together. Larger chunks are not faster on CPUs."""

RowFunction = Callable[[Tensor], Mapping[str, Tensor]]
"""Type of a function that computes N rows of a cache from the images of N judgements, N x 3 x H x W x 3 bytes."""


@dataclass(frozen=True)
class VoteSplit:
    """Judgements for training (`train`), and judgements that are held out for testing (`val`). `val` may be empty."""

    train: Sequence[Triplet]
    val: Sequence[Triplet]


def read_votes(path: Path, fraction: float | None, seed: int) -> VoteSplit:
    """Read votes and hold out some of them.

    Parameters
    ----------
    path : Path
        Path of the votes. BAPPS has separate votes for training and for testing. If the path contains both, this
        division is used.
    fraction : float, optional
        Fraction of the references that is held out if the study has no separate votes for testing. If it is 0, none is
        held out. The default is `defaults.HELD_OUT`.
    seed : int
        Seed of the random choice of the references that are held out.

    Returns
    -------
    VoteSplit

    Raises
    ------
    StudyError
        If the study is incomplete.
    UsageError
        If the path is the split of BAPPS for testing. Also if the fraction is not from 0 to 1, leaves no reference for
        training or none for testing, or is given although the study has separate votes for testing.
    """
    check_number("hold_out", fraction, 0, 1, usual=defaults.HELD_OUT)
    study = read_study(path, "2afc", default="train")
    if study.layout == "bapps" and set(own_splits(path, "2afc", "train")) == {"val"}:
        raise UsageError(
            f"{shown(path)} belongs to the split val, whose votes are for testing; give the folder of both splits, or "
            "the folder train"
        )
    if study.layout == "bapps" and _has_val_split(path):
        if fraction is not None:
            raise UsageError(
                Setting("hold_out", fraction),
                f" was given, but {shown(path)} already has separate votes for testing; leave this setting out",
            )
        return VoteSplit(study.triplets, read_study(path, "2afc", split="val").triplets)
    part = defaults.HELD_OUT if fraction is None else fraction
    return hold_out(study.triplets, part, seed) if part else VoteSplit(study.triplets, ())


def _has_val_split(path: Path) -> bool:
    """Return whether a folder has separate votes for testing beside the votes for training."""
    with suppress(StudyError):
        return find_subsets(path, "2afc", "val") != find_subsets(path, "2afc", "train")
    return False


def hold_out(triplets: Sequence[Triplet], fraction: float, seed: int) -> VoteSplit:
    """Hold out a random fraction of the references. All judgements of a held-out reference are held out."""
    references = sorted({triplet.reference for triplet in triplets})
    order = np.random.default_rng([seed, len(references)]).permutation(len(references))
    count = round(fraction * len(references))
    if not 0 < count < len(references):
        raise UsageError(
            Setting("hold_out", fraction),
            f" of {len(references)} references is {count}; expected at least one reference for testing and one for "
            "training, or a fraction of 0 to hold out none",
        )
    held_references = {references[index] for index in order[:count]}
    return VoteSplit(
        [t for t in triplets if t.reference not in held_references],
        [t for t in triplets if t.reference in held_references],
    )


def hash_votes(triplets: Sequence[Triplet], workers: int) -> str:
    """Return a hash of the votes and their images.

    It is a sha256 in hexadecimal. It depends on the subset, the votes and the bytes of the images of each judgement,
    and on the order of the judgements. It does not depend on paths.

    Raises
    ------
    ImageError
        If an image cannot be read.
    """
    paths = list(dict.fromkeys(chain.from_iterable((t.reference, t.a, t.b) for t in triplets)))
    with ThreadPoolExecutor(workers) as pool:
        hashes = dict(zip(paths, pool.map(_hash_file, paths), strict=True))
    digest = sha256()
    for t in triplets:
        digest.update(json.dumps([t.subset, t.share, hashes[t.reference], hashes[t.a], hashes[t.b]]).encode() + b"\n")
    return digest.hexdigest()


def _hash_file(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise ImageError(
            f"{shown(path)}: the image cannot be read ({error.strerror or error}); nothing was trained; check the file"
        ) from error


def read_patch(path: Path, side: int) -> Picture:
    """Read an image as side x side x 3 bytes, resized with Pillow's bilinear filter.

    Raises
    ------
    ImageError
        If the image cannot be read. Also if it is transparent, because it is unknown on which background people saw it.
    """
    pixels = images.read(path, alpha="refuse", frames="one").pixels
    levels = to_uint8(pixels * (255 / PEAKS[pixels.dtype]))
    return levels if levels.shape[:2] == (side, side) else resize(levels, side, side, Image.Resampling.BILINEAR)


def fill_cache(
    store: ArrayCache, triplets: Sequence[Triplet], side: int, make_rows: RowFunction, workers: int
) -> Iterator[int]:
    """Fill the missing rows of a cache chunk by chunk. Yield the number of filled rows after each chunk.

    The images of the next chunk are read while a chunk is computed.

    Raises
    ------
    ImageError
        If an image cannot be read.
    """
    with ThreadPoolExecutor(workers) as pool:

        def submit_chunk(start: int) -> list[list[Future[Picture]]]:
            """Start to read the images of a chunk, each file once. Return futures of the images of each judgement."""
            triples = [(t.reference, t.a, t.b) for t in triplets[start : start + CHUNK]]
            reading = {
                path: pool.submit(read_patch, path, side) for path in dict.fromkeys(chain.from_iterable(triples))
            }
            return [[reading[path] for path in paths] for paths in triples]

        starts = store.missing(CHUNK)
        pending = [submit_chunk(start) for start in starts[:1]]
        try:
            for start, following in zip_longest(starts, starts[1:]):
                if following is not None:
                    pending.append(submit_chunk(following))
                pixels = np.stack([[future.result() for future in paths] for paths in pending.pop(0)])
                rows = slice(start, start + len(pixels))
                for name, values in make_rows(torch.from_numpy(pixels)).items():
                    store.arrays[name][rows] = values.numpy(force=True)
                store.made[rows] = True
                yield int(store.made.sum())
        finally:
            pool.shutdown(cancel_futures=True)
