"""generate NAME: completions of every benchmark's tasks by finetuned or a baseline, one process."""

import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from ketune.devices.lease import leased_devices
from ketune.generation.imported import import_completions
from ketune.generation.prompts import Backend, Prompt, Subject, prompts_of
from ketune.generation.resumable import Effort, generate_missing
from ketune.params import Baseline, Params, load_params
from ketune.params.baselines import load_baseline
from ketune.paths import COMPLETIONS, FINETUNED, LOCK, record
from ketune.runtime import StageError, file_sha256, stage_main, versions, write_json
from ketune.scratch import run_key, scratch_directory
from ketune.tasks.benchmarks import Task, applicable, load_tasks
from ketune.tasks.completions import Completion, read_completions, write_completions

# By generation.backend; imported when asked for: seconds that no other backend needs.
BACKENDS = {
    "transformers": "ketune.generation.transformers",
    "vllm": "ketune.generation.vllm",
    "openai": "ketune.generation.endpoint",
}


def main() -> None:
    """Generate what an interrupted run has not, then write all completions in task order."""
    if len(sys.argv) != 2:
        raise StageError("usage: python -m stages.generate finetuned, or a name of baselines/")
    label = sys.argv[1]
    params, baseline = (load_params(), Baseline()) if label == FINETUNED else load_baseline(label)
    if baseline.completions is not None:
        path = Path(baseline.completions)
        tasks = load_tasks(params.benchmarks)
        answered = applicable(tasks, baseline)
        completions = import_completions(path, answered, baseline.md5)
        provenance: dict[str, Any] = {"completions": str(path), "md5": baseline.md5}
        _publish(label, tasks, completions, {"provenance": provenance})
        return
    backend: Backend = import_module(BACKENDS[params.generation.backend]).BACKEND
    # Before anything asks torch for a GPU.
    with leased_devices(params, backend.gpus):
        _generate(backend, params, baseline, label)


def _generate(backend: Backend, params: Params, baseline: Baseline, label: str) -> None:
    params, subject = backend.locate(params, baseline, label)
    tasks = load_tasks(params.benchmarks)
    blank = label == FINETUNED and params.generation.blank_images
    prompts = prompts_of(applicable(tasks, baseline), blank_images=blank)
    backend.check(params, subject, prompts)
    key = _run_key(backend, params, subject, prompts)
    with scratch_directory("generate", key) as scratch:
        partial = scratch.path / "completions.jsonl"
        effort = generate_missing(backend, params, subject, prompts, partial)
        order = {prompt.key: position for position, prompt in enumerate(prompts)}
        completions = sorted(
            read_completions(partial),
            key=lambda c: (order[c["task_id"], c["condition"]], c["sample"]),
        )
        _publish(label, tasks, completions, _run(backend, params, subject, prompts, effort))


def _run_key(backend: Backend, params: Params, subject: Subject, prompts: list[Prompt]) -> str:
    # A prepared image's name holds the hash of its content.
    return run_key(
        {
            "model": subject.model.digest,
            "prompts": [[prompt.condition, asdict(prompt.task)] for prompt in prompts],
            "generation": _sampling(params),
            "backend": backend.determinants(params, subject),
            "lock": file_sha256(LOCK),
        }
    )


def _sampling(params: Params) -> dict[str, Any]:
    """What is asked twice, with images blanked, the prompts say."""
    return params.generation.model_dump(exclude={"endpoint", "blank_images"})


def _run(
    backend: Backend, params: Params, subject: Subject, prompts: list[Prompt], effort: Effort
) -> dict[str, Any]:
    """Durations and provenance. Rates are of this process, from its first prompt on."""
    model = subject.model
    return {
        "seconds": round(effort.seconds, 1),
        "tokens_per_second": round(effort.tokens / max(effort.seconds, 1e-9), 1),
        "provenance": {
            "model": model.name,
            "model_revision": model.revision,
            # What an endpoint calls its model says nothing of the weights.
            "model_digest": None if model.digest == model.name else model.digest,
            "system": None if subject.own_template else params.system,
            "max_pixels": params.max_pixels,
            "generation": _sampling(params),
            **backend.provenance(params, subject),
            "resumed_after_prompts": len(prompts) - effort.prompts,
            "versions": versions(*backend.packages),
        },
    }


def _publish(
    label: str, tasks: list[Task], completions: list[Completion], run: dict[str, Any]
) -> None:
    """Write the completions and their record, and say what is in them."""
    path = COMPLETIONS / f"{label}.jsonl"
    write_completions(path, completions)
    answered = {c["task_id"] for c in completions}
    counts = {
        "tasks": len(answered),
        "not_applicable": len(tasks) - len(answered),
        "completions": len(completions),
        "truncated": sum(c["truncated"] for c in completions),
        "empty": sum(not c["completion"].strip() for c in completions),
    }
    write_json(record(path), counts | run)
    print(f"{label}: " + ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in counts.items()))


if __name__ == "__main__":
    stage_main(main)
