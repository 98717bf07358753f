"""Preparing the dataset: ours against the public peer's preparer, and memory against rows.

    python -m benchmarks.prepare --peer DIR    # DIR: a checkout of samuellimabraz/quantum-assistant
    python -m benchmarks.prepare --memory
    python -m benchmarks.prepare --noop
    python -m benchmarks.prepare --large

Rows are made here at the published dataset's counts, 5,837 + 1,239 + 1,290 rows of which 3,774 have
an image of their own. An image is a circuit diagram of 640 to 1000 by 180 to 700 pixels, drawn with
Pillow at twice the size and halved, as RGB PNG, which is what the peer's exporter publishes. Every
second one has been through JPEG, as the documentation's figures come from AVIF: its noise makes a
PNG of 12 kB one of 60 kB. Texts are random words and arithmetic, so that no row repeats another.

Both sides shrink each image to 640 pixels by Lanczos and write it once, and both write
{split}.jsonl. Both start from rows on disk in the form they read fastest: the peer from Arrow
(`save_to_disk`), ours from data/raw. The peer's default is JPEG at quality 95; with PNG it writes
what ours writes. The peer alone keeps every decoded image of a split in memory and hashes an image
by encoding it once more. Ours alone checks every row against the contract, compiles its code, looks
for benchmark tasks and siblings, and measures.

`--large` needs 12 GB of disk and 8 GB of memory, most of it for the plain way beside ours: pyarrow
reads 100 rows at a time, Pillow decodes each image whole, shrinks it by Lanczos and writes it, on
one core.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from statistics import median

import matplotlib
import PIL
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont
from ruamel.yaml import YAML

from ketune.sources.columns import RAW_SCHEMA

REPOSITORY = Path(__file__).resolve().parents[1]
PUBLISHED = {"train": 5837, "validation": 1239, "test": 1290}
ROWS, IMAGES = sum(PUBLISHED.values()), 3774
CATEGORIES = ("circuits_and_gates", "primitives_and_execution", "noise_and_error_mitigation")
PEER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from finetune import DatasetPreparer, FinetuneConfig, ImageConfig
image = ImageConfig(format=sys.argv[4])
config = FinetuneConfig(dataset_path=sys.argv[2], output_dir=sys.argv[3], image=image)
DatasetPreparer(config).prepare()
"""
PLAIN = """
import io, sys
from PIL import Image
from pyarrow.parquet import ParquetFile
number = 0
for batch in ParquetFile(sys.argv[1]).iter_batches(100, columns=["image"]):
    for stored in batch["image"].to_pylist():
        image = Image.open(io.BytesIO(stored["bytes"])).convert("RGB")
        image.thumbnail((640, 640), Image.Resampling.LANCZOS)
        image.save(f"{sys.argv[2]}/{number}.png")
        number += 1
"""


@dataclass(frozen=True)
class Measured:
    """One run: seconds of wall and CPU, and the most memory its processes had together, in MB."""

    wall: float
    cpu: float
    memory: float


def picture(number: int) -> bytes:
    """PNG of a circuit diagram that depends on `number`."""
    random = Random(number)
    width, height = random.randint(640, 1000), random.randint(180, 700)
    image = Image.new("RGBA", (2 * width, 2 * height), "white")
    draw = ImageDraw.Draw(image)
    font = str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf")
    large, small = ImageFont.truetype(font, 28), ImageFont.truetype(font, 16)
    wires = max(2, height // 60)
    levels = [2 * height * (wire + 1) / (wires + 1) for wire in range(wires)]
    for wire, y in enumerate(levels):
        draw.line((120, y, 2 * width - 20, y), fill="black", width=3)
        draw.text((30, y - 18), f"q_{wire}", font=large, fill="black")
    for x in range(170, 2 * width - 100, 110):
        y, other = random.choice(levels), random.choice(levels)
        if random.random() < 0.25:
            draw.line((x, y, x, other), fill="#6fa4ff", width=4)
            draw.ellipse((x - 10, y - 10, x + 10, y + 10), fill="#6fa4ff")
            draw.ellipse((x - 26, other - 26, x + 26, other + 26), fill="#6fa4ff")
        else:
            colour = random.choice(["#fa4d56", "#33b1ff", "#be95ff", "#d2a106"])
            draw.rectangle((x - 36, y - 36, x + 36, y + 36), fill=colour)
            draw.text((x - 24, y - 18), random.choice(["H", "X", "Rz", "U2"]), font=large)
            draw.text((x - 24, y + 8), f"{random.random():.2f}", font=small)
    figure = image.reduce(2).convert("RGB")
    if number % 2:
        lossy = io.BytesIO()
        figure.save(lossy, "JPEG", quality=90)
        figure = Image.open(lossy)
    buffer = io.BytesIO()
    figure.save(buffer, "PNG")
    return buffer.getvalue()


def row(number: int, image: bytes | None) -> dict[str, object]:
    """A row that keeps the contract and repeats no other."""
    random = Random(-number)
    name = f"circuit_{number}"
    prose = " ".join(
        f"{random.choice('bdfgklmnprstvz')}{random.randrange(4000)}" for _ in range(90)
    )
    body = [f"    v{n} = n * {random.random():.6f} + {random.randrange(10**6)}" for n in range(24)]
    code = "\n".join([*body, "    return " + " + ".join(f"v{n}" for n in range(24))])
    signature = f"def {name}(n: int) -> float:\n"
    kinds = {
        "function_completion": (f'{signature}    """{prose}"""\n    pass', code),
        "code_generation": (prose, signature + code),
        "qa": (f"Explain: {prose}?", f"{prose} {random.random()}"),
    }
    kind = tuple(kinds)[number % 3]
    question, answer = kinds[kind]
    checks = "\n".join(f"    assert {name}({n}) > {random.random():.6f}" for n in range(8))
    return {
        "question": question,
        "answer": answer,
        "category": random.choice(CATEGORIES),
        "type": kind,
        "test_code": "" if kind == "qa" else f"def test_{name}():\n{checks}",
        "entry_point": "" if kind == "qa" else name,
        "source": f"document_{number}.ipynb",
        "image": image and {"bytes": image, "path": f"{name}.png"},
    }


def write_source(directory: Path, rows: int, images: int) -> None:
    """Parquet files as published: `rows` over the splits, a share of them with an image.

    `images` is how many distinct ones there are; where it is less, they come round again.
    """
    pictures = [picture(number) for number in range(images)]
    number = 0
    for split, published in PUBLISHED.items():
        path = directory / f"{split}-00000-of-00001.parquet"
        with pq.ParquetWriter(path, RAW_SCHEMA) as writer:
            for chunk in _chunks(number, round(rows * published / ROWS)):
                drawn = [_drawn(n) for n in chunk]
                batch = [
                    row(n, None if at is None else pictures[at % images])
                    for n, at in zip(chunk, drawn, strict=True)
                ]
                writer.write_table(pa.Table.from_pylist(batch, RAW_SCHEMA))
                number = chunk.stop


def noise(number: int, side: int) -> bytes:
    """A PNG of noise, which nothing compresses: 3 bytes a pixel."""
    buffer = io.BytesIO()
    image = Image.frombytes("RGB", (side, side), Random(number).randbytes(3 * side * side))
    image.save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def photograph(number: int, grain: Image.Image) -> bytes:
    """A JPEG of soft forms and the grain of a sensor."""
    forms = Image.frombytes("RGB", (60, 34), Random(number).randbytes(3 * 60 * 34))
    buffer = io.BytesIO()
    Image.blend(forms.resize(grain.size), grain, 0.1).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def write_large(directory: Path, rows: int, draw: Callable[[int], bytes], group: int) -> None:
    """A source of `rows` training rows with an image each, in row groups of `group` rows."""
    number = 0
    for split, count in {"train": rows, "validation": 2, "test": 2}.items():
        path = directory / f"{split}-00000-of-00001.parquet"
        with pq.ParquetWriter(path, RAW_SCHEMA) as writer:
            for start in range(0, count, group):
                parts = []
                for _ in range(start, min(start + group, count)):
                    part = pa.RecordBatch.from_pylist([row(number, draw(number))], RAW_SCHEMA)
                    parts.append(part)
                    number += 1
                writer.write_table(pa.Table.from_batches(parts), row_group_size=group)


def _chunks(first: int, count: int) -> Iterator[range]:
    for start in range(first, first + count, 1000):
        yield range(start, min(start + 1000, first + count))


def _drawn(number: int) -> int | None:
    """Which image row `number` has: IMAGES of ROWS have one, spread evenly."""
    before, after = number * IMAGES // ROWS, (number + 1) * IMAGES // ROWS
    return before if after > before else None


def make_workspace(root: Path, source: Path) -> Measured:
    """A directory in which our stages run on `source`; what ingesting it took."""
    root.mkdir()
    benchmarks = REPOSITORY / "data/benchmarks"
    shutil.copytree(benchmarks, root / "data/benchmarks", ignore=shutil.ignore_patterns(".dvc"))
    yaml = YAML()
    params = yaml.load(REPOSITORY / "params.yaml")
    params["data"]["source"] = str(source)
    here = [b for b in params["benchmarks"] if (root / b.get("path", "")).exists()]
    if len(here) < len(params["benchmarks"]):
        print("without the benchmark files, which are not here: dvc --cd data/benchmarks pull")
        params["benchmarks"] = here
    yaml.dump(params, root / "params.yaml")
    return run_stage(root, "ingest")


def run_stage(root: Path, stage: str) -> Measured:
    """Our stage, as the graph runs it."""
    return measure([sys.executable, "-m", f"stages.{stage}"], root)


def run_peer(peer: Path, source: Path, output: Path, image_format: str) -> Measured:
    """The peer's preparer on rows saved by `datasets`."""
    shutil.rmtree(output, ignore_errors=True)
    arguments = [str(peer / "src"), str(source), str(output), image_format]
    return measure([sys.executable, "-c", PEER, *arguments], output.parent)


def measure(command: Sequence[str], directory: Path) -> Measured:
    """Run a command to its end. Raises CalledProcessError when it fails."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "KETUNE_DATA_ONLY": "1"}
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        peak = 0
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            peak = max(peak, resident(process.pid))
            time.sleep(0.05)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.stderr.write(output.read().decode()[-4000:])
            raise subprocess.CalledProcessError(process.returncode, list(command))
    return Measured(wall, usage.ru_utime + usage.ru_stime, peak / 1e6)


def resident(pid: int) -> int:
    """Resident bytes of a process and its descendants; 0 when it has gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        threads = Path(f"/proc/{pid}/task").glob("*/children")
        children = [int(child) for thread in threads for child in thread.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(resident(child) for child in children)


def written(prepared: Path) -> tuple[int, int, float]:
    """Rows, images and image megabytes of a prepared directory."""
    rows = sum(len((prepared / f"{split}.jsonl").read_bytes().splitlines()) for split in PUBLISHED)
    sizes = [path.stat().st_size for path in (prepared / "images").iterdir()]
    return rows, len(sizes), sum(sizes) / 1e6


def report(name: str, runs: Sequence[Measured]) -> None:
    """A line: medians of wall and CPU, the largest memory."""
    wall, cpu = median(run.wall for run in runs), median(run.cpu for run in runs)
    memory = max(run.memory for run in runs)
    print(f"{name:28} {wall:8.1f} s wall {cpu:8.1f} s CPU {memory:8.0f} MB", flush=True)


def against_peer(peer: Path, work: Path, rows: int, repeats: int) -> None:
    """Interleaved runs of both on the same rows; prints the ratios."""
    from datasets import DatasetDict, load_dataset  # noqa: PLC0415 - seconds to import

    source, ours = work / "source", work / "ours"
    source.mkdir()
    write_source(source, rows, round(rows * IMAGES / ROWS))
    files = {split: str(source / f"{split}-00000-of-00001.parquet") for split in PUBLISHED}
    loaded = load_dataset("parquet", data_files=files, cache_dir=str(work / "cache"))
    assert isinstance(loaded, DatasetDict)
    from datasets import Image as ImageFeature  # noqa: PLC0415

    loaded.cast_column("image", ImageFeature()).save_to_disk(work / "arrow")
    make_workspace(ours, source)
    runs: dict[str, list[Measured]] = {"ours": [], "peer, PNG": [], "peer, JPEG": []}
    for _ in range(repeats):
        runs["ours"].append(run_stage(ours, "prepare"))
        for image_format in ("PNG", "JPEG"):
            run = run_peer(peer, work / "arrow", work / f"peer-{image_format}", image_format)
            runs[f"peer, {image_format}"].append(run)
    for name, measured in runs.items():
        report(name, measured)
    print("ours:", *written(ours / "data/prepared"), "rows, images, MB")
    for image_format in ("PNG", "JPEG"):
        pairs = list(zip(runs[f"peer, {image_format}"], runs["ours"], strict=True))
        walls = sorted(theirs.wall / own.wall for theirs, own in pairs)
        cpu = median(theirs.cpu / own.cpu for theirs, own in pairs)
        print(f"peer, {image_format}:", *written(work / f"peer-{image_format}"), end=" ")
        print(f"rows, images, MB; takes {median(walls):.1f} times as long", end=" ")
        print(f"({walls[0]:.1f} to {walls[-1]:.1f}) and {cpu:.1f} times the CPU")


def memory(work: Path) -> None:
    """Peak memory at 10,000 and at 100,000 rows, with the same 1,000 images."""
    peaks = []
    for rows in (10_000, 100_000):
        source = work / f"source-{rows}"
        source.mkdir()
        write_source(source, rows, 1000)
        make_workspace(work / f"ours-{rows}", source)
        run = run_stage(work / f"ours-{rows}", "prepare")
        report(f"{rows} rows", [run])
        peaks.append(run.memory)
    print(f"100,000 rows take {peaks[1] / peaks[0]:.2f} times the memory of 10,000")


def large(work: Path) -> None:
    """Peak memory and time of large images, and of the plain way with them."""
    grain = Image.effect_noise((3840, 2160), 100).convert("RGB")
    cases = {
        "300 PNGs of 11 MB": (300, partial(noise, side=1920), 100),
        "a row group of 3 GB": (3000, partial(noise, side=580), 3000),
        "1,200 JPEGs of 4K": (1200, partial(photograph, grain=grain), 100),
    }
    for name, (rows, draw, group) in cases.items():
        case = work / name
        (case / "source").mkdir(parents=True)
        (case / "plain").mkdir()
        write_large(case / "source", rows, draw, group)
        file = case / "source/train-00000-of-00001.parquet"
        print(f"{name}: {file.stat().st_size / 1e9:.1f} GB")
        report("  ingest", [make_workspace(case / "ours", case / "source")])
        report("  prepare", [run_stage(case / "ours", "prepare")])
        plain = [sys.executable, "-c", PLAIN, str(file), str(case / "plain")]
        report("  pyarrow and Pillow", [measure(plain, case)])
        shutil.rmtree(case)


def noop(work: Path, rows: int, repeats: int) -> None:
    """`dvc repro prepare` with nothing to do on the full-size data, less that of an empty project.

    Both projects are git repositories; ours has the repository's graph and the data in its cache.
    """
    source, ours, empty = work / "source", work / "ours", work / "empty"
    source.mkdir(parents=True)
    write_source(source, rows, round(rows * IMAGES / ROWS))
    make_workspace(ours, source)
    run_stage(ours, "prepare")
    for name in ("stages", "dvc.yaml", ".dvcignore"):
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy2
        copy(REPOSITORY / name, ours / name)
    empty.mkdir()
    (empty / "dvc.yaml").write_text("stages: {}\n")
    dvc = [sys.executable, "-m", "dvc"]
    for project in (ours, empty):
        measure(["git", "init", "-q"], project)
        measure([*dvc, "init", "-q"], project)
    measure([*dvc, "config", "cache.type", "reflink,hardlink,symlink"], ours)
    measure([*dvc, "commit", "-q", "-f", "ingest", "prepare"], ours)
    commands = {"full-size data": [*dvc, "repro", "prepare"], "empty project": [*dvc, "repro"]}
    runs: dict[str, list[Measured]] = {name: [] for name in commands}
    for _ in range(repeats + 1):
        for (name, command), project in zip(commands.items(), (ours, empty), strict=True):
            runs[name].append(measure(command, project))
    for name, measured in runs.items():
        # The first one fills DVC's table of file states.
        report(f"no-op, {name}", measured[1:])
    first, second = (median(run.wall for run in measured[1:]) for measured in runs.values())
    print(f"{first - second:.2f} s above DVC's floor")


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", type=Path, help="a checkout of the peer's repository")
    parser.add_argument("--memory", action="store_true", help="memory at 10,000 and 100,000 rows")
    parser.add_argument("--noop", action="store_true", help="`dvc repro` with nothing to do")
    parser.add_argument("--large", action="store_true", help="memory and time of large images")
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the comparison")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    print(f"{cores} cores; load before the start {load:.1f}; Pillow {PIL.__version__}")
    with tempfile.TemporaryDirectory() as work:
        if options.peer:
            against_peer(options.peer.resolve(), Path(work), options.rows, options.repeats)
        if options.memory:
            memory(Path(work))
        if options.large:
            large(Path(work))
        if options.noop:
            noop(Path(work) / "noop", options.rows, options.repeats)


if __name__ == "__main__":
    main()
