"""Pairs from lists and tables, without a cluster. Also the error if Ray is not installed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from eyediff import cli
from eyediff.cli.ray import with_address
from eyediff.errors import UsageError
from eyediff.records import Pair

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray emits warnings


def test_without_ray_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """The import of eyediff.ray and the option --ray give the same instruction."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "ray" or name.startswith("eyediff.ray")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ModuleNotFoundError, match=r"^eyediff.ray needs Ray Data.*pip install 'eyediff\[ray\]'"):
        importlib.import_module("eyediff.ray")
    assert cli.run(["compare", "a.png", "b.png", "--ray"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "pip install 'eyediff[ray]'" in said


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (["a", "b", "--ray"], ["a", "b", "--ray="]),
        (["--ray", "a", "b"], ["--ray=", "a", "b"]),
        (["a", "b", "--ray", "-m", "psnr"], ["a", "b", "--ray=", "-m", "psnr"]),
        (["a", "b", "--ray", "auto"], ["a", "b", "--ray", "auto"]),
        (["a", "b", "--ray", "head-1:6379"], ["a", "b", "--ray", "head-1:6379"]),
        (["a", "b", "--ray", "ray://head:10001"], ["a", "b", "--ray", "ray://head:10001"]),
        (["--", "--ray", "b"], ["--", "--ray", "b"]),
    ],
)
def test_the_address_may_be_left_out(given: list[str], read: list[str]) -> None:
    """The argument after --ray is an address only if it has the form of an address. A folder is never an address."""
    assert with_address(given) == read


def test_an_address_where_nobody_is(capsys) -> None:
    """An address without an answer gives an error within seconds, and the exit code 2."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed: pip install 'eyediff[ray]'")
    assert cli.run(["compare", "a.png", "b.png", "--ray", "127.0.0.1:9"]) == 2
    assert "--ray 127.0.0.1:9: there is no answer" in capsys.readouterr().err


def test_lists_tables_and_folders(tmp_path: Path) -> None:
    """All sources give pairs. The default name is the path of the candidate. A URL stays unchanged."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed: pip install 'eyediff[ray]'")
    import pyarrow as pa
    import pyarrow.parquet as pq

    from eyediff.ray import pairs

    found = pairs([("a.png", Path("b.png")), {"reference": "r", "candidate": "memory://x//y.png", "pair": "n"}])
    assert found[0] == Pair("b.png", Path("a.png"), Path("b.png"))
    assert (found[1].name, str(found[1].candidate)) == ("n", "memory://x//y.png")
    columns = {"reference": ["a", "b", "c"], "candidate": ["x", "y", "z"], "label": [1, 2, 3]}
    pq.write_table(pa.table(columns), tmp_path / "pairs.parquet")
    for source in (tmp_path / "pairs.parquet", f"file://{tmp_path}/pairs.parquet", tmp_path):
        table = pairs(source)
        assert [str(pair.reference) for pair in table] == ["a", "b", "c"] and table[1].name == "y"
        assert [pair.name for pair in table[::2]] == ["x", "z"]
    bad = [
        ([], "the list of pairs is empty"),
        ([("a", "b"), ("c", "b")], "two pairs have the name b"),
        ([{"reference": "a"}], "it also needs candidate"),
        (["ab"], "'ab' is not a pair"),
        ([("nope://a", "b")], "nope:// cannot be opened"),
        (tmp_path / "none.parquet", "none.parquet"),
    ]
    for source, words in bad:
        with pytest.raises(UsageError, match=words):
            pairs(source)
