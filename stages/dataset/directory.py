"""Output directories that appear whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def build_directory(path: Path) -> Iterator[Path]:
    """Yield an empty directory beside `path`; it takes `path`'s place when the block succeeds.

    A failure inside the block leaves whatever `path` held before and nothing beside it.
    """
    partial = path.with_name(f".{path.name}.partial")
    # Left there by a run that was killed.
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if path.exists():
            shutil.rmtree(path)
        partial.rename(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
