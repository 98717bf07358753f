"""report: one page, the base beside the fine-tuned model, with the published figures."""

import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stages.params import load_params
from stages.runtime import atomic_open, stage_main

REPORT = Path("metrics/report.md")
TITLES = {
    "dataset": "test split",
    "qiskit_humaneval": "Qiskit HumanEval",
    "qiskit_humaneval_hard": "Qiskit HumanEval Hard",
}
SLICES = {
    "all": "code pass@1",
    "text": "text code pass@1",
    "multimodal": "multimodal code pass@1",
    "multimodal_blank_images": "multimodal code pass@1, images blanked",
}


def main() -> None:
    """Write metrics/report.md."""
    profile = load_params().profile
    metrics = {
        name: json.loads(Path(f"metrics/{name}.json").read_text(encoding="utf-8"))
        for name in ("data", "train", "merge", "evaluate")
    }
    published = YAML(typ="safe", pure=True).load(Path("published.yaml"))
    text = render(profile, metrics, published)
    with atomic_open(REPORT) as file:
        file.write(text)
    print(f"{REPORT}: the base beside the fine-tuned model")


def render(profile: str, metrics: dict[str, Any], published: dict[str, Any]) -> str:
    """The report as markdown. Percentages with 95 % intervals in brackets.

    The published columns are the 8B model's and stand only beside full-scale runs: at another
    scale they compare nothing.
    """
    full = profile == "full"
    train, evaluate = metrics["train"], metrics["evaluate"]
    header = ["", "base", "fine-tuned"] + (
        ["published base", "published r32, 1 epoch"] if full else []
    )
    rows = [["eval_loss", _loss(train["eval_loss_first"]), _loss(train["eval_loss"])]]
    if full:
        rows[0] += ["", _loss(published["rank_comparison"]["r32"]["eval_loss"])]
    for benchmark, figures in evaluate["finetuned"].items():
        base = evaluate["base"][benchmark]
        title = TITLES.get(benchmark, benchmark)
        reference = published["benchmarks"].get(benchmark, {})
        for name, label in SLICES.items():
            if name in figures.get("code", {}):
                tasks = figures["code"][name]["tasks"]
                row = [
                    f"{title}: {label} ({tasks} tasks)",
                    _rate(base["code"].get(name), "pass_at_1"),
                    _rate(figures["code"][name], "pass_at_1"),
                ]
                rows.append(row + (_published(reference, name) if full else []))
        if "qa" in figures:
            for key, label in (("rouge_l", "ROUGE-L F1"), ("bleu", "BLEU-4")):
                row = [
                    f"{title}: QA {label} ({figures['qa']['all']['tasks']} questions)",
                    _rate(base["qa"]["all"], key),
                    _rate(figures["qa"]["all"], key),
                ]
                rows.append(row + (_published(reference, key) if full else []))
    table = [header, ["---"] * len(header), *rows]
    lines = [
        f"# Base and fine-tuned model, profile {profile}",
        "",
        *("| " + " | ".join(row) + " |" for row in table),
        "",
        "eval_loss is before training and at the best step "
        f"({train['best_step']} of {train['last_step']}). Rates are percent; brackets hold 95 % "
        "intervals: Wilson for pass@1 of one sample a task, bootstrap over tasks otherwise.",
        f"Merge: largest logit difference {metrics['merge']['largest_logit_difference']:.2g}.",
    ]
    if full:
        lines.append(f"Published figures: {published['source']}.")
    return "\n".join(lines) + "\n"


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _rate(figures: dict[str, float] | None, key: str) -> str:
    if figures is None:
        return "not run"
    rate, low, high = (100 * figures[name] for name in (key, f"{key}_low", f"{key}_high"))
    return f"{rate:.1f} [{low:.1f}, {high:.1f}]"


def _published(reference: dict[str, Any], name: str) -> list[str]:
    keys = {
        "all": "code_pass_at_1" if "code_pass_at_1" in reference else "pass_at_1",
        "multimodal": "multimodal_pass_at_1",
        "rouge_l": "qa_rouge_l",
    }
    figures = reference.get(keys.get(name, ""), {})
    return [
        f"{figures[model]:.1f}" if model in figures else ""
        for model in ("base", "finetuned_r32_1ep")
    ]


if __name__ == "__main__":
    stage_main(main)
