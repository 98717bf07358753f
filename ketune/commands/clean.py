"""clean: remove what interrupted runs left in the cache ($KETUNE_CACHE, else ~/.cache/ketune).

Without --all only what is over the limits that every stage keeps to: runs that wrote nothing for 30
days, and the oldest until 64 GiB are left. A run under way keeps what it has.
"""

import argparse
from collections.abc import Sequence

from ketune.runtime import StageError
from ketune.scratch import cache_directory, over_limits, remove, runs_in_cache


def main(argv: Sequence[str] | None = None) -> None:
    """List what interrupted runs left, and remove what the arguments say."""
    parser = argparse.ArgumentParser(
        prog="ketune clean",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--all", action="store_true", help="remove every run that is not under way")
    parser.add_argument("--dry-run", action="store_true", help="only list")
    arguments = parser.parse_args(argv)
    if cache_directory().exists() and not cache_directory().is_dir():
        raise StageError(f"{cache_directory()} is no directory; set KETUNE_CACHE to one")
    runs = runs_in_cache()
    chosen = runs if arguments.all else over_limits(runs)
    gone = freed = 0
    for run in runs:
        if run.under_way:
            outcome = "under way, kept"
        elif run not in chosen:
            outcome = "kept"
        elif arguments.dry_run or remove(run.path):
            outcome = "would go" if arguments.dry_run else "removed"
            gone, freed = gone + 1, freed + run.size
        else:
            outcome = "cannot be removed"
        print(f"{run}: {outcome}")
    verb = "would be freed" if arguments.dry_run else "freed"
    print(f"{cache_directory()}: {gone} of {len(runs)} runs, {freed / 2**20:,.1f} MiB {verb}")
