"""The engines of this process, on the tiny model, and what they share with an endpoint."""

import ast
import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ketune.generation import transformers, vllm
from ketune.generation.endpoint import data_url
from ketune.generation.prompts import Answer, Prompt, Subject, batches, seed_of
from ketune.models.load import build_template, load_plugins
from ketune.models.locate import locate_model
from ketune.params import Params, load_params
from ketune.params.profile import profile_changes
from ketune.runtime import StageError
from tests.generation.test_prompts import prompt
from tests.training.conftest import ROOT, changed

SAMPLED = {"n_samples": 3, "temperature": 1.5, "max_new_tokens": 24, "batch_size": 2}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Params:
    """Profile smoke, with the repository as the working directory."""
    monkeypatch.chdir(ROOT)
    return load_params(ROOT, profile_changes("smoke", ROOT))


def subject(params: Params) -> Subject:
    return Subject("base", locate_model(params.model, params.model_revision), own_template=False)


def test_an_image_is_shrunk_for_an_endpoint_as_ms_swift_shrinks_it(tmp_path: Path) -> None:
    from swift.template.vision_utils import rescale_image  # noqa: PLC0415 - seconds to import

    path = tmp_path / "large.png"
    noise = bytes(range(256)) * 300
    for size in ((160, 120), (100, 200), (144, 144), (33, 217), (50, 100)):
        Image.frombytes("RGB", size, noise[: size[0] * size[1] * 3]).save(path)
        content = base64.b64decode(data_url(str(path), 5000).partition(",")[2])
        with Image.open(path) as large, Image.open(io.BytesIO(content)) as sent:
            expected = rescale_image(large, 5000)
            assert sent.size == expected.size
            assert sent.tobytes() == expected.tobytes()
            assert sent.width * sent.height <= 5000


def test_a_models_own_template_brings_its_own_system_prompt(tiny: Params) -> None:
    load_plugins(tiny)
    from swift.infer_engine import InferRequest  # noqa: PLC0415 - seconds to import
    from swift.model import get_processor  # noqa: PLC0415

    own = (
        "{% if messages[0].role != 'system' %}<|im_start|>system\nQiskit only.<|im_end|>\n"
        "{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
        "{% endfor %}<|im_start|>assistant{{ '\n' }}"
    )
    processor = get_processor(tiny.model, use_hf=True, model_type="qwen3_vl").tokenizer
    processor.chat_template = own
    params = changed(tiny, template="qwen2_5", model_type="qwen2")
    texts = []
    for own_template in (True, False):
        template = build_template(params, processor, own_template=own_template)
        encoded = template.encode(InferRequest([{"role": "user", "content": "Hi"}]))
        texts.append(processor.decode(encoded["input_ids"]))
    user = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert texts[0] == f"<|im_start|>system\nQiskit only.<|im_end|>\n{user}"
    assert texts[1] == f"<|im_start|>system\n{tiny.system}<|im_end|>\n{user}"


def vllm_parameters() -> set[str]:
    """What ms-swift's VllmEngine takes, read from its source: importing it needs vLLM."""
    import swift.infer_engine  # noqa: PLC0415 - seconds to import

    source = Path(swift.infer_engine.__path__[0], "vllm_engine.py").read_text()
    (engine,) = (
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == "VllmEngine"
    )
    functions = {
        f.name: f for f in engine.body if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert [a.arg for a in functions["infer_async"].args.args[1:]] == [
        *("infer_request", "request_config"),
    ]
    return {a.arg for a in functions["__init__"].args.kwonlyargs}


def test_vllm_answers_each_prompt_by_its_own_seed_and_names_one_it_refuses(
    tiny: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_plugins(tiny)
    import swift.infer_engine  # noqa: PLC0415 - seconds to import
    from swift.infer_engine.protocol import (  # noqa: PLC0415
        ChatCompletionResponse,
        ChatCompletionResponseChoice,
        ChatMessage,
        UsageInfo,
    )

    class Engine:
        """Takes the place of the engine: vLLM needs a GPU."""

        def __init__(self, model: str, **settings: Any) -> None:
            assert model == tiny.model
            assert set(settings) <= vllm_parameters()
            assert settings["use_async_engine"]

        async def infer_async(self, request: Any, config: Any) -> ChatCompletionResponse:
            question = request.messages[0]["content"]
            if "refused" in question:
                raise ValueError("too long")
            assert (config.top_k, config.min_p, config.repetition_penalty) == (-1, 0.0, 1.0)
            choices = [
                ChatCompletionResponseChoice(
                    index=i,
                    message=ChatMessage("assistant", f"{question} {config.seed + i}"),
                    finish_reason="length" if i else "stop",
                    logprobs=None,
                )
                for i in reversed(range(config.n))
            ]
            return ChatCompletionResponse("m", choices, UsageInfo(1, 5, 6))

    monkeypatch.setitem(vars(swift.infer_engine), "VllmEngine", Engine)
    params = changed(tiny, generation=tiny.generation.model_dump() | SAMPLED | {"backend": "vllm"})
    engine = vllm.load(params, subject(params))
    asked = [prompt(name, name) for name in ("a", "b", "refused")]
    found: dict[str, list[Answer]] = {}

    def record(batch: Sequence[Prompt], answers: Sequence[Sequence[Answer]], tokens: int) -> None:
        assert tokens == 5
        found[batch[0].task.question] = list(answers[0])

    with pytest.raises(StageError, match=r"dataset/refused \(standard\): too long"):
        engine([[p] for p in asked], record)
    seeds = {p.task.question: seed_of(params.generation.seed, p) for p in asked}
    assert found == {
        name: [Answer(f"{name} {seeds[name] + i}", i > 0) for i in range(3)] for name in ("a", "b")
    }


def test_samples_are_seeded_by_batch_whatever_ran_before(tiny: Params) -> None:
    params = changed(tiny, generation=tiny.generation.model_dump() | SAMPLED)
    engine = transformers.load(params, subject(params))
    planned = batches([prompt(str(i), f"Apply H to qubit {i}.") for i in range(4)], 2)

    def generate(wanted: list[list[Prompt]]) -> dict[str, list[Answer]]:
        found: dict[str, list[Answer]] = {}

        def record(
            batch: Sequence[Prompt], answers: Sequence[Sequence[Answer]], tokens: int
        ) -> None:
            assert 0 < tokens <= len(batch) * 3 * 24
            found.update({p.task.task_id: list(a) for p, a in zip(batch, answers, strict=True)})

        engine(wanted, record)
        return found

    whole = generate(planned)
    assert generate(planned[1:]) | generate(planned[:1]) == whole
    assert {len(samples) for samples in whole.values()} == {3}
    assert len({a.text for samples in whole.values() for a in samples}) > 4
    assert {a.truncated for samples in whole.values() for a in samples} == {True, False}
