"""The page around its data: template, style, scripts, and the encoding of data inside HTML.

Everything that comes from outside (names of files, messages) is in the data, as JSON, and reaches the page as text
nodes that the scripts make. So there is one place where escaping matters, `embedded`, and a template engine would fill
in five words: string.Template does.
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
"""In this order, inside one function: each is a part of the page and says in its first line which."""

STYLES = ("base.css", "overview.css", "groups.css", "table.css", "viewer.css")

GENERATOR = '<meta name="generator" content="eyediff '
"""By this, within the first KILOBYTES of a file, a page of ours is known."""

KILOBYTES = 4096


def embedded(value: object) -> str:
    r"""JSON that may stand inside a script element: ASCII alone, and no <, > or &, which JSON can say as \u003c.

    So no name can end the element, begin a comment or an entity, or break a line as U+2028 does. Strict: no NaN.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def block(name: str, content: str) -> str:
    """Return a script element that holds data; browsers do not run it."""
    return f'<script type="application/json" id="{name}">{content}</script>\n'


def frame(
    title: str, version: str, beside: bool, *, scripts: Sequence[str] = SCRIPTS, styles: Sequence[str] = STYLES
) -> tuple[str, str]:
    """Return the parts of the page before and after the data. `beside`: pictures lie in a folder beside the page."""
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
    """Return the content security policy: this script, this style, and pictures in the page (or `beside` it)."""
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
