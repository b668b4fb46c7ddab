"""Find the mask of each pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import UsageError, shown, some_of
from ..records import Pair
from .lazy import Lazy
from .walk import images_below, stem_of


def with_masks(pairs: Sequence[Pair], masks: Path) -> Sequence[Pair]:
    """Return the pairs, each with the path of its mask.

    Parameters
    ----------
    pairs
        Pairs in the order of their names.
    masks
        Path of one mask for all pairs, or of a folder of masks. In a folder, the mask of a pair is the file with the
        name of the pair. If there is no such file, it is the file that has this name with another suffix.

    Raises
    ------
    UsageError
        If the path does not exist, or if the folder has no mask or several masks for a pair.
    """
    if not masks.exists():
        raise UsageError(f"{shown(masks)}: no such file or folder; check the path of the masks")
    if not masks.is_dir():
        return Lazy(pairs, lambda pair: replace(pair, mask=masks))
    files = images_below(masks).images
    by_name, by_stem = set(files), dict[str, list[str]]()
    for file in files:
        by_stem.setdefault(stem_of(file), []).append(file)

    def find(pair: Pair) -> list[str]:
        if pair.name in by_name:
            return [pair.name]
        return by_stem.get(pair.name) or by_stem.get(stem_of(pair.name), [])

    missing: list[str] = []
    for pair in pairs:
        found = find(pair)
        if len(found) > 1:
            raise UsageError(
                f"{shown(masks)} has several masks for the pair {shown(pair.name)}: {', '.join(map(shown, found))}; "
                "keep one of them"
            )
        if not found:
            missing.append(pair.name)
    if missing:
        some = some_of([shown(name) for name in missing])
        raise UsageError(
            f"{shown(masks)} has no mask for {len(missing)} of {len(pairs)} pairs ({some}); add these masks; "
            "a completely white mask selects all pixels"
        )
    return Lazy(pairs, lambda pair: replace(pair, mask=masks / find(pair)[0]))
