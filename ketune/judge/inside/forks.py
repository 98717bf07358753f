"""The server's end of the template: asks it for confined processes and hears of their end."""

import contextlib
import json
import os
import queue
import signal
import socket
import threading
from collections.abc import Sequence

PACKET = 4096  # bytes of a message of either side


class Confined:
    """A confined process: its id in the sandbox, and how it ended (a wait status) once it has."""

    def __init__(self, number: int, handle: int) -> None:
        self.id, self.handle = number, handle
        self.status = 0
        self.ended = threading.Event()

    def kill(self) -> None:
        """End it and every process of its namespace."""
        # By the handle: the number may already be another's.
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    def close(self) -> None:
        """Wait until no process of its namespace is left."""
        self.ended.wait()
        os.close(self.handle)


class Forks:
    """Processes forked from the template. Safe for threads."""

    def __init__(self, channel: socket.socket, template: int) -> None:
        """Wait until the template, the process so numbered, is ready.

        Raises OSError with its reason if it cannot be.
        """
        self.channel, self.template = channel, template
        hello = channel.recv(PACKET)
        if not hello:
            raise OSError("the preloading process died")
        if why := json.loads(hello).get("unavailable"):
            raise OSError(why)
        self.asking = threading.Lock()
        self.answers: queue.SimpleQueue[tuple[Confined, Confined] | str] = queue.SimpleQueue()
        self.living: dict[int, Confined] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def start(
        self, memory_mb: int, program: Sequence[int], test: Sequence[int]
    ) -> tuple[Confined, Confined]:
        """Two confined processes with one scratch, for a program and its test.

        Each gets the descriptors that the entry of its kind in `template` takes. Raises OSError.
        """
        command = json.dumps({"memory_mb": memory_mb, "program": len(program)}).encode()
        with self.asking:
            socket.send_fds(self.channel, [command], [*program, *test])
            answer = self.answers.get()
        if isinstance(answer, str):
            raise OSError(answer)
        return answer

    def _listen(self) -> None:
        while True:
            data, handles, _, _ = socket.recv_fds(self.channel, PACKET, 2)
            if not data:
                os._exit(1)  # without the template there is no server; the client starts another
            message = json.loads(data)
            if "ended" in message:
                process = self.living.pop(message["ended"])
                process.status = message["status"]
                process.ended.set()
            elif "failed" in message:
                self.answers.put(message["failed"])
            else:
                program, test = map(Confined, message["started"], handles)
                self.living |= {program.id: program, test.id: test}
                self.answers.put((program, test))
