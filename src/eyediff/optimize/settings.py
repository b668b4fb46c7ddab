"""The settings of an optimisation: everything that affects the result, except the images and the metric."""

from __future__ import annotations

from dataclasses import dataclass

BETAS = (0.9, 0.99)
"""Decay rates of Adam's moments. The second is lower than usual, because runs are short and every shift changes the
gradient."""

EPSILON = 1e-4
"""Adam's epsilon, for losses that are multiplied by the number of values in the image.

With this factor, epsilon has the same meaning for any size. A difference of one 8-bit level has an l2 gradient of 8e-3.
Rounding leaves gradients below 1e-5 if images are equal. Epsilon prevents such gradients from causing full steps.
"""

RATE_FROM_NOISE, RATE_FROM_IMAGE = 0.1, 0.01
"""Initial learning rates.

Noise is far from its target: with a tenth of its rate, the distance is twice as large after 300 steps. An image near
its target moves away at a high rate, because Adam's first steps have full size even for small gradients. A photo at a
distance of 0.004 from its target (lpips-alex) was at 0.18 after one step with rate 0.1, and at 0.022 after 300 steps.
With rate 0.01 it reached 0.0014.
"""

MAX_PIXELS = 1_048_576
"""Largest number of pixels in an image. VGG keeps 2 kB a pixel for the backward pass, and a step takes seconds."""


@dataclass(frozen=True, slots=True)
class DescentSettings:
    """Settings of the optimisation of an image.

    Parameters
    ----------
    steps : int
        Number of steps of Adam on the pixels. Pixels are clipped to [0, 1] after each.
    rate : float
        Initial learning rate, for pixels in [0, 1]. It falls to 0 along half a cosine.
    shifts : int
        In every step, networks get both images shifted at random by up to this many pixels. 0: no shifts.
    seed : int
        Seed of the noise and of the shifts.
    frames : int
        Number of images that are kept during the run. They are closer together at the beginning, where more changes.

    Notes
    -----
    Equal settings and images give equal pixels on the same processor and number of threads.

    Networks sample a grid of positions. For example, the first layer of AlexNet uses every fourth pixel. Without
    shifts, the distance of an image soon becomes almost 0 although the image looks like noise.
    """

    steps: int = 300
    rate: float = RATE_FROM_NOISE
    shifts: int = 8
    seed: int = 0
    frames: int = 50

    def frame_steps(self) -> frozenset[int]:
        """Return the steps after which a frame is kept. Step 0 (the start) and the last step are always included.

        Examples
        --------
        >>> sorted(DescentSettings(steps=16, frames=4).frame_steps())
        [0, 1, 4, 9, 16]
        """
        count = min(self.frames, self.steps)
        return frozenset(round(self.steps * (index / count) ** 2) for index in range(count + 1))
