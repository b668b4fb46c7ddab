"""Recognize the format of a file from its first bytes, because suffixes may be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Format: TypeAlias = Literal["PNG", "JPEG", "WebP", "BMP", "TIFF", "GIF", "ICO", "AVIF", "PNM", "PFM"]

AlphaKind: TypeAlias = Literal["straight", "premultiplied", "unused"]

HEAD = 64
"""Number of first bytes that are enough to recognize every format."""


class UnsupportedImage(Exception):  # noqa: N818 - internal: the caller that knows the file name converts it to ImageError
    """Exception for a file or an object that cannot be used as an image.

    The message has the reason and the remedy. The caller adds the name of the file.
    """


@dataclass(frozen=True, slots=True)
class FileInfo:
    """Facts from the header of an image file that decide how the file is decoded.

    `bits` is the number of bits of a channel. `gray` is True if the image has one channel. `key` is the stored colour
    that is transparent. `orientation` is the EXIF orientation, or None if it must be read from the metadata that Pillow
    provides. `profile` is an ICC profile that Pillow ignores. `inverted` is True if 0 is white. `alpha` is the meaning
    of a fourth channel. `floats` is True if the values are floats, whose range is unknown. `more` is True if the file
    has further pictures that are not read. `notes` are remarks for people.
    """

    bits: int = 8
    gray: bool = False
    key: tuple[int, ...] | None = None
    orientation: int | None = None
    profile: bytes | None = None
    inverted: bool = False
    alpha: AlphaKind = "straight"
    floats: bool = False
    more: bool = False
    notes: tuple[str, ...] = ()

    @property
    def deep(self) -> bool:
        """True if several channels have more than 8 bits. Pillow would reduce them to 8 bits."""
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

_LIGHT = "contains linear light, not display values; tone-map it, and save the result as PNG"
_CONVERT = "is not supported; convert the file to PNG"
UNSUPPORTED_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"v/1\x01", f"OpenEXR {_LIGHT}"),
    (b"#?RADIANCE", f"Radiance HDR {_LIGHT}"),
    (b"#?RGBE", f"Radiance HDR {_LIGHT}"),
    (b"P7", f"PAM {_CONVERT}"),
    (b"\xff\x0a", f"JPEG XL {_CONVERT}"),
    (b"\x00\x00\x00\x0cJXL ", f"JPEG XL {_CONVERT}"),
    (b"\x00\x00\x00\x0cjP  ", f"JPEG 2000 {_CONVERT}"),
    (b"\xff\x4f\xff\x51", f"JPEG 2000 {_CONVERT}"),
    (
        b"\x93NUMPY",
        "the file is a NumPy array, not an image; load the array and give it to `eyediff.distance`, or save it as PNG",
    ),
    (b"8BPS", f"the Photoshop format {_CONVERT}"),
    (b"%PDF", f"PDF {_CONVERT}"),
    (
        b"\x89PNG",
        "the signature of the PNG file is damaged, probably by a transfer in text mode; download the file again in "
        "binary mode",
    ),
    (b"version https://git-lfs", "the file is a Git LFS pointer, not the image itself; run `git lfs pull`"),
    (b"<!DOCTYPE html", "the file is a web page, not an image; download the image itself"),
    (b"<html", "the file is a web page, not an image; download the image itself"),
    (b"<svg", f"SVG {_CONVERT}"),
    (b"<?xml", f"XML (SVG?) {_CONVERT}"),
)

KNOWN = "PNG, JPEG, WebP, BMP, TIFF, GIF, ICO, AVIF, PNM or PFM"


def is_image_content(head: bytes, tail: bytes = b"") -> bool:
    """Return whether a file with these first and last bytes is an image or a NumPy array.

    Images of formats that cannot be read count, too. Web pages, XML, PDF and Git LFS pointers do not count; other
    functions recognize them only to give a helpful message.
    """
    if tail.endswith(b"TRUEVISION-XFILE.\0"):
        return True
    if head.startswith(b"BM"):  # a text may begin with BM, but the reserved bytes 6 to 9 are zero only in a BMP
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
    """Return the format of a file that begins with `head`. Raises UnsupportedImage if the format is not supported."""
    if not head:
        raise UnsupportedImage("the file is empty; download or export it again")
    for magic, name in MAGIC:
        if head.startswith(magic):
            return name
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        return _family_of_mp4(head)
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PNM"
    if head[:3] in (b"PF\n", b"Pf\n", b"PF\r", b"Pf\r"):
        return "PFM"
    for magic, why in UNSUPPORTED_MAGIC:
        if head.lower().startswith(magic.lower()):
            raise UnsupportedImage(why)
    raise UnsupportedImage(
        f"the file is not {KNOWN}: it begins with {head[:8].hex(' ')}; convert it to PNG, or download it again"
    )


def _family_of_mp4(head: bytes) -> Format:
    """Return "AVIF" for an AVIF file. Raises UnsupportedImage for HEIC images and films.

    All three have the same container. They are told apart by the brands in their first bytes.
    """
    length = int.from_bytes(head[:4], "big")
    brands = head[8:12] + head[16 : min(length, HEAD)]
    if b"avif" in brands or b"avis" in brands:
        return "AVIF"
    if any(brand in brands for brand in (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1")):
        raise UnsupportedImage(f"HEIC {_CONVERT}")
    raise UnsupportedImage("the file is a film, not an image; save a frame of the film as PNG")
