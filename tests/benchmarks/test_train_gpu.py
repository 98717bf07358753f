"""The training benchmark up to the point where it needs a GPU, with a small model in its place."""

import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from benchmarks import train_gpu
from benchmarks.architecture import QWEN3_VL_8B
from benchmarks.train_gpu import OURS, PLAIN, Measured, Table, prepare
from ketune.params import Params


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Params]:
    """A prepared directory at full scale, but for the model's layers."""
    config: dict[str, Any] = json.loads(json.dumps(QWEN3_VL_8B))
    config["text_config"] |= {"num_hidden_layers": 1, "hidden_size": 64, "intermediate_size": 64}
    config["text_config"] |= {"num_attention_heads": 2, "num_key_value_heads": 1}
    config["vision_config"] |= {"depth": 2, "hidden_size": 32, "intermediate_size": 32}
    config["vision_config"] |= {"num_heads": 2, "out_hidden_size": 64}
    config["vision_config"]["deepstack_visual_indexes"] = [0]
    work = tmp_path_factory.mktemp("benchmark") / "full"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_gpu, "QWEN3_VL_8B", config)
        return work, prepare(work, "full", 2)


def test_the_model_is_built_once_in_bfloat16_and_loads(full: tuple[Path, Params]) -> None:
    from transformers import AutoModelForImageTextToText, AutoTokenizer  # noqa: PLC0415

    work, params = full
    built = Path(params.model)
    stamp = (built / "model.safetensors").stat().st_mtime_ns
    again = prepare(work, "full", 2)
    assert (built / "model.safetensors").stat().st_mtime_ns == stamp
    assert again == params
    model = AutoModelForImageTextToText.from_pretrained(built, dtype="auto")
    assert str(model.dtype) == "torch.bfloat16"
    # The image token of the rows' tokenizer is the model's.
    token = AutoTokenizer.from_pretrained(built).convert_tokens_to_ids("<|image_pad|>")
    assert model.config.image_token_id == token


def test_the_rows_have_the_published_share_of_images_and_the_stated_lengths(
    full: tuple[Path, Params],
) -> None:
    from transformers import AutoTokenizer  # noqa: PLC0415

    work, params = full
    path = work / "data/prepared/train.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == 2 * 32
    assert 0.3 < sum(bool(row["images"]) for row in rows) / len(rows) < 0.6
    tokenizer = AutoTokenizer.from_pretrained(params.model)
    lengths = [
        sum(len(tokenizer(message["content"])["input_ids"]) for message in row["messages"])
        for row in rows
    ]
    assert 250 < statistics.median(lengths) < 450


def test_full_scale_names_what_it_lacks_without_a_gpu(
    full: tuple[Path, Params], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(SystemExit, match="no CUDA GPU"):
        train_gpu.train(full[0], {"lora_rank": 16})
    assert "lora_rank: 32" in (full[0] / "params.yaml").read_text()  # as it was


def test_the_table_compares_with_plain_swift_and_with_lora() -> None:
    table = Table.__new__(Table)
    table.lines, table.batch, table.seen = [], 32, {}
    table.add(PLAIN, Measured(8.0, 500.0, 0.2, 40.0))
    table.add(OURS, Measured(4.0, 500.0, 0.4, 30.0))
    table.add("lora", Measured(5.0, 500.0, 0.32, None))
    table.add("dora", Measured(10.0, 500.0, None, None))
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.lines]
    assert cells[1] == [OURS, "4", "0.50", "", "4,000", "40.0%", "30.00"]
    assert cells[3][2:4] == ["1.25", "2.00"]
