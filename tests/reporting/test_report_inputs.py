"""What the report stage says of inputs that are damaged."""

from pathlib import Path

import pytest

from ketune.runtime import StageError
from stages.report import _rows


def test_a_table_is_read_with_its_names(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    path.write_text("step,loss\n1,0.5\n2,\n")
    assert _rows(path) == [{"step": "1", "loss": "0.5"}, {"step": "2", "loss": ""}]


@pytest.mark.parametrize("text", ["", "step,loss\n", "step,loss\n1\n", "step,loss\n1,2,3\n"])
def test_no_plot_is_drawn_of_a_table_that_is_empty_or_cut(tmp_path: Path, text: str) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(text)
    with pytest.raises(StageError, match=r"curve\.csv: empty or cut; run the stage"):
        _rows(path)
    path.unlink()
    with pytest.raises(StageError, match=r"curve\.csv not found"):
        _rows(path)
