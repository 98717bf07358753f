"""reference [REVISION]: the laptop-scale results that a commit holds, as experiment `laptop`.

ketune reference             # then: dvc metrics diff laptop rank-64, dvc exp show, ketune runs
ketune reference main
ketune reference --check     # exit status 1 where other code or parameters made them
ketune reference --record demo
"""

import argparse
from collections.abc import Sequence

from ketune.paths import REFERENCE
from ketune.revisions.experiments import resolve
from ketune.revisions.reference import check, record, restore

NAME = "laptop"


def main(argv: Sequence[str] | None = None) -> None:
    """Restore, check or record reference/."""
    parser = argparse.ArgumentParser(
        prog="ketune reference",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("revision", nargs="?", help="whose reference/ (HEAD)")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="only say whether it is fresh")
    action.add_argument("--record", metavar="EXPERIMENT", help="write reference/ from a run")
    arguments = parser.parse_args(argv)
    if arguments.record and arguments.revision:
        parser.error("--record writes the working tree's reference/: give no revision")
    if arguments.record:
        count = record(resolve(arguments.record))
        print(f"{REFERENCE}/: {count} files of {arguments.record}; commit them")
        return
    commit = resolve(arguments.revision or "HEAD").commit
    if arguments.check:
        check(commit)
        print(f"{REFERENCE}/ of {commit[:9]} is fresh")
        return
    restore(commit, NAME)
    print(f"{NAME}: the laptop-scale results of {commit[:9]}, as an experiment of DVC's")
