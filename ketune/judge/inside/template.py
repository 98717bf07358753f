"""The template: imports the heavy packages once; every confined process is a fork of it.

It never holds anything of a task but numbers and descriptors, nor how one ended: what it once held,
every later program could find in its own memory. A command is {"memory_mb", "program"} with the
descriptors of both processes, "program" of them the program's: its channel, the code, then the list
of processes of its control group, where to say why it could not be confined, and standard error;
the test's: its channel, the test, its report, its seal, then the same three. The answer is
{"started": process ids}, with a handle of each, or {"failed": why}; each process's end follows as
{"ended": id, "status"}.
"""

import ctypes
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ketune.judge.inside import (
    chance,
    check,
    confine,
    decode,
    encode,
    kinds,
    solution,
    trusted,
    wire,
)
from ketune.judge.inside.forks import PACKET

_PRELOAD = (
    "numpy scipy.linalg scipy.optimize networkx sympy matplotlib.pyplot pylatexenc PIL.Image",
    "qiskit qiskit.circuit.library qiskit.quantum_info qiskit.primitives qiskit.synthesis",
    "qiskit.qasm2 qiskit.qasm3 qiskit.transpiler qiskit.transpiler.passes qiskit.converters",
    "qiskit.visualization qiskit.providers.fake_provider qiskit_aer qiskit_aer.noise",
    "qiskit_aer.primitives qiskit_ibm_runtime qiskit_ibm_runtime.fake_provider",
    "qiskit_experiments.library pandas",
)
_MAX_FILES = 16  # descriptors of one command
_ARENAS_MB = 120  # a little more than what the packages take in small objects

# Named once: to look through all modules in a fork would copy a page of memory for each name.
_OWN_MODULES = [
    "ketune",
    "ketune.judge",
    "ketune.judge.inside",
    "ketune.judge.inside.kinds",
    *(f"ketune.judge.inside.{path.stem}" for path in Path(__file__).parent.glob("*.py")),
    *(f"ketune.judge.inside.kinds.{p.stem}" for p in Path(__file__).parent.glob("kinds/*.py")),
]
# The interpreter's lock stays held, as it is in os.fork.
_LIBC = ctypes.PyDLL(None, use_errno=True)


def main(commands: socket.socket) -> None:
    """Serve until the other end of `commands` closes."""
    try:
        kept = _reserve()
        _preload()
        proc = confine.cover_mounts()
    except Exception as error:
        commands.send(json.dumps({"unavailable": f"{type(error).__name__}: {error}"}).encode())
        return
    commands.send(b"{}")
    _serve(commands, proc)
    del kept


def _reserve() -> list[bytes]:
    """Have small objects lie side by side, so that huge pages hold them (`use_huge_pages`).

    The allocator would ask for each MiB where there is room, between libraries. What is returned
    keeps one object in each, so that it stays; the rest is free.
    """
    blocks = [bytes(460) for _ in range(_ARENAS_MB * 2100)]
    return blocks[::1050]


def _preload() -> None:
    """Import and warm what programs use. Raises RuntimeError if that left a thread behind.

    A fork copies only the calling thread, so another thread's locks would stay locked for ever.
    """
    warnings.simplefilter("ignore")
    # All of ours is imported. Libraries remember things by the path, as plugins, for the tasks too.
    sys.path.remove("/judge")
    chance.seed_numpy()
    # Its own allocator takes more addresses at once than a task has.
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    for name in " ".join(_PRELOAD).split():
        importlib.import_module(name)
    chance.seed_aer()
    kinds.registry()
    trusted.plain_classes()
    _warm()
    gc.collect()
    gc.freeze()
    confine.use_huge_pages()
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
    if threads != 1:
        raise RuntimeError(f"the preloaded packages started {threads - 1} threads")


def _warm() -> None:
    """Fill the caches that a first circuit pays for: plugins, fonts, equivalences.

    Nothing here may start a thread, as AerSimulator and optimization level 3 do.
    """
    from matplotlib import pyplot  # noqa: PLC0415
    from qiskit import QuantumCircuit, transpile  # noqa: PLC0415
    from qiskit.quantum_info import Operator, SparsePauliOp, Statevector  # noqa: PLC0415

    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    transpile(circuit, basis_gates=["rz", "sx", "cx"], optimization_level=1)
    circuit.draw("mpl")
    pyplot.close("all")
    for value in (circuit, Statevector([1, 0]), Operator([[1, 0], [0, 1]]), SparsePauliOp("Z")):
        _cross(value)


def _cross(value: Any) -> None:
    """Hand a value over as from a program to its test, so that what this imports is there."""
    encoder = encode.Encoder(id, lambda _: None)
    tree, blocks = wire.unpack(wire.pack(encoder.encode(value), encoder.blocks))
    decode.Decoder(
        blocks,
        lambda *_: print,
        lambda _: None,
        strict=True,
        report=print,
        remember=lambda _, __: None,
    ).decode(tree)


def _serve(commands: socket.socket, proc: int) -> None:
    poll = select.poll()
    poll.register(commands, select.POLLIN)
    living: dict[int, int] = {}
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == commands.fileno():
                data, files, _, _ = socket.recv_fds(commands, PACKET, _MAX_FILES)
                if not data:
                    return
                for handle, process in _start(commands, proc, json.loads(data), files):
                    living[handle] = process
                    poll.register(handle, select.POLLIN)
            else:
                process = living.pop(descriptor)
                poll.unregister(descriptor)
                os.close(descriptor)
                _, status = os.waitpid(process, 0)
                commands.send(json.dumps({"ended": process, "status": status}).encode())


def _start(
    commands: socket.socket, proc: int, command: dict[str, int], files: list[int]
) -> list[tuple[int, int]]:
    """Fork both processes of a task, answer, and return a handle and the process id of each."""
    count, memory_mb = command["program"], command["memory_mb"]
    started: list[int] = []
    try:
        files.append(scratch := confine.make_scratch())
        ends = files[:count], files[count:-1]
        started.append(_fork(proc, scratch, _run_program, ends[0], memory_mb, is_program=True))
        started.append(_fork(proc, scratch, _run_test, ends[1], memory_mb, is_program=False))
    except OSError as error:
        for process in started:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        commands.send(json.dumps({"failed": str(error)}).encode())
        return []
    finally:
        for file in files:
            os.close(file)
    handles = [os.pidfd_open(process) for process in started]
    socket.send_fds(commands, [json.dumps({"started": started}).encode()], handles)
    return list(zip(handles, started, strict=True))


def _run_program(channel: int, code: int) -> NoReturn:
    solution.run(_read_all(code).decode("utf-8", "surrogatepass"), channel)


def _run_test(channel: int, test: int, report: int, sealed: int) -> NoReturn:
    # The test may write a file that the program made a link to its report: it lacks the seal.
    check.run(json.loads(_read_all(test)), channel, report, sealed)


def _read_all(descriptor: int) -> bytes:
    with open(descriptor, "rb") as file:
        return file.read()


def _fork(
    proc: int,
    scratch: int,
    body: Callable[..., NoReturn],
    files: Sequence[int],
    memory_mb: int,
    *,
    is_program: bool,
) -> int:
    """Fork a process with namespaces of its own, confine it, and run `body` in it."""
    *kept, group, refusal, errors = files
    confine.new_process_namespace(proc)
    # Not os.fork: what libraries registered to be run after it makes locks anew that nobody holds
    # and seeds generators that are seeded below, and copies three hundred pages for it.
    child: int = _LIBC.fork()
    if child:
        if child == -1:
            raise OSError(ctypes.get_errno(), "fork")
        return child
    try:
        os.setsid()
        os.dup2(errors, 2)
        os.write(group, b"0")
        confine.limit(memory_mb, proc, (*kept, scratch, refusal))
        confine.new_namespaces(scratch, own=is_program)
        _prepare()
        confine.drop_privileges(may_execute=is_program)
    except BaseException as error:
        os.write(refusal, f"{type(error).__name__}: {error}".encode())
        os._exit(1)
    os.close(refusal)
    try:
        body(*kept)
    except BaseException as error:  # what called us belongs to another process
        os.write(2, type(error).__name__.encode())
    finally:
        os._exit(1)


def _prepare() -> None:
    """Seed, quieten and clear what the process inherited."""
    random.seed(0)
    np.random.seed(0)
    chance.restart()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in _OWN_MODULES:
        sys.modules.pop(name, None)
    sys.argv = [""]
    os.chdir("/tmp")
    gc.freeze()
