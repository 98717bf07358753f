"""The command `ketune`: every tool beside the graph, imported when it is asked for."""

import importlib
import os
import signal
import sys
from typing import Any

from ketune.runtime import StageError, stage_main

# Name: the module whose `main(argv)` it is, and what it does.
TOOLS = {
    "profile": ("ketune.params.profile", "write a scale, full or smoke, into params.yaml"),
    "doctor": ("ketune.commands.doctor", "what this machine has of what params.yaml needs"),
    "compare": ("ketune.commands.compare", "two models on the same tasks: a paired verdict"),
    "runs": ("ketune.commands.runs", "commits and experiments in one table, with verdicts"),
    "pr": ("ketune.commands.pr", "the comment of a pull request, with verdicts"),
    "reference": ("ketune.commands.reference", "recorded laptop-scale results, as an experiment"),
    "score": ("ketune.commands.score", "figures of completions produced elsewhere"),
    "clean": ("ketune.commands.clean", "remove what interrupted runs left in the cache"),
    "study": ("ketune.commands.study", "run or tabulate a study of experiments.yaml"),
}


def main() -> None:
    """Run a tool; a failure the user can act on is one line and exit status 1.

    A reader that closes the pipe, as `head` does, ends it without a word, as it ends `cat`.
    """
    try:
        try:
            _run()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # What is not written yet cannot be: at exit Python would try again, and say so.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(128 + signal.SIGPIPE) from None


def _run() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in {"-h", "--help"}:
        print(_usage())
        return
    if name not in TOOLS:
        print(f"error: no tool {name!r}\n\n{_usage()}", file=sys.stderr)
        raise SystemExit(2)
    stage_main(lambda: _tool(name).main(sys.argv[2:]))


def _tool(name: str) -> Any:
    try:
        return importlib.import_module(TOOLS[name][0])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "ketune":
            raise
        raise StageError(
            f"ketune {name} needs {error.name}, which an install for scoring alone lacks; run it "
            "in a clone, whose `make env` installs everything"
        ) from None


def _usage() -> str:
    width = max(map(len, TOOLS))
    lines = [f"  {name:{width}}  {purpose}" for name, (_, purpose) in TOOLS.items()]
    return "\n".join(
        [
            "usage: ketune TOOL [ARGUMENTS]",
            "",
            *lines,
            "",
            "The graph itself is DVC's: dvc repro, dvc exp run. `ketune TOOL --help` says more.",
        ]
    )
