"""Workflows of GitHub: audited, actions pinned by commit, no more rights than they use."""

import re
import subprocess
import sys
from pathlib import Path

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
