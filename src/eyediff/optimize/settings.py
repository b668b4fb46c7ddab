"""Define the settings of an optimisation: everything that affects the result, except the images and the metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import check_number
from ..metrics.backbones import ALEX, MINI, SQUEEZE, VGG
from ..metrics.registry import MetricInfo

PERCEPTUAL: Mapping[str, str] = {
    "perceptual": VGG.name,
    **{f"perceptual-{trunk.name}": trunk.name for trunk in (ALEX, SQUEEZE, MINI)},
}
"""Names of the content losses of Johnson et al. 2016, and the name of the backbone of each.

The loss compares features of the second feature layer of the backbone. In VGG, this layer is relu2_2.
"""

BETAS = (0.9, 0.99)
"""Decay rates of Adam's first and second moment. The second rate is lower than usual, because runs are short and every
shift changes the gradient."""

EPSILON = 1e-4
"""Adam's epsilon. The loss is multiplied by the number of values in the image before Adam uses it.

Because of this factor, epsilon has the same meaning for images of any size. A difference of one 8-bit level has an l2
gradient of 8e-3. Equal images have gradients below 1e-5, which come from rounding errors. Epsilon prevents such small
gradients from causing steps of full size.
"""

RATE_FROM_NOISE, RATE_FROM_IMAGE = 0.1, 0.01
"""Initial learning rates for a run that starts from noise, and for a run that starts from an image.

Noise is far from the target and needs a high rate. With a tenth of this rate, the distance after 300 steps is twice as
large. An image that is already near the target needs a low rate. Adam's first steps have full size even for small
gradients, so a high rate moves the image away from the target. In one experiment, the lpips-alex distance of a photo
from its target was 0.004 at the start. With a rate of 0.1, it was 0.18 after one step and 0.022 after 300 steps. With a
rate of 0.01, it was 0.0014 after 300 steps.
"""

MAX_PIXELS = 1_048_576
"""Largest number of pixels in an image. VGG keeps 2 kB for each pixel until the backward pass, and a step takes
seconds."""


@dataclass(frozen=True, slots=True)
class DescentSettings:
    """Settings of the optimisation of an image.

    Parameters
    ----------
    steps : int
        Number of steps in which Adam changes the pixels. After each step, the pixels are clipped to [0, 1].
    rate : float
        Initial learning rate, for pixels in [0, 1]. The rate falls to 0 along half a cosine.
    shifts : int
        Largest random shift in pixels. If the metric uses a network, both images are shifted by the same random number
        of pixels in every step. 0 means no shifts.
    seed : int
        Seed of the random choices: the pixels of a random start image, and the shifts.
    frames : int
        Number of images that are kept during the run. Their steps are closer to each other at the beginning, because
        the image changes more there.

    Raises
    ------
    UsageError
        If `rate` is not above 0 and at most 1.

    Notes
    -----
    Equal settings and images give equal pixels on the same processor with the same number of threads.

    The shifts are needed because networks sample a grid of positions. For example, the first layer of AlexNet uses
    every fourth pixel. Without shifts, the distance soon becomes almost 0 although the image still looks like noise.
    """

    steps: int = 300
    rate: float = RATE_FROM_NOISE
    shifts: int = 8
    seed: int = 0
    frames: int = 50

    def __post_init__(self) -> None:
        check_number("rate", self.rate, 0, 1, without=0, usual=RATE_FROM_IMAGE)

    def frame_steps(self) -> frozenset[int]:
        """Return the numbers of the steps after which a frame is kept. They include 0 (the start) and the last step.

        Examples
        --------
        >>> sorted(DescentSettings(steps=16, frames=4).frame_steps())
        [0, 1, 4, 9, 16]
        """
        count = min(self.frames, self.steps)
        return frozenset(round(self.steps * (index / count) ** 2) for index in range(count + 1))


def objective_names(metrics: Mapping[str, MetricInfo]) -> list[str]:
    """Return the names of the metrics that have a gradient: those of `metrics`, and the content losses."""
    return [*(name for name, info in metrics.items() if info.is_deep or info.torch_module), *PERCEPTUAL]
