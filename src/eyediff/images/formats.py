"""Recognise a file by its first bytes, since suffixes may be wrong, and record what its header says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Format: TypeAlias = Literal["PNG", "JPEG", "WebP", "BMP", "TIFF", "GIF", "ICO", "AVIF", "PNM"]

AlphaKind: TypeAlias = Literal["straight", "premultiplied", "unused"]

HEAD = 64
"""Bytes that are enough to tell every format."""


class UnsupportedImage(Exception):  # noqa: N818 - it never leaves the package: whoever knows the file's name makes an ImageError of it
    """A file or object that cannot be used. The message says why and what to do; the caller adds the name."""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """The facts that decide how a file is decoded.

    `bits` of a channel; `gray` for one channel; `key` the colour that is transparent, as stored; `orientation` as EXIF
    counts it, None where Pillow's metadata tell; `profile` an ICC profile that Pillow passes over; `inverted` where 0
    is white; `alpha` what a fourth channel means.
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


MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"BM", "BMP"),
    (b"II\x2a\x00", "TIFF"),
    (b"MM\x00\x2a", "TIFF"),
    (b"II\x2b\x00", "TIFF"),  # BigTIFF
    (b"MM\x00\x2b", "TIFF"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"\x00\x00\x01\x00", "ICO"),
)

_LIGHT = "holds light, not display values: tone-map it and save the result as PNG"
_CONVERT = "is not read: convert it to PNG"
UNSUPPORTED_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"v/1\x01", f"OpenEXR {_LIGHT}"),
    (b"#?RADIANCE", f"Radiance HDR {_LIGHT}"),
    (b"#?RGBE", f"Radiance HDR {_LIGHT}"),
    (b"PF\n", f"PFM {_LIGHT}"),
    (b"Pf\n", f"PFM {_LIGHT}"),
    (b"P7", f"PAM {_CONVERT}"),
    (b"\xff\x0a", f"JPEG XL {_CONVERT}"),
    (b"\x00\x00\x00\x0cJXL ", f"JPEG XL {_CONVERT}"),
    (b"\x00\x00\x00\x0cjP  ", f"JPEG 2000 {_CONVERT}"),
    (b"\xff\x4f\xff\x51", f"JPEG 2000 {_CONVERT}"),
    (b"\x93NUMPY", "an array of numpy: load it and give it to `eyediff.distance`, or save it as PNG"),
    (b"8BPS", f"Photoshop's own format {_CONVERT}"),
    (b"%PDF", f"PDF {_CONVERT}"),
    (b"\x89PNG", "a PNG whose signature was damaged, as a transfer in text mode does: fetch it again in binary mode"),
    (b"version https://git-lfs", "a Git LFS pointer, not the image itself: run `git lfs pull`"),
    (b"<!DOCTYPE html", "a web page, not an image: fetch the image itself"),
    (b"<html", "a web page, not an image: fetch the image itself"),
    (b"<svg", f"SVG {_CONVERT}"),
    (b"<?xml", f"XML (SVG?) {_CONVERT}"),
)

KNOWN = "PNG, JPEG, WebP, BMP, TIFF, GIF, ICO, AVIF or PNM"


def is_image_content(head: bytes, tail: bytes = b"") -> bool:
    """Return whether a file with these first and last bytes is an image, readable or not, or an array of numpy.

    Web pages, XML, PDF and pointers of Git LFS are not: they are told apart where an image was expected.
    """
    if tail.endswith(b"TRUEVISION-XFILE.\0"):
        return True
    if head.startswith(b"BM"):  # as texts may begin: the reserved fields tell
        return head[6:10] == bytes(4)
    texts = (b"%PDF", b"version https", b"<", b"P7")
    if any(head.startswith(magic) for magic, _ in UNSUPPORTED_MAGIC if not magic.startswith(texts)):
        return True
    try:
        recognise(head)
    except UnsupportedImage as why:
        return str(why).startswith("HEIC")
    return True


def recognise(head: bytes) -> Format:
    """Return the format of a file that begins with `head`; raise UnsupportedImage where it cannot be read."""
    if not head:
        raise UnsupportedImage("the file is empty: fetch or export it again")
    for magic, name in MAGIC:
        if head.startswith(magic):
            return name
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        return _family_of_mp4(head)
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PNM"
    for magic, why in UNSUPPORTED_MAGIC:
        if head.lower().startswith(magic.lower()):
            raise UnsupportedImage(why)
    raise UnsupportedImage(f"not {KNOWN}: it begins with {head[:8].hex(' ')}; convert it to PNG, or fetch it again")


def _family_of_mp4(head: bytes) -> Format:
    """AVIF, HEIC and films share one container; its brands tell them apart."""
    length = int.from_bytes(head[:4], "big")
    brands = head[8:12] + head[16 : min(length, HEAD)]
    if b"avif" in brands or b"avis" in brands:
        return "AVIF"
    if any(brand in brands for brand in (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1")):
        raise UnsupportedImage(f"HEIC {_CONVERT}")
    raise UnsupportedImage("a film, not an image: take the frame out as PNG")
