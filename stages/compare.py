"""compare A B: two models on the same tasks, with a verdict that the sample can carry.

python -m stages.compare main rank-64                   # git revisions or experiments
python -m stages.compare HEAD:base HEAD:finetuned       # models of one revision
python -m stages.compare theirs.outcomes.jsonl workspace
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dvc.api
from dvc.exceptions import DvcException
from dvc.scm import SCMError
from dvc_data.index import DataIndexDirError

from stages.comparison import as_json, as_markdown, as_text, compare
from stages.params import flatten
from stages.runtime import StageError, read_jsonl, stage_main

OUTCOMES = "data/outcomes/{}.jsonl"
MODEL, WORKSPACE = "finetuned", "workspace"
_MISSING = "(not there)"


def main() -> None:
    """Print the comparison of b with a."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    help_text = "a git revision or experiment, REVISION:MODEL, workspace, or an outcomes file"
    parser.add_argument("a", help=help_text)
    parser.add_argument("b", help=help_text)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--md", action="store_true", help="markdown, for a pull request")
    form.add_argument("--json", action="store_true", help="everything, with all task ids")
    arguments = parser.parse_args()
    outcomes = [read_outcomes(name) for name in (arguments.a, arguments.b)]
    try:
        comparison = compare(*outcomes)
    except ValueError as error:
        raise StageError(f"{arguments.a} and {arguments.b}: {error}; compare like runs") from None
    render = as_json if arguments.json else as_markdown if arguments.md else as_text
    if not arguments.json:
        for line in changed_parameters(arguments.a, arguments.b):
            print(f"- {line}" if arguments.md else line)
        print()
    print(render(comparison, arguments.a, arguments.b), end="")


def read_outcomes(name: str) -> list[dict[str, Any]]:
    """Outcome rows of a file, of the workspace, or of a revision by way of DVC's cache and remote.

    Raises StageError: no such file or revision, or outcomes that are neither cached nor pushed.
    """
    if name.endswith(".jsonl"):
        if not Path(name).is_file():
            raise StageError(
                f"{name} not found; give an outcomes file, a revision or an experiment"
            )
        return _checked(read_jsonl(Path(name)), name)
    revision, _, model = name.partition(":")
    path = OUTCOMES.format(model or MODEL)
    if revision == WORKSPACE:
        if not Path(path).is_file():
            raise StageError(f"{path} not found; run `dvc repro` or `dvc pull {path}`")
        return _checked(read_jsonl(Path(path)), path)
    try:
        text = dvc.api.read(path, repo=".", rev=revision, encoding="utf-8")
    except SCMError:
        raise StageError(f"{revision} is no git revision, experiment or .jsonl file") from None
    except (DvcException, DataIndexDirError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise StageError(
            f"{path} of {revision} is not to be had ({reason}); pull it "
            f"(`dvc pull --all-commits {path}`) or run that revision again"
        ) from None
    return _checked([json.loads(line) for line in text.splitlines()], name)


def _checked(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    needed = {"task_id", "benchmark", "condition", "outcome", "multimodal", "scorable"}
    for number, row in enumerate(rows, 1):
        if missing := sorted(needed - row.keys()):
            raise StageError(
                f"{name}:{number}: no {missing[0]}: these are no outcomes; score completions with "
                "`python -m stages.score`"
            )
    return rows


def changed_parameters(a: str, b: str) -> list[str]:
    """Lines "key: before -> after" of two revisions; none where either is a file."""
    if a.endswith(".jsonl") or b.endswith(".jsonl"):
        return []
    before, after = (_parameters(name.partition(":")[0]) for name in (a, b))
    return [
        f"{key}: {before.get(key, _MISSING)} -> {after.get(key, _MISSING)}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key, _MISSING) != after.get(key, _MISSING)
    ]


def _parameters(revision: str) -> Mapping[str, Any]:
    shown = dvc.api.params_show(rev=None if revision == WORKSPACE else revision)
    return flatten(shown)


if __name__ == "__main__":
    stage_main(main)
