"""Verdicts of many programs. Each is kept as it comes, so that a killed run resumes.

Verdicts are keyed by a hash of all that determines them: the program with its test and limits, the
judge's own code, and the packages that programs run with.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from tqdm import tqdm

import ketune.completions
import ketune.judge
from ketune.judge import JudgeUnavailable, Program, Verdict, judge
from ketune.params.schema import EvaluationParams
from ketune.paths import LOCK
from ketune.runtime import StageError, file_sha256, fingerprint, read_jsonl, versions
from ketune.scratch import drop_half_line, run_key, scratch_directory

_SANDBOX_PATH = "/usr/local/bin:/usr/bin:/bin"


@contextmanager
def judged(
    programs: Sequence[Program], params: EvaluationParams, label: str, runs: int = 1
) -> Iterator[list[list[Verdict]]]:
    """Verdicts of `programs`, in their order, of each run. Equal programs share one verdict a run.

    What an interrupted call had finished is not executed again. It is forgotten when the block
    succeeds: write what the verdicts are for within it.

    Raises StageError when the judge cannot isolate, or fails on a program (after its own retry).
    """
    keys = [_key(program) for program in programs]
    distinct = dict(zip(keys, programs, strict=True))
    determinants = {
        "programs": list(distinct),
        "memory_mb": params.memory_mb,
        "judge": _sources(ketune.judge),
        "environment": environment(),
        "lock": file_sha256(LOCK) if LOCK.is_file() else None,  # none beside an installed release
    }
    with scratch_directory("judge", run_key(determinants)) as scratch:
        verdicts = []
        for run in range(runs):
            name = f"{label}, run {run + 1} of {runs}" if runs > 1 else label
            known = _complete(distinct, params, name, scratch.path / f"run-{run}.jsonl")
            verdicts.append([known[key] for key in keys])
        yield verdicts


def provenance(params: EvaluationParams) -> dict[str, Any]:
    """What verdicts depend on beside the programs."""
    return {
        "isolation": "bubblewrap",
        "timeout_s": params.timeout,
        "memory_mb": params.memory_mb,
        "stitching": params.stitching,
        "versions": environment(),
    }


def judge_name() -> str:
    """The judge in few characters: Qiskit's version, and a digest of our code and of `environment`.

    Two runs with the same name make the same program of an answer and judge it alike, but for the
    limits, which are parameters.
    """
    found = environment()
    known = json.dumps([_sources(ketune.judge), _sources(ketune.completions), found])
    digest = hashlib.sha256(known.encode()).hexdigest()
    return fingerprint(f"qiskit-{found['qiskit']}", digest)


def environment() -> dict[str, str]:
    """Versions of what most decides whether a program runs in the judge."""
    packages = ("qiskit", "qiskit-aer", "qiskit-ibm-runtime", "qiskit-experiments", "numpy")
    return versions(*packages) | {"graphviz": _graphviz()}


@cache
def _graphviz() -> str:
    """Version of the sandbox's `dot`, "absent" without one."""
    dot = shutil.which("dot", path=_SANDBOX_PATH)
    if dot is None:
        return "absent"
    shown = subprocess.run([dot, "-V"], capture_output=True, text=True, check=False)
    return (shown.stderr or shown.stdout).strip().removeprefix("dot - graphviz version ")


def _key(program: Program) -> str:
    text = json.dumps(asdict(program), sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _sources(room: ModuleType) -> dict[str, str]:
    root = Path(str(room.__file__)).parent
    return {str(path.relative_to(root)): file_sha256(path) for path in sorted(root.rglob("*.py"))}


def _complete(
    programs: dict[str, Program], params: EvaluationParams, label: str, journal: Path
) -> dict[str, Verdict]:
    """Verdict of every key, those that `journal` lacks by the judge, appended as they come."""
    drop_half_line(journal)
    known = {
        row["key"]: Verdict(
            programs[row["key"]].task_id, row["outcome"], row["detail"], row["seconds"]
        )
        for row in (read_jsonl(journal) if journal.exists() else [])
    }
    missing = {key: program for key, program in programs.items() if key not in known}
    with (
        journal.open("a", encoding="utf-8") as file,
        tqdm(total=len(programs), initial=len(known), desc=label, unit="program") as bar,
    ):
        for key, verdict in _judge(missing, params, label):
            known[key] = verdict
            row = {"key": key} | {k: v for k, v in asdict(verdict).items() if k != "task_id"}
            file.write(json.dumps(row) + "\n")
            file.flush()
            bar.update()
    return known


def _judge(
    programs: dict[str, Program], params: EvaluationParams, label: str
) -> Iterator[tuple[str, Verdict]]:
    """(key, verdict) of every program, in the order in which they end."""
    if not programs:
        return
    verdicts = judge(
        (replace(program, task_id=key) for key, program in programs.items()),
        workers=len(os.sched_getaffinity(0)),
        timeout=params.timeout,
        memory_mb=params.memory_mb,
        ordered=False,
    )
    try:
        for keyed in verdicts:
            verdict = replace(keyed, task_id=programs[keyed.task_id].task_id)
            if verdict.outcome == "judge_error":
                raise StageError(
                    f"{label}: the judge failed on {verdict.task_id} ({verdict.detail}); this is "
                    "not the model's failure: run the stage again, or mend the task's test"
                )
            yield keyed.task_id, verdict
    except JudgeUnavailable as error:
        raise StageError(str(error)) from None
