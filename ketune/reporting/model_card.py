"""The model card of the published adapter: what it is, what it scored, and what it is not for.

Made of records alone, and without a time, so that the same run gives one page.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ketune.reporting.report import SLICES, TITLES
from ketune.tables import markdown

_MEASURES = {"pass_at_1": "pass@1", "rouge_l": "ROUGE-L F1", "bleu": "BLEU-4"}
_HUB_DATASETS = "https://huggingface.co/datasets"


def render(
    *,
    base: Mapping[str, Any],
    data: Mapping[str, Any],
    train: Mapping[str, Any],
    figures: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> str:
    """The page, with the metadata that a hub reads.

    `base` is models/base.json, `data` data/raw/source.json, `train` the record of models/adapter,
    `figures` that of the fine-tuned model's slices, `parameters` what it was trained with by name.
    A local base or dataset is named in the text alone: a hub's metadata takes hub ids.
    """
    name = f"{str(base['model']).rstrip('/').rpartition('/')[2]}-qiskit-lora"
    rows = list(_figures(figures))
    metadata = ModelCardData(
        base_model=base["model"] if base["commit"] else None,
        datasets=[data["source"]] if data["commit"] else None,
        eval_results=[_result(data, *row) for row in rows] or None,
        language="en",
        library_name="peft",
        license="other",
        license_name="as-base-model-and-dataset",
        model_name=name,
        pipeline_tag="image-text-to-text",
        tags=["qiskit", "quantum-computing", "lora", "ms-swift"],
    )
    table = [
        [f"{TITLES.get(benchmark, benchmark)}: {label}", str(tasks), _rate(rate)]
        for benchmark, _, label, tasks, rate in rows
    ]
    lines = [
        "---",
        metadata.to_yaml(),
        "---",
        "",
        f"# {name}",
        "",
        f"A LoRA adapter that makes {_pinned(base['model'], base['commit'], base['digest'])} "
        f"answer questions about Qiskit, fine-tuned on {_dataset(data)}.",
        "",
        "```python",
        "from peft import PeftModel",
        "from transformers import AutoModelForImageTextToText",
        "",
        f'base = AutoModelForImageTextToText.from_pretrained("{base["model"]}"'
        + (f', revision="{base["commit"]}")' if base["commit"] else ")"),
        'model = PeftModel.from_pretrained(base, "PATH OR ID OF THIS DIRECTORY")',
        "```",
        "",
        f"It was trained with the system prompt in `args.json`, and with images of at most "
        f"{parameters['max_pixels']:,} pixels: ask it the same way.",
        "",
        "## Figures",
        "",
        *markdown([["", "tasks", "percent [95 % interval]"], *table]),
        "",
        "A program is judged by the benchmark's own test, executed in isolation. Intervals "
        "are Wilson's for pass@1 of one sample a task, else bootstrap over tasks. Images blanked: "
        "the same tasks with a white picture in place of each.",
        "",
        f"eval_loss {train['eval_loss_first']:.4f} before training, {train['eval_loss']:.4f} at "
        f"the best step ({train['best_step']} of {train['last_step']}).",
        "",
        "## Parameters",
        "",
        *markdown([["parameter", "value"], *([f"`{k}`", f"{v}"] for k, v in parameters.items())]),
        "",
        "Versions: "
        + ", ".join(f"{n} {v}" for n, v in train["provenance"]["versions"].items())
        + ".",
        "",
        "## Limits",
        "",
        "- Code that it writes can be wrong, or harmful: read it, and run it isolated.",
        "- The figures are of these benchmarks, of one training seed. "
        "They promise nothing of other tasks, libraries or versions of Qiskit.",
        "- It was trained on English, and on circuits, histograms and diagrams of this dataset.",
        "",
        "## Licence",
        "",
        "The adapter derives from the base model and the dataset: the licences of both bind it. "
        "The code that made it is Apache-2.0.",
    ]
    return str(ModelCard("\n".join(lines) + "\n"))


def _figures(figures: Mapping[str, Any]) -> Iterator[tuple[str, str, str, int, list[float]]]:
    """(benchmark, measure, label, tasks, [percent, low, high]) of what the report shows."""
    for benchmark, kinds in figures.items():
        if benchmark in {"not_applicable", "provenance"}:
            continue
        code, questions = kinds.get("code", {}), kinds.get("qa", {})
        for part, label in SLICES.items():
            if part in code and (part != "scorable" or code[part] != code["all"]):
                yield _row(benchmark, "pass_at_1", label, code[part])
        for measure in ("rouge_l", "bleu") if questions else ():
            yield _row(benchmark, measure, f"QA {_MEASURES[measure]}", questions["all"])


def _row(
    benchmark: str, measure: str, label: str, part: Mapping[str, Any]
) -> tuple[str, str, str, int, list[float]]:
    rates = [round(100 * part[f"{measure}{end}"], 1) for end in ("", "_low", "_high")]
    return benchmark, measure, label, part["tasks"], rates


def _result(
    data: Mapping[str, Any],
    benchmark: str,
    measure: str,
    label: str,
    tasks: int,
    rate: list[float],
) -> EvalResult:
    own = benchmark == "dataset"
    return EvalResult(
        task_type="image-text-to-text",
        dataset_type=data["source"] if own else benchmark,
        dataset_name=f"{data['source']}, test split" if own else TITLES.get(benchmark, benchmark),
        dataset_split="test",
        dataset_revision=data["commit"] if own else None,
        metric_type=measure,
        metric_name=label,
        metric_value=rate[0],
        metric_args={"tasks": tasks, "low_95": rate[1], "high_95": rate[2]},
    )


def _rate(rate: list[float]) -> str:
    return f"{rate[0]:.1f} [{rate[1]:.1f}, {rate[2]:.1f}]"


def _pinned(name: str, commit: str | None, digest: str) -> str:
    if commit:
        return f"[{name}](https://huggingface.co/{name}/tree/{commit}) (commit `{commit}`)"
    return f"`{name}` (a local directory, SHA-256 `{digest}`)"


def _dataset(data: Mapping[str, Any]) -> str:
    if commit := data["commit"]:
        source = data["source"]
        return f"[{source}]({_HUB_DATASETS}/{source}/tree/{commit}) (commit `{commit}`)"
    return f"`{data['source']}` (train split SHA-256 `{data['files']['train']['sha256']}`)"
