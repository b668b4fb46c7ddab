"""Compile the native engine when a wheel is built or the package is installed from its folder.

If there is no C compiler, or the compiler fails, the wheel is built without the engine, and ONNX Runtime computes. The
variable EYEDIFF_BUILD_NATIVE changes this: 0 builds a pure wheel, and 1 makes a failure an error.
`python hatch_build.py` compiles in place, for a source tree that is used without installation.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
SOURCES = ROOT / "src" / "eyediff" / "engines" / "native"
WINDOWS = sys.platform == "win32"
LIBRARY = SOURCES / ("_native.dll" if WINDOWS else "_native.so")

FLAGS = ["-std=c11", "-O3", "-fvisibility=hidden", "-fno-math-errno", "-fno-trapping-math", "-Wall", "-Wextra"]
VARIANTS: dict[str, list[str]] = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq", "-mfma", "-mprefer-vector-width=512"],
}
"""Instruction sets and their flags. Processors other than x86-64 use only the first: every Arm64 has NEON."""


class BuildError(Exception):
    """The engine could not be compiled."""


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Build hook that hatchling calls before and after it packs a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the engine, and set the platform tag of the wheel.

        Only an editable installation has the library among the sources. A wheel takes the library from a temporary
        folder, so that a build does not change the library of a program that runs from the sources.
        """
        editable = version == "editable"
        wanted = os.environ.get("EYEDIFF_BUILD_NATIVE", "")
        if wanted == "0":
            if editable:
                LIBRARY.unlink(missing_ok=True)
            return
        self._scratch = tempfile.TemporaryDirectory(prefix="eyediff-")
        target = LIBRARY if editable else Path(self._scratch.name) / LIBRARY.name
        try:
            compile_library(target)
        except BuildError as error:
            if wanted == "1":
                raise
            self.app.display_info(f"eyediff is installed without its native engine ({error}); ONNX Runtime computes")
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag()}"
        if not editable:
            build_data["force_include"][str(target)] = LIBRARY.relative_to(ROOT / "src").as_posix()

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the temporary folder."""
        if scratch := getattr(self, "_scratch", None):
            scratch.cleanup()


def find_compiler() -> list[str]:
    """Return the command of a C compiler with GNU vectors: $CC, or the first of the known names that is installed."""
    if os.environ.get("CC"):
        return os.environ["CC"].split()
    for name in ("gcc", "clang") if WINDOWS else ("cc", "gcc", "clang"):
        if found := shutil.which(name):
            return [found]
    raise BuildError("no C compiler is at hand")


def architectures() -> list[str]:
    """Return the target architectures: those in ARCHFLAGS on macOS, otherwise that of this machine."""
    words = os.environ.get("ARCHFLAGS", "").split() if sys.platform == "darwin" else []
    return [word for word in words if word != "-arch"] or [platform.machine().lower()]


def compile_library(target: Path, extra: Sequence[str] = (), compiler: Sequence[str] | None = None) -> None:
    """Compile the engine to `target`. Raises BuildError."""
    command = [*(compiler or find_compiler()), *FLAGS, *extra]
    if not WINDOWS:
        command += ["-fPIC"]
    link = ["-shared", "-static-libgcc"] if WINDOWS else ["-shared", "-lm", "-pthread"]
    machines = architectures()
    for machine in machines if sys.platform == "darwin" else ():
        command += ["-arch", machine]
    x86 = all(machine in ("x86_64", "amd64") for machine in machines)
    variants = VARIANTS if x86 else {"baseline": VARIANTS["baseline"]}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs = []
        for variant, flags in variants.items():
            for source, contraction in (("kernels", "fast"), ("taps", "off"), ("similarity", "fast")):
                output = folder / f"{source}_{variant}.o"
                options = [*flags, f"-DVARIANT={variant}", f"-ffp-contract={contraction}"]
                jobs.append([*command, *options, "-c", f"{source}.c", "-o", str(output)])
        for source in ("network", "platform", "variants"):
            options = ["-DHAVE_X86_VARIANTS"] if x86 else []
            jobs.append([*command, *options, "-c", f"{source}.c", "-o", str(folder / f"{source}.o")])
        with ThreadPoolExecutor() as pool:
            list(pool.map(run, jobs))
        made = folder / target.name
        run([*command, *sorted(str(path) for path in folder.glob("*.o")), *link, "-o", str(made)])
        if machines == [platform.machine().lower()] and not extra:  # sanitizers must be loaded first
            try:
                ctypes.CDLL(str(made)).eyediff_interface()
            except (OSError, AttributeError) as error:
                raise BuildError(f"the library does not load: {error}") from error
        shutil.copyfile(made, target.with_suffix(".new"))
        target.with_suffix(".new").replace(target)  # a process that has loaded the old library keeps it


def run(command: list[str]) -> None:
    """Run a compiler in the folder of the sources. Raises BuildError."""
    try:
        done = subprocess.run(  # noqa: S603 - a compiler, and what is written here
            command, cwd=SOURCES, capture_output=True, text=True, check=False, timeout=600
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(str(error)) from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
        raise BuildError(lines[0] if lines else f"{command[0]} failed with code {done.returncode}")


def platform_tag() -> str:
    """Return the platform tag in the name of the wheel."""
    tag = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    if sys.platform != "darwin":
        return tag
    machines = architectures()
    machine = "universal2" if len(machines) > 1 else machines[0]
    default = "11.0" if machine == "arm64" else "10.15"
    major, minor = [*os.environ.get("MACOSX_DEPLOYMENT_TARGET", default).split("."), "0"][:2]
    return f"macosx_{major}_{minor}_{machine}"


if __name__ == "__main__":
    compile_library(LIBRARY)
    print(LIBRARY)  # noqa: T201 - what the command made
