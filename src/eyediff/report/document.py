"""Build the HTML page around its data: template, style, scripts, and the encoding of data inside HTML.

File names, messages and other outside text are stored as JSON in the data, and the scripts show them as text nodes. So
only `embedded` must escape text. The template has only a few fields, so string.Template is enough.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from importlib.resources import files
from string import Template

SCRIPTS = (
    "core.js",
    "theme.js",
    "heading.js",
    "charts.js",
    "distributions.js",
    "overtime.js",
    "scatter.js",
    "extremes.js",
    "groups.js",
    "missing.js",
    "table.js",
    "picture.js",
    "viewer.js",
    "main.js",
)
"""Scripts, in the order in which they are joined inside one function.

The first line of each names its part of the page.
"""

STYLES = ("base.css", "overview.css", "groups.css", "table.css", "viewer.css")

GENERATOR = '<meta name="generator" content="eyediff '
"""Mark of a page that eyediff wrote. It is within the first KILOBYTES bytes of the file."""

KILOBYTES = 4096


def embedded(value: object) -> str:
    r"""Return JSON for a script element. It is ASCII, with <, > and & written as escapes such as \u003c.

    So no name can end the element, begin a comment or an entity, or break a line as U+2028 does. NaN is an error.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def block(name: str, content: str) -> str:
    """Return a script element that holds data; browsers do not run it."""
    return f'<script type="application/json" id="{name}">{content}</script>\n'


def frame(
    title: str, version: str, beside: bool, *, scripts: Sequence[str] = SCRIPTS, styles: Sequence[str] = STYLES
) -> tuple[str, str]:
    """Return the parts of the page before and after the data.

    With `beside`, pictures are in a folder next to the page.
    """
    style = "\n".join(_part("style", name) for name in styles)
    script = '"use strict";\n(() => {\n' + "\n".join(_part("script", name) for name in scripts) + "\n})();"
    page = Template(files(__package__).joinpath("page.html").read_text("utf-8"))
    whole = page.substitute(
        policy=_policy(style, script, beside),
        generator=GENERATOR,
        version=html.escape(version, quote=True),
        title=html.escape(title),
        style=style,
        script=script,
        data="\0",
    )
    before, _, after = whole.partition("\0")
    return before, after


def _policy(style: str, script: str, beside: bool) -> str:
    """Return a content security policy that allows only this script, this style, and pictures in the page.

    With `beside`, it also allows pictures in files.
    """
    images = "img-src data: 'self' file:" if beside else "img-src data:"
    rules = [
        f"script-src {_hash(script)}",
        f"style-src {_hash(style)}",
        images,
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(["default-src 'none'", *rules])


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _part(folder: str, name: str) -> str:
    return files(__package__).joinpath(folder, name).read_text("utf-8")
