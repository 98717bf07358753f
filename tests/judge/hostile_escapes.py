"""Programs that try to read, write, reach or leave behind what they must not.

Each returns the right answer if it succeeds, so that a hole in the isolation shows as "passed".
"""

from .hostile import ANSWER


def escapes(home: list[str], repository: str, file: str, port: int) -> dict[str, str]:
    """Acts that must fail, against things which exist on this machine, by name."""
    acts = {
        "reads_file": f"open({file!r}).read()",
        "sees_home": f"import os; assert any(map(os.path.exists, {home!r}))",
        "lists_home_variable": "import os; os.listdir(os.path.expanduser('~'))[0]",
        "lists_repository": f"import os; os.stat({repository!r} + '/pyproject.toml')",
        "reads_environment": "import os; os.environ['KETUNE_SECRET']",
        "reads_parent_environment": (
            "import glob; assert any(b'KETUNE_SECRET' in open(p, 'rb').read()"
            " for p in glob.glob('/proc/*/environ'))"
        ),
        "sees_other_processes": "import os; os.kill(os.getppid() or 10**9, 0); os.stat('/proc/2')",
        "reads_kernel_log": "import ctypes; assert ctypes.CDLL(None).klogctl(10, None, 0) >= 0",
        "reads_disks": "import glob; open(glob.glob('/dev/[sv]d*')[0], 'rb').read(1)",
        "loads_module_of_the_judge": "import ketune.judge.inside.check",
        "reads_another_memory": (
            "import os, ctypes; assert ctypes.CDLL(None).process_vm_readv("
            "os.getppid(), None, 0, None, 0, 0) == 0"
        ),
        "signals_its_group": (
            "import os; before = os.getsid(0); assert before == 0; os.killpg(os.getppgid(), 0)"
        ),
        "reads_judge_source": "open('/judge/ketune/judge/inside/check.py').read()",
        "reads_password_file": "open('/etc/passwd').read()",
        "writes_outside": "open('/usr/escaped', 'w').write('x')",
        "writes_root": "open('/escaped', 'w').write('x')",
        "writes_packages": "import numpy; open(numpy.__file__, 'a').write('')",
        "writes_devices": "open('/dev/escaped', 'w').write('x')",
        "writes_kernel_settings": "open('/proc/sys/kernel/core_pattern', 'w').write('x')",
        "finds_earlier_scratch": "import os; os.stat('/tmp/left-behind')",
        "connects": f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
        "resolves": "import socket; socket.getaddrinfo('example.com', 443)",
        "sends_datagram": (
            f"import socket; socket.socket(2, 2).sendto(b'x', ('127.0.0.1', {port}))"
        ),
        "abstract_socket": f"import socket; socket.socket(1).connect('\\0ketune-{port}')",
        "mounts": (
            "import subprocess; subprocess.run('mount -t tmpfs x /usr'.split(), check=True)"
        ),
        "new_user_namespace": (
            "import subprocess; subprocess.run(['unshare', '-Ur', 'true'], check=True)"
        ),
        "gains_root": "import os; os.setgroups([]); os.chown('/tmp', 1, 1)",
        "traces": ("import ctypes; c = ctypes.CDLL(None); assert c.ptrace(0, 0, 0, 0) == 0"),
        "memory_file": "import os; os.memfd_create('x')",
        "large_file": "open('/tmp/x', 'wb').write(bytes(200 << 20))",
        "raises_limit": (
            "import resource as r; r.setrlimit(r.RLIMIT_AS, (r.RLIM_INFINITY, r.RLIM_INFINITY))"
        ),
    }
    return {
        name: ANSWER + "def f(x):\n    " + act.replace("; ", "\n    ") + "\n    return answer(x)\n"
        for name, act in acts.items()
    }


DAEMON = """
import os, subprocess
def f(x):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "{seconds}"])
        os._exit(0)
    os.wait()
    open("/tmp/left-behind", "w").write("x")
    return x
"""
