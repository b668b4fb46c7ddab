"""Tests of protocols as data: files of the package, refused files of users, and the options that a protocol sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyediff import run
from eyediff.errors import UsageError
from eyediff.protocols import find_protocol, protocol_text, published, read_protocol
from eyediff.records import Conventions, Rectangle

GOOD = 'name = "mine"\nversion = "2"\nmetrics = ["psnr", "ssim@y"]\nborder = "scale + 2"\nalpha = "white"\n'


@pytest.mark.parametrize("name", published())
def test_every_metric_has_a_source(name: str) -> None:
    """The file has the name of the protocol. Each metric and each border other than 0 have a source."""
    protocol = published()[name]
    assert (name, protocol.version) == (find_protocol(f"{name}@{protocol.version}").name, "1")
    named = {*protocol.metrics, "border", "alpha", "rounding", "averaging"}
    assert set(protocol.metrics) <= set(protocol.source) <= named
    assert protocol.border == 0 or "border" in protocol.source
    assert all(protocol.channel[metric] for metric in protocol.metrics)


def test_the_range_of_networks_is_said() -> None:
    """3DGS gives its network images in [0, 1]. Metrics without a network have no such range."""
    assert published()["3dgs"].range == {"lpips-vgg@range01": (0, 1)}
    assert published()["sr-y"].range == {"lpips-vgg": (-1, 1)}


def test_a_file_of_the_user(tmp_path: Path) -> None:
    """An omitted key has its default. A protocol that the package prints is read as the same protocol."""
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    mine = find_protocol(str(path))
    assert (mine.qualified_name, mine.border_at(4), mine.rounding, mine.averaging) == ("mine@2", 6, "none", "images")
    path.write_text(protocol_text("sr-y"))
    assert read_protocol(path) == published()["sr-y"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("metrics = []", "must be a list of names"),
        ("", "lacks the key 'metrics'"),
        ('metrics = ["psnr", "psnr"]', "has the same name twice"),
        ('metrics = ["psnrr"]', "did you mean 'psnr'"),
        ('metrics = ["psnr"]\nborder = -1', "border` is -1"),
        ('metrics = ["psnr"]\nborder = "scale*2"', "border` is 'scale[*]2'"),
        ('metrics = ["psnr"]\nborder = true', "border` is True"),
        ('metrics = ["psnr"]\nalpha = "pink"', "alpha pink is not a known policy"),
        ('metrics = ["psnr"]\nrounding = "9 bits"', "rounding` is '9 bits'"),
        ('metrics = ["psnr"]\naveraging = ["images"]', "averaging` is"),
        ('metrics = ["psnr"]\ncolor = "y"', "has the unknown key 'color'"),
        ('metrics = ["psnr"]\nsource = "here"', "source` must be a table"),
        ('metrics = ["psnr"]\nabout = "two\\nlines"', "about` is"),
        ("metrics = [", "is not a valid protocol"),
        ('metrics = ["psnr"]' + "#" * (1 << 16), "more than 65536 bytes"),
    ],
)
def test_a_file_that_is_no_protocol(change: str, message: str, tmp_path: Path) -> None:
    """The file is refused in one line that names the key and its value."""
    path = tmp_path / "bad.toml"
    path.write_text(f'name = "bad"\nversion = "1"\n{change}\n')
    with pytest.raises(UsageError, match=message) as caught:
        read_protocol(path)
    assert str(caught.value).isprintable()


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    """An unknown name is refused with the nearest name. An unknown version and a missing file are refused too."""
    for name, message in (("sry", "did you mean sr-y"), ("sr-y@7", "no version 7"), ("there.toml", "No such file")):
        with pytest.raises(UsageError, match=message):
            find_protocol(name)


def test_metrics_are_chosen_by_kind() -> None:
    """`psnr` selects the protocol's PSNR. A metric that the protocol does not have is refused."""
    protocol = published()["nerfbaselines"]
    assert protocol.choose(["lpips", "psnr"]) == ("psnr", "lpips-alex", "lpips-vgg")
    assert protocol.choose() == protocol.metrics
    with pytest.raises(UsageError, match="does not have the metric fsim"):
        protocol.choose(["fsim"])


def test_what_a_comparison_follows() -> None:
    """Border, rounding and transparency are those of the protocol. The region is that of the caller."""
    options = run.ComparisonOptions(conventions=Conventions(region=Rectangle(0, 0, 9, 9)))
    followed = run.follow_protocol(options, published()["sr-edsr"], 2)
    assert followed.conventions == Conventions("sr-edsr@1", 8, True, Rectangle(0, 0, 9, 9))
    assert run.follow_protocol(options, published()["nerfbaselines"]).alpha == "black"


@pytest.mark.parametrize(
    ("name", "scale", "options", "message"),
    [
        ("sr-y", None, {}, "border of `scale` pixels"),
        ("sr-y", 0, {}, "scale is 0"),
        ("3dgs", 4, {}, "same border at every scale"),
        ("3dgs", None, {"alpha": "white"}, "uses drop for transparent pixels"),
        ("sr-y", 2, {"conventions": Conventions(crop_border=1)}, "leave out crop_border=1"),
    ],
)
def test_what_contradicts_a_protocol(name: str, scale: int | None, options: dict[str, object], message: str) -> None:
    """Options that contradict a protocol are refused before any work. The message names the parameter."""
    with pytest.raises(UsageError, match=message):
        run.follow_protocol(run.ComparisonOptions(**options), published()[name], scale)  # type: ignore[arg-type]
