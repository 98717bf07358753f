"""Killing `generate` at any moment and running it again: nothing is lost, repeated or changed."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from ketune.generation.prompts import batches, prompts_of
from ketune.params import load_params
from ketune.tasks.benchmarks import load_tasks
from ketune.tasks.completions import read_completions
from tests.generation.server import Reply, Request, serving
from tests.generation.workspace import finished as finished_tasks
from tests.generation.workspace import sampling_workspace
from tests.training.conftest import ROOT
from tests.training.workspace import TINY

KEY = "sk-secret-0123456789"


@pytest.mark.skipif(not TINY.is_dir(), reason=f"{TINY} is not there")
def test_a_model_in_this_process_resumes_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = sampling_workspace(tmp_path / "repository", rows=48)
    result = subprocess.run(
        [sys.executable, str(ROOT / "tests/generation/killing.py"), "5"],
        cwd=workspace.root,
        env=os.environ | {"PYTHONPATH": str(ROOT), "KETUNE_CACHE": "killed"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    attempts = json.loads(result.stdout.splitlines()[-1])
    whole = (workspace.root / "whole.jsonl").read_bytes()
    assert (workspace.root / "data/completions/base.jsonl").read_bytes() == whole
    monkeypatch.chdir(workspace.root)
    params = load_params()
    prompts = prompts_of(load_tasks(params.benchmarks), blank_images=False)
    planned = batches(prompts, params.generation.batch_size)
    for attempt in attempts:
        counts = Counter(attempt["finished"])
        done = {
            batch[0].task.task_id
            for batch in planned
            if all(counts[p.task.task_id] == 2 for p in batch)
        }
        assert not done & set(attempt["started"])
    # The kills fell into the generation.
    assert any(0 < len(attempt["finished"]) < 96 for attempt in attempts)


def test_an_endpoints_client_resumes_with_no_request_repeated_for_a_task_it_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    workspace = sampling_workspace(tmp_path / "repository", rows=40)
    delays = random.Random(3)
    output = workspace.root / "data/completions/served.jsonl"

    def behave(_: Request, number: int) -> Reply | None:
        if number % 7 == 0:
            return Reply(429, {"error": {"message": "slow down"}}, {"Retry-After": "0.1"})
        return Reply(delay=delays.uniform(0.02, 0.3))

    with serving(behave) as server:
        (workspace.root / "baselines/served.yaml").write_text(
            f"model: remote/model\ngeneration:\n  backend: openai\n  endpoint:\n"
            f"    base_url: {server.url}\n    concurrency: 6\n"
        )
        for _ in range(2):
            before, seen = set(finished_tasks(workspace.cache)), len(server.requests)
            process = workspace.start("stages.generate", "served")
            while len(server.requests) < seen + 12:
                assert process.poll() is None, process.communicate()
                time.sleep(0.02)
            process.kill()
            process.wait()
            asked = {question_id(r) for r in server.requests[seen:]}
            assert not before & asked
        lost = damage_first_record(workspace.cache)
        finished, seen = set(finished_tasks(workspace.cache)) - {lost}, len(server.requests)
        assert finished
        workspace.run("stages.generate", "served")
        answered = Counter(question_id(r) for r in server.requests[seen:])
        assert not finished & set(answered)
        assert len(finished | set(answered)) == 40
        resumed = output.read_bytes()
        metrics = workspace.json("data/completions/served.record.json")
        workspace.cache = tmp_path / "other"
        server.behave = lambda *_: None
        workspace.run("stages.generate", "served")
    assert output.read_bytes() == resumed
    assert metrics["completions"] == len(read_completions(output)) == 80
    assert metrics["provenance"]["resumed_after_prompts"] == len(finished)
    assert metrics["provenance"]["model"] == "remote/model"
    assert metrics["provenance"]["model_digest"] is None
    for path in (*workspace.root.rglob("*"), *workspace.cache.rglob("*")):
        if path.is_file() and not path.is_relative_to(workspace.root / "stages"):
            assert KEY.encode() not in path.read_bytes(), path


def damage_first_record(cache: Path) -> str:
    """Make the first record of the journal one that no stage can read. Returns its task."""
    (journal,) = cache.glob("generate/*/completions.jsonl")
    first, *others = journal.read_text().splitlines(keepends=True)
    record = json.loads(first)
    parts = [{"type": "text", "text": record["completion"]}]
    journal.write_text("".join([json.dumps(record | {"completion": parts}) + "\n", *others]))
    return str(record["task_id"])


def question_id(request: Request) -> str:
    """The task of a request: every row of the split has a question of its own."""
    return f"dataset/test-{int(request.question.split()[-1]):06d}"
