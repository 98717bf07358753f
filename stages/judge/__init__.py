"""Execution of untrusted code: does a completion's program satisfy its test?

A fork server inside bubblewrap imports Qiskit once; each program costs a fork. The program and its
test run in one process, confined again for that task; a supervisor outside its namespaces decides.

Covered: reading the environment, home, the repository, other tasks or the test from disk; writing
outside a private scratch in memory; the network, loopback included; outliving the task (threads,
daemons, double forks: the task's process namespace is killed whole); memory, time, processes and
file size; kernel keyrings, tracing, further namespaces, memory files (a system call filter); and
passing by exit status, printed markers, SystemExit at any point, atexit, signals, writing to or
closing descriptors, or patching builtins. Isolation fails closed: see JudgeUnavailable.

Not covered, as the program shares an interpreter with its test: objects that equal everything,
patched libraries that the test uses (numpy, Qiskit), and walking frames or memory to the
judge's nonce. Nor: side channels, bugs of the kernel, and processor time beyond the wall limit (a
program's threads compete with its neighbours).
"""

from .pool import judge
from .verdict import JudgeUnavailable, Outcome, Program, Verdict

__all__ = ["JudgeUnavailable", "Outcome", "Program", "Verdict", "judge"]
