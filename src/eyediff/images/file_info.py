"""What a file says of itself beyond what Pillow passes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

AlphaKind: TypeAlias = Literal["straight", "premultiplied", "unused"]


@dataclass(frozen=True, slots=True)
class About:
    """The facts that decide how a file is decoded.

    `bits` of a channel; `gray` for one channel; `key` the colour that is transparent, as stored; `orientation` as EXIF
    counts it, None where Pillow's metadata tell; `profile` an ICC profile that Pillow passes
    over; `inverted` where 0 is white; `alpha` what a fourth channel means.
    """

    bits: int = 8
    gray: bool = False
    key: tuple[int, ...] | None = None
    orientation: int | None = None
    profile: bytes | None = None
    inverted: bool = False
    alpha: AlphaKind = "straight"
    notes: tuple[str, ...] = ()

    @property
    def deep(self) -> bool:
        """More than 8 bits in several channels, which Pillow would cut to 8."""
        return self.bits > 8 and not self.gray
