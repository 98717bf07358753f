"""Stage source: show DVC the directory that `data.source` names, so that ingest sees edits of it.

data/source is a link to that directory: DVC follows it and takes the content of the files for the
content of this stage's output. For a hub id or `synthetic` it is a file that never changes.
"""

import os
from pathlib import Path

from ketune.params import load_params
from ketune.paths import SOURCE
from ketune.runtime import StageError, stage_main
from ketune.sources.sources import is_local, resolve_directory

NONE = "data.source is no directory\n"


def main() -> None:
    """Put data/source in place, or fail with one line."""
    source = load_params().data.source
    target = _target(source) if is_local(source) else None
    SOURCE.parent.mkdir(exist_ok=True)
    SOURCE.unlink(missing_ok=True)
    if target is None:
        SOURCE.write_text(NONE)
    else:
        SOURCE.symlink_to(target)


def _target(source: str) -> Path:
    directory = resolve_directory(source)
    if Path.cwd().is_relative_to(directory.resolve()):
        raise StageError(
            f"data.source {source!r} holds the repository itself; move the rows into a directory "
            "of their own"
        )
    if directory.is_absolute():
        return directory
    return Path(os.path.relpath(directory, SOURCE.parent))


if __name__ == "__main__":
    stage_main(main)
