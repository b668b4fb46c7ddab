"""Tests of the losses of papers against their equations, repeated here in plain torch on torchvision's networks.

VGG has an eighth of its channels here, which makes it 60 times cheaper. The layers and their positions are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from eyediff import nn
from eyediff.errors import ArgumentTypeError, UsageError, WeightsError
from eyediff.metrics import lpips
from eyediff.metrics.backbones import ALEX, SQUEEZE, TRUNKS, VGG, VGG19, Conv, Trunk
from eyediff.nn.presets import PRESETS
from eyediff.nn.trunk import NetworkTrunk
from tests.golden.lpips_cases import seeded_parameters

VGG16_PLAN = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512)
VGG19_PLAN = (64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4)
THINNER = 8
MEAN, DEVIATION = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
CLOSE = {"rel": 1e-4}  # float32 features of up to 16 layers are squared and subtracted


@cache
def parameters(backbone: Trunk) -> Mapping[str, np.ndarray]:
    return seeded_parameters(backbone)


def thin(backbone: Trunk) -> Trunk:
    """Return the same layers with fewer channels."""
    layers = (
        replace(layer, inputs=max(3, layer.inputs // THINNER), outputs=layer.outputs // THINNER)
        if isinstance(layer, Conv)
        else layer
        for layer in backbone.layers
    )
    return replace(backbone, layers=tuple(layers))


THIN_VGG, THIN_VGG19 = thin(VGG), thin(VGG19)


def loss(preset: str, backbone: Trunk, **options: object) -> nn.PerceptualLoss:
    """Return the loss of a preset on seeded weights."""
    network = lpips.Network(backbone, parameters(backbone), None)
    return nn.PerceptualLoss.from_network(network, **PRESETS[preset].options(backbone) | options)


def images() -> list[Tensor]:
    """Return three batches of noise, 2 x 3 x 32 x 36 in [-1, 1]: output, content and style.

    The noise has grains of several sizes.
    """
    chance = torch.Generator().manual_seed(3)
    coarse = torch.rand(3, 2, 3, 8, 9, generator=chance)
    return [(F.interpolate(part, scale_factor=4) + torch.rand(2, 3, 32, 36, generator=chance)) - 1 for part in coarse]


def modules(plan: tuple, backbone: Trunk, pool: type[torch.nn.Module]) -> torch.nn.Sequential:
    """Return `features` of torchvision's VGG, with the same indices and the seeded weights."""
    layers: list[torch.nn.Module] = []
    channels = 3
    for width in plan:
        if width == "M":
            layers.append(pool(2, 2))
        else:
            layers += [torch.nn.Conv2d(channels, width // THINNER, 3, padding=1), torch.nn.ReLU()]
            channels = width // THINNER
    whole = torch.nn.Sequential(*layers)
    whole.load_state_dict(
        {name.removeprefix("features."): torch.tensor(value) for name, value in parameters(backbone).items()}
    )
    return whole


def outputs(network: torch.nn.Sequential, x: Tensor) -> list[Tensor]:
    """Return the output of every module for pixels in [-1, 1]."""
    x = ((x + 1) / 2 - MEAN.reshape(3, 1, 1)) / DEVIATION.reshape(3, 1, 1)
    found = []
    with torch.no_grad():
        for module in network:
            x = module(x)
            found.append(x)
    return found


def gram(x: Tensor) -> Tensor:
    """Return sums of products, without any division."""
    return torch.einsum("nchw,ndhw->ncd", x, x)


def test_johnson() -> None:
    """The preset `johnson` is equations 2 to 4 of the paper.

    relu1_2, relu2_2, relu3_3 and relu4_3 of VGG16 are modules 3, 8, 15 and 22.
    """
    x, content, style = images()
    of_x, of_content, of_style = (
        outputs(modules(VGG16_PLAN, THIN_VGG, torch.nn.MaxPool2d), each) for each in (x, content, style)
    )
    by_hand = ((of_x[8] - of_content[8]) ** 2).mean((1, 2, 3))
    for index in (3, 8, 15, 22):
        size = of_x[index][0].numel()
        by_hand += ((gram(of_x[index]) / size - gram(of_style[index]) / size) ** 2).sum((1, 2))
    smooth = (x[..., 1:] - x[..., :-1]).square().sum((1, 2, 3)) + (x[:, :, 1:] - x[:, :, :-1]).square().sum((1, 2, 3))
    by_hand += 1e-6 * smooth / x[0].numel()
    found = loss("johnson", THIN_VGG, reduction="none")(x, content, style)
    assert found.tolist() == pytest.approx(by_hand.tolist(), **CLOSE)


def test_gatys() -> None:
    """The preset `gatys` is equations 1 and 3 to 7 of the paper, with average pooling.

    relu4_2 of VGG19 is module 22. relu1_1 to relu5_1 are modules 1, 6, 11, 20 and 29.
    """
    x, content, style = images()
    of_x, of_content, of_style = (
        outputs(modules(VGG19_PLAN, THIN_VGG19, torch.nn.AvgPool2d), each) for each in (x, content, style)
    )
    by_content = 0.5 * ((of_x[22] - of_content[22]) ** 2).sum((1, 2, 3))
    by_style = torch.zeros(2)
    for index in (1, 6, 11, 20, 29):
        channels, area = of_x[index].shape[1], of_x[index][0, 0].numel()
        apart = ((gram(of_x[index]) - gram(of_style[index])) ** 2).sum((1, 2))
        by_style += apart / (4 * channels**2 * area**2) / 5
    module = loss("gatys", THIN_VGG19, reduction="none")
    assert module(x, content).tolist() == pytest.approx(by_content.tolist(), **CLOSE)
    assert module(x, style=style).tolist() == pytest.approx((1000 * by_style).tolist(), **CLOSE)


def test_esrgan() -> None:
    """The preset `esrgan` is the mean of absolute differences at conv5_4 of VGG19, module 34, before its ReLU."""
    x, content, _ = images()
    network = modules(VGG19_PLAN, THIN_VGG19, torch.nn.MaxPool2d)
    by_hand = (outputs(network, x)[34] - outputs(network, content)[34]).abs().mean((1, 2, 3))
    assert loss("esrgan", THIN_VGG19, reduction="none")(x, content).tolist() == pytest.approx(by_hand.tolist(), **CLOSE)


@pytest.mark.parametrize("backbone", [ALEX, SQUEEZE], ids=lambda backbone: backbone.name)
def test_the_relu_of_what_is_before_activation_is_what_is_behind(backbone: Trunk) -> None:
    """The ReLU of the features before an activation gives the features after it.

    All layers are feature layers here. The features before an activation have negative values.
    """
    network, x = lpips.Network(backbone, parameters(backbone), None), images()[0].repeat(1, 1, 2, 2)
    all_layers = NetworkTrunk(network, backbone.layer_names)
    found = dict(zip(all_layers.names, all_layers(x), strict=True))
    for name, feature in zip(backbone.tap_names, NetworkTrunk(network)(x), strict=True):
        before = found[name.replace("relu", "conv")]
        assert before.min() < 0
        torch.testing.assert_close(before.clamp(min=0), feature)
        torch.testing.assert_close(found[name], feature)


def test_average_pooling_of_overlapping_windows() -> None:
    """The average pooling of overlapping windows agrees with torch.

    AlexNet's first pooling layer has 3 x 3 windows with a stride of 2. All windows are inside the image.
    """
    values = {name: torch.tensor(value) for name, value in parameters(ALEX).items()}
    x = (images()[0].repeat(1, 1, 2, 2) + 1) / 2
    x = (x - MEAN.reshape(3, 1, 1)) / DEVIATION.reshape(3, 1, 1)
    first = F.relu(F.conv2d(x, values["features.0.weight"], values["features.0.bias"], 4, 2))
    pooled = F.avg_pool2d(first, 3, 2)
    second = F.relu(F.conv2d(pooled, values["features.3.weight"], values["features.3.bias"], 1, 2))
    trunk = NetworkTrunk(lpips.Network(ALEX, parameters(ALEX), None), ["relu2"], average_pooling=True)
    torch.testing.assert_close(trunk(images()[0].repeat(1, 1, 2, 2))[0], second, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("preset", "net", "content", "style"),
    [
        ("johnson", "alex", "relu2", "relu1 relu2 relu3 relu4"),
        ("johnson", "mini", "relu2", "relu1 relu2 relu3 relu4"),
        ("gatys", "squeeze", "relu4", "relu1 relu2 relu3 relu4 relu5"),
        ("esrgan", "alex", "conv5", ""),
        ("esrgan", "squeeze", "conv5", ""),
    ],
)
def test_on_the_backbones_of_the_package(preset: str, net: str, content: str, style: str) -> None:
    """On other backbones, a preset uses the layers with the number of the block.

    A gradient reaches the image, and the loss of equal images is 0.
    """
    module = nn.load_perceptual_loss(preset, net, variation=0.0)
    assert isinstance(module, nn.PerceptualLoss)
    assert (list(module.content), list(module.style)) == ([content], style.split())
    x, target, _ = (each.repeat(1, 1, 2, 2) for each in images())
    x.requires_grad_()
    found = module(x, target, target if style else None)
    found.backward()
    assert found > 0 and x.grad is not None and x.grad.abs().sum() > 0
    assert float(module(target, target, target if style else None)) == 0


def test_on_vgg16_the_last_layer_of_the_block_stands_for_one_that_is_missing() -> None:
    """On VGG16, the last layer of the block replaces conv5_4, which VGG16 lacks.

    All layers of `gatys` are in VGG16 and VGG19.
    """
    assert list(PRESETS["esrgan"].options(VGG)["content"]) == ["conv5_3"]
    assert list(PRESETS["gatys"].options(VGG)["style"]) == [f"relu{block}_1" for block in range(1, 6)]


@pytest.mark.parametrize("backbone", TRUNKS.values(), ids=lambda trunk: trunk.name)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_backbone_has_the_layers_of_every_preset(preset: str, backbone: Trunk) -> None:
    """Every backbone has a layer for each layer of a paper."""
    layers = PRESETS[preset].options(backbone)
    assert {*layers["content"], *layers["style"]} <= set(backbone.layer_names)


def test_weights_of_the_user_replace_those_of_the_paper() -> None:
    """The user's weights replace those of the paper, term by term. The other settings stay."""
    module = nn.load_perceptual_loss("johnson", "alex", content={}, style={"conv3": 2.0}, value_range=(0, 1))
    assert isinstance(module, nn.PerceptualLoss)
    assert (module.content, module.style, module.variation) == ({}, {"conv3": 2.0}, 1e-6)


def test_what_does_not_exist_is_an_error() -> None:
    """Unknown presets, layers and options are refused before any weights are loaded."""
    with pytest.raises(UsageError, match="the preset is 'wct'; expected one of johnson, gatys, esrgan, dists"):
        nn.load_perceptual_loss("wct")
    with pytest.raises(UsageError, match="the preset dists has a fixed backbone"):
        nn.load_perceptual_loss("dists", "alex")
    with pytest.raises(UsageError, match="'vgg19' is not the name of a backbone; expected one of alex, vgg, squeeze"):
        nn.LPIPS("vgg19")
    with pytest.raises(UsageError, match="AlexNet has no layer 'relu2_2', which is the default of `content`; state"):
        nn.PerceptualLoss("alex", style={"relu1": 1.0})
    with pytest.raises(UsageError, match="AlexNet has no layer 'relu2_2'; expected one of conv1, relu1"):
        nn.PerceptualLoss("alex", {"relu2_2": 1.0})
    with pytest.raises(ArgumentTypeError, match="content is 'relu2'; expected a mapping of layers to weights"):
        nn.PerceptualLoss("alex", "relu2")  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"style is \['relu2'\]; expected a mapping"):
        nn.load_perceptual_loss("johnson", "alex", style=["relu2"])  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"style: the weight of 'relu2' is '1' \(str\); expected a number"):
        nn.PerceptualLoss("alex", {"relu1": 1.0}, {"relu2": "1"})  # type: ignore[dict-item]
    for weight in (-1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match=r"content: the weight of 'relu1' is .*; expected a finite number of at"):
            nn.PerceptualLoss("alex", {"relu1": weight})
        with pytest.raises(UsageError, match=r"variation is .*; expected a finite number of at least 0"):
            nn.PerceptualLoss("alex", {"relu1": 1.0}, variation=weight)
    with pytest.raises(UsageError, match="content_distance must be one of mse, sse, mae; got 'l2'"):
        nn.PerceptualLoss("alex", {"relu1": 1.0}, content_distance="l2")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="pooling must be max or average; got 'mean'"):
        nn.PerceptualLoss("alex", {"relu1": 1.0}, pooling="mean")  # type: ignore[arg-type]


def test_dists_is_the_module_of_its_own() -> None:
    """The preset `dists` has its own module, and accepts the user's file of weights."""
    with pytest.raises(WeightsError, match=r"none\.safetensors: there is no such file"):
        nn.load_perceptual_loss("dists", weights_file="none.safetensors")
