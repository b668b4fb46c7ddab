"""List the published weights of the backbones: their addresses, and the names and hashes that identify them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import UsageError


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """The official weights file of a backbone (torchvision's IMAGENET1K_V1).

    Attributes
    ----------
    trunk : str
        Name of the backbone.
    url : str
        Address of the file.
    bytes, sha256
        Size of the file in bytes, and hash of the file.
    canonical_sha256 : str or None
        Hash of the convolutions in the file (`hashing.canonical_sha256`). It does not depend on the file format. If it
        is None, weights are recognised only by the hash of the official file.
    patterns : tuple of str
        Patterns for the names that the file may have in a folder of the user. The best pattern is the first.
    hub_names : tuple of str
        Names that the file may have in the folder of torch hub. Patterns are not used there, because other programs
        write other weights to that folder.
    licence : str
        Licence of the weights.
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
        """Name of the file in the cache."""
        return f"{self.trunk}.safetensors"


# Several independent public projects state the same hashes of the files. The name of a file contains the first 8 digits
# of its hash. The canonical hashes are hashes of convolutions that give the published scores (for example, 0.722 for
# alex on the example images of LPIPS).
_ALL = (
    PublishedWeights(
        trunk="alex",
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        bytes=244_408_911,
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        canonical_sha256="0bccb2f3c602675eccb24e57e11b6eb2afb91c8419145c9bf04f299c9ecde624",
        patterns=("alex.safetensors", "alexnet*.safetensors", "alexnet*.pth"),
        hub_names=("alexnet-owt-7be5be79.pth", "alexnet-owt-4df8aa71.pth"),
    ),
    PublishedWeights(
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
    PublishedWeights(
        trunk="squeeze",
        url="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
        bytes=4_958_839,
        sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        canonical_sha256="c6bc7ad9327ae55b257e695cccf25609c4ca5985464874b238c906ddae521895",
        patterns=("squeeze.safetensors", "squeezenet1_1*.safetensors", "squeezenet1_1*.pth"),
        hub_names=("squeezenet1_1-b8a52dc0.pth", "squeezenet1_1-f364aa15.pth"),
    ),
    PublishedWeights(
        trunk="vgg19",
        url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        bytes=574_673_361,
        sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        canonical_sha256=None,
        patterns=(
            "vgg19.safetensors",
            "vgg19[-_]features*.safetensors",
            "vgg19-*.safetensors",
            "vgg19-dcbb9e9d*.pth",
            "vgg19.pth",
            "vgg19[-_]features*.pth",
            "vgg19-*.pth",
        ),
        hub_names=("vgg19-dcbb9e9d.pth",),
    ),
)

PUBLISHED: Mapping[str, PublishedWeights] = {entry.trunk: entry for entry in _ALL}


def published(trunk: str) -> PublishedWeights:
    """Return the published weights of a backbone. Raises UsageError if there are none for this name."""
    try:
        return PUBLISHED[trunk]
    except KeyError:
        raise UsageError(f"there are no weights for {trunk!r}; expected one of {', '.join(PUBLISHED)}") from None
