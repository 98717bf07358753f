"""A directory in which the evaluation stages run on a benchmark of a few small tasks."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

REPOSITORY = Path(__file__).parents[2]
BENCHMARK = Path("data/benchmarks/small.jsonl")


def task(number: int, reference: str | None = None, pause: float = 0.0) -> dict[str, Any]:
    """A row of a benchmark file: add `number` to x, after a pause (seconds) in the test."""
    return {
        "task_id": f"small/{number}",
        "prompt": f'import math\n\ndef add_{number}(x):\n    """Add {number}."""\n    pass\n',
        "canonical_solution": f"    return math.floor(x) + {number}\n"
        if reference is None
        else reference,
        "test": f"import time\ndef check(candidate):\n    time.sleep({pause})\n"
        f"    assert candidate(4) == {4 + number}\n",
        "entry_point": f"add_{number}",
        "difficulty_scale": "basic",
    }


def make_project(
    root: Path, rows: Sequence[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, **evaluation: Any
) -> None:
    """Make `root` a project whose only benchmark is `rows`, and work there from now on.

    Keywords change the section `evaluation`. Scratch files lie in the project.
    """
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (root / BENCHMARK).parent.mkdir(parents=True)
    (root / BENCHMARK).write_bytes(content)
    shutil.copytree(REPOSITORY / "baselines", root / "baselines")
    (root / "requirements.lock").write_text("")
    yaml = YAML(pure=True)
    params = yaml.load(REPOSITORY / "params.yaml")
    params["benchmarks"] = [
        {
            "name": "small",
            "path": str(BENCHMARK),
            "md5": hashlib.md5(content).hexdigest(),
            "type": "function_completion",
        }
    ]
    params["evaluation"].update({"timeout": 20.0, "memory_mb": 1024, "ceilings": []} | evaluation)
    yaml.dump(params, root / "params.yaml")
    monkeypatch.chdir(root)
    monkeypatch.setenv("KETUNE_CACHE", str(root / "cache"))


def write_completions(name: str, texts: dict[str, str]) -> None:
    """data/completions/NAME.jsonl with one standard completion a task."""
    path = Path("data/completions") / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "task_id": task_id,
            "benchmark": task_id.partition("/")[0],
            "condition": "standard",
            "sample": 0,
            "completion": text,
            "truncated": False,
        }
        for task_id, text in texts.items()
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def kill_while_judging(*arguments: str, after: float) -> None:
    """Start `python -m <arguments>` and kill it `after` seconds past a new verdict."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.DEVNULL,
    )
    try:
        before = _journaled()
        while _journaled() == before:
            assert process.poll() is None, "it ended before it judged anything"
            time.sleep(0.01)
        time.sleep(after)
    finally:
        process.kill()
        process.wait()


def _journaled() -> int:
    return sum(path.stat().st_size for path in Path("cache/judge").glob("*/*.jsonl"))
