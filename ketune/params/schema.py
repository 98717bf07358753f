"""What params.yaml may hold: names, types, ranges. Training keys are ms-swift 4.6 arguments."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

Name = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(ge=1)]
NonNegative = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # as NumPy takes it
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
# Names a file of baselines/ and the files made from it.
BaselineName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Md5 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


TAKEN = {"finetuned", "data", "train", "merge", "calibration", "report"}  # files of metrics/


def _must_be_true(value: bool) -> bool:
    if not value:
        raise ValueError("must be true")
    return value


OnlyTrue = Annotated[bool, AfterValidator(_must_be_true)]  # Literal[True] takes 1 as well


class _Section(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False
    )


class DataParams(_Section):
    """Section `data`: where the rows come from and how they are prepared."""

    source: Name
    revision: Name
    seed: Seed
    synthetic_train: Count
    synthetic_validation: Count
    synthetic_test: Count
    image_max_size: Annotated[int, Field(ge=32)]
    max_quarantine: Share
    decontaminate: Literal["drop", "keep"]
    siblings: Literal["report", "move", "drop"]
    siblings_by: Annotated[list[Literal["image", "prompt", "code", "source"]], Field(min_length=1)]


class EndpointParams(_Section):
    """Section `generation.endpoint`: the server that the backend `openai` asks.

    `api_key_env` names the environment variable that holds the key: no file ever does. `timeout`:
    seconds a request may take. `requests_per_minute` 0 is no limit. `extensions`: top_k, min_p and
    repetition_penalty are sent, which vLLM and its like take and OpenAI's own service refuses.
    """

    base_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s@]+$")]
    api_key_env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    concurrency: Count
    requests_per_minute: NonNegative
    timeout: Positive
    max_retries: NonNegative
    extensions: bool


class GenerationParams(_Section):
    """Section `generation`: how completions are sampled. Temperature 0 is greedy."""

    backend: Literal["transformers", "vllm", "openai"]
    endpoint: EndpointParams
    batch_size: Count
    temperature: Annotated[float, Field(ge=0)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    repetition_penalty: Positive
    max_new_tokens: Count
    n_samples: Count
    seed: Seed
    blank_images: bool

    @model_validator(mode="after")
    def _greedy_has_one_sample(self) -> Self:
        if self.temperature == 0 and self.n_samples > 1:
            raise ValueError(
                "n_samples above 1 needs a temperature above 0: greedy samples are all the same"
            )
        return self

    @model_validator(mode="after")
    def _penalty_can_be_sent(self) -> Self:
        plain = self.backend == "openai" and not self.endpoint.extensions
        if plain and self.repetition_penalty != 1:
            raise ValueError("repetition_penalty other than 1.0 needs endpoint.extensions")
        return self


class Benchmark(_Section):
    """A benchmark: the prepared test split (name `dataset`), or a pinned file of tasks."""

    name: Name
    path: Name | None = None
    md5: Md5 | None = None
    type: Literal["function_completion", "code_generation"] | None = None

    @model_validator(mode="after")
    def _file_is_pinned(self) -> Self:
        pinned = None not in (self.path, self.md5, self.type)
        if self.name == "dataset" and (self.path or self.md5 or self.type):
            raise ValueError("`dataset` is the prepared test split and takes no path, md5 or type")
        if self.name != "dataset" and not pinned:
            raise ValueError(f"benchmark {self.name!r} needs path, md5 and type")
        if self.path is not None and PurePosixPath(self.path).is_absolute():
            raise ValueError(f"benchmark {self.name!r}: path must be relative to the repository")
        return self


def unknown_benchmarks(names: Iterable[str], benchmarks: Sequence[str]) -> list[str]:
    """Those of `names` that are none of `benchmarks`, and so misspelt.

    None is where `dataset` alone is run, as at laptop scale: what names the others may stay.
    """
    known = {*benchmarks}
    return [] if known == {"dataset"} else [name for name in names if name not in known]


class Baseline(_Section):
    """What a file of baselines/ says beside the parameters that it changes.

    `multimodal` false: a text-only model, to which tasks with images do not apply. `benchmarks`:
    the names of those that apply, all by default. `template_backend` is ms-swift's: jinja is the
    model's own chat template, with the system prompt that it brings instead of `system`.
    `completions`: a JSONL of answers that were produced elsewhere, pinned by `md5`; the model is
    then not run.
    """

    multimodal: bool = True
    benchmarks: Annotated[list[Name], Field(min_length=1)] | None = None
    template_backend: Literal["swift", "jinja"] = "swift"
    completions: Name | None = None
    md5: Md5 | None = None

    @model_validator(mode="after")
    def _completions_are_pinned(self) -> Self:
        if (self.completions is None) != (self.md5 is None):
            raise ValueError("completions and md5 go together: the pin lets DVC see a change")
        return self


class Ceiling(_Section):
    """How many reference solutions of a benchmark are known to pass."""

    benchmark: Name
    passing: NonNegative


class EvaluationParams(_Section):
    """Section `evaluation`: how completions are judged. Times are wall seconds a program.

    A task's limit is `timeout`, or `timeout_factor` times what its reference solution took if
    that is more. `ceilings` is a list, as DVC merges a mapping into the one that is there.
    """

    timeout: Positive
    timeout_factor: Annotated[float, Field(ge=1)]
    calibration_timeout: Positive
    calibration_runs: Count
    memory_mb: Annotated[int, Field(ge=512)]
    stitching: Literal["ketune", "seed"]
    pass_at: Annotated[list[Count], Field(min_length=1)]
    ceilings: list[Ceiling]

    @model_validator(mode="after")
    def _references_have_no_less_time(self) -> Self:
        if self.calibration_timeout < self.timeout:
            raise ValueError("calibration_timeout must be at least timeout")
        return self


class Params(_Section):
    """The whole of params.yaml."""

    model: Name
    model_revision: Name
    model_type: Name
    torch_dtype: Literal["bfloat16", "float16", "float32"]
    bf16: bool
    attn_impl: Literal["flash_attn", "flash_attention_2", "flash_attention_3", "sdpa", "eager"]
    use_cpu: bool
    template: Name
    external_plugins: list[Name]
    system: Name

    tuner_type: Literal["lora"]
    lora_rank: Count
    lora_alpha: Count
    lora_dropout: Annotated[float, Field(ge=0, lt=1)]
    use_rslora: bool
    use_dora: bool
    init_weights: bool | Literal["gaussian", "pissa", "olora"]
    lorap_lr_ratio: Annotated[float, Field(ge=0)]

    target_modules: Name | Annotated[list[Name], Field(min_length=1)]
    freeze_llm: bool
    freeze_vit: bool
    freeze_aligner: bool

    learning_rate: Positive
    lr_scheduler_type: Name
    optim: Name
    weight_decay: Annotated[float, Field(ge=0)]
    adam_beta1: Share
    adam_beta2: Share
    max_grad_norm: Positive
    warmup_steps: Annotated[float, Field(ge=0)]

    num_train_epochs: Positive
    per_device_train_batch_size: Count
    gradient_accumulation_steps: Count
    seed: Seed
    logging_steps: Count

    eval_strategy: Literal["steps", "epoch"]
    eval_steps: Count
    eval_share: Annotated[float, Field(ge=0, lt=1)]
    per_device_eval_batch_size: Count
    save_strategy: Literal["steps", "epoch"]
    save_steps: Count
    save_total_limit: Annotated[int, Field(ge=2)]
    metric_for_best_model: Literal["eval_loss"]
    load_best_model_at_end: OnlyTrue

    gradient_checkpointing: bool
    vit_gradient_checkpointing: bool
    padding_free: bool
    use_liger_kernel: bool
    max_pixels: Annotated[int, Field(ge=1024)]
    dataloader_num_workers: NonNegative
    report_to: Literal["none", "wandb", "tensorboard"]

    nproc_per_node: Count
    nnodes: Count
    deepspeed: Name
    fsdp: Name

    data: DataParams
    baselines: list[BaselineName]
    generation: GenerationParams
    benchmarks: Annotated[list[Benchmark], Field(min_length=1)]
    evaluation: EvaluationParams

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        if self.eval_strategy != self.save_strategy:
            raise ValueError(
                "save_strategy must equal eval_strategy: the best model is a saved one"
            )
        if self.save_steps % self.eval_steps:
            raise ValueError(
                f"save_steps ({self.save_steps}) must be a multiple of eval_steps "
                f"({self.eval_steps}), or the best checkpoint is never saved"
            )
        names = [benchmark.name for benchmark in self.benchmarks]
        ceilings = [ceiling.benchmark for ceiling in self.evaluation.ceilings]
        if len(set(names)) != len(names):
            raise ValueError(f"benchmarks: a name appears twice in {names}")
        if unknown := unknown_benchmarks(ceilings, names):
            raise ValueError(
                f"evaluation.ceilings: no benchmark {unknown[0]!r}; benchmarks has "
                f"{', '.join(names)}. Correct it, or run without: -S evaluation.ceilings=[]"
            )
        if len(set(ceilings)) != len(ceilings):
            raise ValueError(f"evaluation.ceilings: a benchmark appears twice in {ceilings}")
        if len(set(self.baselines)) != len(self.baselines) or TAKEN & set(self.baselines):
            raise ValueError(
                f"baselines: {self.baselines}: names must differ, and none may be one of "
                f"{', '.join(sorted(TAKEN))}"
            )
        too_large = [k for k in self.evaluation.pass_at if k > self.generation.n_samples]
        if too_large:
            raise ValueError(
                f"evaluation.pass_at {too_large} needs generation.n_samples of at least "
                f"{max(too_large)}, got {self.generation.n_samples}"
            )
        return self
