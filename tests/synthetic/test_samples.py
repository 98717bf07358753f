"""The stream of samples: what it holds, that splits never meet, that it is the same everywhere."""

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ketune.completions.stitch import stitch
from ketune.synthetic import Sample, samples
from ketune.synthetic.families import CORE, FAMILIES, WIDE
from ketune.synthetic.sample import CATEGORIES, Graph, Picture, Plot
from ketune.synthetic.stream import SPLIT_BUCKETS, Split, with_image

REPOSITORY = Path(__file__).parents[2]
CODE = sorted({family.name for tier in (CORE, WIDE) for family in tier.code})


@pytest.fixture(scope="module")
def drawn() -> list[Sample]:
    return list(islice(samples("train", 42, draw=False), 9000))


def test_both_tiers_have_families_of_every_category_and_all_are_drawn(drawn: list[Sample]) -> None:
    for tier in (CORE, WIDE):
        names = [family.name for family in tier.families]
        assert len(set(names)) == len(names) >= 60
        assert {family.category for family in tier.families} == set(CATEGORIES)
    assert {sample.family for sample in drawn} == set(FAMILIES)


def test_shares_are_those_of_the_published_dataset(drawn: list[Sample]) -> None:
    first = drawn[:1000]
    types = Counter(sample.type for sample in first)
    assert 300 <= types["function_completion"] <= 400
    assert 270 <= types["code_generation"] <= 370
    assert 290 <= types["qa"] <= 400
    assert 400 <= sum(sample.picture is not None for sample in first) <= 520
    assert sum(sample.needs_image for sample in first) >= 300


def test_no_category_or_family_runs_dry(drawn: list[Sample]) -> None:
    categories = Counter(sample.category for sample in drawn)
    assert all(categories[name] >= 0.08 * len(drawn) for name in CATEGORIES), categories
    late = {sample.family for sample in drawn[2000:]}
    assert late == {family.name for family in WIDE.families}


def run(program: str, test: str, entry_point: str) -> bool:
    """Whether the program passes its test; both are ours, so this process may run them."""
    module: dict[str, object] = {}
    exec(compile(program, "program", "exec"), module)
    test_module: dict[str, object] = {}
    exec(compile(test, "test", "exec"), test_module)
    check = test_module["check"]
    assert callable(check)
    try:
        check(module[entry_point])
    except (AssertionError, AttributeError, TypeError, ValueError, KeyError):
        return False
    except Exception:  # Qiskit raises its own errors on None
        return False
    return True


@pytest.mark.parametrize("family", CODE)
def test_references_pass_and_empty_bodies_fail(drawn: list[Sample], family: str) -> None:
    for sample in [s for s in drawn if s.family == family][:2]:
        stub = f"def {sample.entry_point}(*_):\n    pass\n"
        assert run(sample.program, sample.test_code, sample.entry_point), sample.program
        assert not run(stub, sample.test_code, sample.entry_point), sample.test_code


def test_the_answer_completes_the_question(drawn: list[Sample]) -> None:
    for sample in [s for s in drawn if s.type == "function_completion"][:40]:
        stitched = stitch(
            sample.question, sample.answer, sample.entry_point, "function_completion", "ketune"
        )
        assert run(stitched, sample.test_code, sample.entry_point), stitched


@settings(max_examples=10)
@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_no_program_or_question_is_in_two_splits(one: int, other: int) -> None:
    train = {s.fingerprint for s in islice(samples("train", one, draw=False), 150)}
    test = {s.fingerprint for s in islice(samples("test", other, draw=False), 150)}
    assert len(train) == len(test) == 150
    assert not train & test


@settings(max_examples=2)
@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_no_circuit_picture_or_fact_of_the_wide_tier_is_in_two_splits(one: int, other: int) -> None:
    splits: tuple[tuple[Split, int], ...] = (("train", one), ("test", other))
    seen: list[set[object]] = []
    for split, seed in splits:
        drawn = list(islice(samples(split, seed, draw=False, core=0), 100))
        pictures = {repr(sample.picture) for sample in drawn if sample.picture}
        facts = {sample.answer for sample in drawn if sample.family.endswith("_fact")}
        seen.append(pictures | facts | {sample.qasm for sample in drawn if sample.qasm})
    assert len(seen[0]) > 50
    assert not seen[0] & seen[1]


def test_split_buckets_share_nothing() -> None:
    buckets = [bucket for split in SPLIT_BUCKETS.values() for bucket in split]
    assert sorted(buckets) == list(range(100))


def digest(seed: int) -> str:
    program = (
        "import hashlib; from itertools import islice; from ketune.synthetic import samples; "
        f"rows = list(islice(samples('test', {seed}), 25)); "
        "print(hashlib.sha256(repr(rows).encode()).hexdigest())"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONHASHSEED": str(seed % 2 + 1)},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip()


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    here = repr(list(islice(samples("test", 3), 25)))
    assert digest(3) == hashlib.sha256(here.encode()).hexdigest()
    assert digest(4) != digest(3)


def test_the_stream_is_the_one_the_tiny_base_model_was_pretrained_on() -> None:
    """A change of wording or of a weight is fine, but changes every smoke-scale figure: rebuild the
    tiny base model (CONTRIBUTING.md), then write the new digest here."""
    texts = [(s.question, s.answer) for s in islice(samples("train", 42, draw=False), 300)]
    assert hashlib.sha256(repr(texts).encode()).hexdigest()[:16] == "d0bcecd2cf9d73c2"


def text_digest(rows: Iterable[Sample]) -> str:
    """Of all that is written of samples, and of what their pictures show."""
    digest = hashlib.sha256()
    for row in rows:
        written = (row.question, row.answer, row.category, row.type, row.test_code, row.entry_point)
        digest.update(repr((*written, row.family, row.needs_image, row.picture)).encode())
    return digest.hexdigest()[:16]


def test_rows_of_a_seed_are_pinned(drawn: list[Sample]) -> None:
    """Every family of both tiers. Where other rows are meant, write their digests here."""
    rest: tuple[Split, ...] = ("validation", "test")
    others = {split: text_digest(islice(samples(split, 42, draw=False), 400)) for split in rest}
    assert {"train": text_digest(drawn), **others} == {
        "train": "f0416b43f98dd4e2",
        "validation": "8d65a54a0a73d615",
        "test": "be22eb7defa87190",
    }


def test_what_only_a_picture_shows_is_not_in_the_text(drawn: list[Sample]) -> None:
    told = re.compile(r"\b(h|x|y|z|s|t|cx|cz|swap)( on| from|\(\d)|q\[\d|Hadamard|CNOT|Pauli-")
    for sample in drawn:
        assert sample.picture is not None or not sample.needs_image
        # Family extend names a gate to add to the circuit that is shown.
        if sample.needs_image and isinstance(sample.picture, Picture) and sample.family != "extend":
            assert not told.search(sample.question), sample.question


def test_start_continues_the_stream() -> None:
    whole = list(islice(samples("validation", 5, draw=False), 30))
    assert list(islice(samples("validation", 5, 20, draw=False), 10)) == whole[20:]


def test_pictures_are_small_and_on_white(drawn: list[Sample], tmp_path: Path) -> None:
    kinds = {(type(s.picture), s.family): s for s in drawn if s.picture is not None}
    assert {kind for kind, _ in kinds} == {Picture, Graph, Plot}
    for sample in [*kinds.values()][::5]:
        file = tmp_path / "picture.png"
        file.write_bytes(with_image(sample).image or b"")
        with Image.open(file) as image:
            assert max(image.size) <= 640
            pixels = image.convert("RGB")
            assert pixels.getpixel((image.width - 1, image.height - 1)) == (255, 255, 255)
            assert len(pixels.getcolors(1 << 20) or []) > 3
            assert image.info == {}
