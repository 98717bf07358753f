"""One page: the fine-tuned model beside its baselines and the published figures."""

from collections.abc import Sequence
from typing import Any

from ketune.params import Params
from ketune.paths import BASE, FINETUNED
from ketune.tables import markdown

TITLES = {
    "dataset": "test split",
    "qiskit_humaneval": "Qiskit HumanEval",
    "qiskit_humaneval_hard": "Qiskit HumanEval Hard",
}
SLICES = {
    "all": "code pass@1",
    "scorable": "code pass@1, scorable tasks",
    "text": "text code pass@1",
    "multimodal": "multimodal code pass@1",
    "multimodal_blank_images": "multimodal code pass@1, images blanked",
}


def render(
    params: Params, models: dict[str, Any], records: dict[str, Any], published: dict[str, Any]
) -> str:
    """The report as markdown. Percentages with 95 % intervals in brackets.

    `models`: what evaluate wrote, by name; `finetuned` among them. The published columns stand only
    beside runs of the published base model on the published dataset: others compare nothing.
    """
    ours = {"model": params.model, "dataset": params.data.source}
    full = ours == published["setup"]
    names = sorted(models, key=lambda name: (name != BASE, name != FINETUNED))
    header = ["", *("fine-tuned" if name == FINETUNED else name for name in names)]
    header += ["published base", "published r32, 1 epoch"] if full else []
    rows = [_losses(names, records["train"], published if full else None)]
    for benchmark in _benchmarks(models[FINETUNED]):
        reference = published["benchmarks"].get(benchmark, {}) if full else None
        rows += _rows(benchmark, names, models, reference)
    train = records["train"]
    lines = [
        f"# {params.model} fine-tuned on {params.data.source}, and its baselines",
        "",
        *markdown([header, *rows]),
        "",
        "eval_loss is before training and at the best step "
        f"({train['best_step']} of {train['last_step']}). Rates are percent; brackets hold 95 % "
        "intervals: Wilson for pass@1 of one sample a task, bootstrap over tasks otherwise.",
        *_ceilings(records["calibration"], _benchmarks(models[FINETUNED])),
        _contamination(records["data"]["contamination"]),
        f"Merge: largest logit difference {records['merge']['largest_logit_difference']:.2g}.",
    ]
    if full:
        lines.append(f"Published figures: {published['source']}.")
    lines += _image_types(names, models)
    return "\n".join(lines) + "\n"


def _benchmarks(figures: dict[str, Any]) -> list[str]:
    return [name for name in figures if name not in {"not_applicable", "provenance"}]


def _losses(
    names: Sequence[str], train: dict[str, Any], published: dict[str, Any] | None
) -> list[str]:
    known = {BASE: train["eval_loss_first"], FINETUNED: train["eval_loss"]}
    row = ["eval_loss", *(_loss(known.get(name)) for name in names)]
    return row + (
        ["", _loss(published["runs"]["r32-1ep"]["final"]["eval_loss"])] if published else []
    )


def _rows(
    benchmark: str,
    names: Sequence[str],
    models: dict[str, Any],
    reference: dict[str, Any] | None,
) -> list[list[str]]:
    """The table's rows of one benchmark; without `reference` no published columns."""
    own = models[FINETUNED][benchmark]
    title = TITLES.get(benchmark, benchmark)
    code = own.get("code", {})
    wanted = [
        ("code", name, "pass_at_1", name, f"{label} ({code[name]['tasks']} tasks)")
        for name, label in SLICES.items()
        if name in code
        # Where every task is scorable the row would repeat the first.
        and (name != "scorable" or code[name]["tasks"] < code["all"]["tasks"])
    ]
    if "qa" in own:
        count = own["qa"]["all"]["tasks"]
        wanted += [
            ("qa", "all", key, key, f"QA {label} ({count} questions)")
            for key, label in (("rouge_l", "ROUGE-L F1"), ("bleu", "BLEU-4"))
        ]
    rows = []
    for kind, part, key, published, label in wanted:
        row = [f"{title}: {label}"]
        row += [_cell(models[name], benchmark, kind, part, key, own) for name in names]
        rows.append(row + (_published(reference, published) if reference is not None else []))
    return rows


def _cell(
    model: dict[str, Any], benchmark: str, kind: str, part: str, key: str, own: dict[str, Any]
) -> str:
    figures = model.get(benchmark, {}).get(kind, {}).get(part)
    if figures is None:
        asked = part == "multimodal_blank_images" or not model["not_applicable"].get(benchmark)
        return "not run" if asked else "not applicable"
    fewer = figures["tasks"] != own[kind][part]["tasks"]
    return _interval(figures, key) + (f" of {figures['tasks']}" if fewer else "")


def _image_types(names: Sequence[str], models: dict[str, Any]) -> list[str]:
    """The tasks with pictures by what the picture shows; last column: pictures blanked."""
    rows = []
    for benchmark in _benchmarks(models[FINETUNED]):
        for kind, key, label in (("code", "pass_at_1", "code pass@1"), ("qa", "rouge_l", "QA")):
            slices = [models[name].get(benchmark, {}).get(kind, {}) for name in names]
            columns = [own.get("by_image_type", {}) for own in slices]
            columns.append(slices[names.index(FINETUNED)].get("by_image_type_blank_images", {}))
            for value, figures in columns[names.index(FINETUNED)].items():
                title = f"{TITLES.get(benchmark, benchmark)}: {value.replace('_', ' ')}, {label}"
                cells = [_interval(own[value], key) if value in own else "" for own in columns]
                rows.append([f"{title} ({figures['tasks']})", *cells])
    if not rows:
        return []
    titles = ["fine-tuned" if name == FINETUNED else name for name in names]
    return [
        "",
        "## By what the picture shows",
        "",
        *markdown([["", *titles, "fine-tuned, images blanked"], *rows]),
        "",
        "A picture is what its question calls it: the data has no column for it. "
        "Code: pass@1; QA: ROUGE-L F1.",
    ]


def _interval(figures: dict[str, Any], key: str) -> str:
    rate, low, high = (100 * figures[name] for name in (key, f"{key}_low", f"{key}_high"))
    return f"{rate:.1f} [{low:.1f}, {high:.1f}]"


def _ceilings(calibration: dict[str, Any], benchmarks: Sequence[str]) -> list[str]:
    parts = []
    for name, figures in calibration.items():
        if name in benchmarks and figures["code_tasks"]:
            assumed = figures["without_reference"]
            part = f"{TITLES.get(name, name)} {figures['ceiling']} of {figures['code_tasks']}"
            parts.append(part + (f" and {assumed} without a reference" if assumed else ""))
    if not parts:
        return []
    return [f"Scorable, as their reference solution passes in the judge: {', '.join(parts)}."]


def _contamination(found: dict[str, Any]) -> str:
    counts = {name: figures["rows"]["train"] for name, figures in found["benchmarks"].items()}
    parts = [f"{TITLES.get(name, name)} {count}" for name, count in counts.items()]
    repeating = ", ".join(parts) or "no benchmark compared"
    return (
        f"Training rows that repeat a benchmark's task: {repeating}; "
        f"{found['dropped']['train']} dropped before training."
    )


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _published(reference: dict[str, Any], name: str) -> list[str]:
    keys = {
        "all": "code_pass_at_1" if "code_pass_at_1" in reference else "pass_at_1",
        "multimodal": "multimodal_pass_at_1",
        "rouge_l": "qa_rouge_l",
    }
    figures = reference.get(keys.get(name, ""), {})
    return [f"{figures[model]:.1f}" if model in figures else "" for model in (BASE, "r32-1ep")]
