"""A thousand damages of shards and of images: one line or what was there, never something else."""

import io
import random
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ketune.dataset.contract import Violation
from ketune.dataset.images import CanonicalImage, canonical_image
from ketune.runtime import StageError
from ketune.sources.raw import raw_file, raw_rows
from ketune.sources.sources import locate_directory, write_raw
from ketune.tasks.kinds import SPLITS
from tests.dataset.published import good_splits, picture, write_arrow, write_parquet
from tests.dataset.test_decode import SIX, TAGS, VALUES, exif

SHARD_SETS = IMAGES = 1000


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The content after one accident that files have."""
    at, other = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    match rng.randrange(6):
        case 0:
            return content[:at]
        case 1:
            return content[:at] + bytes(other - at) + content[other:]
        case 2:
            return content[:at] + content[other:]
        case 3:
            return content + content[at:other]
        case 4:
            return content[:at] + rng.randbytes(rng.randrange(1, 9)) + content[at:]
        case _:
            flipped = bytearray(content)
            for _ in range(rng.randrange(1, 5)):
                flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
            return bytes(flipped)


def mutate(directory: Path, rng: random.Random) -> None:
    """Damage, lose, rename or double one file of a set of shards."""
    path = rng.choice(sorted(path for path in directory.rglob("*") if path.is_file()))
    match rng.randrange(10):
        case 0:
            path.unlink()
        case 1:
            shutil.copy(path, path.with_stem(path.stem + rng.choice([" (1)", "-9e5a", " copy"])))
        case 2:
            path.rename(path.with_stem(path.stem.replace("0000", "0001", 1)))
        case 3:
            # Of the same split: that the rows are another split's, siblings.jsonl says.
            start = path.name.partition("-")[0]
            path.write_bytes(rng.choice(sorted(path.parent.glob(f"{start}*"))).read_bytes())
        case 4 if path.suffix == ".parquet":
            older = path.with_stem(path.stem + rng.choice([" - Kopie", "-9e5ae8fe", "-old", "_1"]))
            pq.write_table(pq.read_table(path), older, compression="gzip")
        case 5:
            odd = rng.choice([path.name.upper(), path.name.title(), path.name.partition("-")[0]])
            path.rename(path.with_name(odd))
        case _:
            path.write_bytes(damaged(path.read_bytes(), rng))


def read(source: Path, raw: Path) -> dict[str, bytes] | str:
    """Bytes of data/raw, or the line that refuses the source."""
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir()
    try:
        write_raw(raw, locate_directory(str(source)))
    except StageError as error:
        return str(error)
    return {split: raw_file(raw, split).read_bytes() for split in SPLITS}


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_damaged_shards_are_refused_in_a_line_or_give_all_their_rows(
    tmp_path: Path, form: str
) -> None:
    good = tmp_path / "good"
    if form == "parquet":
        write_parquet(good, good_splits(5), shards=2)
    else:
        write_arrow(good, good_splits(5))
    raw = tmp_path / "raw"
    whole = read(good, raw)
    assert isinstance(whole, dict)
    refused = 0
    for seed in range(SHARD_SETS // 2):
        source = tmp_path / "source"
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(good, source)
        mutate(source, random.Random(f"{form}/{seed}"))
        result = read(source, raw)
        assert read(source, raw) == result, seed
        if isinstance(result, str):
            assert "\n" not in result, seed
            assert str(source) in result, seed
            refused += 1
        else:
            rows = {split: raw_rows(raw, split) for split in SPLITS}
            assert rows == dict.fromkeys(SPLITS, 5), (seed, rows)
    assert refused > SHARD_SETS // 6


def turned(image: CanonicalImage) -> set[bytes]:
    """The pixels of an image in the eight orientations that metadata may ask for."""
    turns = [np.rot90(image.pixels, quarters) for quarters in range(4)]
    return {pixels.tobytes() for turn in turns for pixels in (turn, turn[::-1])}


def test_damaged_metadata_leaves_the_pixels_and_damaged_files_are_judged_alike_twice() -> None:
    for seed in range(IMAGES):
        rng = random.Random(f"image/{seed}")
        entries = {
            rng.choice(TAGS): (kind, VALUES[kind] if rng.random() < 0.7 else rng.randbytes(8))
            for kind in rng.choices(tuple(VALUES), k=rng.randrange(1, 5))
        }
        metadata = exif(SIX, *((tag, kind, value) for tag, (kind, value) in entries.items()))
        if rng.random() < 0.5:
            metadata = damaged(metadata, rng)
        kind = rng.choice(["JPEG", "PNG", "WEBP", "TIFF"])
        buffer = io.BytesIO()
        own = {"exif": metadata} if kind != "TIFF" else {}
        picture(seed % 7, (40, 24)).save(buffer, kind, **own)
        content = buffer.getvalue()
        sound = io.BytesIO()
        picture(seed % 7, (40, 24)).save(sound, kind)
        plain = canonical_image(sound.getvalue(), 640)
        assert isinstance(plain, CanonicalImage)
        intact = rng.random() < 0.5
        if not intact:
            at = rng.randrange(min(200, len(content)))
            content = content[:at] + rng.randbytes(rng.randrange(1, 4)) + content[at + 1 :]
        first, second = canonical_image(content, 640), canonical_image(content, 640)
        if intact:
            assert isinstance(first, CanonicalImage), (seed, first)
            assert first.pixels.tobytes() in turned(plain), seed
        if isinstance(first, Violation):
            assert first == second, seed
            assert first.reason.startswith("image_"), seed
            assert "0x" not in first.message
            assert "\n" not in first.message
        else:
            assert isinstance(second, CanonicalImage), seed
            assert first.name == second.name, seed
