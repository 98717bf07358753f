"""prepare: data/raw → data/prepared in ms-swift's format, and what is known of it."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ketune.dataset.pipeline import check_quarantine, prepare_rows
from ketune.dataset.statistics import summarise
from ketune.params import load_params
from ketune.paths import DATA_METRICS, PREPARED, RAW, record
from ketune.runtime import atomic_directory, stage_main, versions, write_json
from ketune.sources.raw import read_provenance, short_name

# Outside the stage's outs, which do not appear when it fails.
REFUSED = Path("data/quarantine.jsonl")


def main() -> None:
    """Build data/prepared whole, or fail with one line.

    When too many rows break the contract their report is left at data/quarantine.jsonl.
    """
    params = load_params()
    data = params.data
    REFUSED.unlink(missing_ok=True)
    with atomic_directory(PREPARED) as directory:
        counts, decided = prepare_rows(
            RAW,
            directory,
            published=PREPARED,
            data=data,
            benchmarks=params.benchmarks,
            workers=len(os.sched_getaffinity(0)),
        )
        shutil.copyfile(directory / "quarantine.jsonl", REFUSED)
        check_quarantine(counts, decided, data.max_quarantine, REFUSED)
        REFUSED.unlink()
    summary = summarise(counts) | decided
    raw = read_provenance(RAW)
    provenance = {key: raw[key] for key in ("source", "revision", "commit")}
    provenance["versions"] = versions("pyarrow", "pillow", "pydantic", "tiktoken", "dashscope")
    write_json(record(PREPARED), summary | {"provenance": provenance})
    write_json(DATA_METRICS, {"dataset": short_name(raw)} | headline(summary))
    print("\n".join(report(summary)))


def headline(summary: Mapping[str, Any]) -> dict[str, int]:
    """Rows that training sees, and rows of all splits that were left out."""
    dropped = (summary[kind]["dropped"] for kind in ("contamination", "siblings"))
    return {
        "train_rows": summary["rows"]["train"],
        "dropped_rows": sum(map(_total, dropped)),
        "quarantined_rows": _total(summary["quarantined"]["rows"]),
    }


def report(summary: Mapping[str, Any]) -> list[str]:
    """The record in a few lines for the person who ran the stage."""
    refused = summary["quarantined"]
    contamination, siblings = summary["contamination"], summary["siblings"]
    found = "; ".join(
        f"{_total(of['rows'])} rows repeat {of['tasks_found']} of {of['tasks']} tasks of {name}"
        for name, of in contamination["benchmarks"].items()
    )
    related = {relation: _total(pairs) for relation, pairs in siblings["rows"].items()}
    return [
        f"{PREPARED}: {_listed(summary['rows'])} rows",
        f"quarantine.jsonl: {_total(refused['rows'])} rows refused{_reasons(refused['reasons'])}",
        f"contamination.jsonl: {found}; {_total(contamination['dropped'])} rows dropped, "
        f"{_total(contamination['marked'])} marked",
        f"siblings.jsonl: in two splits by {_listed(related)} rows; "
        f"{_total(siblings['moved'])} moved, {_total(siblings['dropped'])} dropped",
    ]


def _total(counts: Mapping[str, int]) -> int:
    return sum(counts.values())


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _reasons(reasons: Mapping[str, int]) -> str:
    frequent = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return f" ({_listed(dict(frequent))})" if frequent else ""


if __name__ == "__main__":
    stage_main(main)
