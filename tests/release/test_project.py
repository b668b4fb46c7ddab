"""Tests that the files for GitHub and for its users name existing files. The workflows themselves cannot run here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def load(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def test_scripts_that_are_named_exist() -> None:
    """Workflows, the action, the CI's script and the documents for contributors name only existing scripts."""
    documents = [ROOT / name for name in ("action.yml", ".ci/run", "CONTRIBUTING.md", "RELEASING.md", "scripts/test")]
    named = {
        name
        for path in [*WORKFLOWS, *documents]
        for name in re.findall(r"\b(?:scripts|benchmarks)/\w+(?:\.\w+)?", path.read_text(encoding="utf-8"))
    }
    assert "scripts/test" in named and [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_actions_are_pinned() -> None:
    """Actions are pinned to a full version: a tag such as v4 may be another action next week."""
    steps = load(ROOT / "action.yml")["runs"]["steps"]
    steps += [step for path in WORKFLOWS for job in load(path)["jobs"].values() for step in job["steps"]]
    uses = [step["uses"] for step in steps if "uses" in step]
    assert len(uses) > 10
    assert [use for use in uses if use != "./" and not re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", use)] == []


def test_workflows_may_only_read() -> None:
    """Workflows have only the permission to read, unless a job has more."""
    assert all(load(path)["permissions"] == {"contents": "read"} for path in WORKFLOWS)


def test_every_python_that_is_promised_is_tested() -> None:
    """The classifiers, the matrix and `requires-python` have the same versions."""
    matrix = load(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]["suite"]["strategy"]["matrix"]
    found = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", text) for text in PROJECT["classifiers"]]
    assert matrix["python"] == [match[1] for match in found if match]
    assert PROJECT["requires-python"] == f">={matrix['python'][0]}"
    assert [name.partition("-")[0] for name in matrix["os"]] == ["ubuntu", "macos", "windows"]


def test_the_lowest_torch_is_that_of_the_extra() -> None:
    """The workflow states the lowest torch, because the lock file and scripts/lowest leave torch out."""
    job = load(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]["lowest"]
    (torch,) = map(Requirement, PROJECT["optional-dependencies"]["torch"])
    assert torch.specifier.contains(job["env"]["TORCH"]) and f">={job['env']['TORCH']}".startswith(str(torch.specifier))


def test_templates_and_hooks_parse() -> None:
    """Each file has the keys that GitHub or pre-commit requires."""
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        if path.name != "config.yml":
            assert {"name", "description", "body"} <= load(path).keys(), path
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook["entry"].split()[0] in PROJECT["scripts"] and hook["language"] == "python"
    assert load(ROOT / ".pre-commit-config.yaml")["repos"]
    citation = load(ROOT / "CITATION.cff")
    assert (citation["title"], citation["license"]) == (PROJECT["name"], PROJECT["license"])


@pytest.mark.parametrize(("limit", "code"), [("0.5", 0), ("0.1", 1)])
def test_the_action_compares_and_writes_a_summary(tmp_path: Path, limit: str, code: int) -> None:
    """The action exits with the exit code of eyediff. The name of a file cannot end the code block of the summary."""
    for side in ("before", "after"):
        (tmp_path / side).mkdir()
        name = "```<b>`coffee.png" if os.name == "posix" else "coffee.png"
        (tmp_path / side / name).write_bytes((ROOT / "examples" / side / "coffee.png").read_bytes())
    step = {"REFERENCE": "before", "CANDIDATE": "after", "ARGUMENTS": f"-m lpips-mini --max 'lpips-mini={limit}'"}
    (compare,) = (step for step in load(ROOT / "action.yml")["runs"]["steps"] if step.get("id") == "compare")
    assert {*step, "REPORT"} == compare["env"].keys() and "scripts/run_action" in compare["run"]
    files = {"REPORT": "report", "GITHUB_STEP_SUMMARY": "summary.md", "GITHUB_OUTPUT": "output"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "run_action")],
        cwd=tmp_path,
        env={**os.environ, **step, **files},
        capture_output=True,
        check=False,
    )
    assert done.returncode == code and (tmp_path / "output").read_text() == f"exit-code={code}\n"
    title, empty, *lines = (tmp_path / "summary.md").read_text(encoding="utf-8").splitlines()
    assert title == f"## eyediff: {'FAIL' if code else 'PASS'}" and empty == ""
    assert any("coffee.png" in line for line in lines) == bool(code)  # a summary with PASS names no pair
    assert all(line[:4] in ("    ", "") for line in lines)
    assert (tmp_path / "report" / "index.html").exists()


def test_javascript_tools_are_pinned() -> None:
    """The lock file of npm has the packages that package.json requires, and no address of a registry."""
    folder = ROOT / "scripts" / "node"
    asked = json.loads((folder / "package.json").read_text())["devDependencies"]
    text = (folder / "package-lock.json").read_text()
    assert json.loads(text)["packages"][""]["devDependencies"] == asked and '"resolved"' not in text
