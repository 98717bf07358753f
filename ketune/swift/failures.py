"""Why a process of ms-swift ended, as one sentence that says what to change."""

import errno
import os
import re
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from ketune.swift.checkpoints import saved_step

PROGRESS = re.compile(r"\d+%\||(?:it/s|s/it)\]")
_EXCEPTION = re.compile(r"^[\w.]*(?:Error|Exception|Exit|Interrupt)\b.*|.*\berror: .*")
_ADAPTER = Path("models/adapter")
_LESS_MEMORY = (
    "halve per_device_train_batch_size and double gradient_accumulation_steps, set "
    "gradient_checkpointing true, or lower max_pixels"
)
_CGROUP = (  # counters of processes that the kernel killed for memory: version 2, version 1
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
)
# The line by which torch's launcher names the rank that failed first, and a rank's own lines.
_ROOT_CAUSE = re.compile(r"Root Cause.*?\brank\s*:\s*(\d+)", re.DOTALL)
_RANK = re.compile(r"^\[rank(\d+)\]:\s?")


@dataclass(frozen=True)
class Cause:
    """The pattern of a line of the log, and the message for it; `{0}` is the first group."""

    pattern: re.Pattern[str]
    sentence: str


# The first that matches a line of the log holds: causes before their consequences.
_CAUSES = [
    Cause(re.compile(r"^ketune\.runtime\.StageError: (.*)"), "{0}"),  # of a plugin of ours
    Cause(
        re.compile(r"FloatingPointError: (.* at step \d+)"),
        "training diverged: {0}; lower learning_rate or raise warmup_steps",
    ),
    Cause(
        re.compile(r"(?:OutOfMemoryError|AcceleratorError)?.*CUDA(?: error:)? out of memory"),
        f"the GPU is out of memory; {_LESS_MEMORY}",
    ),
    Cause(
        re.compile(r"MemoryError|can't allocate memory|Cannot allocate memory"),
        f"this machine is out of memory; {_LESS_MEMORY}, or dataloader_num_workers",
    ),
    Cause(
        re.compile(r"out of shared memory|killed by signal: Bus error"),
        "/dev/shm is full; set dataloader_num_workers 0, or give the container a larger --shm-size",
    ),
    Cause(
        re.compile(
            r"No space left on device|Disk quota exceeded|File too large"
            r"|PytorchStreamWriter failed writing|iostream error"  # as torch.save says it
        ),
        "{directory}: the disk is full or a limit on file sizes is reached ({free} free); free "
        "space there, or set KETUNE_CACHE to a directory on another disk",
    ),
    Cause(
        re.compile(
            r"Error: (\[Errno \d+\] (?:Permission denied|Read-only file system|Not a dir).*)"
        ),
        "{0}; make it writable, or set HF_HOME and MODELSCOPE_CACHE to directories that are",
    ),
]


def explain_stop(command: str, number: int, directory: Path) -> str:
    """What became of a run that the user or a scheduler stopped by signal `number`."""
    name = signal.Signals(number).name
    step = saved_step(directory)
    where = f"checkpoint at step {step}" if step is not None else "no checkpoint yet"
    if command == "export":
        return f"swift export was stopped by {name}; run the same command again"
    return f"stopped by {name}; {where}; run the same command to go on"


def is_full(error: OSError) -> bool:
    """Whether a file could not be written because the disk is full."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def explain_failure(command: str, status: int, text: str, log: Path, kills: int) -> str:
    """Why `swift <command>` ended with `status` after it printed `text`, which is in `log` too.

    `kills` counts the processes that the kernel killed for memory meanwhile.
    """
    lines = [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]
    directory = log.parent
    for cause in _CAUSES:
        for line in lines:
            if match := cause.pattern.search(line):
                sentence = cause.sentence.format(
                    *match.groups(), directory=directory, free=_free(directory)
                )
                return f"swift {command} failed: {sentence}{_left(directory)} (log: {log})"
    if kills or status == -signal.SIGKILL:
        told = "the kernel killed it" if kills else "it was killed (SIGKILL), most likely"
        return (
            f"swift {command} failed: {told} for want of memory; {_LESS_MEMORY}, or "
            f"dataloader_num_workers{_left(directory)} (log: {log})"
        )
    if status < 0:
        name = signal.Signals(-status).name
        return f"swift {command} was ended by {name}{_left(directory)} (log: {log})"
    plain = [line for line in lines if not PROGRESS.search(line)]
    errors = [line for line in plain if _EXCEPTION.match(line)]
    last = (errors or plain or ["it printed nothing"])[-1][:500]
    return f"swift {command} failed: {last}{_previous()} (log: {log})"


def out_of_memory_kills() -> int:
    """How many processes of this machine or container the kernel has killed for memory."""
    for path in _CGROUP:
        if path.is_file() and (
            match := re.search(r"^oom_kill (\d+)$", path.read_text(), re.MULTILINE)
        ):
            return int(match[1])
    return 0


def _previous() -> str:
    """How to get back the adapter of the run before, which DVC removed to run the stage anew."""
    lock = Path("dvc.lock")
    recorded = lock.is_file() and f"path: {_ADAPTER}\n" in lock.read_text(encoding="utf-8")
    if _ADAPTER.exists() or not recorded:
        return ""
    return f"; the previous adapter comes back by `dvc checkout {_ADAPTER}`"


def _left(directory: Path) -> str:
    """Where a failed run can resume, and how to get the previous adapter back."""
    step = saved_step(directory)
    kept = "" if step is None else f"; the same configuration goes on from step {step}"
    return kept + _previous()


def _free(directory: Path) -> str:
    while not directory.exists():
        directory = directory.parent
    return f"{shutil.disk_usage(os.fspath(directory)).free / 2**30:.1f} GiB"


def root_cause(log: str) -> str:
    """The lines of the rank that failed first, where torch's launcher names one; else `log`.

    The other ranks die of the first one's failure, and the launcher reports all of them.
    """
    found = _ROOT_CAUSE.findall(log)
    lines = [line for line in log.splitlines() if _RANK.match(line)]
    own = [_RANK.sub("", line) for line in lines if found and _RANK.match(line)[1] == found[-1]]  # type: ignore[index]
    return "\n".join(own) or log
