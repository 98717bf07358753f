"""doctor: what this machine has of what params.yaml needs, in one table.

Exit status 0: everything that is needed is there; what is optional never fails.
"""

import argparse
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
    print("\n".join(aligned([("what", "found", "status", "what to do"), *map(_row, checks)])))
    if stopping := [check.what for check in checks if check.stops]:
        raise StageError(f"params.yaml needs what this machine lacks: {', '.join(stopping)}")
    print("everything that params.yaml needs is here")


def _row(check: Check) -> tuple[str, str, str, str]:
    optional = check.status != "ok" and not check.needed
    return check.what, check.found, check.status, ("optional: " if optional else "") + check.remedy
