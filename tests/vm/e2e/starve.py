# SPDX-License-Identifier: GPL-2.0-only
"""A host on which QEMU's main loop gets hardly any CPU, while the thread that executes the vCPUs gets all it wants.

Busy hosts do that now and then; here it is the rule: the main thread of each QEMU below a process is held by
ptrace for most of the time. No guest in virtual time may notice.
"""
import ctypes, os, threading

PTRACE_CONT, PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_EVENT_STOP = 7, 0x4206, 0x4207, 128
WALL = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, pid, data=0):
    if libc.ptrace(request, pid, None, data) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"ptrace of {pid}: {os.strerror(code)}")


def processes():
    """pid -> (parent, name)"""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                text = f.read()
        except OSError:
            continue
        end = text.rindex(")")
        found[int(pid)] = (int(text[end + 2:].split()[1]), text[text.index("(") + 1:end])
    return found


def emulators_below(root):
    all_, found = processes(), []
    for pid, (parent, name) in all_.items():
        while parent in all_ and parent != root:
            parent = all_[parent][0]
        if parent == root and name.startswith("qemu-system"):
            found.append(pid)
    return found


class Starve:
    """with Starve(): QEMUs below this process run their main loops for @on of every @on + @off seconds."""
    def __init__(self, off=0.03, on=0.001):
        self.off, self.on = off, on
        self.over = threading.Event()
        self.held, self.threads, self.errors = 0, {}, []

    def __enter__(self):
        self.finder = threading.Thread(target=self._find)
        self.finder.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.finder.join()
        for t in self.threads.values():
            t.join()
        if self.errors:
            raise self.errors[0]

    def _find(self):
        while not self.over.wait(0.005):
            for pid in emulators_below(os.getpid()):
                if pid not in self.threads:
                    self.threads[pid] = threading.Thread(target=self._hold_and_let_go, args=(pid,))
                    self.threads[pid].start()

    def _hold_and_let_go(self, pid):
        """ptrace knows its tracer by the thread: all of it happens in this one."""
        try:
            ptrace(PTRACE_SEIZE, pid)
            while not self.over.wait(self.on):
                ptrace(PTRACE_INTERRUPT, pid)
                if not self._answer(os.waitpid(pid, WALL)[1], pid):
                    return
        except (ProcessLookupError, ChildProcessError):
            pass  # it has ended
        except OSError as e:
            self.errors.append(e)

    def _answer(self, status, pid):
        if not os.WIFSTOPPED(status):
            return False
        stray = status >> 16 != PTRACE_EVENT_STOP  # a signal of its own
        if not stray:
            self.held += 1
            self.over.wait(self.off)
        ptrace(PTRACE_CONT, pid, os.WSTOPSIG(status) if stray else 0)
        return True
