"""Tables of text cells, for a terminal and for a pull request. The first row is the header."""

from collections.abc import Sequence

Cells = Sequence[Sequence[str]]


def aligned(cells: Cells) -> list[str]:
    """A line a row, columns padded to their widest cell."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def markdown(cells: Cells) -> list[str]:
    """The same as a table of GitHub's markdown."""
    header, *rows = cells
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines]
