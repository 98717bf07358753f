"""`python -m tests.scale.forked FILE`: configurations of `swift sft` in forks of one process.

FILE is JSON: a name to one command line a rank. Importing ms-swift takes most of a short training's
time; a fork does not. The exit status is that of the first process that failed.
"""

import json
import os
import sys
import traceback
from pathlib import Path


def main() -> None:
    from swift.pipelines import sft_main  # noqa: PLC0415 (not in the test process)

    configurations = json.loads(Path(sys.argv[1]).read_text())
    for port, (name, ranks) in enumerate(configurations.items(), 29600 + os.getpid() % 1000):
        children = []
        for rank, arguments in enumerate(ranks):
            if child := os.fork():
                children.append(child)
                continue
            status = 1
            try:
                _redirect(Path(f"{name}-{rank}.log"))
                if len(ranks) > 1:
                    _join(rank, len(ranks), port)
                sft_main(arguments)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        for child in children:
            if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
                sys.exit(f"{name}: a process ended with {code}")


def _redirect(log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


def _join(rank: int, size: int, port: int) -> None:
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


if __name__ == "__main__":
    main()
