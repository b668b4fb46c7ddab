"""Matching rules other than equal names: patterns, expressions, one folder for both sides, and proposed rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from eyediff.errors import UsageError
from eyediff.pairing import pair_up
from eyediff.pairing.proposal import propose_patterns
from eyediff.pairing.rules import parse_rule
from eyediff.records import Pair, Unmatched

from .made import files, names, told


def test_patterns_pair_names_that_differ(tmp_path: Path) -> None:
    """The field is the common part of both names, and names the pair. It may contain folders. The order is natural."""
    left = files(tmp_path / "l", "10.png", "9.png", "set/1.png", "alone.png")
    right = files(tmp_path / "r", "10x4.png", "9x4.png", "set/1x4.png", "9x2.png")
    found = pair_up(left, right, "{name}.png={name}x4.png")
    assert list(found.pairs) == [
        Pair("9", left / "9.png", right / "9x4.png"),
        Pair("10", left / "10.png", right / "10x4.png"),
        Pair("set/1", left / "set/1.png", right / "set/1x4.png"),
    ]
    assert list(found.unmatched) == [Unmatched("reference", left / "alone.png")]
    assert found.hints == ("1 image is not compared, because the matching rule does not fit the name: 9x2.png",)


@pytest.mark.parametrize(
    ("text", "reference", "candidate", "key"),
    [
        ("{name}.png={name}.jpg", "a/b.png", "a/b.jpg", "a/b"),
        ("{name}_gt={name}_pred", "a_gt.png", "a_pred.webp", "a"),
        ("gt/{name}.png={name}=1.png", "gt/a.png", "a=1.png", "a"),
        ("{scene}/gt/{name}.png={scene}/out/{name}.png", "lego/gt/0.png", "lego/out/0.png", "lego/0"),
        ("{name}/{name}.png={name}.png", "a/a.png", "a.png", "a"),
        (r"(\d+)", "img_0012_gt.png", "0012.png", "0012"),
        (r"_(?P<name>\d+)", "a_1.png", "b_1.png", "1"),
    ],
)
def test_keys(text: str, reference: str, candidate: str, key: str) -> None:
    """A rule gives the same key for the reference and the candidate.

    The rules are regular expressions, and patterns with a suffix, without a suffix, with an equals sign, with several
    fields, and with a repeated field.
    """
    rule = parse_rule(text)
    assert rule.reference(reference) == rule.candidate(candidate) == key
    assert rule.reference("other") is None


def test_a_field_repeats_itself_exactly() -> None:
    """A repeated {name} matches only the same text. A special character of expressions matches itself."""
    rule = parse_rule("{name}/{name}.png={name}+.png")
    assert rule.reference("a/b.png") is None
    assert rule.candidate("a+.png") == "a"
    assert rule.candidate("aa.png") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stam", "match='stam' is not a matching rule; expected name, stem, patterns such as"),
        ("{name}.png", "expected one pattern for the reference"),
        ("{name}.png={other}.png", "with the same fields"),
        ("(", "not a valid regular expression"),
        ("(?P<reference>a)|b", "groups `name`, `reference` and `candidate`"),
    ],
)
def test_a_rule_that_is_none(text: str, message: str) -> None:
    """A wrong rule is refused before any folder is read. A misspelled word is not an expression."""
    with pytest.raises(UsageError, match=re.escape(message)):
        pair_up(Path("gone"), Path("gone"), text)


def test_an_expression_that_finds_the_same_twice(tmp_path: Path) -> None:
    """Two files of one side with the same key are refused, as for equal stems."""
    left, right = files(tmp_path / "l", "a1.png", "b1.png"), files(tmp_path / "r", "1.png")
    assert "several files have the same name under the matching rule: a1.png and b1.png" in told(left, right, r"(\d)")


@pytest.mark.parametrize(
    "rule", ["{name}_gt.png={name}_pred.png", r"(?P<name>.*)_(?:(?P<reference>gt)|(?P<candidate>pred))\."]
)
def test_one_folder_for_both_sides(tmp_path: Path, rule: str) -> None:
    """Every image is in a pair, is listed as unmatched, or is named in a hint as left out."""
    folder = files(tmp_path / "all", "1_gt.png", "1_pred.png", "2_gt.png", "3_pred.png", "1_depth.png")
    found = pair_up(folder, folder, rule)
    assert list(found.pairs) == [Pair("1", folder / "1_gt.png", folder / "1_pred.png")]
    assert list(found.unmatched) == [
        Unmatched("reference", folder / "2_gt.png"),
        Unmatched("candidate", folder / "3_pred.png"),
    ]
    assert "1_depth.png" in found.hints[0]


def test_a_file_that_both_patterns_fit(tmp_path: Path) -> None:
    """{name}.png makes every file a reference. The candidate of a pair is not reported as an unmatched reference."""
    folder = files(tmp_path / "all", "1.png", "1x4.png", "2x4.png")
    found = pair_up(folder, folder, "{name}.png={name}x4.png")
    assert names(found) == ["1"]
    assert list(found.unmatched) == [Unmatched("candidate", folder / "2x4.png")]


def test_one_folder_that_no_rule_divides(tmp_path: Path) -> None:
    """Equal patterns would compare each file with itself. The message proposes a rule that works."""
    folder = files(tmp_path / "all", "1_gt.png", "1_pred.png")
    for rule in ("name", "stem", r"(\d)", "{name}.png={name}.png"):
        message = told(folder, folder, rule)
        assert "the same folder" in message
        assert "match='{name}_gt.png={name}_pred.png' makes 1 pair" in message
    assert "no two images of" in told(folder, folder, "{name}_a.png={name}_b.png")
    assert "an example is match=" in told(files(tmp_path / "one", "a.png"), tmp_path / "one")


NUMBERS = [f"{i:04}" for i in range(1, 31)]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("{}.png", "{}x4.png", "{name}.png={name}x4.png"),
        ("{}_gt.png", "{}_pred.png", "{name}_gt.png={name}_pred.png"),
        ("gt_{}.png", "pred-{}-x2.jpg", "gt_{name}.png=pred-{name}-x2.jpg"),
        ("HR/{}.png", "{}_sr.png", "HR/{name}.png={name}_sr.png"),
        ("img{}_ref.png", "img{}_out.png", "{name}_ref.png={name}_out.png"),
    ],
)
def test_the_pattern_that_would_pair_most(left: str, right: str, expected: str) -> None:
    """Typical names, some without a partner, give the expected rule for two folders and for one folder."""
    ones, others = [left.format(i) for i in NUMBERS], [right.format(i) for i in NUMBERS[3:]]
    assert propose_patterns(ones, others, one_folder=False) == (expected, 27)
    both = sorted(ones + others)
    if left != "HR/{}.png" and left != "{}.png":
        assert propose_patterns(both, both, one_folder=True) == (expected, 27)


def test_the_layout_of_3d_gaussian_splatting() -> None:
    """One folder has scenes, each with its ground truth and its renders. The proposed rule pairs all of them."""
    both = [f"{scene}/{side}/{i}.png" for scene in ("lego", "chair") for side in ("gt", "renders") for i in NUMBERS]
    assert propose_patterns(both, both, one_folder=True) == (
        "{folder}/gt/{name}.png={folder}/renders/{name}.png",
        60,
    )


def test_one_folder_of_a_series_has_no_sides(tmp_path: Path) -> None:
    """No rule is proposed for the files of a series.

    Any two of them differ by numbers. One accidental pair among many files does not give a rule either.
    """
    for series in (["a/0.png", "b/0.png", "b/1.png"], [f"img_{i}.png" for i in NUMBERS], ["img_1.png", "img_2.png"]):
        assert propose_patterns(series, series, one_folder=True) is None
    photos = ["beach.png", "bench.png", "house.png", "mouse.png", "tree.png", "zoo.png"]
    assert propose_patterns(photos, photos, one_folder=True) is None


def test_nothing_to_propose(tmp_path: Path) -> None:
    """No rule is proposed for names that share nothing, or for names with special characters of patterns.

    For names that differ by a suffix such as x4, the error message has a proposal.
    """
    assert propose_patterns(["a.png"], ["b.png"], one_folder=False) is None
    assert propose_patterns(["{a}=.png"], ["{a}=x.png"], one_folder=False) is None
    left, right = files(tmp_path / "l", "1.png", "2.png"), files(tmp_path / "r", "1x4.png", "2x4.png")
    assert "match='{name}.png={name}x4.png' makes 2 pairs" in told(left, right)
