"""The perceptual losses of papers, by name. Each one states its layers, weights, distance, pooling and source."""

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
    """The settings of the perceptual loss of a paper.

    Attributes
    ----------
    net : str
        Backbone of the paper.
    content, style : mapping of str to float
        Weights of the content loss and of the style loss, by the name of the layer.
    variation : float
        Weight of the total variation.
    content_distance, pooling : str
        See `PerceptualLoss`.
    source : str
        The publication, and the section or equation that states these settings.
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
            Backbone of the loss. If the backbone does not have a layer of the paper, the last layer of the same block
            replaces that layer. In a backbone with numbered layers, layer N replaces a layer of block N.

        Returns
        -------
        dict

        Raises
        ------
        UsageError
            If the backbone has no layer that can replace a layer of the paper.
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
    # Section 4.1 of the paper states the layers, and a weight of 1e-6 to 1e-4 for the total variation. The paper does
    # not state weights for content and style.
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
    # The paper uses the name conv4_2 for the features after the ReLU, because Caffe computes the ReLU in place.
    # Equation 1 is half of a sum of squares, so the weight of content is alpha / 2. Equation 4 divides by 4 C^2
    # (H W)^2, so it is a quarter of the distance of Gram matrices in this package. The weight w in equation 5 is 1/5,
    # and beta is 1000 alpha.
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
    # The paper does not state the distance. The authors' code uses the mean of absolute differences.
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
"""The settings of each paper, by name. The preset `dists` is not among them, because it is the module `DISTS`."""


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
        Name of the loss: that of Johnson et al. 2016, that of Gatys et al. 2016, the content loss of Wang et al. 2018
        on features before the activation, or `DISTS`.
    net : {"alex", "vgg", "vgg19", "squeeze", "mini"}, optional
        Name of the backbone. Default: the backbone of the paper, which is vgg for `johnson` and `dists`, and vgg19 for
        `gatys` and `esrgan`. In another backbone, a layer that does not exist is replaced by the last layer of the same
        block, or by the layer that has the number of the block.
    content, style, variation
        Settings that replace those of the paper; see `PerceptualLoss`.
    reduction, value_range, check, weights_file, trust
        See `LPIPS`.

    Returns
    -------
    PerceptualLoss or DISTS

    Raises
    ------
    UsageError
        If no preset has this name, or if the backbone has no layer that can replace a layer of the paper. Also if the
        preset is `dists` and another backbone or other settings are given.
    WeightsError
        If the weights of the backbone are missing or do not fit.

    Notes
    -----
    The backbones have the weights and the normalisation of torchvision. Johnson et al. and Gatys et al. used the
    original weights of VGG and pixels from 0 to 255. Gatys et al. also scaled the weights so that the mean activation
    of each filter was 1. The balance between content and style is therefore not that of the papers: tune it for each
    style.

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
            raise UsageError(
                "the preset dists has a fixed backbone, vgg, and fixed weights; "
                "leave out `net`, `content`, `style` and `variation`"
            )
        return DISTS(reduction, value_range=value_range, check=check, weights_file=file, trust=trust)
    if preset not in PRESETS:
        raise UsageError(f"the preset is {preset!r}; expected one of {', '.join(PRESETS)}, dists")
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
    """Return the name of a backbone's layer that corresponds to a layer of a paper.

    This is the layer with the same name, or the last layer of the same block, or the layer with the number of the
    block. Every backbone has the five blocks that the papers use.
    """
    if layer in backbone.layer_names:
        return layer
    block = layer.partition("_")[0]
    return [name for name in backbone.layer_names if re.fullmatch(rf"{block}(_\d+)?", name)][-1]
