"""Tests of `eyediff metrics`, the list from which users choose a metric."""

from __future__ import annotations

from eyediff.metrics.registry import METRICS

from .test_compare import call  # noqa: F401  # a fixture


def test_every_metric_is_listed_with_what_matters(call) -> None:  # noqa: F811
    """Each metric has a line with its direction, range and smallest side. Its source is below the table once."""
    said = call("metrics")
    assert (said.code, said.err) == (0, "")
    table, _, sources = said.out.partition("\n\n")
    lines = {line.split(",")[0].split()[0]: line for line in table.splitlines()}
    for entry in METRICS.values():
        line = lines[entry.name]
        assert ("higher" if entry.higher_is_better else "lower") in line and entry.range in line
        assert f" {entry.programs[entry.versions[0]].smallest_side} " in line
        assert sources.count(f"  {entry.citation}\n") == 1
    assert lines["lpips-alex"].split()[:3] == ["lpips-alex,", "lpips", "*"]
    assert "fetch" in lines["lpips-vgg"] and "ships" in lines["lpips-alex"] and "ships" in lines["lpips-mini"]
