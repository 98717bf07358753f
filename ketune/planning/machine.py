"""Whether this machine has what the parameters need: one check a line of `ketune doctor`.

Nothing is downloaded and nothing stays on the disk. The judge's isolation is checked by judging a
program in it.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

import httpx
from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError

from ketune.judge import JudgeUnavailable, Program, judge
from ketune.models.locate import model_directory
from ketune.params import Params
from ketune.paths import RAW
from ketune.planning.disk import Space, existing_parent, gigabytes
from ketune.proxies import check_proxies, proxy_variables
from ketune.runtime import StageError
from ketune.scratch import cache_directory

_HUB_TIMEOUT = 5.0  # seconds
_IMPORT_TIMEOUT = 120.0  # of a package with CUDA kernels, on a cold disk
_PROGRAM = Program(
    task_id="doctor",
    code="def double(n):\n    return 2 * n\n",
    test="def check(candidate):\n    assert candidate(21) == 42\n",
    entry_point="double",
)


@dataclass(frozen=True)
class Check:
    """One line. `missing`: not there. `broken`: there, and not usable.

    `needed`: the parameters do not run without it. `remedy` is empty where all is well.
    """

    what: str
    found: str
    status: Literal["ok", "missing", "broken"]
    remedy: str = ""
    needed: bool = True

    @property
    def stops(self) -> bool:
        """Whether the parameters cannot run for this."""
        return self.needed and self.status != "ok"


def check_machine(params: Params, spaces: list[Space] | None) -> Iterator[Check]:
    """Every check, in the order of the table. `spaces`: what a run writes, None where not known."""
    yield _python()
    yield from _gpu(params)
    yield from _packages(params)
    yield from _disks(spaces)
    yield _hub(params)
    yield _isolation()
    yield from _programs()
    yield from _caches()


def _python() -> Check:
    found, wanted = sys.version.split()[0], "3.11"
    if found.startswith(f"{wanted}."):
        return Check("Python", found, "ok")
    return Check("Python", found, "broken", f"make env PYTHON=python{wanted}")


def _gpu(params: Params) -> Iterator[Check]:
    """The driver as nvidia-smi reports it, then torch, which must be built for such a GPU."""
    needed = not params.use_cpu
    cards = _output("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv")
    found = (cards or "").splitlines()[1:]
    if cards is None or not found:
        remedy = "install NVIDIA's driver, or `ketune profile smoke` for laptop scale"
        yield Check("GPU and driver", cards or "no nvidia-smi", "missing", remedy, needed)
    elif needed and len(found) < params.nproc_per_node:
        remedy = f"lower nproc_per_node from {params.nproc_per_node}"
        yield Check("GPU and driver", f"{len(found)}: {found[0]}", "missing", remedy)
    else:
        yield Check("GPU and driver", f"{len(found)}: {found[0]}", "ok", needed=needed)
    if find_spec("torch") is None:
        yield Check("torch", "not installed", "missing", "make env")
        return
    import torch  # noqa: PLC0415 (seconds)

    build = f"{torch.__version__}, CUDA {torch.version.cuda or 'none'}"
    if needed and torch.version.cuda is None:
        yield Check("torch", build, "broken", "make env: the lock's torch is built for CUDA")
    elif found and not torch.cuda.is_available():
        remedy = "install a driver for that CUDA, or unset CUDA_VISIBLE_DEVICES"
        yield Check("torch", f"{build}, sees no GPU", "broken", remedy, needed)
    else:
        yield Check("torch", build, "ok")


def _packages(params: Params) -> Iterator[Check]:
    """What `make gpu` installs. It is imported: a kernel built for another torch fails there."""
    flash = {"flash_attention_2": "flash_attn", "flash_attention_3": "flash_attn_interface"}
    wanted = params.attn_impl in flash and not params.use_cpu
    without = "" if wanted else "; without it sdpa runs, and padding_free is off"
    module = flash.get(params.attn_impl, "flash_attn")
    yield _package("flash attention", module, "flash-attn", wanted, f"make gpu{without}")
    own = params.generation.backend == "vllm"
    remedy = "make gpu" + (", or -S generation.backend=transformers" if own else "")
    yield _package("vLLM", "vllm", "vllm", own, remedy)
    yield _package("liger", "liger_kernel", "liger-kernel", params.use_liger_kernel, "make gpu")
    sharded = params.deepspeed != "none"
    yield _package("deepspeed", "deepspeed", "deepspeed", sharded, "make gpu")


def _package(what: str, module: str, name: str, needed: bool, remedy: str) -> Check:
    if find_spec(module) is None:
        return Check(what, "not installed", "missing", remedy, needed)
    try:
        found = version(name)
    except PackageNotFoundError:
        found = "installed"
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"import {module}"],
            capture_output=True,
            text=True,
            timeout=_IMPORT_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Check(what, f"{found}, not imported in {_IMPORT_TIMEOUT:.0f} s", "broken", remedy)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no word of why"])[-1][:80]
        return Check(what, f"{found}: {reason}", "broken", f"install it again: {remedy}", needed)
    return Check(what, found, "ok", needed=needed)


def _disks(spaces: list[Space] | None) -> Iterator[Check]:
    """A line a file system, with what all that is written to it needs."""
    if spaces is None:
        free = shutil.disk_usage(Path()).free
        found = f"{gigabytes(free)} free; need not known of this model"
        yield Check("disk", found, "ok", needed=False)
        return
    by_system: dict[int, list[Space]] = {}
    for space in spaces:
        by_system.setdefault(existing_parent(space.where).stat().st_dev, []).append(space)
    for parts in by_system.values():
        where = existing_parent(parts[0].where)
        free, need = shutil.disk_usage(where).free, sum(part.size for part in parts)
        found = f"{gigabytes(free)} free, {gigabytes(need)} needed"
        if free >= need:
            yield Check(f"disk of {where}", found, "ok")
        else:
            kinds = ", ".join(f"{part.what} {gigabytes(part.size)}" for part in parts)
            remedy = f"free space, or move HF_HOME and KETUNE_CACHE to another disk ({kinds})"
            yield Check(f"disk of {where}", found, "missing", remedy)


def _hub(params: Params) -> Check:
    """A HEAD request through the environment's proxies. Needed if something is to be fetched."""
    wanted = _to_fetch(params)
    needed, endpoint = bool(wanted), constants.ENDPOINT
    via = f" through {', '.join(proxy_variables())}" if proxy_variables() else ""
    what = f"hub ({', '.join(wanted)})" if wanted else "hub"
    try:
        check_proxies()
        if constants.HF_HUB_OFFLINE:
            return Check(what, "HF_HUB_OFFLINE is set", "missing", "unset it", needed)
        answer = httpx.head(endpoint, timeout=_HUB_TIMEOUT, follow_redirects=True)
    except StageError as error:
        return Check(what, str(error), "broken", "correct the proxy", needed)
    # ImportError: a SOCKS proxy without its package. ValueError, InvalidURL: HF_ENDPOINT, NO_PROXY.
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ImportError, ValueError) as error:
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        remedy = "check the network, HF_ENDPOINT and proxies, or set model and data.source to local"
        return Check(what, f"{endpoint}{via}: {reason}", "missing", remedy, needed)
    found = f"{endpoint}{via}: HTTP {answer.status_code}"
    if answer.status_code == httpx.codes.PROXY_AUTHENTICATION_REQUIRED or answer.is_server_error:
        return Check(what, found, "broken", "check HF_ENDPOINT and the proxies", needed)
    return Check(what, found, "ok", needed=needed)


def _to_fetch(params: Params) -> list[str]:
    """What of the parameters is on the hub and not on this machine."""
    wanted = []
    if model_directory(params.model) is None and not _is_cached(params):
        wanted.append("model")
    source = params.data.source
    local = source == "synthetic" or Path(source).expanduser().is_dir()
    if not local and not (RAW / "source.json").is_file():
        wanted.append("data")
    return wanted


def _is_cached(params: Params) -> bool:
    try:
        snapshot_download(params.model, revision=params.model_revision, local_files_only=True)
    except (LocalEntryNotFoundError, ValueError, OSError):
        return False
    return True


def _isolation() -> Check:
    """The judge's own: a right program passes in it, or it says what cannot be set up."""
    what = "judge (user namespaces)"
    try:
        (verdict,) = judge([_PROGRAM], workers=1, timeout=60.0, memory_mb=512)
    except JudgeUnavailable as error:
        why, _, remedy = str(error).partition(": the judge needs ")
        return Check(what, why, "broken", remedy or "see docs/judge.md")
    if verdict.outcome != "passed":
        found = f"a right program: {verdict.outcome} {verdict.detail}"
        return Check(what, found, "broken", "see docs/judge.md; make env installs it anew")
    return Check(what, "isolates and passes a right program", "ok")


def _programs() -> Iterator[Check]:
    git = _output("git", "--version")
    if git is None:
        yield Check("git", "not on PATH", "missing", "install git")
    else:
        yield Check("git", git.removeprefix("git version "), "ok")
    try:
        yield Check("dvc", version("dvc"), "ok")
    except PackageNotFoundError:
        yield Check("dvc", "not installed", "missing", "make env")
    dot = _output("dot", "-V")
    if dot is None:
        remedy = "apt-get install graphviz; without it two tasks a benchmark cannot pass"
        yield Check("graphviz", "no dot on PATH", "missing", remedy, needed=False)
    else:
        yield Check("graphviz", dot.removeprefix("dot - graphviz version "), "ok", needed=False)


def _caches() -> Iterator[Check]:
    """Directories that a run writes to: a file is made there, and goes again."""
    try:
        ketune = cache_directory()
    except StageError as error:
        yield Check("KETUNE_CACHE", "none", "missing", str(error))
    else:
        yield _writable("KETUNE_CACHE", ketune)
    yield _writable("HF_HOME", Path(constants.HF_HOME))
    yield _writable("repository", Path())


def _writable(name: str, path: Path) -> Check:
    parent = existing_parent(path)
    try:
        TemporaryFile(dir=parent).close()
    except OSError as error:
        remedy = f"make it writable, or set {name} to a directory that is"
        return Check(name, f"{path}: {error.strerror}", "broken", remedy)
    return Check(name, f"{path} can be written", "ok")


def _output(*command: str) -> str | None:
    """What a program says, on either channel; None where it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout or done.stderr).strip() if done.returncode == 0 else None
