"""The perceptual losses of papers, by name: layers, weights, distance and pooling, each with its source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import weights
from ..errors import UsageError
from ..metrics import lpips
from ..metrics.backbones import ALL_TRUNKS, VGG, VGG19, Trunk, trunk
from .checks import Reduction, ValueRange
from .perceptual import ContentDistance, PerceptualLoss, Pooling
from .texture import DISTS


@dataclass(frozen=True, slots=True)
class PerceptualPreset:
    """The loss of a paper.

    Attributes
    ----------
    net : str
        The backbone of the paper.
    content, style : mapping of str to float
        Weights by layer of that backbone.
    variation : float
        Weight of the total variation.
    content_distance, pooling : str
        As for `PerceptualLoss`.
    source : str
        The publication, and where it states these figures.
    """

    net: str
    content: Mapping[str, float]
    style: Mapping[str, float]
    variation: float
    content_distance: ContentDistance
    pooling: Pooling
    source: str

    def options(self, backbone: Trunk) -> dict[str, Any]:
        """Return the arguments of `PerceptualLoss` for a backbone.

        Parameters
        ----------
        backbone : Trunk
            The backbone of the paper, or another one. A layer that it does not have is replaced by the last layer of
            the same block, or by the layer of that number where layers are counted.

        Returns
        -------
        dict

        Raises
        ------
        UsageError
            If the backbone has no layer for a block.
        """
        content, style = (
            {_matching_layer(layer, backbone): weight for layer, weight in chosen.items()}
            for chosen in (self.content, self.style)
        )
        return {
            "content": content,
            "style": style,
            "variation": self.variation,
            "content_distance": self.content_distance,
            "pooling": self.pooling,
        }


PRESETS: Mapping[str, PerceptualPreset] = {
    # Section 4.1 names layers, and 1e-6 to 1e-4 for the total variation. It states no weight of content and style.
    "johnson": PerceptualPreset(
        VGG.name,
        {"relu2_2": 1.0},
        {"relu1_2": 1.0, "relu2_2": 1.0, "relu3_3": 1.0, "relu4_3": 1.0},
        1e-6,
        "mse",
        "max",
        "Johnson, Alahi and Fei-Fei 2016, Perceptual losses for real-time style transfer and super-resolution, ECCV, "
        "arXiv:1603.08155, equations 2 to 4 and section 4.1",
    ),
    # The paper writes conv4_2 for the layer after its ReLU, which Caffe computes in place. Equation 1 is half a sum of
    # squares, so the weight of content is alpha / 2. Equation 4 divides by 4 C^2 (H W)^2, which is a quarter of the
    # distance of our Gram matrices; w = 1/5 in equation 5, and beta = 1000 alpha.
    "gatys": PerceptualPreset(
        VGG19.name,
        {"relu4_2": 0.5},
        {f"relu{block}_1": 1000 / 5 / 4 for block in range(1, 6)},
        0.0,
        "sse",
        "average",
        "Gatys, Ecker and Bethge 2016, Image style transfer using convolutional neural networks, CVPR, equations 1 to "
        "7 and section 3, alpha / beta = 1e-3 as in figure 3 B",
    ),
    # The paper does not state the distance. The authors' code takes the mean of absolute differences.
    "esrgan": PerceptualPreset(
        VGG19.name,
        {"conv5_4": 1.0},
        {},
        0.0,
        "mae",
        "max",
        "Wang et al. 2018, ESRGAN: enhanced super-resolution generative adversarial networks, ECCV Workshops, "
        "arXiv:1809.00219, section 3.3, and the authors' code, BasicSR",
    ),
}
"""By name. `dists` is a module of its own, `DISTS`."""


def load_perceptual_loss(
    preset: str,
    net: str | None = None,
    *,
    content: Mapping[str, float] | None = None,
    style: Mapping[str, float] | None = None,
    variation: float | None = None,
    reduction: Reduction = "mean",
    value_range: ValueRange = (-1.0, 1.0),
    check: bool = True,
    weights_file: Path | str | None = None,
    trust: bool = False,
) -> PerceptualLoss | DISTS:
    """Load the perceptual loss of a paper.

    Parameters
    ----------
    preset : {"johnson", "gatys", "esrgan", "dists"}
        Johnson et al. 2016, Gatys et al. 2016, the content loss of Wang et al. 2018 before activation, or `DISTS`.
    net : {"alex", "vgg", "vgg19", "squeeze", "mini"}, optional
        The backbone. Default: that of the paper, vgg for `johnson` and `dists`, vgg19 for `gatys` and `esrgan`. On
        another one, each layer is replaced by the last of its block, or by the layer of its block's number.
    content, style, variation
        As for `PerceptualLoss`; they replace those of the paper.
    reduction, value_range, check, weights_file, trust
        As for `LPIPS`.

    Returns
    -------
    PerceptualLoss or DISTS

    Raises
    ------
    UsageError
        If there is no such preset, if the backbone has no layer for one of its blocks, or if `dists` is given another
        backbone or other weights.
    WeightsError
        If weights are missing or do not fit.

    Notes
    -----
    Weights are torchvision's, with its normalisation. Johnson et al. and Gatys et al. used the original weights of VGG
    on pixels from 0 to 255, and Gatys et al. scaled them until the mean activation of each filter was 1. The balance of
    content and style is therefore a start: tune it for each style.

    Examples
    --------
    >>> import torch
    >>> from eyediff import nn
    >>> loss = nn.load_perceptual_loss("esrgan", "squeeze", value_range=(0, 1))
    >>> loss.content
    {'conv5': 1.0}
    >>> x = torch.rand(1, 3, 64, 64)
    >>> float(loss(x, x))
    0.0
    """
    file = None if weights_file is None else Path(weights_file)
    if preset == "dists":
        if net not in (None, VGG.name) or content is not None or style is not None or variation is not None:
            raise UsageError("dists was learned on vgg with weights of its own; expected no other net and no weights")
        return DISTS(reduction, value_range=value_range, check=check, weights_file=file, trust=trust)
    if preset not in PRESETS:
        raise UsageError(f"no preset is called {preset!r}; the presets are {', '.join(PRESETS)}, dists")
    backbone = trunk(net or PRESETS[preset].net, ALL_TRUNKS)
    options = PRESETS[preset].options(backbone)
    given = {"content": content, "style": style, "variation": variation}
    options |= {name: value for name, value in given.items() if value is not None}
    parameters = weights.load_trunk(backbone.name, file=file, trust=trust).parameters
    return PerceptualLoss.from_network(
        lpips.Network(backbone, parameters, None),
        reduction=reduction,
        value_range=value_range,
        check=check,
        **options,
    )


def _matching_layer(layer: str, backbone: Trunk) -> str:
    """Return the layer of this name, or the last of its block, or the layer of its block's number."""
    if layer in backbone.layer_names:
        return layer
    block = layer.partition("_")[0]
    found = [name for name in backbone.layer_names if re.fullmatch(rf"{block}(_\d+)?", name)]
    if not found:
        raise UsageError(
            f"{backbone.title} has no layer for {layer!r}; its layers are {', '.join(backbone.layer_names)}; choose "
            "another backbone, or state the layers"
        )
    return found[-1]
