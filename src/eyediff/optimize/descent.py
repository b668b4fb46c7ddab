"""Change the pixels of an image by gradient descent with Adam."""

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
from .objectives import Objective
from .settings import BETAS, EPSILON, DescentSettings


class DescentStep(NamedTuple):
    """The image after `number` steps, and the loss that was computed at the start of the last of these steps.

    If the settings shift the images, `loss` is the loss of the shifted images.
    """

    number: int
    loss: float
    image: Tensor


def descend(start: Tensor, target: Tensor, objective: Objective, settings: DescentSettings) -> Iterator[DescentStep]:
    """Optimise an image towards a target.

    Parameters
    ----------
    start, target : Tensor, shape (1, 3, H, W)
        The start image and the target image, with values in [0, 1]. Both must be on the same device.
    objective : Objective
        The metric for which the image is optimised.
    settings : DescentSettings
        Number of steps, learning rate, shifts and seed.

    Yields
    ------
    DescentStep
        The result of each step. The next step changes the tensor `image` in place, so copy the tensor to keep it.

    Notes
    -----
    Pixels are clipped to [0, 1] and have no other limits. Properties of the start image that the metric does not
    measure do not change. So the result shows what the metric does not measure.
    """
    image = start.clone().requires_grad_()
    adam = torch.optim.Adam([image], settings.rate, BETAS, EPSILON)
    rng = np.random.default_rng([settings.seed, 1])  # independent of the noise image
    reach = min(settings.shifts, *(side - 1 for side in target.shape[2:])) if objective.strided else 0
    prepared = None if reach else objective.prepare(target)
    for number in range(settings.steps):
        adam.param_groups[0]["lr"] = settings.rate * (1 + math.cos(math.pi * number / settings.steps)) / 2
        adam.zero_grad()
        if reach:
            down, right = rng.integers(0, 2 * reach + 1, 2).tolist()
            loss = objective.loss(*(shift_window(each, reach, down, right) for each in (image, target)))
        else:
            loss = objective.loss(image, prepared)
        (loss * image.numel()).backward()  # type: ignore[no-untyped-call]
        adam.step()
        with torch.no_grad():
            image.clamp_(0, 1)
        yield DescentStep(number + 1, loss.item(), image.detach())


def shift_window(image: Tensor, reach: int, down: int, right: int) -> Tensor:
    """Shift an image, filling the borders with its mirror image.

    The image is padded by `reach` pixels on each side. Then a window of the size of the image is cut out, `down` pixels
    from the top and `right` pixels from the left of the padded image. Both are from 0 to 2 * reach.
    """
    height, width = image.shape[2:]
    return F.pad(image, (reach,) * 4, mode="reflect")[:, :, down : down + height, right : right + width]


def noise_image(height: int, width: int, seed: int) -> npt.NDArray[np.uint8]:
    """Return an image of uniformly distributed random levels, H x W x 3."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def to_tensor(pixels: Pixels) -> Tensor:
    """Convert H x W x 3 pixels of any storage type to a tensor 1 x 3 x H x W with values in [0, 1]."""
    levels = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32)
    return torch.from_numpy(levels / np.float32(PEAKS[pixels.dtype]))


def to_pixels(image: Tensor) -> npt.NDArray[np.uint8]:
    """Convert a tensor 1 x 3 x H x W with values in [0, 1] to H x W x 3 pixels, rounded to 8 bits."""
    levels = (image[0] * 255).round().to(torch.uint8)
    return levels.permute(1, 2, 0).contiguous().numpy(force=True)
