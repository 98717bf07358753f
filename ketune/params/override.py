"""params.yaml as `dvc exp run -S` would change it, without a change of the file."""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from ketune.params.load import load_params
from ketune.params.schema import Params
from ketune.runtime import StageError

_PARAMS = "params.yaml"


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """The flag -S of DVC, which may be repeated, as `arguments.set_param`."""
    parser.add_argument(
        "-S",
        "--set-param",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="as if params.yaml said so, in the syntax of dvc exp run; may be repeated",
    )


def overridden_params(changes: Sequence[str], root: Path = Path()) -> Params:
    """The parameters that run after `changes`, each KEY=VALUE in the syntax of DVC's -S.

    Raises StageError naming the change that is not in that syntax or whose key there is not, and as
    `load_params` does.
    """
    if not changes:
        return load_params(root)
    load_params(root)  # what is wrong with the file itself is not the changes' fault
    # DVC takes a second to import, and scoring alone comes without it.
    from dvc.exceptions import DvcException  # noqa: PLC0415
    from dvc.utils.hydra import apply_overrides  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        copy = Path(folder, _PARAMS)
        shutil.copyfile(root / _PARAMS, copy)
        for change in changes:
            try:
                apply_overrides(str(copy), [change])
            except DvcException as error:
                reason = " ".join(str(error.__cause__ or error).split())
                raise StageError(f"-S {change}: {reason[:200]}; write it as KEY=VALUE") from None
        return load_params(copy.parent)
