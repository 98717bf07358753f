"""A baseline's parameters: its file laid over params.yaml."""

from pathlib import Path
from typing import Any

from ketune.params.defaults import OTHER_MODEL
from ketune.params.load import flatten, load_params, read_yaml, validate
from ketune.params.schema import Baseline, Params, unknown_benchmarks
from ketune.runtime import StageError

# What a file of baselines/ may change of params.yaml: which model runs, and how, but not what it is
# asked nor how it is sampled.
_BASELINE_KEYS = {
    *("model", "model_revision", "model_type", "template", "external_plugins", "system"),
    *("torch_dtype", "attn_impl", "use_cpu", "max_pixels"),
    *("generation.backend", "generation.batch_size"),
}
_ENDPOINT = "generation.endpoint."
# Those of no effect: vLLM has its own attention and batches, an endpoint's server all of its own.
_IGNORED: dict[str, set[str]] = {
    "transformers": set(),
    "vllm": {"attn_impl", "use_cpu", "generation.batch_size"},
    "openai": {
        *("model_revision", "model_type", "template", "external_plugins"),
        *("torch_dtype", "attn_impl", "use_cpu", "generation.batch_size"),
    },
}


def load_baseline(name: str, root: Path = Path()) -> tuple[Params, Baseline]:
    """A baseline's parameters, and what else baselines/NAME.yaml says.

    The file is laid over params.yaml. One that gives a `model` starts from
    model_revision main, model_type and template auto and no external plugins.

    Raises StageError naming the file and key: no such file, an unknown key, a wrong value, a
    benchmark that params.yaml lacks, a key that the backend, or answers from elsewhere, ignore.
    """
    file = Path("baselines") / f"{name}.yaml"
    if not (root / file).is_file():
        known = ", ".join(sorted(path.stem for path in (root / "baselines").glob("*.yaml")))
        raise StageError(f"params.yaml: baselines: no {file}; write it, or use one of: {known}")
    tree = read_yaml(root / file, empty=True)
    own = {key: tree.pop(key) for key in Baseline.model_fields if key in tree}
    changes = flatten(tree)
    for key in changes:
        if key not in _BASELINE_KEYS and not key.startswith(_ENDPOINT):
            raise StageError(f"{file}: unknown key {key!r}; a baseline may say which model runs")
    baseline = validate(Baseline, own, str(file))
    start = OTHER_MODEL if "model" in changes else {}
    params = load_params(root, start | changes, str(file))
    _check_baseline(file, params, baseline, changes)
    return params, baseline


def _check_baseline(
    file: Path, params: Params, baseline: Baseline, changes: dict[str, Any]
) -> None:
    names = [benchmark.name for benchmark in params.benchmarks]
    asked = baseline.benchmarks or names
    unknown = unknown_benchmarks(asked, names) or ([] if {*names} & {*asked} else asked)
    if unknown:
        raise StageError(
            f"{file}: benchmarks: no {unknown[0]!r}; params.yaml has {', '.join(names)}"
        )
    own_template = baseline.template_backend == "jinja"
    if baseline.completions is not None:
        if ignored := [*changes, *["template_backend"] * own_template]:
            raise StageError(
                f"{file}: {ignored[0]}: completions produced elsewhere take no model's key"
            )
        return
    backend = params.generation.backend
    for key in changes:
        if key in _IGNORED[backend] or (key.startswith(_ENDPOINT) and backend != "openai"):
            raise StageError(
                f"{file}: {key}: generation.backend {backend} ignores it; remove it, or give this "
                "file another generation.backend"
            )
    if own_template and "system" in changes:
        raise StageError(f"{file}: system: template_backend: jinja ignores it; keep one of them")
    if own_template and baseline.multimodal and backend != "openai":
        raise StageError(
            f"{file}: template_backend: jinja is for a text-only model (multimodal: false)"
        )
