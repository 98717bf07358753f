"""Stage source: show DVC the directory that `data.source` names, so that ingest sees edits of it.

data/source is a link to that directory: DVC follows it and takes the content of the files for the
content of this stage's output. For a hub id or `synthetic` it is a file that never changes.
"""

from pathlib import Path

from ketune.params import load_params
from ketune.paths import SOURCE
from ketune.runtime import StageError, link_directory, stage_main
from ketune.sources.sources import is_local, resolve_directory


def main() -> None:
    """Put data/source in place, or fail with one line."""
    source = load_params().data.source
    link_directory(SOURCE, _directory(source) if is_local(source) else None)


def _directory(source: str) -> Path:
    directory = resolve_directory(source)
    if Path.cwd().is_relative_to(directory.resolve()):
        raise StageError(
            f"data.source {source!r} holds the repository itself; move the rows into a directory "
            "of their own"
        )
    return directory


if __name__ == "__main__":
    stage_main(main)
