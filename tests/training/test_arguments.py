import argparse
import dataclasses
from pathlib import Path

import pytest
from transformers import HfArgumentParser

from ketune.merging.export import export_arguments
from ketune.models.locate import Model
from ketune.params import Params
from ketune.training.arguments import (
    GUARD,
    OBSERVER,
    OWN_KEYS,
    training_arguments,
    training_keys,
)
from tests.training.conftest import changed

HUB = Model("Qwen/Qwen3-VL-8B-Instruct", "c0ffee", "c0ffee")
LOCAL = Model("models/local", None, "digest")

# Names of the specification's tables and command that ms-swift 4.6 spells differently.
RENAMED = {"train_type": "tuner_type"}


def pairs(arguments: list[str]) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    for argument in arguments:
        if argument.startswith("--"):
            assert argument not in options
            options[argument] = []
        else:
            options[list(options)[-1]].append(argument)
    return {name.removeprefix("--"): values for name, values in options.items()}


@pytest.fixture(scope="module")
def sft_parser() -> argparse.ArgumentParser:
    from swift.arguments import SftArguments  # noqa: PLC0415 (slow to import)

    parser: argparse.ArgumentParser = HfArgumentParser(SftArguments)
    return parser


def test_the_specifications_renamed_keys_have_their_new_names(full: Params) -> None:
    from swift.arguments import SftArguments  # noqa: PLC0415 (slow to import)

    known = {field.name for field in dataclasses.fields(SftArguments)}
    assert set(RENAMED.values()) <= set(training_keys(full))
    assert not set(RENAMED) & known


def test_swift_parses_the_recommended_configuration(
    full: Params, sft_parser: argparse.ArgumentParser
) -> None:
    line = training_arguments(full, HUB, Path("out"), None)
    parsed, unknown = argparse.ArgumentParser.parse_known_args(sft_parser, line)
    assert unknown == []
    apart = {"model_revision", "report_to", "template", "model_type", "init_weights"}
    off = {"lorap_lr_ratio", "deepspeed", "fsdp"}
    assert {getattr(parsed, name) for name in off} == {None}
    for name, value in training_keys(full).items():
        if name in apart | off | OWN_KEYS | {"external_plugins"}:
            continue
        seen = getattr(parsed, name)
        assert seen in (value, [value]), name
    assert parsed.model_revision == "c0ffee"
    assert parsed.init_weights == "true"
    assert parsed.report_to == ["none"]
    assert (parsed.template, parsed.model_type) == (None, None)
    assert parsed.eval_on_start is True
    assert parsed.check_model is parsed.add_version is False
    assert parsed.strict is True
    assert parsed.data_seed == full.seed


def test_swift_parses_the_merge(full: Params) -> None:
    from swift.arguments import ExportArguments  # noqa: PLC0415

    line = export_arguments(full, HUB, Path("models/adapter"), Path("out"))
    parser = HfArgumentParser(ExportArguments)
    parsed, unknown = argparse.ArgumentParser.parse_known_args(parser, line)
    assert unknown == []
    assert (parsed.adapters, parsed.merge_lora) == (["models/adapter"], True)
    assert parsed.torch_dtype == "bfloat16"


def test_resuming_goes_on_from_the_checkpoint_without_another_first_evaluation(
    full: Params,
) -> None:
    options = pairs(training_arguments(full, HUB, Path("out"), Path("out/checkpoint-8")))
    assert options["resume_from_checkpoint"] == ["out/checkpoint-8"]
    assert options["eval_on_start"] == ["false"]


def test_auto_and_empty_are_left_to_swift_and_local_models_have_no_revision(full: Params) -> None:
    options = pairs(training_arguments(full, LOCAL, Path("out"), None))
    assert options["model"] == ["models/local"]
    assert not {"model_revision", "model_type", "template"} & set(options)


def test_lists_flags_and_text_reach_swift_whole(full: Params) -> None:
    params = changed(
        full,
        target_modules=["q_proj", "v_proj"],
        external_plugins=["ketune/models/plugins/a.py", "ketune/models/plugins/b.py"],
        init_weights="pissa",
        torch_dtype="float32",
        bf16=False,
        model_type="qwen3_vl",
        template="tiny",
    )
    options = pairs(training_arguments(params, LOCAL, Path("out"), None))
    assert options["target_modules"] == ["q_proj", "v_proj"]
    assert options["external_plugins"][:2] == [
        "ketune/models/plugins/a.py",
        "ketune/models/plugins/b.py",
    ]
    assert {OBSERVER, GUARD} <= set(options["external_plugins"])
    assert options["init_weights"] == ["pissa"]
    assert options["bf16"] == options["fp16"] == ["false"]
    assert (options["model_type"], options["template"]) == (["qwen3_vl"], ["tiny"])
    assert options["system"] == [full.system]
