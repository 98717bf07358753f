"""The graph as its users run it: two experiments, what ran again, what each command shows."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ketune.params import flatten
from ketune.runtime import read_jsonl
from ketune.tasks.kinds import SPLITS
from tests.graph.conftest import Clone
from tests.house.test_dependencies import definition
from tests.params.test_contract import covers, read, tracked
from tests.tracking.secrets import TOKENS, assert_no_secret

pytestmark = pytest.mark.graph

METRICS = ("data", "train", "merge", "calibration", "base", "finetuned")


@dataclass(frozen=True)
class Experiments:
    """Output of two experiments run one after the other, the first committed in between."""

    clone: Clone
    first: str
    second: str
    first_prepared: dict[str, bytes]
    reads: Path


def prepared_bytes(clone: Clone) -> dict[str, bytes]:
    directory = clone.root / "data" / "prepared"
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def stages_run(output: str) -> list[str]:
    return re.findall(r"Running stage '([^']+)'", output)


@pytest.fixture(scope="module")
def experiments(shared_clone: Clone) -> Iterator[Experiments]:
    with pytest.MonkeyPatch.context() as patch:
        for name, token in TOKENS.items():
            patch.setenv(name, token)
        reads = shared_clone.home / "reads"
        reads.mkdir()
        with patch.context() as traced:
            traced.setenv("KETUNE_READS", str(reads))
            traced.setenv("PYTHONPATH", str(Path(__file__).parent / "tracing"))
            first = shared_clone.experiment().stdout
        prepared = prepared_bytes(shared_clone)
        shared_clone.run("git", "add", "-A")
        shared_clone.run("git", "commit", "-qm", "smoke results")
        second = shared_clone.experiment(lora_rank=64).stdout
        yield Experiments(shared_clone, first, second, prepared, reads)


def test_the_whole_graph_runs(experiments: Experiments) -> None:
    run = stages_run(experiments.first)
    run.remove("card")  # nothing waits for it
    run.remove("publish")
    run.remove("resolve")
    run.remove("resolve_baseline@base")
    run.remove("source")
    assert run[:2] == ["ingest", "prepare"]
    assert run[-1] == "report"
    assert set(run[2:-1]) == {
        *("train", "merge", "calibrate"),
        *("generate_baseline@base", "generate", "judge_baseline@base", "judge"),
        *("evaluate_baseline@base", "evaluate"),
    }
    for name in METRICS:
        metrics = json.loads((experiments.clone.root / f"metrics/{name}.json").read_text())
        assert metrics, name
    train = json.loads((experiments.clone.root / "models/adapter.record.json").read_text())
    assert train["eval_loss"] < train["eval_loss_first"]


def test_a_stage_tracks_what_it_reads_of_params(experiments: Experiments) -> None:
    stages = read("dvc.yaml")["stages"]
    keys = set(flatten(read("params.yaml")))
    unread: dict[str, set[str]] = {}
    for name in stages:
        command = definition(name)["cmd"].replace("${item}", "base").split()[2:]
        traced = "@".join([command[0].removeprefix("stages."), *command[1:]])
        files = list(experiments.reads.glob(f"{traced}-*"))
        assert files, name
        found = {key for file in files for key in file.read_text().split()}
        if {"params.yaml": None} in definition(name).get("params", []):
            continue  # the whole file
        own = tracked(stages[name])
        assert [key for key in found if not covers(own, key)] == [], name
        unread[name] = {key for key in keys if covers(own, key) and not covers(found, key)}
    # Those of an endpoint, of the hub and of a GPU are read where there is one.
    elsewhere = {key for key in keys if key.startswith(("generation.endpoint", "data.revision"))}
    # The last two stand in a list of several stages; the merged model changes with them.
    known = {
        "resolve": {"attn_impl"},
        "prepare": {"data.siblings_by"},  # read to move or drop, not to report
        "generate": {"model", "model_revision"},
    }
    for name, keys_of in unread.items():
        assert keys_of - elsewhere <= known.get(name, set()), name


def test_prepared_images_are_found_from_any_clones_root(experiments: Experiments) -> None:
    root = experiments.clone.root
    rows = [row for split in SPLITS for row in read_jsonl(root / f"data/prepared/{split}.jsonl")]
    images = [Path(image) for row in rows for image in row["images"]]
    assert images
    assert not [image for image in images if image.is_absolute()]
    assert not [image for image in images if not (root / image).is_file()]


def test_a_rank_trains_again_and_prepares_nothing(experiments: Experiments) -> None:
    # At this scale both ranks may answer alike, and then there is nothing to evaluate anew.
    assert set(stages_run(experiments.second)) - {"judge", "evaluate"} == {
        *("train", "merge", "generate", "publish", "report"),
    }
    assert prepared_bytes(experiments.clone) == experiments.first_prepared


def test_the_diff_of_params_is_the_changed_line(experiments: Experiments) -> None:
    diff = experiments.clone.run("git", "diff", "-U0", "params.yaml").stdout
    changed = [line for line in diff.splitlines() if re.match(r"[+-](?![+-])", line)]
    assert changed == ["-lora_rank: 32", "+lora_rank: 64"]


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (("dvc", "metrics", "diff"), r"metrics/train\.json\s+eval_loss\s+[\d.]+\s+[\d.]+"),
        (("dvc", "params", "diff"), r"params\.yaml\s+lora_rank\s+32\s+64"),
        (("dvc", "exp", "show", "--csv", "--only-changed"), r"lora_rank"),
        (("dvc", "plots", "diff", "--json"), r"metrics/curve_eval\.csv"),
    ],
)
def test_each_comparison_shows_the_change(
    experiments: Experiments, command: tuple[str, ...], shown: str
) -> None:
    assert re.search(shown, experiments.clone.run(*command).stdout)


def test_what_a_person_reads_fits_a_terminal(experiments: Experiments) -> None:
    """The figures of one changed parameter, and the columns of the table of experiments."""
    header, *rows = experiments.clone.run("dvc", "metrics", "diff").stdout.splitlines()
    assert 0 < len(rows) <= 25
    assert max(map(len, [header, *rows])) <= 100
    names = [
        name
        for file in json.loads(experiments.clone.run("dvc", "metrics", "show", "--json").stdout)[
            ""
        ]["data"].values()
        for name in file["data"]
    ]
    assert len(names) == len(set(names)) <= 20  # unlike, so that `dvc exp show` gives no file
    assert {"profile", "base_model", "dataset", "benchmark_set", "judge"} <= set(names)


def test_the_effective_scaling_is_recorded(experiments: Experiments) -> None:
    now = json.loads((experiments.clone.root / "models/adapter.record.json").read_text())
    before = json.loads(
        experiments.clone.run("git", "show", "HEAD:models/adapter.record.json").stdout
    )
    # alpha / sqrt(r): rank-stabilised scaling, with alpha kept at 64.
    assert before["effective_scaling"] == pytest.approx(64 / 32**0.5, rel=1e-4)
    assert now["effective_scaling"] == pytest.approx(64 / 64**0.5, rel=1e-4)


def test_evaluation_parameters_judge_again_without_generating(experiments: Experiments) -> None:
    output = experiments.clone.experiment(lora_rank=64, evaluation__stitching="seed").stdout
    run = set(stages_run(output))
    assert run >= {"judge_baseline@base", "judge"}
    # The verdicts may be the same under both rules, and then there is nothing to score anew.
    assert run <= {
        *("judge_baseline@base", "judge", "evaluate_baseline@base", "evaluate"),
        *("publish", "report"),
    }


def test_repro_again_runs_nothing(experiments: Experiments) -> None:
    output = experiments.clone.run("dvc", "repro").stdout
    assert stages_run(output) == []
    assert "Data and pipelines are up to date" in output


def test_one_more_baseline_generates_and_judges_only_itself(experiments: Experiments) -> None:
    root = experiments.clone.root
    copy = root / "elsewhere.jsonl"
    shutil.copy(root / "data/completions/base.jsonl", copy)
    md5 = hashlib.md5(copy.read_bytes()).hexdigest()
    (root / "baselines/elsewhere.yaml").write_text(f"completions: {copy.name}\nmd5: {md5}\n")
    # The configuration in the workspace, whose results are there, and one baseline more.
    output = experiments.clone.run("dvc", "exp", "run", "-S", "baselines=[base,elsewhere]").stdout
    run = set(stages_run(output))
    own = {f"{stage}_baseline@elsewhere" for stage in ("resolve", "generate", "judge", "evaluate")}
    assert run == own | {"report"}
    base, elsewhere = (
        (root / f"data/outcomes/{name}.jsonl").read_bytes() for name in ("base", "elsewhere")
    )
    assert base == elsewhere


def test_a_training_run_is_bit_identical(experiments: Experiments) -> None:
    adapter = experiments.clone.root / "models/adapter/adapter_model.safetensors"
    before = adapter.read_bytes()
    train = json.loads((experiments.clone.root / "models/adapter.record.json").read_text())
    experiments.clone.run("dvc", "repro", "--single-item", "--force", "train")
    assert adapter.read_bytes() == before
    again = json.loads((experiments.clone.root / "models/adapter.record.json").read_text())
    assert again["eval_loss"] == train["eval_loss"]


def test_no_file_of_any_stage_holds_a_credential_of_the_environment(
    experiments: Experiments,
) -> None:
    assert_no_secret(experiments.clone.root.parent, at_least=500)
