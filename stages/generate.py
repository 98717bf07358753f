"""generate NAME: completions of every benchmark's tasks by finetuned or a baseline, one process."""

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ketune.completions.imported import applicable, import_completions
from ketune.devices.device import device_name, require_backend, require_device
from ketune.devices.lease import leased_devices
from ketune.generation import Answer, Engine, Prompt, batches, prompts_of
from ketune.generation.swift_engines import load_engine
from ketune.models.locate import Model, directory_sha256, locate_model, plugin_digests
from ketune.models.settle import sees_images, settle_model
from ketune.params import Baseline, Params, load_baseline, load_params
from ketune.runtime import StageError, file_sha256, stage_main, versions, write_json
from ketune.scratch import run_key, scratch_directory
from ketune.tasks.benchmarks import Task, load_tasks
from ketune.tasks.completions import (
    Completion,
    read_completions,
    read_journal,
    write_completions,
)

FINETUNED = "finetuned"
MERGED = Path("models/merged")
COMPLETIONS = Path("data/completions")
METRICS = Path("metrics/generate")
LOCK = Path("requirements.lock")
VERSIONS = {
    "transformers": ("ms-swift", "torch", "transformers"),
    "vllm": ("ms-swift", "torch", "transformers", "vllm"),
    "openai": ("openai",),
}


@dataclass(frozen=True)
class Subject:
    """Who is asked. `own_template`: with the chat template and system prompt of its own files."""

    label: str
    model: Model
    own_template: bool


@dataclass
class Effort:
    """What this process did: prompts and tokens it generated, and the seconds it took."""

    prompts: int = 0
    tokens: int = 0
    seconds: float = 0.0


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
    # Before anything asks torch for a GPU.
    with leased_devices(params, 0 if params.generation.backend == "openai" else 1):
        _generate(params, baseline, label)


def _generate(params: Params, baseline: Baseline, label: str) -> None:
    if params.generation.backend != "openai":
        require_device(params)
        require_backend(params)
    model = _model(params, label)
    if params.generation.backend != "openai":
        params = settle_model(params, model)
    subject = Subject(label, model, baseline.template_backend == "jinja")
    tasks = load_tasks(params.benchmarks)
    blank = label == FINETUNED and params.generation.blank_images
    prompts = prompts_of(applicable(tasks, baseline), blank_images=blank)
    if params.generation.backend != "openai":
        _require_eyes(params, subject, prompts)
    with scratch_directory("generate", _run_key(params, subject, prompts)) as scratch:
        partial = scratch.path / "completions.jsonl"
        effort = generate_missing(params, subject, prompts, partial)
        order = {prompt.key: position for position, prompt in enumerate(prompts)}
        completions = sorted(
            read_completions(partial),
            key=lambda c: (order[c["task_id"], c["condition"]], c["sample"]),
        )
        _publish(label, tasks, completions, _run(params, subject, prompts, effort))


def _model(params: Params, label: str) -> Model:
    if label != FINETUNED:
        if params.generation.backend == "openai" and not Path(params.model).is_dir():
            return Model(params.model, None, params.model)  # whatever the endpoint calls so
        return locate_model(params.model, params.model_revision)
    if not (MERGED / "config.json").is_file():
        raise StageError(f"{MERGED} has no model; run the merge stage (dvc repro merge)")
    return Model(str(MERGED), None, directory_sha256(MERGED))


def _require_eyes(params: Params, subject: Subject, prompts: list[Prompt]) -> None:
    images = sum(bool(prompt.task.images) for prompt in prompts)
    if images and not sees_images(params, subject.model):
        raise StageError(
            f"{subject.label}: {images} prompts have images and {subject.model.name} reads text "
            f"alone; set multimodal: false in baselines/{subject.label}.yaml"
            if subject.label != FINETUNED
            else f"{images} test rows have images and {subject.model.name} reads text alone; set "
            "data.source to rows without images"
        )


def _run_key(params: Params, subject: Subject, prompts: list[Prompt]) -> str:
    # A prepared image's name holds the hash of its content.
    return run_key(
        {
            "model": subject.model.digest,
            "prompts": [[prompt.condition, asdict(prompt.task)] for prompt in prompts],
            "generation": params.generation.model_dump(exclude={"endpoint"}),
            "endpoint": _endpoint(params),
            "template": [params.template, subject.own_template, params.system, params.max_pixels],
            "plugins": plugin_digests(params.external_plugins),
            "precision": [params.torch_dtype, params.attn_impl, params.use_cpu],
            "lock": file_sha256(LOCK),
        }
    )


def _endpoint(params: Params) -> dict[str, Any] | None:
    """What of the endpoint may change an answer. A resumed run may ask slower or more patiently."""
    if params.generation.backend != "openai":
        return None
    return params.generation.endpoint.model_dump(include={"base_url", "extensions"})


def generate_missing(
    params: Params, subject: Subject, prompts: list[Prompt], partial: Path
) -> Effort:
    """Append the completions of every batch that `partial` does not hold whole, batch by batch."""
    known = read_journal(partial)
    kept, missing = _split_batches(batches(prompts, params), known, params.generation.n_samples)
    write_completions(partial, kept)
    effort = Effort()
    if not missing:
        return effort
    engine, start = _engine(params, subject), time.monotonic()
    todo = sum(len(batch) for batch in missing)
    with (
        partial.open("a", encoding="utf-8") as file,
        tqdm(total=todo, desc=f"generate {subject.label}", unit="prompt") as bar,
    ):

        def record(
            batch: Sequence[Prompt], answers: Sequence[Sequence[Answer]], tokens: int
        ) -> None:
            for completion in _complete(batch, answers):
                file.write(json.dumps(completion, ensure_ascii=False) + "\n")
            file.flush()
            effort.prompts += len(batch)
            effort.tokens += tokens
            bar.update(len(batch))

        engine(missing, record)
    effort.seconds = time.monotonic() - start
    return effort


def _engine(params: Params, subject: Subject) -> Engine:
    if params.generation.backend != "openai":
        return load_engine(params, subject.model, own_template=subject.own_template)
    # Imported here: seconds that no other backend needs.
    from ketune.generation.endpoint import load_endpoint  # noqa: PLC0415

    name = served_name(subject.model)
    print(f"asking {params.generation.endpoint.base_url} for {name}", flush=True)
    return load_endpoint(params, name, own_template=subject.own_template)


def served_name(model: Model) -> str:
    """The name an endpoint must serve a model under: with the digest of a directory's weights.

    So no server that still has the last experiment's weights is taken for this one's.
    """
    path = Path(model.name)
    return f"{path.name}-{model.digest[:12]}" if path.is_dir() else model.name


def _split_batches(
    planned: list[list[Prompt]], known: list[Completion], n_samples: int
) -> tuple[list[Completion], list[list[Prompt]]]:
    """Completions of whole batches, and the batches that must be generated."""
    known = [c for c in known if 0 <= c["sample"] < n_samples]
    counts = Counter((c["task_id"], c["condition"]) for c in known)
    missing = [batch for batch in planned if any(counts[p.key] < n_samples for p in batch)]
    whole = {prompt.key for batch in planned for prompt in batch}
    whole -= {prompt.key for batch in missing for prompt in batch}
    return [c for c in known if (c["task_id"], c["condition"]) in whole], missing


def _complete(batch: Sequence[Prompt], answers: Sequence[Sequence[Answer]]) -> list[Completion]:
    return [
        {
            "task_id": prompt.task.task_id,
            "benchmark": prompt.task.benchmark,
            "condition": prompt.condition,
            "sample": number,
            "completion": answer.text,
            "truncated": answer.truncated,
        }
        for prompt, samples in zip(batch, answers, strict=True)
        for number, answer in enumerate(samples)
    ]


def _run(params: Params, subject: Subject, prompts: list[Prompt], effort: Effort) -> dict[str, Any]:
    """Durations and provenance. Rates are of this process, from its first prompt on."""
    model = subject.model
    if params.generation.backend == "openai":
        where: dict[str, Any] = {"served_as": served_name(model)}
        where["endpoint"] = _endpoint(params)
    else:
        where = {
            "template": "the model's own" if subject.own_template else params.template,
            "torch_dtype": params.torch_dtype,
            "attn_impl": params.attn_impl,
            "device": device_name(params),
        }
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
            "generation": params.generation.model_dump(exclude={"endpoint", "blank_images"}),
            "profile": params.profile,
            **where,
            "resumed_after_prompts": len(prompts) - effort.prompts,
            "versions": versions(*VERSIONS[params.generation.backend]),
        },
    }


def _publish(
    label: str, tasks: list[Task], completions: list[Completion], run: dict[str, Any]
) -> None:
    """Write the completions and their metrics, and say what is in them."""
    write_completions(COMPLETIONS / f"{label}.jsonl", completions)
    answered = {c["task_id"] for c in completions}
    counts = {
        "tasks": len(answered),
        "not_applicable": len(tasks) - len(answered),
        "completions": len(completions),
        "truncated": sum(c["truncated"] for c in completions),
        "empty": sum(not c["completion"].strip() for c in completions),
    }
    write_json(METRICS / f"{label}.json", counts | run)
    print(f"{label}: " + ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in counts.items()))


if __name__ == "__main__":
    stage_main(main)
