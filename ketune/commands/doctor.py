"""doctor: what this machine has of what params.yaml needs, in one table.

Exit status 0: everything that is needed is there; what is optional never fails.
"""

import argparse
import textwrap
from collections.abc import Sequence

from ketune.params.override import add_overrides, overridden_params
from ketune.planning.disk import disk_space
from ketune.planning.machine import Check, check_machine
from ketune.planning.models import base_model
from ketune.runtime import StageError
from ketune.tables import aligned


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table. Raises StageError naming what is needed and not there."""
    parser = argparse.ArgumentParser(
        prog="ketune doctor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_overrides(parser)
    params = overridden_params(parser.parse_args(argv).set_param)
    try:
        model = base_model(params)
        spaces = disk_space(params, model) if model.weights is not None else None
    except StageError:  # the line of the hub says why
        spaces = None
    checks = [*check_machine(params, spaces)]
    header, *rows = aligned(
        [("what", "found", "status"), *((c.what, c.found, c.status) for c in checks)]
    )
    print(header)
    for check, row in zip(checks, rows, strict=True):
        print("\n".join([row, *_remedy(check)]))
    if stopping := [check.what for check in checks if check.stops]:
        raise StageError(f"params.yaml needs what this machine lacks: {', '.join(stopping)}")
    print("everything that params.yaml needs is here")


def _remedy(check: Check) -> list[str]:
    if check.status == "ok":
        return []
    optional = "" if check.needed else "optional: "
    return textwrap.wrap(
        f"{optional}{check.remedy}", 100, initial_indent="    ", subsequent_indent="    "
    )
