"""What a user is told when something is wrong: one line, and no half-written outs."""

import pytest

from tests.graph.conftest import Clone


def error_lines(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("lora_rank=abc", "params.yaml: lora_rank: expected a valid integer, got 'abc'"),
        ("lora_rank=-1", "params.yaml: lora_rank: expected greater than or equal to 1, got -1"),
        ("data.source=./missing", "./missing"),
    ],
)
def test_a_bad_setting_stops_the_run(clone: Clone, setting: str, told: str) -> None:
    flags = clone.run("ketune", "profile", "smoke", "--flags").stdout.split()
    result = clone.run("dvc", "exp", "run", *flags, "-S", setting, check=False)
    assert result.returncode != 0
    (line,) = error_lines(result.stderr)
    assert told in line
    assert not (clone.root / "data/raw").exists()
    assert not (clone.root / "data/prepared").exists()


def test_an_unknown_key_is_refused_by_name(clone: Clone) -> None:
    result = clone.run("dvc", "exp", "run", "-S", "lora_rnk=64", check=False)
    assert result.returncode != 0
    assert "lora_rnk" in result.stderr
    assert clone.run("git", "status", "--porcelain").stdout == ""


def test_full_scale_without_a_gpu_stops_before_any_download(clone: Clone) -> None:
    import torch  # noqa: PLC0415 - seconds to import

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device: full scale may run here")
    result = clone.run("dvc", "repro", check=False)
    assert result.returncode != 0
    (line,) = error_lines(result.stderr)
    assert "GPU" in line
    assert "ketune profile smoke" in line
    assert not (clone.root / "data/raw").exists()
