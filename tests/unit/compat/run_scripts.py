"""Run scripts one after the other in one process, each as the main file.

The first argument is a JSON file with the scripts. The second argument is a JSON file for the printed texts.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import traceback
from pathlib import Path


def printed(arguments: list[str], text: str) -> str:
    """Return the text that a script prints. If the script fails, the text ends with the traceback."""
    out = io.StringIO()
    sys.argv = ["script.py", *arguments]
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(text, "script.py", "exec"), {"__name__": "__main__"})  # noqa: S102 - scripts of our own
        except Exception:  # noqa: BLE001 - whatever it is, it is shown as what the script printed
            out.write(traceback.format_exc())
    return out.getvalue()


if __name__ == "__main__":
    scripts = json.loads(Path(sys.argv[1]).read_text())
    Path(sys.argv[2]).write_text(json.dumps({name: printed(*script) for name, script in scripts.items()}))
