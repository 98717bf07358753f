"""Run `generate base` in forks that are killed at random moments; tell what each began.

ms-swift is imported once: an interpreter a kill would take most of the test's time.
Usage: python killing.py KILLS, in a workspace. Prints JSON: for every fork the tasks that were
finished before it, and the tasks that begin the batches it generated.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from ketune.generation import transformers as engine
from ketune.generation.prompts import Prompt, seed_of
from ketune.models.load import load_plugins
from ketune.params import load_params
from stages import generate
from tests.generation.workspace import finished

STARTED = Path("started.txt")
OUTPUT = Path("data/completions/base.jsonl")


def fork_generate(cache: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    os.environ["KETUNE_CACHE"] = cache
    sys.argv = ["generate", "base"]
    generate.main()
    os._exit(0)


def logged_seed(seed: int, prompt: Prompt) -> int:
    with STARTED.open("a") as file:
        file.write(f"{prompt.task.task_id}\n")
    return seed_of(seed, prompt)


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    load_plugins(load_params())
    from swift import infer_engine, model, template  # noqa: F401, PLC0415 - before the forks

    vars(engine)["seed_of"] = logged_seed  # called once a batch, with its first prompt
    start = time.monotonic()
    os.waitpid(fork_generate("whole"), 0)
    seconds = time.monotonic() - start
    OUTPUT.rename("whole.jsonl")
    moments = random.Random(7)
    attempts = []
    for number in range(int(sys.argv[1]) + 1):
        before = finished(Path("killed"))
        STARTED.write_text("")
        pid = fork_generate("killed")
        if number < int(sys.argv[1]):
            time.sleep(moments.uniform(0.2, 0.7) * seconds)
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        attempts.append({"finished": before, "started": STARTED.read_text().split()})
    print(json.dumps(attempts))


if __name__ == "__main__":
    main()
