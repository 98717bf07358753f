"""The fork server: imports the heavy packages once, then forks one supervisor a program.

Speaks over its standard input (a stream socket) and output: a message is a 4-byte big-endian length
and JSON. It sends {"ready": true} or {"unavailable": why} first; then each request {"id",
"timeout", "memory_mb"}, which brings two files, the program's code and the test as JSON, is
answered, in the order they end, by {"id", "outcome", "detail", "seconds"}. The server passes the
files on unread: what it once held, every later program could find in its own memory.
"""

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import struct
import sys
import warnings
from typing import Any

from stages.judge.inside import confine, supervisor

_PRELOAD = (
    "numpy scipy.linalg scipy.optimize networkx sympy matplotlib.pyplot pylatexenc PIL.Image",
    "qiskit qiskit.circuit.library qiskit.quantum_info qiskit.primitives qiskit.synthesis",
    "qiskit.qasm2 qiskit.qasm3 qiskit.transpiler qiskit.transpiler.passes qiskit.converters",
    "qiskit.visualization qiskit.providers.fake_provider qiskit_aer qiskit_aer.noise",
    "qiskit_aer.primitives qiskit_ibm_runtime qiskit_ibm_runtime.fake_provider",
    "qiskit_experiments.library",
)
_TRIAL_CODE = "def answer():\n    return 42\n"
_TRIAL_TEST = {
    "test": "def check(candidate):\n    assert candidate() == 42\n",
    "context": "",
    "entry_point": "answer",
}


def main() -> None:
    """Serve until standard input ends. Every task still running then dies with the sandbox."""
    requests, replies = socket.socket(fileno=os.dup(0)), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _preload()
        trial = _finish(*_start({"timeout": 60, "memory_mb": 1024}, _trial_files()))
    except Exception as error:
        _send(replies, {"unavailable": f"{type(error).__name__}: {error}"})
        return
    if trial["outcome"] != "passed":
        _send(replies, {"unavailable": f"{trial['outcome']} on a trial task: {trial['detail']}"})
        return
    _send(replies, {"ready": True})
    _serve(requests, replies)


def _preload() -> None:
    """Import and warm what programs use. Raises RuntimeError if that left a thread behind.

    A fork copies only the calling thread, so another thread's locks would stay locked for ever.
    """
    warnings.simplefilter("ignore")
    # All of ours is imported. Libraries remember things by the path, as plugins, for the tasks too.
    sys.path.remove("/judge")
    for name in " ".join(_PRELOAD).split():
        importlib.import_module(name)
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

    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    transpile(circuit, basis_gates=["rz", "sx", "cx"], optimization_level=1)
    circuit.draw("mpl")
    pyplot.close("all")


def _trial_files() -> tuple[int, int]:
    code, test = os.memfd_create("code"), os.memfd_create("test")
    for file, content in ((code, _TRIAL_CODE), (test, json.dumps(_TRIAL_TEST))):
        os.write(file, content.encode())
        os.lseek(file, 0, os.SEEK_SET)
    return code, test


def _serve(requests: socket.socket, replies: int) -> None:
    with requests, selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ, None)
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    received = _receive(requests)
                    if received is None:
                        return
                    request, files = received
                    process, pipe = _start(request, files)
                    selector.register(pipe, selectors.EVENT_READ, (process, request["id"]))
                else:
                    process, task = key.data
                    selector.unregister(key.fd)
                    _send(replies, {"id": task, **_finish(process, key.fd)})


def _start(request: dict[str, Any], files: tuple[int, int]) -> tuple[int, int]:
    """Fork a supervisor for `request`; return its process id and the pipe with its result."""
    result, result_in_child = os.pipe()
    process = os.fork()
    if process:
        for descriptor in (result_in_child, *files):
            os.close(descriptor)
        return process, result
    try:
        outcome, detail, seconds = supervisor.run_task(
            *files, request["timeout"], request["memory_mb"]
        )
    except BaseException as error:
        outcome, detail, seconds = "judge_error", f"{type(error).__name__}: {error}", 0.0
    reply = {"outcome": outcome, "detail": detail, "seconds": round(seconds, 3)}
    os.write(result_in_child, json.dumps(reply).encode())
    os._exit(0)


def _finish(process: int, result: int) -> dict[str, Any]:
    chunks = []
    while chunk := os.read(result, 1 << 16):
        chunks.append(chunk)
    os.close(result)
    os.waitpid(process, 0)
    if not chunks:
        return {"outcome": "judge_error", "detail": "the supervisor died", "seconds": 0.0}
    reply: dict[str, Any] = json.loads(b"".join(chunks))
    return reply


def _send(descriptor: int, message: dict[str, Any]) -> None:
    data = json.dumps(message).encode()
    data = struct.pack("!I", len(data)) + data
    while data:
        data = data[os.write(descriptor, data) :]


def _receive(requests: socket.socket) -> tuple[dict[str, Any], tuple[int, int]] | None:
    """The next request and its files, None at the end of the stream."""
    header, files, _, _ = socket.recv_fds(requests, 4, 2)
    header += _read(requests, 4 - len(header)) if header else b""
    if not header:
        return None
    request: dict[str, Any] = json.loads(_read(requests, struct.unpack("!I", header)[0]))
    code, test = files
    return request, (code, test)


def _read(requests: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (chunk := requests.recv(size - len(data))):
        data += chunk
    return data
