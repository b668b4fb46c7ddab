"""How an image is pulled: every figure that decides what comes out, beside the two images and the metric."""

from __future__ import annotations

from dataclasses import dataclass

BETAS = (0.9, 0.99)
"""Adam's; the second forgets sooner than usual, since runs are short and every shift brings another gradient."""

EPSILON = 1e-4
"""Adam's, for losses that are multiplied by the number of figures in the image, so that it means the same for any size.
There a difference of one 8-bit level has an l2 gradient of 8e-3, and the gradients that rounding leaves at equal images
stay below 1e-5: these must not become whole steps."""

FROM_NOISE, FROM_IMAGE = 0.1, 0.01
"""Rates. Noise has far to go: a tenth of that leaves twice the distance after 300 steps. An image that is near already
is thrown off by large steps, since Adam's first ones have their full size however small the gradient is: at 0.1 a photo
at 0.004 from its target was at 0.18 after one step and at 0.022 after 300, at 0.01 it came to 0.0014 (lpips-alex)."""

MAX_PIXELS = 1_048_576
"""More pixels than this are refused: VGG keeps 2 kB of each for the way back, and steps take seconds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Two pulls by one plan from one image to another give the same pixels, on the same processor and threads.

    steps: of Adam on the pixels, which are clipped to black and white after each.
    rate: its size at first, on a scale of 0 to 1; falls to 0 along half a cosine.
    shifts: both images are moved together by up to so many pixels, by chance at every step, for metrics that look at a
        grid of places only (networks). AlexNet's first layer takes every fourth place: without shifts, an image that is
        noise to people is soon as good as equal to it. 0 asks the bare metric.
    seed: of the noise and of the shifts.
    frames: pictures on the way, closer together at the beginning, where more happens.
    """

    steps: int = 300
    rate: float = FROM_NOISE
    shifts: int = 8
    seed: int = 0
    frames: int = 50

    def shown(self) -> frozenset[int]:
        """The steps after which a frame is kept; 0, the start, and the last are always among them."""
        wanted = min(self.frames, self.steps)
        return frozenset(round(self.steps * (index / wanted) ** 2) for index in range(wanted + 1))
