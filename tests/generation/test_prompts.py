from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ketune.generation import endpoint, vllm
from ketune.generation.prompts import Backend, Prompt, batches, seed_of
from ketune.params import Params
from ketune.tasks.benchmarks import Task


def prompt(name: str, question: str = "q", images: tuple[str, ...] = ()) -> Prompt:
    task = Task(
        task_id=f"dataset/{name}",
        benchmark="dataset",
        type="qa",
        category="circuits_and_gates",
        question=question,
        images=images,
        test_code="",
        entry_point="",
        reference="",
        multimodal=bool(images),
    )
    return Prompt(task, "standard")


@given(
    lengths=st.lists(st.integers(min_value=0, max_value=50), max_size=30),
    size=st.integers(min_value=1, max_value=9),
    order=st.randoms(use_true_random=False),
)
def test_batches_hold_every_prompt_once_whatever_the_order(
    lengths: list[int], size: int, order: object
) -> None:
    prompts = [prompt(str(i), "x" * n) for i, n in enumerate(lengths)]
    planned = batches(prompts, size)
    assert sorted(p.key for batch in planned for p in batch) == sorted(p.key for p in prompts)
    assert all(0 < len(batch) <= size for batch in planned)
    shuffled = list(prompts)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert batches(shuffled, size) == planned


@pytest.mark.parametrize("backend", [vllm.BACKEND, endpoint.BACKEND])
def test_where_the_backend_schedules_a_kill_costs_single_prompts(
    full: Params, backend: Backend
) -> None:
    planned = batches([prompt(str(i)) for i in range(9)], backend.batch_size(full))
    assert {len(batch) for batch in planned} == {1}


def test_prompts_with_and_without_images_are_not_interleaved() -> None:
    prompts = [prompt(str(i), "q" * i, ("a.png",) if i % 2 else ()) for i in range(8)]
    first, second = batches(prompts, 4)
    assert {p.task.multimodal for p in first} == {False}
    assert {p.task.multimodal for p in second} == {True}


def test_a_blank_image_is_white_and_of_the_same_size(tmp_path: Path) -> None:
    path = tmp_path / "circuit.png"
    Image.new("RGB", (37, 21), "black").save(path)
    standard = prompt("a", images=(str(path),))
    assert standard.images() == [str(path)]
    (blank,) = Prompt(standard.task, "blank_images").images()
    assert isinstance(blank, Image.Image)
    assert blank.size == (37, 21)
    assert blank.getcolors() == [(37 * 21, (255, 255, 255))]


def test_seeds_differ_by_batch_and_by_parameter_and_repeat() -> None:
    assert seed_of(1, prompt("a")) == seed_of(1, prompt("a"))
    assert len({seed_of(1, prompt("a")), seed_of(1, prompt("b")), seed_of(2, prompt("a"))}) == 3
    assert 0 <= seed_of(1, prompt("a")) < 2**31
