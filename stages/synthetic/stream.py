"""The endless stream of samples of a split: families drawn by weight, duplicates left out."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from itertools import count, islice
from random import Random
from typing import Literal

from stages.synthetic.circuits import qasm
from stages.synthetic.drawing import draw as draw_picture
from stages.synthetic.families import CODE, QUESTIONS
from stages.synthetic.sample import (
    Family,
    Question,
    Sample,
    Task,
    code_fingerprint,
    question_fingerprint,
)
from stages.synthetic.wording import code_request, reword

Split = Literal["train", "validation", "test"]
SPLIT_BUCKETS = {"train": range(70), "validation": range(70, 85), "test": range(85, 100)}
QUESTION_SHARE, COMPLETION_SHARE, PICTURE_SHARE = 0.34, 0.52, 0.46
SOURCE = "ketune/synthetic"
_ATTEMPTS = 200


def samples(split: Split, seed: int, start: int = 0, *, draw: bool = True) -> Iterator[Sample]:
    """Samples of `split` from number `start` on, without end; `draw=False` leaves images None.

    A program or question belongs to one split by its fingerprint, whatever the seed, so none of
    one split occurs in another. Within a split and seed none occurs twice.
    """
    yield from islice(_stream(split, seed, draw), start, None)


def _stream(split: Split, seed: int, draw: bool) -> Iterator[Sample]:
    seen: set[str] = set()
    for number in count():
        rng = Random(f"{seed}/{split}/{number}")
        families = QUESTIONS if rng.random() < QUESTION_SHARE else CODE
        picture = rng.random() < PICTURE_SHARE
        # Small families run dry; asking again for the same kind keeps the shares.
        for _ in range(_ATTEMPTS):
            sample = _sample(rng, families, picture)
            bucket = int(sha256(sample.fingerprint.encode()).hexdigest(), 16) % 100
            if bucket in SPLIT_BUCKETS[split] and sample.fingerprint not in seen:
                seen.add(sample.fingerprint)
                yield with_image(sample) if draw and sample.picture is not None else sample
                break


def with_image(sample: Sample) -> Sample:
    """The sample with its picture drawn."""
    assert sample.picture is not None
    return replace(sample, image=draw_picture(sample.picture))


def _sample(rng: Random, families: list[Family], picture: bool) -> Sample:
    weights = [family.illustrated if picture else family.weight for family in families]
    family = rng.choices(families, weights)[0]
    built = family.build(rng, picture)
    if isinstance(built, Question):
        return _question(family, built)
    return _code(family, built, rng)


def _question(family: Family, question: Question) -> Sample:
    return Sample(
        question=question.ask,
        answer=question.answer,
        category=family.category,
        type="qa",
        test_code="",
        entry_point="",
        source=SOURCE,
        image=None,
        family=family.name,
        program="",
        qasm=qasm(question.circuit) if question.circuit else None,
        needs_image=question.needs_image,
        fingerprint=question_fingerprint(question),
        picture=question.picture,
    )


def _code(family: Family, task: Task, rng: Random) -> Sample:
    name, ask = rng.choice(task.names), reword(task.ask, rng)
    head = f"{_imports(task.imports)}def {name}() -> {task.returns}:\n"
    body = "".join(f"    {line}\n" for line in task.body)
    program = head + body
    if rng.random() < COMPLETION_SHARE:
        kind, answer = "function_completion", body
        question = f'{head}    """{ask}"""\n    pass\n'
    else:
        kind, answer = "code_generation", program
        question = f"{ask}\n{code_request(name, rng)}"
    check = "".join(f"    {line}\n" for line in task.check)
    return Sample(
        question=question,
        answer=answer,
        category=family.category,
        type=kind,
        test_code=f"{_imports(task.check_imports)}def check(candidate):\n{check}",
        entry_point=name,
        source=SOURCE,
        image=None,
        family=family.name,
        program=program,
        qasm=qasm(task.circuit) if task.circuit else None,
        needs_image=task.needs_image,
        fingerprint=code_fingerprint(program, name),
        picture=task.picture,
    )


def _imports(modules: Mapping[str, str]) -> str:
    lines = [
        f"import {module} {what}\n" if what.startswith("as ") else f"from {module} import {what}\n"
        for module, what in sorted(modules.items())
    ]
    return "".join(lines) + ("\n\n" if lines else "")
