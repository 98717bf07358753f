"""The judge against a fresh interpreter a task, the time a task costs, and how it scales.

    python -m benchmarks.judge               # peer: a fresh interpreter, program and test in one
    python -m benchmarks.judge --peer DIR    # peer: executor of samuellimabraz/quantum-assistant
    python -m benchmarks.judge --forms       # every reference solution in every form of an answer

Both sides run the same reference solutions of Qiskit HumanEval, two at a time, in turns of forty,
so that other load on the machine meets both. The peer has no isolation. A turn of ours begins with
a start of the judge, which an evaluation pays once.
"""

import argparse
import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

from tqdm import tqdm

from ketune.completions.programs import build_program
from ketune.judge import Program, Verdict, judge
from ketune.params import load_params
from ketune.synthetic import samples
from ketune.tasks.benchmarks import Task, load_tasks
from tests.completions.forms import forms

WORKERS, TURN = 2, 40
# Seconds in a fresh interpreter; what takes longer computes rather than imports.
LONG = 4.0
TIMEOUT, MEMORY_MB = 200.0, 4096
TRIVIAL = Program(
    "trivial", "def f(x):\n    return x + 1\n", "def check(f):\n    assert f(1) == 2\n", "f"
)
SANDBOX = "src/evaluate/execution/sandbox.py"  # of the peer's checkout; it imports nothing of it


def main() -> None:
    """Print the figures asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--peer", type=Path, help="a checkout of the peer")
    parser.add_argument("--tasks", type=int, default=60, help="how many tasks both sides run")
    parser.add_argument("--forms", action="store_true", help="references in every form")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    if arguments.forms:
        in_every_form()
        return
    start = time.perf_counter()
    run([TRIVIAL])
    print(f"start of the judge, once: {time.perf_counter() - start:.1f} s")
    overhead()
    against_peer(arguments.peer, arguments.tasks)
    throughput()


def run(programs: Sequence[Program], workers: int = WORKERS) -> list[Verdict]:
    """Verdicts of the judge in the order of `programs`."""
    return list(judge(programs, workers=workers, timeout=TIMEOUT, memory_mb=MEMORY_MB))


def overhead() -> None:
    """What a task costs apart from what it does, and how that scales with workers."""
    rates = {}
    for workers in sorted({1, 2, os.cpu_count() or 1}):
        start, before = time.perf_counter(), processor_time()
        run([TRIVIAL] * 200, workers)
        spent = processor_time() - before
        rates[workers] = 200 / (time.perf_counter() - start)
        print(
            f"trivial test, {workers} workers: {rates[workers]:.0f} tasks/s, "
            f"{1000 * workers / rates[workers]:.0f} ms a task and worker "
            f"({1000 * spent / 200:.0f} ms of processor time), "
            f"{rates[workers] / rates[1]:.2f} times one worker"
        )


def processor_time() -> float:
    """Processor seconds of this process and those it started, living and ended.

    On a machine with other work they say more than the time that passed.
    """
    counted = {os.getpid()}
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        process = int(path.parent.name)
        parents[process], ticks[process] = int(fields[1]), sum(map(int, fields[11:15]))
    while added := {p for p, parent in parents.items() if parent in counted} - counted:
        counted |= added
    return sum(ticks[p] for p in counted if p in ticks) / os.sysconf("SC_CLK_TCK")


def against_peer(peer: Path | None, count: int) -> None:
    """Tasks a second of both sides on the same reference solutions, and each task's ratio."""
    tasks = [t for t in human_eval() if t.benchmark == "qiskit_humaneval"]
    programs = [reference(task) for task in tasks[:: max(1, len(tasks) // count)]]
    ours: list[tuple[bool, float]] = []
    theirs: list[tuple[bool, float]] = []
    spent = {"ours": 0.0, "theirs": 0.0}
    processor = {"ours": 0.0, "theirs": 0.0}
    execute = executor(peer) if peer else interpreter()
    with ThreadPoolExecutor(WORKERS) as pool:
        for first in tqdm(range(0, len(programs), TURN), "both sides", unit="turn"):
            turn = programs[first : first + TURN]
            start, before = time.perf_counter(), processor_time()
            ours += [(v.outcome == "passed", v.seconds) for v in run(turn)]
            middle, between = time.perf_counter(), processor_time()
            # Some references write files, the peer's side wherever it is.
            with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
                theirs += pool.map(partial(timed, execute), turn)
            spent["ours"] += middle - start
            spent["theirs"] += time.perf_counter() - middle
            processor["ours"] += between - before
            processor["theirs"] += processor_time() - between
    both = [(o[1], t[1]) for o, t in zip(ours, theirs, strict=True) if o[0] and t[0]]
    name = "the peer's executor" if peer else "a fresh interpreter"
    print(f"{len(programs)} reference solutions, {WORKERS} workers each:")
    print(f"  passed: ours {sum(o for o, _ in ours)}, {name} {sum(t for t, _ in theirs)}")
    print(
        f"  tasks/s: ours {len(programs) / spent['ours']:.2f}, {name} "
        f"{len(programs) / spent['theirs']:.2f}, ratio {spent['theirs'] / spent['ours']:.1f}"
    )
    print(
        f"  processor seconds a task: ours {processor['ours'] / len(programs):.3f}, {name} "
        f"{processor['theirs'] / len(programs):.3f}, "
        f"ratio {processor['theirs'] / processor['ours']:.1f}"
    )
    print(
        f"  seconds a task both passed, median: ours {median(o for o, _ in both):.3f}, {name} "
        f"{median(t for _, t in both):.3f}, median of ratios {median(t / o for o, t in both):.1f}"
    )
    for kind, pairs in (
        (f"under {LONG:.0f} s", [(o, t) for o, t in both if t < LONG]),
        ("longer", [(o, t) for o, t in both if t >= LONG]),
    ):
        mine, other = sum(o for o, _ in pairs), sum(t for _, t in pairs)
        if pairs:
            print(
                f"  seconds of the {len(pairs)} that take {name} {kind}: ours {mine:.1f}, {name} "
                f"{other:.1f}, ratio {other / mine:.1f}"
            )


def interpreter() -> Callable[[Program], bool]:
    """Runs program and test as one script in a fresh interpreter."""

    def execute(program: Program) -> bool:
        source = f"{program.code}\n{program.test}\ncheck({program.entry_point})\n"
        done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=False)
        return done.returncode == 0

    return execute


def executor(peer: Path) -> Callable[[Program], bool]:
    """The executor in the peer's checkout, as its evaluation calls it."""
    spec = importlib.util.spec_from_file_location("peer_sandbox", peer / SANDBOX)
    if spec is None or spec.loader is None or not (peer / SANDBOX).is_file():
        raise SystemExit(f"{peer} has no {SANDBOX}: give a checkout of the peer")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    run_one = module.CodeExecutor(timeout=int(TIMEOUT)).execute
    return lambda program: bool(run_one(program.code, program.test, program.entry_point).success)


def timed(execute: Callable[[Program], bool], program: Program) -> tuple[bool, float]:
    """Whether the program passes, and the seconds that took."""
    start = time.perf_counter()
    return execute(program), time.perf_counter() - start


def throughput(rows: int = 300) -> None:
    """The test split's size times ten samples, projected from synthetic tasks that were run."""
    stream = samples("test", seed=42)
    programs: list[Program] = []
    while len(programs) < rows:
        sample = next(stream)
        if sample.program:
            name = f"{sample.family}/{len(programs)}"
            programs.append(Program(name, sample.program, sample.test_code, sample.entry_point))
    start = time.perf_counter()
    passed = sum(v.outcome == "passed" for v in run(programs))
    seconds = time.perf_counter() - start
    print(
        f"{rows} synthetic code tasks of the test split: {seconds:.0f} s ({passed} passed), "
        f"{rows / seconds:.1f} tasks/s; 1,290 x 10 samples, were all of them code: "
        f"{12_900 * seconds / rows / 60:.0f} min"
    )


def in_every_form() -> None:
    """Every scorable reference solution, wrapped in every form, through the default stitching."""
    for benchmark in ("qiskit_humaneval", "qiskit_humaneval_hard"):
        tasks = [task for task in human_eval() if task.benchmark == benchmark]
        scorable = {v.task_id for v in run([reference(t) for t in tasks]) if v.outcome == "passed"}
        wrapped = [
            (form, task, build_program(task, text, rules="ketune", timeout=TIMEOUT))
            for task in tasks
            if task.task_id in scorable
            for form, text in _forms(task)
        ]
        # Most forms stitch to the same module; each is run once.
        distinct = list({(p.task_id, p.code): p for _, _, p in wrapped}.values())
        verdicts = judge(distinct, workers=WORKERS, timeout=TIMEOUT, memory_mb=MEMORY_MB)
        progress = tqdm(verdicts, benchmark, len(distinct), unit="program")
        outcomes = {(p.task_id, p.code): v for p, v in zip(distinct, progress, strict=True)}
        failed = [
            (form, task.task_id, outcomes[program.task_id, program.code])
            for form, task, program in wrapped
            if outcomes[program.task_id, program.code].outcome != "passed"
        ]
        print(
            f"{benchmark}: {len(scorable)} of {len(tasks)} references pass; in "
            f"{len({form for form, _, _ in wrapped})} forms {len(wrapped) - len(failed)} of "
            f"{len(wrapped)} pass ({len(distinct)} distinct programs)"
        )
        for form, task_id, verdict in failed:
            print(f"  {task_id} as {form}: {verdict.outcome} {verdict.detail}")


def _forms(task: Task) -> Iterator[tuple[str, str]]:
    if task.type == "function_completion":
        yield from forms(task.question, task.reference, task.entry_point)
        return
    whole = task.reference.strip("\n")
    for tag in ("python", "py", "python3", "Python", ""):
        yield f"fenced {tag}", f"```{tag}\n{whole}\n```"
    yield "whole program", whole
    yield "fence not closed", f"Sure!\n\n```python\n{whole}"
    yield "prose around a fence", f"Here it is:\n\n```python\n{whole}\n```\n\nIt works."
    yield "prose around no fence", f"Here it is:\n\n{whole}\n\nIt works."
    yield "Windows line ends", f"```python\n{whole}\n```\n".replace("\n", "\r\n")
    yield "reasoning", f"<think>\nLet me see.\n</think>\n\n```python\n{whole}\n```"
    yield (
        "several blocks",
        f"```bash\npip install qiskit\n```\n```python\n{whole}\n```\n```\n0\n```",
    )


def human_eval() -> list[Task]:
    """Tasks of both forms of Qiskit HumanEval, from the files that params.yaml pins."""
    return load_tasks([b for b in load_params().benchmarks if b.path is not None])


def reference(task: Task) -> Program:
    """The task's own solution as the judge runs it."""
    return build_program(task, task.reference, rules="ketune", timeout=TIMEOUT)


if __name__ == "__main__":
    main()
