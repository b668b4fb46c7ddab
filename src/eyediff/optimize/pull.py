"""The descent: Adam on the pixels themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know

from ..records import PEAKS, Pixels
from .goals import Goal
from .plan import BETAS, EPSILON, Plan


class Step(NamedTuple):
    """An image on the way: how many steps it has behind it, and the loss that the last of them met (shifted)."""

    number: int
    loss: float
    image: Tensor


def pull(start: Tensor, target: Tensor, goal: Goal, plan: Plan) -> Iterator[Step]:
    """Pull `start` towards `target`, 1 x 3 x H x W each in [0, 1], on one device; gives every step as it is made.

    Pixels are free, but for black and white as their ends: what the metric does not ask for stays as it was at the
    start, and so can be seen. `image` is the descent's own; copy what should last.
    """
    image = start.clone().requires_grad_()
    adam = torch.optim.Adam([image], plan.rate, BETAS, EPSILON)
    chance = np.random.default_rng([plan.seed, 1])  # not the noise's own
    reach = min(plan.shifts, *(side - 1 for side in target.shape[2:])) if goal.strided else 0
    prepared = None if reach else goal.prepare(target)
    for number in range(plan.steps):
        adam.param_groups[0]["lr"] = plan.rate * (1 + math.cos(math.pi * number / plan.steps)) / 2
        adam.zero_grad()
        if reach:
            down, right = chance.integers(0, 2 * reach + 1, 2).tolist()
            loss = goal.loss(*(shifted(each, reach, down, right) for each in (image, target)))
        else:
            loss = goal.loss(image, prepared)
        (loss * image.numel()).backward()  # type: ignore[no-untyped-call]
        adam.step()
        with torch.no_grad():
            image.clamp_(0, 1)
        yield Step(number + 1, loss.item(), image.detach())


def shifted(image: Tensor, reach: int, down: int, right: int) -> Tensor:
    """The image as a window of its own size sees it, mirrored at its edges, `down` and `right` of up to 2 * reach."""
    height, width = image.shape[2:]
    return F.pad(image, (reach,) * 4, mode="reflect")[:, :, down : down + height, right : right + width]


def noise(height: int, width: int, seed: int) -> npt.NDArray[np.uint8]:
    """Every channel of every pixel any of 256 levels: H x W x 3."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def tensor_of(pixels: Pixels) -> Tensor:
    """H x W x 3 of any storage type to 1 x 3 x H x W in [0, 1]."""
    levels = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32)
    return torch.from_numpy(levels / np.float32(PEAKS[pixels.dtype]))


def pixels_of(image: Tensor) -> npt.NDArray[np.uint8]:
    """1 x 3 x H x W in [0, 1] to H x W x 3, rounded to 8 bits."""
    levels = (image[0] * 255).round().to(torch.uint8)
    return levels.permute(1, 2, 0).contiguous().numpy(force=True)
