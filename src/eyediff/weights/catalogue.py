"""The published weights of the trunks as data: where they come from, and how they are recognised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import UsageError


@dataclass(frozen=True, slots=True)
class Published:
    """The official file of a trunk (torchvision's IMAGENET1K_V1), and what is kept of it.

    `sha256` and `bytes` are of the file; `canonical_sha256` is of its convolutions in any container
    (`hashing.canonical_sha256`), None where it is not known: then only the official file itself is recognised.
    `patterns` are the file names, best first, under which the weights may lie in a folder of the user's; `hub_names`
    those in torch hub's folder, which other programs fill too, with weights that are none of ours.
    """

    trunk: str
    url: str
    bytes: int
    sha256: str
    canonical_sha256: str | None
    patterns: tuple[str, ...]
    hub_names: tuple[str, ...]
    licence: str = "BSD-3-Clause (torchvision)"

    @property
    def cached_name(self) -> str:
        """The file name in the cache."""
        return f"{self.trunk}.safetensors"


# Hashes of the files as several independent public projects pin them; the first 8 digits stand in the names. The
# canonical hashes were computed from convolutions that give the published scores (alex 0.722 on LPIPS's example).
_ALL = (
    Published(
        trunk="alex",
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        bytes=244_408_911,
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        canonical_sha256="0bccb2f3c602675eccb24e57e11b6eb2afb91c8419145c9bf04f299c9ecde624",
        patterns=("alex.safetensors", "alexnet*.safetensors", "alexnet*.pth"),
        hub_names=("alexnet-owt-7be5be79.pth", "alexnet-owt-4df8aa71.pth"),
    ),
    Published(
        trunk="vgg",
        url="https://download.pytorch.org/models/vgg16-397923af.pth",
        bytes=553_433_881,
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        canonical_sha256=None,
        patterns=(
            "vgg.safetensors",
            "vgg16.safetensors",
            "vgg16[-_]features*.safetensors",
            "vgg16-*.safetensors",
            "vgg16-397923af*.pth",
            "vgg16.pth",
            "vgg16[-_]features*.pth",
            "vgg16-*.pth",
        ),
        hub_names=("vgg16-397923af.pth",),
    ),
    Published(
        trunk="squeeze",
        url="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
        bytes=4_958_839,
        sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        canonical_sha256="c6bc7ad9327ae55b257e695cccf25609c4ca5985464874b238c906ddae521895",
        patterns=("squeeze.safetensors", "squeezenet1_1*.safetensors", "squeezenet1_1*.pth"),
        hub_names=("squeezenet1_1-b8a52dc0.pth", "squeezenet1_1-f364aa15.pth"),
    ),
)

PUBLISHED: Mapping[str, Published] = {entry.trunk: entry for entry in _ALL}


def published(trunk: str) -> Published:
    """The entry of a trunk. Raises UsageError, which lists them, for a name that none has."""
    try:
        return PUBLISHED[trunk]
    except KeyError:
        raise UsageError(f"no weights are called {trunk!r}; there are {', '.join(PUBLISHED)}") from None
