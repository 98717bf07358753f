"""One rank: `worker.py SCRIPT ARGUMENT…` runs the script and dies with its launcher.

torch's launcher gives each rank a session of its own, so that a signal to the launcher's group does
not reach it; the launcher hands on what it can handle, and a launcher that is killed cannot.
"""

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == 1:  # it died before the line above
            sys.exit("the launcher is gone")
    del sys.argv[0]
    sys.path[0] = os.path.dirname(sys.argv[0])  # noqa: PTH120 (as the interpreter does it)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
