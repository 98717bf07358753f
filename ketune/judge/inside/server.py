"""The judge's server: takes requests, has each task watched by a thread, answers.

Speaks over its standard input (a stream socket) and output: a message is a 4-byte big-endian length
and JSON. It sends {"ready": true} or {"unavailable": why} first; then each request {"id",
"timeout", "memory_mb"}, which brings two files, the program's code and the test as JSON, is
answered, in the order they end, by {"id"} and the fields of `supervisor.Result`. No task's process
is a fork of this one, so none finds in its memory what became of another; see `template`.
"""

import json
import os
import signal
import socket
import struct
import threading
from dataclasses import asdict
from typing import Any, NoReturn

from ketune.judge.inside import supervisor
from ketune.judge.inside.forks import Forks
from ketune.judge.inside.usage import Processes

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
    send = _Replies(replies)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = os.fork()
    if not process:
        for descriptor in (requests.detach(), replies, ours.detach()):
            os.close(descriptor)
        _become_template(theirs)
    theirs.close()
    try:
        forks = Forks(ours, process)
        others = Processes()
        trial = supervisor.run_task(forks, others, _trial_files(), 60, 1024)
    except Exception as error:
        send({"unavailable": f"{type(error).__name__}: {error}"})
        return
    if trial.outcome != "passed":
        send({"unavailable": f"{trial.outcome} on a trial task: {trial.detail}"})
        return
    send({"ready": True})
    with requests:
        while received := _receive(requests):
            threading.Thread(
                target=_answer, args=(send, forks, others, *received), daemon=True
            ).start()


def _become_template(commands: socket.socket) -> NoReturn:
    from ketune.judge.inside import template  # noqa: PLC0415

    try:
        template.main(commands)
    finally:
        os._exit(1)


def _answer(
    send: "_Replies",
    forks: Forks,
    others: Processes,
    request: dict[str, Any],
    files: tuple[int, int],
) -> None:
    try:
        result = supervisor.run_task(forks, others, files, request["timeout"], request["memory_mb"])
    except BaseException as error:
        result = supervisor.Result("runtime_error", f"{type(error).__name__}: {error}", fault=True)
    send({"id": request["id"], **asdict(result)})


def _trial_files() -> tuple[int, int]:
    code, test = os.memfd_create("code"), os.memfd_create("test")
    for file, content in ((code, _TRIAL_CODE), (test, json.dumps(_TRIAL_TEST))):
        os.write(file, content.encode())
        os.lseek(file, 0, os.SEEK_SET)
    return code, test


class _Replies:
    """The stream of replies, one whole message at a time."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor, self.lock = descriptor, threading.Lock()

    def __call__(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode()
        data = struct.pack("!I", len(data)) + data
        with self.lock:
            while data:
                data = data[os.write(self.descriptor, data) :]


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
