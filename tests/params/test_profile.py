"""A profile is ordinary changes: what -S sets is what runs, at either scale, or an error."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from hypothesis import given, settings
from hypothesis import strategies as st

from ketune.params import flatten, load_params, read_yaml
from ketune.params.profile import (
    held_profile,
    main,
    overrides,
    profile_changes,
    recommended,
    scale_of_params,
    short_changes,
    write,
)
from ketune.runtime import StageError

REPOSITORY = Path(__file__).parents[2]
FULL = flatten(read_yaml(REPOSITORY / "params.yaml"))
SMOKE = profile_changes("smoke", REPOSITORY)
KEYS = sorted(FULL)
# Of a key: values that differ in type and size, those of both scales among them.
VALUES = st.one_of(
    st.sampled_from(sorted({repr(v) for v in FULL.values()} | {repr(v) for v in SMOKE.values()})),
    st.booleans().map(repr),
    st.integers(-5, 10**7).map(repr),
    st.floats(1e-7, 1e3).map(repr),
    st.sampled_from(["'sdpa'", "'none'", "'32'", "'auto'", "'a b/ü'", "[]", "['x']"]),
)


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    shutil.copytree(REPOSITORY / "profiles", tmp_path / "profiles")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "recommended")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@settings(max_examples=300)
@given(key=st.sampled_from(KEYS), text=VALUES, laptop=st.booleans())
def test_every_override_is_what_runs_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, key: str, text: str, laptop: bool
) -> None:
    wanted: Any = eval(text)
    root = tmp_path_factory.mktemp("override")
    shutil.copy(REPOSITORY / "params.yaml", root)
    changes = (SMOKE if laptop else {}) | {key: wanted}
    # In the order of a command line: the profile's flags, then the user's.
    flags = [*overrides(SMOKE if laptop else {}), *overrides({key: wanted})]
    apply_overrides(str(root / "params.yaml"), flags)
    try:
        params = flatten(load_params(root).model_dump(exclude_unset=True))
    except StageError:
        return
    for name, value in (FULL | changes).items():
        found = params.get(name)
        if found is None:
            continue
        assert found == value, name
        # A number may be widened (1 → 1.0), never a text or a truth value.
        assert type(found) is type(value) or {type(found), type(value)} == {int, float}, name


def test_what_the_loader_hands_over_is_what_the_file_says(root: Path) -> None:
    """ketune/params is no dependency of a stage: it may refuse values, and changes none."""
    for changes in ({}, SMOKE):
        write(changes)
        assert flatten(load_params().model_dump(exclude_unset=True)) == flatten(
            read_yaml(root / "params.yaml")
        )


def test_a_profile_is_written_in_place_and_taken_back_without_a_trace(root: Path) -> None:
    before = (root / "params.yaml").read_text()
    main(["smoke"])
    text = (root / "params.yaml").read_text()
    assert held_profile() == "smoke"
    assert "# increased from 0.05" in text  # comments are kept
    assert load_params().data.source == "synthetic"
    main(["full"])
    assert (root / "params.yaml").read_text() == before


def test_a_users_own_comment_outlives_the_way_to_a_profile_and_back(root: Path) -> None:
    path = root / "params.yaml"
    path.write_text(
        path.read_text().replace("lora_rank: 32", "lora_rank: 32 # mine: 64 is too much")
    )
    main(["smoke"])
    main(["full"])
    assert "lora_rank: 32 # mine: 64 is too much" in path.read_text()
    assert held_profile() == "full"


@pytest.mark.parametrize("text", ["Qiskit ${model} 2.0", "${nothing}", "???"])
def test_a_text_that_dvc_would_replace_is_refused(root: Path, text: str) -> None:
    path = root / "params.yaml"
    path.write_text(
        path.read_text().replace("model: Qwen/Qwen3-VL-8B-Instruct", f"model: {text!r}")
    )
    before = path.read_text()
    with pytest.raises(StageError, match=r"params.yaml: model: DVC replaces"):
        load_params()
    with pytest.raises(StageError, match=r"params.yaml: model: DVC replaces"):
        main(["smoke"])
    assert path.read_text() == before


def test_a_key_changed_at_a_profile_leaves_it_that_profile(root: Path) -> None:
    before = (root / "params.yaml").read_text()
    main(["smoke"])
    write({"eval_steps": 15, "save_steps": 15})
    subprocess.run(["git", "commit", "-qam", "laptop scale, shorter"], check=True)
    assert held_profile() == "smoke"
    with pytest.raises(StageError, match=r"but for eval_steps, save_steps; run `ketune profile sm"):
        scale_of_params()
    main(["full"])
    assert (root / "params.yaml").read_text() == before


def test_the_flags_write_what_the_profile_writes(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["smoke", "--flags"])
    printed = capsys.readouterr().out
    assert (root / "params.yaml").read_text() == (REPOSITORY / "params.yaml").read_text()
    # As a shell splits them: by blanks alone.
    flags = [part for part in printed.split() if part != "-S"]
    apply_overrides("params.yaml", flags)
    flagged = (root / "params.yaml").read_text()
    shutil.copy(REPOSITORY / "params.yaml", root)
    main(["smoke"])
    assert (root / "params.yaml").read_text() == flagged


@pytest.mark.usefixtures("root")
def test_a_profile_is_one_change_to_a_person_and_hides_no_other() -> None:
    smoke = FULL | SMOKE
    assert short_changes(FULL, smoke) == ["profile=smoke"]
    assert short_changes(FULL, smoke | {"lora_rank": 64}) == ["profile=smoke", "lora_rank=64"]
    assert short_changes(smoke, smoke | {"lora_rank": 64}) == ["lora_rank=64"]
    assert short_changes(smoke, FULL)[0].startswith("model=")
    # At the profile but for one key, every key stands.
    assert "eval_steps=7" in short_changes(FULL, smoke | {"eval_steps": 7})
    assert "profile=smoke" not in short_changes(FULL, smoke | {"eval_steps": 7})


@pytest.mark.usefixtures("root")
def test_full_keeps_what_the_user_changed_beside_the_scale() -> None:
    main(["smoke"])
    apply_overrides("params.yaml", ["lora_rank=64", "gradient_accumulation_steps=2"])
    assert load_params().gradient_accumulation_steps == 2
    main(["full"])
    params = load_params()
    assert (params.lora_rank, params.model) == (64, "Qwen/Qwen3-VL-8B-Instruct")


def test_the_recommended_values_are_found_behind_a_committed_profile(root: Path) -> None:
    main(["smoke"])
    git(root, "commit", "-qam", "laptop scale")
    assert recommended()["model"] == "Qwen/Qwen3-VL-8B-Instruct"
    main(["full"])
    assert load_params().model == "Qwen/Qwen3-VL-8B-Instruct"


def test_a_profile_leaves_the_method_alone(root: Path) -> None:
    method = {"lora_rank", "lora_alpha", "learning_rate", "optim", "weight_decay", "seed", "system"}
    assert not method & SMOKE.keys()
    with (root / "profiles/smoke.yaml").open("a") as file:
        file.write("lora_rank: 4\n")
    with pytest.raises(StageError, match=r"profiles/smoke\.yaml: lora_rank: a profile may set"):
        main(["smoke"])


def test_an_unknown_profile_names_those_there_are(root: Path) -> None:
    assert root.is_dir()
    with pytest.raises(StageError, match="no profile 'laptop'; use one of: full, smoke"):
        main(["laptop"])


def test_without_history_the_recommended_values_are_not_guessed(root: Path) -> None:
    shutil.rmtree(root / ".git")
    main(["smoke"])
    with pytest.raises(StageError, match="history cannot be read"):
        main(["full"])
