"""The few figures of a model that DVC calls metrics; all of them stand in the outcomes' record."""

from collections.abc import Iterator, Mapping
from typing import Any

# Part of a record's figures: what the name of its rate is led by.
_PARTS = {
    "all": "",
    "scorable": "scorable_",
    "multimodal": "multimodal_",
    "multimodal_blank_images": "blanked_",
}
_SIMILARITIES = ("rouge_l", "bleu")


def headline(figures: Mapping[str, Any]) -> dict[str, float]:
    """{BENCHMARK_[PART_]pass@K, BENCHMARK_rouge_l, BENCHMARK_bleu: percent} of the tuned model.

    `figures` is what `summarise` gave. The rate of scorable tasks stands only where some are not.
    """
    rows: dict[str, float] = {}
    for benchmark, kinds in figures.items():
        code = kinds.get("code", {})
        for part, prefix in _PARTS.items():
            if part in code and (part != "scorable" or code[part]["tasks"] < code["all"]["tasks"]):
                rows |= {f"{benchmark}_{prefix}{k}": v for k, v in _pass_rates(code[part])}
        rows |= {f"{benchmark}_{k}": v for k, v in _similarities(kinds)}
    return rows


def baseline_headline(name: str, figures: Mapping[str, Any]) -> dict[str, float]:
    """The same of a baseline, of whole benchmarks alone: {NAME_BENCHMARK_pass@1: percent, …}."""
    rows: dict[str, float] = {}
    for benchmark, kinds in figures.items():
        whole = [*_pass_rates(kinds.get("code", {}).get("all", {})), *_similarities(kinds)]
        rows |= {f"{name}_{benchmark}_{k}": v for k, v in whole if k != "bleu"}
    return rows


def _pass_rates(figures: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in figures.items():
        k = key.removeprefix("pass_at_")
        if k.isdecimal():
            yield f"pass@{k}", _percent(value)


def _similarities(kinds: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key in _SIMILARITIES if "qa" in kinds else ():
        yield key, _percent(kinds["qa"]["all"][key])


def _percent(rate: float) -> float:
    return round(100 * rate, 2)
