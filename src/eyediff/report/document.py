"""Build the HTML page of a report from a template, style sheets, scripts and the data of the run.

File names, messages and other text from outside are in the data, which is stored as JSON. The scripts show such text as
text nodes. So `embedded` is the only function that must escape it.
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
"""Names of the scripts, in the order in which they are joined inside one function.

The first line of each script says which part of the page it makes.
"""

STYLES = ("base.css", "overview.css", "groups.css", "table.css", "viewer.css")

GENERATOR = '<meta name="generator" content="eyediff '
"""Text by which a page of eyediff is recognised. It is in the first KILOBYTES bytes of the file."""

KILOBYTES = 4096


def embedded(value: object) -> str:
    r"""Return a value as JSON that is safe inside a script element of HTML.

    The text is ASCII, and the characters <, > and & are written as escapes such as \u003c. So no file name can end the
    element, begin a comment or an entity, or contain a line separator. Raises ValueError if the value contains NaN or
    infinity.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def block(name: str, content: str) -> str:
    """Return a script element that holds the JSON text `content` as data. Browsers do not run it."""
    return f'<script type="application/json" id="{name}">{content}</script>\n'


def frame(
    title: str, version: str, beside: bool, *, scripts: Sequence[str] = SCRIPTS, styles: Sequence[str] = STYLES
) -> tuple[str, str]:
    """Return the text of the page before the data, and the text after the data.

    Parameters
    ----------
    title
        Title of the page.
    version
        Version of eyediff, which is written into the page.
    beside
        True if a folder next to the page has some of its pictures. False if the page contains all pictures.
    scripts
        Names of the scripts of the page.
    styles
        Names of the style sheets of the page.
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
    """Return a content security policy that allows only this script, this style, and pictures inside the page.

    If `beside` is True, the policy also allows pictures in other files.
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
