"""Files of baselines/: what they change, and what a user who mistypes one is told."""

import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from ketune.params import Baseline, load_params
from ketune.params.baselines import load_baseline
from ketune.params.profile import profile_changes
from ketune.runtime import StageError
from tests.projects import write_params

REPOSITORY = Path(__file__).parents[2]
MD5 = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    shutil.copytree(REPOSITORY / "baselines", tmp_path / "baselines")
    return tmp_path


def write(root: Path, text: str) -> None:
    (root / "baselines" / "mine.yaml").write_text(text)


def test_base_is_the_model_of_params(root: Path) -> None:
    assert load_baseline("base", root) == (load_params(root), Baseline())


def test_ibms_model_reads_text_by_its_own_template(root: Path) -> None:
    params, baseline = load_baseline("ibm", root)
    assert params.model == "Qiskit/Qwen2.5-Coder-14B-Qiskit"
    assert (params.model_type, params.template) == ("qwen2", "qwen2_5")
    assert (baseline.multimodal, baseline.template_backend) == (False, "jinja")
    assert params.generation == load_params(root).generation


def test_another_model_takes_nothing_of_the_one_in_params(root: Path) -> None:
    write_params(root, profile_changes("smoke", REPOSITORY))
    write(root, "model: some/model\nsystem: Be brief.\n")
    params, _ = load_baseline("mine", root)
    assert (params.model, params.model_revision, params.system) == (
        "some/model",
        "main",
        "Be brief.",
    )
    assert (params.model_type, params.template, params.external_plugins) == ("auto", "auto", [])
    assert params.use_cpu  # but runs on the same machine
    write(root, "system: Be brief.\n")
    params, _ = load_baseline("mine", root)
    assert params == load_params(root).model_copy(update={"system": "Be brief."})


def test_a_baseline_may_live_at_an_endpoint(root: Path) -> None:
    url = "https://api.example.org/v1"
    write(root, f"model: big\ngeneration:\n  backend: openai\n  endpoint:\n    base_url: {url}\n")
    generation = load_baseline("mine", root)[0].generation
    assert (generation.backend, generation.endpoint.base_url) == ("openai", url)
    assert generation.endpoint.concurrency == load_params(root).generation.endpoint.concurrency


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("modle: x/y\n", "baselines/mine.yaml: unknown key 'modle'"),
        ("lora_rank: 8\n", "baselines/mine.yaml: unknown key 'lora_rank'"),
        ("generation:\n  temperature: 0.5\n", "mine.yaml: unknown key 'generation.temperature'"),
        (
            "generation:\n  endpoint:\n    url: x\n",
            "mine.yaml: unknown key 'generation.endpoint.url'",
        ),
        ("max_pixels: many\n", "baselines/mine.yaml: max_pixels: expected a valid integer"),
        ("multimodal: maybe\n", "baselines/mine.yaml: multimodal: expected a valid boolean"),
        ("completions: a.jsonl\n", "baselines/mine.yaml: completions and md5 go together"),
        (
            f"completions: a.jsonl\nmd5: {MD5}\nmodel: x/y\n",
            "mine.yaml: model: completions produced elsewhere take no model's key",
        ),
        ("benchmarks:\n- other\n", "baselines/mine.yaml: benchmarks: no 'other'; params.yaml has"),
        ("benchmarks:\n- dataset\n- qiskit_humanevla\n", "mine.yaml: benchmarks: no 'qiskit_hu"),
        (
            "template_backend: jinja\n",
            "mine.yaml: template_backend: jinja is for a text-only model",
        ),
        (
            "template_backend: jinja\nmultimodal: false\nsystem: x\n",
            "mine.yaml: system: template_backend: jinja ignores it",
        ),
        (
            f"completions: a.jsonl\nmd5: {MD5}\ntemplate_backend: jinja\n",
            "mine.yaml: template_backend: completions produced elsewhere",
        ),
        ("external_plugins:\n- 3\n", "mine.yaml: external_plugins.0: expected a valid string"),
        (
            "generation:\n  backend: openai\n  endpoint:\n    timeout: .nan\n",
            "baselines/mine.yaml: generation.endpoint.timeout: expected a finite number",
        ),
        (
            "generation:\n  endpoint:\n    base_url: https://key@host/v1\n",
            "mine.yaml: generation.endpoint.base_url: expected",
        ),
        ("- model\n", "baselines/mine.yaml: expected keys and values"),
    ],
)
def test_a_bad_file_is_one_line_naming_file_and_key(root: Path, text: str, told: str) -> None:
    write(root, text)
    with pytest.raises(StageError) as error:
        load_baseline("mine", root)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("backend", "key", "value"),
    [
        *(("openai", key, "x") for key in ("model_revision", "model_type", "template")),
        *(("openai", key, value) for key, value in (("use_cpu", "true"), ("attn_impl", "sdpa"))),
        *(("openai", key, value) for key, value in (("torch_dtype", "float32"),)),
        *(("vllm", key, value) for key, value in (("use_cpu", "true"), ("attn_impl", "sdpa"))),
        *((backend, "generation.batch_size", "8") for backend in ("openai", "vllm")),
        *((name, "generation.endpoint.concurrency", "8") for name in ("transformers", "vllm")),
    ],
)
def test_what_the_backend_would_ignore_is_refused(
    root: Path, backend: str, key: str, value: str
) -> None:
    write_params(root, {"generation.backend": backend})
    *sections, name = key.split(".")
    lines = [f"{'  ' * depth}{part}:" for depth, part in enumerate([*sections, name])]
    write(root, "\n".join(lines) + f" {value}\n")
    with pytest.raises(StageError, match=rf"mine\.yaml: {key}: .* {backend} ignores"):
        load_baseline("mine", root)


def test_a_fault_of_params_is_not_the_baselines(root: Path) -> None:
    write_params(root, {"generation.repetition_penalty": 1.1})
    plain = "generation:\n  backend: openai\n  endpoint:\n    extensions: false\n"
    write(root, plain)
    with pytest.raises(StageError, match=r"^baselines/mine\.yaml: generation: repetition_penalty"):
        load_baseline("mine", root)
    write_params(root, {"lora_rank": 0})
    with pytest.raises(StageError, match=r"^params\.yaml: lora_rank"):
        load_baseline("mine", root)


def test_laptop_scale_leaves_the_benchmarks_of_a_baseline_out(root: Path) -> None:
    write(root, "benchmarks:\n- dataset\n- qiskit_humaneval\n")
    write_params(root, profile_changes("smoke", REPOSITORY))
    assert load_baseline("mine", root)[1].benchmarks == ["dataset", "qiskit_humaneval"]
    write(root, "benchmarks:\n- qiskit_humaneval\n")
    with pytest.raises(StageError, match="benchmarks: no 'qiskit_humaneval'"):
        load_baseline("mine", root)


def test_a_missing_file_names_those_there_are(root: Path) -> None:
    with pytest.raises(StageError, match=r"no baselines/nobody\.yaml; .*one of: base, ibm"):
        load_baseline("nobody", root)


@pytest.mark.parametrize("names", ["[base,base]", "[finetuned]", "['../base']"])
def test_names_of_baselines_are_names_of_files(root: Path, names: str) -> None:
    apply_overrides(str(root / "params.yaml"), [f"baselines={names}"])
    with pytest.raises(StageError, match="baselines"):
        load_params(root)
