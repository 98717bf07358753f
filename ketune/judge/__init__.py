"""Execution of untrusted code: does a completion's program satisfy its test?

Inside bubblewrap a template imports Qiskit once; each program costs two forks of it. The program
runs in one process, its test in another, each confined again, in namespaces of its own, for that
task; a server outside of them watches and decides, in a process that no task's is a fork of.
Between the two go calls and values: a value is taken apart in one process and made again in the
other, by a closed list of types whose functions check what they are given (docs/judge.md). The
program's files the test's own code may `open`, and nothing else can (`inside/files.py`). What the
program's process says of itself can only be to its disadvantage, and so is what becomes of the
test's process: such a program is run once more, and is judge_error only where one that is known to
be right fails too.

Covered: reading the environment, home, the repository, other tasks, what became of them, or the
test, from disk or from memory; writing outside a private scratch in memory; the network, loopback
included; outliving the task (threads, daemons, double forks: its process namespace is killed
whole); memory of every kind, time, processes and file size; what `isolation` lists; and passing by
exit status, printed markers, SystemExit at any point, atexit, signals, descriptors, patched
builtins or libraries, objects that equal everything, frames, collectors and tracers, messages and
pickles written by hand, links in the scratch to the judge's own report. A program that tries gets
the outcome it deserves, never `judge_error`. The test's process starts no programs. Isolation fails
closed: see JudgeUnavailable.

Not covered: side channels; bugs of the kernel and of native code that rebuilds values (Qiskit's,
rustworkx's, NumPy's); a test too weak to tell a wrong value of an honest type, as an empty array or
a call that raises what is expected; a test that itself runs what the program left it; a test that
writes its expectation into a file by `open`, or keeps it in an argument that the program may
change; processor time within the wall limit.

What a test cannot do here: patch what the program calls, read its source, or call methods of the
program's own classes, whose objects arrive as data (transpiler passes are the exception). What is
on no list, as masked arrays or objects of SymPy and qiskit-experiments, arrives as a handle, which
may be ignored or passed back; a use of it is `forbidden`, as a type that cannot be judged.
`calibrate` finds reference solutions that any of this stops.
"""

from .pool import judge
from .verdict import JudgeUnavailable, Outcome, Program, Verdict

__all__ = ["JudgeUnavailable", "Outcome", "Program", "Verdict", "judge"]
