"""Tests of the data of the backbones against their papers and torchvision."""

from __future__ import annotations

import math

import pytest

from eyediff.errors import UsageError
from eyediff.metrics.backbones import ALEX, MINI, SQUEEZE, TRUNKS, VGG, VGG19, Trunk, trunk


@pytest.mark.parametrize(
    ("net", "taps", "figures"),
    [
        (ALEX, (64, 192, 384, 256, 256), 2_469_696),
        (VGG, (64, 128, 256, 512, 512), 14_714_688),
        (VGG19, (64, 128, 256, 512, 512), 20_024_384),
        (SQUEEZE, (64, 128, 256, 384, 384, 512, 512), 722_496),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_taps_and_size_are_the_published_ones(net: Trunk, taps: tuple[int, ...], figures: int) -> None:
    """The channels of the feature layers add up to the numbers of weights of Zhang et al.: 1152, 1472 and 2240.

    The numbers of parameters are those of torchvision's `features`.
    """
    assert net.taps == taps
    assert sum(math.prod(shape) for shape in net.shapes.values()) == figures


@pytest.mark.parametrize(
    ("net", "side"), [(ALEX, 31), (VGG, 16), (SQUEEZE, 17)], ids=lambda v: getattr(v, "name", None)
)
def test_the_smallest_side_is_where_other_code_starts_to_fail(net: Trunk, side: int) -> None:
    """The smallest sides are 31, 16 and 17 pixels, which were found by trying lpips 0.1.4.

    With one pixel less, some feature layer has no position.
    """
    assert net.smallest == side
    assert len(net.sides(side)) == len(net.taps)
    assert len(net.sides(side - 1)) < len(net.taps)


def test_the_cost_of_alexnet_is_the_sum_of_its_layers() -> None:
    """The number of multiplications at 256x256 pixels agrees with a calculation by hand.

    Each layer has outputs x inputs x kernel x positions.
    """
    by_hand = 63**2 * 64 * 3 * 121 + 31**2 * 192 * 64 * 25 + 15**2 * 9 * (384 * 192 + 256 * 384 + 256 * 256)
    assert ALEX.multiply_adds(256, 256) == by_hand


def test_names_are_unique_and_in_order() -> None:
    """Parameters are listed layer by layer, weight before bias. Files and peers have the same order."""
    assert list(ALEX.shapes)[:4] == ["features.0.weight", "features.0.bias", "features.3.weight", "features.3.bias"]
    assert list(VGG.shapes)[-1] == "features.28.bias"
    assert list(VGG19.shapes)[-1] == "features.34.bias"
    assert [conv.key for layer in SQUEEZE.layers for conv in layer.convs][1:4] == [
        "features.3.squeeze",
        "features.3.expand1x1",
        "features.3.expand3x3",
    ]


def test_layers_are_named_as_papers_name_them() -> None:
    """The layers of VGG are named by block and convolution. Those of other backbones are numbered.

    The first feature layer of mini follows a pooling layer, so mini has no conv1.
    """
    assert VGG.layer_names[:6] == ("conv1_1", "relu1_1", "conv1_2", "relu1_2", "conv2_1", "relu2_1")
    assert VGG.layer_names[-1] == "relu5_3" and VGG19.layer_names[-1] == "relu5_4" and len(VGG19.layer_names) == 32
    assert ALEX.layer_names == tuple(f"{kind}{number}" for number in range(1, 6) for kind in ("conv", "relu"))
    assert SQUEEZE.layer_names[-2:] == ("conv7", "relu7") and MINI.layer_names[:3] == ("relu1", "conv2", "relu2")
    for net in (*TRUNKS.values(), VGG19):
        assert [name for name in net.layer_names if name in net.tap_names] == list(net.tap_names)
        assert net.tapped_at(net.tap_names) == net


def test_tapping_ends_with_the_last_layer() -> None:
    """A backbone with other feature layers ends with the last of them, and has their channels and sides.

    If the last feature layer is before a ReLU, that ReLU is left out.
    """
    assert VGG19.tapped_at(["relu4_2", "relu1_1"]).taps == (64, 512)
    assert list(VGG19.tapped_at(["conv5_4"]).shapes) == list(VGG19.shapes)
    assert list(VGG19.tapped_at(["relu1_1"]).shapes) == ["features.0.weight", "features.0.bias"]
    assert VGG.tapped_at(["conv2_1"]).layers[-1].is_tap and VGG.tapped_at(["conv2_1"]).smallest == 2
    assert VGG.tapped_at([]).layers == ()
    assert ALEX.with_average_pooling().sides(63) == ALEX.sides(63)


def test_an_unknown_trunk_is_named_with_those_that_exist() -> None:
    """An unknown backbone is refused. The error lists the existing backbones."""
    assert trunk("alex") is TRUNKS["alex"]
    with pytest.raises(UsageError, match=r"'resnet'.*alex.*vgg.*squeeze"):
        trunk("resnet")
