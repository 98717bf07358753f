"""The few figures of a model that DVC calls metrics; all of them stand in its record."""

from collections.abc import Iterator, Mapping
from typing import Any

from ketune.statistics import Interval

# Part of a record's figures: what the name of its rate is led by.
_PARTS = {
    "all": "",
    "scorable": "scorable_",
    "multimodal": "multimodal_",
    "multimodal_blank_images": "blanked_",
}
_NOT_BENCHMARKS = {"not_applicable", "provenance"}  # keys of a record
Figures = Mapping[str, Any]


def headline(record: Figures, *, views: bool = True) -> dict[str, Interval]:
    """{BENCHMARK_[PART_]pass@K, BENCHMARK_rouge_l, BENCHMARK_bleu: percent} of a record.

    The rate of scorable tasks stands only where some are not. Without `views` pass@K and ROUGE-L
    of all tasks alone.
    """
    rows: dict[str, Interval] = {}
    for benchmark, kinds in record.items():
        if benchmark in _NOT_BENCHMARKS:
            continue
        code = kinds.get("code", {})
        for part, prefix in _PARTS.items() if views else [("all", "")]:
            if part in code and (part != "scorable" or code[part]["tasks"] < code["all"]["tasks"]):
                rows |= {f"{benchmark}_{prefix}{name}": v for name, v in _pass_rates(code[part])}
        for name in ("rouge_l", "bleu")[: 1 + views] if "qa" in kinds else ():
            rows[f"{benchmark}_{name}"] = _percent(kinds["qa"]["all"], name)
    return rows


def _pass_rates(figures: Figures) -> Iterator[tuple[str, Interval]]:
    for key in figures:
        if (k := key.removeprefix("pass_at_")).isdecimal():
            yield f"pass@{k}", _percent(figures, key)


def _percent(figures: Figures, key: str) -> Interval:
    return Interval(*(100 * figures[name] for name in (key, f"{key}_low", f"{key}_high")))
