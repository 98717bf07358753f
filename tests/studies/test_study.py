"""`run` and `table` on real DVC experiments, whose stages write figures instead of training."""

import json
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from ketune.revisions.experiments import find
from ketune.runtime import StageError
from ketune.studies.running import run_study
from ketune.studies.table import as_json, as_markdown, as_text, tabulate

ROOT = Path(__file__).parents[2]
STAGES = """
stages:
  train:
    cmd: python fake.py train
    params: [lora_rank, num_train_epochs, use_rslora]
    outs: [models/adapter]
    metrics: [models/adapter.record.json: {cache: false}]
    plots: [metrics/curve_eval.csv: {cache: false}]
  merge:
    cmd: python fake.py merge
    deps: [models/adapter]
    outs: [models/merged]
    metrics: [models/merged.record.json: {cache: false}]
  evaluate:
    cmd: python fake.py evaluate
    deps: [models/merged]
    outs: [outcomes]
    metrics: [metrics/slices/finetuned.record.json: {cache: false}]
"""
EXPERIMENTS = """
runs:
  lora: {note: the baseline, params: {lora_rank: 16, use_rslora: false}}
  rslora: {note: stabilised, params: {lora_rank: 16}}
  r32-2ep-lr2e4: {note: two epochs, params: {num_train_epochs: 2}}
studies:
  small: {note: three runs, until: merge, reference: lora, runs: [lora, rslora, r32-2ep-lr2e4]}
"""
FAKE = """
import json, sys
from pathlib import Path
from ruamel.yaml import YAML

params = YAML(typ="safe", pure=True).load(Path("params.yaml"))
stage = sys.argv[1]
def write(path, text):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)

if stage == "train":
    epochs, seconds = params["num_train_epochs"], 2.0 if params["use_rslora"] else 1.0
    if epochs == 2 and not Path("fixed").exists():
        sys.exit("broken")
    def at(step, loss):
        return {"step": step, "eval_loss": loss, "eval_token_acc": 0.8, "train_loss": 1.2 - loss,
                "train_token_acc": 0.9, "gap": 0.1}
    ends = {"1": at(180, 0.6)} | ({"2": at(366, 0.66)} if epochs == 2 else {})
    write("models/adapter", json.dumps([params["lora_rank"], params["use_rslora"], epochs]))
    write("models/adapter.record.json", json.dumps({
        "eval_loss": 0.6, "eval_token_acc": 0.8, "train_loss": 0.55, "overfitting_gap": 0.05,
        "best_step": 180, "final": ends[str(epochs)], "eval_loss_rise_percent": 10.0 * (epochs - 1),
        "effective_scaling": params["lora_rank"] / 4, "trainable_parameters": 1234567,
        "adapter_parameters": {"vision_tower": 0, "aligner": 5, "llm": 7},
        "step_seconds_median": seconds, "epochs": ends, "provenance": {"device": "cpu"}}))
    rows = [(0, 2.0), (20, 0.7), (60, 0.65), (100, 0.63), (140, 0.61), (182, 0.6)]
    write("metrics/curve_eval.csv", "step,eval_loss\\n" + "".join(f"{s},{v}\\n" for s, v in rows))
elif stage == "merge":
    write("models/merged", "merged " + Path("models/adapter").read_text())
    write("models/merged.record.json", json.dumps({
        "largest_logit_difference": 1e-6, "top1_agreement": 1.0,
        "eval_loss": {"trained": 0.6, "adapter": 0.6, "merged": 0.6}}))
else:
    write("outcomes", "of " + Path("models/merged").read_text())
    write("metrics/slices/finetuned.record.json", json.dumps(
        {"dataset": {"code": {"all": {"pass_at_1": 0.5}}}, "provenance": {}}))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository whose committed results, evaluation included, are those of params.yaml."""
    root = tmp_path_factory.mktemp("studies")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("HOME", str(root.parent / "home"))
        patch.setenv("DVC_SITE_CACHE_DIR", str(root.parent / "site"))
        patch.setenv("PATH", f"{Path(sys.executable).parent}", prepend=":")
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "t")
            patch.setenv(f"GIT_{role}_EMAIL", "t@example.org")
        for name in ("params.yaml", "published.yaml"):
            shutil.copy(ROOT / name, root)
        shutil.copytree(ROOT / "profiles", root / "profiles")
        Path("dvc.yaml").write_text(STAGES)
        Path("experiments.yaml").write_text(EXPERIMENTS)
        Path("fake.py").write_text(textwrap.dedent(FAKE))
        command("git", "init", "-q", "-b", "main")
        command("dvc", "init", "-q")
        command("dvc", "config", "core.analytics", "false")
        command("dvc", "repro", "-q")
        command("git", "add", "-A")
        command("git", "commit", "-qm", "results of params.yaml")
        with pytest.raises(StageError, match=r"study small: failed: r32-2ep-lr2e4; the same"):
            run_study("small", "full", None, queue=False)
        yield root


def command(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def rows(tables: str, title: str) -> list[dict[str, object]]:
    (table,) = [table for table in json.loads(tables)["tables"] if table["title"] == title]
    found: list[dict[str, object]] = table["rows"]
    return found


def test_a_failed_run_stops_no_other(project: Path) -> None:
    assert find("lora")
    assert find("rslora")
    assert find("r32-2ep-lr2e4") is None
    text = as_text(tabulate("small", None))
    assert "no experiment at this profile: r32-2ep-lr2e4" in text
    # The work tree is as it was.
    assert subprocess.run(["git", "diff", "--quiet"], cwd=project, check=False).returncode == 0


def test_the_same_command_goes_on(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "fixed").touch()
    command("git", "add", "fixed")
    run_study("small", "full", None, queue=False)
    printed = capfd.readouterr().out
    assert "small 1/3: lora: done already" in printed
    assert "small 2/3: rslora: done already" in printed
    assert "small 3/3: r32-2ep-lr2e4: two epochs" in printed
    assert find("r32-2ep-lr2e4")


@pytest.mark.usefixtures("project")
def test_ours_stand_beside_the_published() -> None:
    tables = tabulate("small", None)
    assert tables.profile == "full"
    results = {row["run"]: row for row in rows(as_json(tables), "Results")}
    assert results["rslora"]["step time / lora"] == 2.0
    assert results["rslora"]["published eval_loss"] == 0.6217
    assert results["rslora"]["published time"] == pytest.approx(1060 / 1056)
    assert results["lora"]["scaling"] == 4.0
    text = as_text(tables)
    assert "1,234,567" in text
    assert "aligner + LLM" in text
    assert "curves: dvc plots diff lora rslora r32-2ep-lr2e4 --targets loss" in text
    steps = {row["step"]: row for row in rows(as_json(tables), "eval_loss by step")}
    assert steps[60]["lora"] == 0.65
    assert steps[60]["lora, published"] == 0.684
    assert steps[183]["lora"] == 0.6  # evaluated at 182
    assert "| 183 " in as_markdown(tables)


@pytest.mark.usefixtures("project")
def test_an_overfitting_table_falls_out_of_one_run() -> None:
    first, second = rows(as_json(tabulate("small", None)), "By epoch")
    assert (first["run"], first["epoch"], first["step"]) == ("r32-2ep-lr2e4", "1", 180)
    assert first["eval_loss %"] is None
    assert second["eval_loss %"] == pytest.approx(10.0)
    assert second["train_loss %"] == pytest.approx(100 * (0.54 / 0.6 - 1))
    assert second["published eval_loss"] == 0.638


@pytest.mark.usefixtures("project")
def test_what_another_run_scored_is_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    """Experiments hold the committed metrics of the stages that they did not run."""
    assert "pass@1" not in as_text(tabulate("small", None))
    run_study("small", "full", "evaluate", queue=False)
    assert "Running stage 'train'" not in capfd.readouterr().out  # from the run cache
    tables = tabulate("small", None)
    results = {row["run"]: row for row in rows(as_json(tables), "Results")}
    assert results["r32-2ep-lr2e4"]["pass@1 dataset"] == 50.0
    assert results["r32-2ep-lr2e4"]["published pass@1 dataset"] == 50.5
    assert results["lora"]["published pass@1 dataset"] is None


def test_an_experiment_of_other_parameters_is_kept(project: Path) -> None:
    path = project / "experiments.yaml"
    before = path.read_text()
    path.write_text(before.replace("{lora_rank: 16}", "{lora_rank: 8}"))
    try:
        with pytest.raises(StageError, match=r"experiment rslora has other parameters.*dvc exp re"):
            run_study("small", "full", None, queue=False)
    finally:
        path.write_text(before)
    assert find("rslora")


@pytest.mark.usefixtures("project")
def test_a_study_is_queued_once(capfd: pytest.CaptureFixture[str]) -> None:
    run_study("small", "smoke", None, queue=True)
    assert "dvc queue start" in capfd.readouterr().out
    run_study("small", "smoke", None, queue=True)
    assert capfd.readouterr().out.count("queued already") == 3
    status = subprocess.run(
        ["dvc", "queue", "status"], check=True, capture_output=True, text=True
    ).stdout
    assert all(f"{run}-smoke" in status for run in ("lora", "rslora", "r32-2ep-lr2e4"))


@pytest.mark.usefixtures("project")
def test_a_study_that_was_not_run_says_how() -> None:
    with pytest.raises(StageError, match=r"no experiment of it yet; run `ketune study"):
        tabulate("small", "smoke")


@pytest.mark.usefixtures("project")
def test_what_there_is_not_is_refused_before_a_run_starts(
    capfd: pytest.CaptureFixture[str],
) -> None:
    for stage in ("nope", "", "train@base"):
        with pytest.raises(StageError, match=f"--stage: no stage '{stage}'; use one of: train, me"):
            run_study("small", "full", stage, queue=False)
    for profile in ("nope", ""):
        with pytest.raises(StageError, match=f"no profile '{profile}'; use one of: full, smoke"):
            run_study("small", profile, None, queue=False)
        with pytest.raises(StageError, match=f"no profile '{profile}'; use one of: full, smoke"):
            tabulate("small", profile)
    assert capfd.readouterr().out == ""
