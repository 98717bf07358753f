"""generate <base|finetuned>: completions of every benchmark's tasks, in one process."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from stages.completions.records import Completion, read_completions, write_completions
from stages.completions.tasks import load_tasks
from stages.params import Params, load_params
from stages.runtime import StageError, file_sha256, stage_main
from stages.scratch import drop_half_line, run_key, scratch_directory
from stages.swift.device import require_backend, require_device
from stages.swift.engine import Prompt, batches, load_engine
from stages.swift.model import Model, directory_sha256, locate_model, plugin_digests

MERGED = Path("models/merged")
COMPLETIONS = Path("data/completions")
LOCK = Path("requirements.lock")


def main() -> None:
    """Generate what an interrupted run has not, then write all completions in task order."""
    if len(sys.argv) != 2 or sys.argv[1] not in {"base", "finetuned"}:
        raise StageError("usage: python -m stages.generate base|finetuned")
    label = sys.argv[1]
    params = load_params()
    require_device(params)
    require_backend(params)
    model = _model(params, label)
    blank = label == "finetuned" and params.generation.blank_images
    prompts = _prompts(params, blank)
    with scratch_directory("generate", _run_key(params, model, prompts)) as scratch:
        partial = scratch.path / "completions.jsonl"
        _generate_missing(params, model, prompts, partial, label)
        order = {prompt.key: position for position, prompt in enumerate(prompts)}
        completions = sorted(
            read_completions(partial),
            key=lambda c: (order[c["task_id"], c["condition"]], c["sample"]),
        )
        write_completions(COMPLETIONS / f"{label}.jsonl", completions)


def _model(params: Params, label: str) -> Model:
    if label == "base":
        return locate_model(params.model, params.model_revision)
    if not (MERGED / "config.json").is_file():
        raise StageError(f"{MERGED} has no model; run the merge stage (dvc repro merge)")
    return Model(str(MERGED), None, directory_sha256(MERGED))


def _prompts(params: Params, blank_images: bool) -> list[Prompt]:
    prompts = []
    for task in load_tasks(params.benchmarks):
        prompts.append(Prompt(task, "standard"))
        if blank_images and task.images:
            prompts.append(Prompt(task, "blank_images"))
    return prompts


def _run_key(params: Params, model: Model, prompts: list[Prompt]) -> str:
    # A prepared image's name holds the hash of its content.
    return run_key(
        {
            "model": model.digest,
            "prompts": [[prompt.condition, asdict(prompt.task)] for prompt in prompts],
            "generation": params.generation.model_dump(),
            "template": [params.template, params.system, params.max_pixels],
            "plugins": plugin_digests(params.external_plugins),
            "precision": [params.torch_dtype, params.attn_impl, params.use_cpu],
            "lock": file_sha256(LOCK),
        }
    )


def _generate_missing(
    params: Params, model: Model, prompts: list[Prompt], partial: Path, label: str
) -> None:
    """Append the completions of every batch that `partial` does not hold whole, batch by batch."""
    partial.touch()
    drop_half_line(partial)
    known = read_completions(partial)
    kept, missing = _split_batches(batches(prompts, params), known, params.generation.n_samples)
    write_completions(partial, kept)
    if not missing:
        return
    engine, start = load_engine(params, model), time.monotonic()
    todo = sum(len(batch) for batch in missing)
    with (
        partial.open("a", encoding="utf-8") as file,
        tqdm(total=todo, desc=f"generate {label}", unit="prompt") as bar,
    ):
        for batch in missing:
            for completion in _complete(batch, engine(batch)):
                file.write(json.dumps(completion, ensure_ascii=False) + "\n")
            file.flush()
            bar.update(len(batch))
    print(f"{label}: {todo} prompts answered in {time.monotonic() - start:.0f} s")


def _split_batches(
    planned: list[list[Prompt]], known: list[Completion], n_samples: int
) -> tuple[list[Completion], list[list[Prompt]]]:
    """Completions of whole batches, and the batches that must be generated."""
    counts = Counter((c["task_id"], c["condition"]) for c in known)
    missing = [batch for batch in planned if any(counts[p.key] < n_samples for p in batch)]
    again = {prompt.key for batch in missing for prompt in batch}
    return [c for c in known if (c["task_id"], c["condition"]) not in again], missing


def _complete(batch: list[Prompt], answers: list[list[str]]) -> Iterator[Completion]:
    for prompt, samples in zip(batch, answers, strict=True):
        for number, text in enumerate(samples):
            yield {
                "task_id": prompt.task.task_id,
                "benchmark": prompt.task.benchmark,
                "condition": prompt.condition,
                "sample": number,
                "completion": text,
            }


if __name__ == "__main__":
    stage_main(main)
