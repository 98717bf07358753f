"""study: the runs of experiments.yaml as DVC experiments, and what they gave side by side.

ketune study run peft --profile smoke      # six experiments, up to the study's stage
ketune study run peft --queue              # into DVC's queue: dvc queue start -j N
ketune study table peft                    # after the runs; --md for a pull request
"""

import argparse
from collections.abc import Sequence

from ketune.params.profile import scale_of_params
from ketune.studies.running import run_study
from ketune.studies.table import as_json, as_markdown, as_text, tabulate


def main(argv: Sequence[str] | None = None) -> None:
    """Run a study, or print its tables."""
    parser = argparse.ArgumentParser(
        prog="ketune study",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run what is not there yet; goes on after a failure")
    run.add_argument("study", help="a study of experiments.yaml")
    run.add_argument("--profile", help="scale; that of params.yaml unless given")
    run.add_argument("--stage", help="stage to reproduce; the study's own unless given")
    run.add_argument("--queue", action="store_true", help="queue the runs instead")
    table = commands.add_parser("table", help="ours beside the published figures")
    table.add_argument("study", help="a study of experiments.yaml")
    table.add_argument("--profile", help="scale; full if there is a run of it unless given")
    form = table.add_mutually_exclusive_group()
    form.add_argument("--md", action="store_true", help="markdown, for a pull request")
    form.add_argument("--json", action="store_true", help="every figure")
    arguments = parser.parse_args(argv)
    if arguments.command == "run":
        profile = scale_of_params() if arguments.profile is None else arguments.profile
        run_study(arguments.study, profile, arguments.stage, queue=arguments.queue)
        return
    tables = tabulate(arguments.study, arguments.profile)
    render = as_json if arguments.json else as_markdown if arguments.md else as_text
    print(render(tables), end="")
