"""Show maps of differences with the colour map inferno.

Its colours go from black (no difference) through red to pale yellow (the largest difference). They are perceptually
uniform: equal steps of the value look like equal steps of lightness, also to people with colour blindness. Nathaniel
Smith and Stefan van der Walt made them for matplotlib (matplotlib/_cm_listed.py), under the licence CC0.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

INFERNO = (
    "00000401000501010601010802010a02020c02020e03021004031204031405041706041907051b08051d09061f0a0722"
    "0b07240c08260d08290e092b10092d110a30120a32140b34150b37160b39180c3c190c3e1b0c411c0c431e0c451f0c48"
    "210c4a230c4c240c4f260c51280b53290b552b0b572d0b592f0a5b310a5c320a5e340a5f3609613809623909633b0964"
    "3d09653e0966400a67420a68440a68450a69470b6a490b6a4a0c6b4c0c6b4d0d6c4f0d6c510e6c520e6d540f6d550f6d"
    "57106e59106e5a116e5c126e5d126e5f136e61136e62146e64156e65156e67166e69166e6a176e6c186e6d186e6f196e"
    "71196e721a6e741a6e751b6e771c6d781c6d7a1d6d7c1d6d7d1e6d7f1e6c801f6c82206c84206b85216b87216b88226a"
    "8a226a8c23698d23698f24699025689225689326679526679727669827669a28659b29649d29649f2a63a02a63a22b62"
    "a32c61a52c60a62d60a82e5fa92e5eab2f5ead305dae305cb0315bb1325ab3325ab43359b63458b73557b93556ba3655"
    "bc3754bd3853bf3952c03a51c13a50c33b4fc43c4ec63d4dc73e4cc83f4bca404acb4149cc4248ce4347cf4446d04545"
    "d24644d34743d44842d54a41d74b3fd84c3ed94d3dda4e3cdb503bdd513ade5238df5337e05536e15635e25734e35933"
    "e45a31e55c30e65d2fe75e2ee8602de9612bea632aeb6429eb6628ec6726ed6925ee6a24ef6c23ef6e21f06f20f1711f"
    "f1731df2741cf3761bf37819f47918f57b17f57d15f67e14f68013f78212f78410f8850ff8870ef8890cf98b0bf98c0a"
    "f98e09fa9008fa9207fa9407fb9606fb9706fb9906fb9b06fb9d07fc9f07fca108fca309fca50afca60cfca80dfcaa0f"
    "fcac11fcae12fcb014fcb216fcb418fbb61afbb81dfbba1ffbbc21fbbe23fac026fac228fac42afac62df9c72ff9c932"
    "f9cb35f8cd37f8cf3af7d13df7d340f6d543f6d746f5d949f5db4cf4dd4ff4df53f4e156f3e35af3e55df2e661f2e865"
    "f2ea69f1ec6df1ed71f1ef75f1f179f2f27df2f482f3f586f3f68af4f88ef5f992f6fa96f8fb9af9fc9dfafda1fcffa4"
)
"""256 colours, each with six hexadecimal digits for red, green and blue."""


def table() -> npt.NDArray[np.uint8]:
    """Return the colours of inferno as an array of 256 x 3 values from 0 to 255."""
    return np.frombuffer(bytes.fromhex(INFERNO), np.uint8).reshape(256, 3)


def indexed_png(found: npt.NDArray[np.float32], peak: float) -> bytes:
    """Return a map of H x W values from 0 to `peak` as a PNG file with 256 colours of inferno."""
    steps = np.rint(found * (255 / peak) if peak > 0 else found).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(steps).convert("P")
    image.putpalette(bytes.fromhex(INFERNO))
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=4)
    return file.getvalue()


def recoloured(file: BinaryIO, share: float) -> None:
    """Replace the palette of a PNG file that `indexed_png` made.

    In the new palette, the largest value has the colour at the fraction `share`, from 0 to 1, of inferno. So maps with
    different largest values can share one colour scale.
    """
    palette = table()[np.rint(np.arange(256) * share).astype(int)].tobytes()
    file.seek(8)
    while True:  # the palette comes before the pixels (PNG 1.2, 4.3)
        length, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"PLTE":
            break
        file.seek(length + 4, io.SEEK_CUR)
    file.write(palette + struct.pack(">I", zlib.crc32(palette, zlib.crc32(b"PLTE"))))


def ticks(peak: float) -> list[float]:
    """Return three to seven round values from 0 to `peak`, in steps of 1, 2 or 5 times a power of ten."""
    if peak <= 0:
        return [0.0]
    power = 10.0 ** math.floor(math.log10(peak / 3))
    step = max(m * power for m in (1, 2, 5) if m * power <= peak / 2.5)
    return [round(i * step, 12) for i in range(math.floor(peak / step * (1 + 1e-9)) + 1)]


def map_title(metric: str, map_identity: float) -> str:
    """Return the title of the colour scale for maps of a metric. `map_identity` is the value at equal pixels."""
    return f"{map_identity:g} - {metric} at a pixel" if map_identity else f"{metric} distance at a pixel"


def legend(peak: float, label: str) -> bytes:
    """Return a PNG file of a colour bar with values from 0 to `peak`, under the title `label`."""
    from PIL import ImageDraw, ImageFont  # noqa: PLC0415 - they take 10 ms, and only a folder of maps has a legend

    width, left, right = 640, 24, 616
    image = Image.new("RGB", (width, 92), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(15)
    bar = np.broadcast_to(table()[np.linspace(0, 255, right - left).astype(int)], (24, right - left, 3))
    draw.text((left, 8), label, "#1b1d22", font)
    image.paste(Image.fromarray(np.ascontiguousarray(bar)), (left, 32))
    for value in ticks(peak):
        x = left + (right - left - 1) * (value / peak if peak > 0 else 0)
        draw.line((x, 56, x, 61), "#1b1d22")
        draw.text((x, 64), f"{value:g}", "#1b1d22", font, anchor="ma")
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
