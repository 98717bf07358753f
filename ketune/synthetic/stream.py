"""The endless stream of samples of a split: families drawn by weight, duplicates left out."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import count, islice
from random import Random
from typing import Literal

from ketune.synthetic.circuits import code_lines, rebuilding_line
from ketune.synthetic.code import block, imports, indented
from ketune.synthetic.drawing import draw as draw_picture
from ketune.synthetic.families import CORE, WIDE
from ketune.synthetic.sample import (
    Family,
    Question,
    Sample,
    Task,
    code_fingerprint,
    question_fingerprint,
)
from ketune.synthetic.wording import code_request, reword

Split = Literal["train", "validation", "test"]
SPLIT_BUCKETS = {"train": range(70), "validation": range(70, 85), "test": range(85, 100)}
# Where the wide tier takes over: past the rows of the smoke profile, whose text is pinned.
CORE_SAMPLES = {"train": 768, "validation": 128, "test": 256}
QUESTION_SHARE, COMPLETION_SHARE, PICTURE_SHARE = 0.34, 0.52, 0.46
_ATTEMPTS = 400

Rejected = Counter[tuple[str, str]]


def samples(
    split: Split,
    seed: int,
    start: int = 0,
    *,
    draw: bool = True,
    core: int | None = None,
    rejected: Rejected | None = None,
) -> Iterator[Sample]:
    """Samples of `split` from number `start` on, without end; `draw=False` leaves images None.

    A program or question belongs to one split by its fingerprint, whatever the seed, so none of
    one split occurs in another. Within a split and seed none occurs twice.

    The first `core` samples (CORE_SAMPLES of the split unless given) are of the core tier, whose
    parameters are few: its smaller families run dry after a thousand samples. The others are of the
    wide tier, in which the circuit, picture or fact that a sample is about belongs to one split as
    well, whatever is asked of it. What was drawn in vain is added to `rejected` by family and
    reason, "duplicate" or "other_split".
    """
    core = CORE_SAMPLES[split] if core is None else core
    rejected = Counter() if rejected is None else rejected
    yield from islice(_stream(split, seed, draw, core, rejected), start, None)


def _stream(split: Split, seed: int, draw: bool, core: int, rejected: Rejected) -> Iterator[Sample]:
    seen: set[str] = set()
    for number in count():
        rng = Random(f"{seed}/{split}/{number}")
        tier = CORE if number < core else WIDE
        families = tier.questions if rng.random() < QUESTION_SHARE else tier.code
        picture = rng.random() < PICTURE_SHARE
        # Small families run dry; asking again for the same kind keeps the shares.
        for _ in range(_ATTEMPTS):
            sample = _sample(rng, families, picture)
            keys = [
                sample.fingerprint,
                *([sample.subject] if tier is WIDE and sample.subject else []),
            ]
            if not all(_bucket(key) in SPLIT_BUCKETS[split] for key in keys):
                rejected[sample.family, "other_split"] += 1
            elif sample.fingerprint in seen:
                rejected[sample.family, "duplicate"] += 1
            else:
                seen.add(sample.fingerprint)
                yield with_image(sample) if draw and sample.picture is not None else sample
                break


def _bucket(key: str) -> int:
    return int(sha256(key.encode()).hexdigest(), 16) % 100


def with_image(sample: Sample) -> Sample:
    """The sample with its picture drawn."""
    assert sample.picture is not None
    return replace(sample, image=draw_picture(sample.picture))


def _sample(rng: Random, families: Sequence[Family], picture: bool) -> Sample:
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
        family=family.name,
        given=question.given,
        fingerprint=question_fingerprint(question),
        fact=question.fact,
    )


def _code(family: Family, task: Task, rng: Random) -> Sample:
    name, ask = rng.choice(task.names), reword(task.ask, rng)
    body, check = block(task.body), block(task.check)
    if (circuit := task.given.circuit) is not None:
        body, check = [*code_lines(circuit), *body], [rebuilding_line(circuit), *check]
    signature = f"def {name}() -> {task.returns}:\n"
    text, test = indented(body), f"def check(candidate):\n{indented(check)}"
    head = imports(signature + text) + signature
    program = head + text
    if rng.random() < COMPLETION_SHARE:
        kind, answer = "function_completion", text
        question = f'{head}    """{ask}"""\n    pass\n'
    else:
        kind, answer = "code_generation", program
        question = f"{ask}\n{code_request(name, rng)}"
    return Sample(
        question=question,
        answer=answer,
        category=family.category,
        type=kind,
        family=family.name,
        given=task.given,
        fingerprint=code_fingerprint(program, name),
        test_code=imports(test) + test,
        entry_point=name,
        program=program,
    )
