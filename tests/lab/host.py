# SPDX-License-Identifier: GPL-2.0-only
"""An emulated host that runs commands: see docs/lab.md for the machine and init.c for what is said on the port."""
import ctypes, os, re, select, signal, socket, subprocess, time

from image import Trouble

MACHINES = {
    # gives a real /dev/kvm: VHE, GICv3, PMUv3, stolen time; the architected pauth is five times slower
    "arm64": ["qemu-system-aarch64", "-M", "virt,virtualization=on,gic-version=3", "-cpu",
              "max,pauth-impdef=on,sve=off,sme=off", "-smp", "2"],
}
CONSOLE = {"arm64": "ttyAMA0"}
# Said to the host's kernel. QEMU executes the instructions that copy and set memory byte by byte in a page it has
# translated code of, which is where most memory of a guest was before: the next one's kernel took 3 to 6 s to load, not 1.
WORDS = "panic=-1 quiet cryptomgr.notests=1 arm64.nomops"
UP_LIMIT_S = 180  # 3 to 5 s on a machine with nothing else to do
PR_SET_PDEATHSIG = 1


class Died(Trouble):
    """The emulated host ended or fell silent while it was needed."""


class Outcome:
    def __init__(self, how, code, left, output, seconds):
        self.how, self.code, self.left, self.output, self.seconds = how, code, left, output, seconds

    @property
    def ok(self):
        return self.how == "exit" and self.code == 0

    def __str__(self):
        return {"exit": f"exit status {self.code}", "signal": f"killed by signal {self.code}",
                "timeout": f"still running after {self.seconds:.0f} s"}[self.how]


def check_emulator(program):
    try:
        said = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as e:
        raise Trouble(f"{program}: {e}")
    found = re.search(r"version (\d+)", said)
    if not found or int(found[1]) < 10:
        raise Trouble(f"{program} is older than 10: nested guests die of page faults there")


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Host:
    """with Host(...) as h: h.run("uname -a"). No process of it outlives the block, however that ends."""

    def __init__(self, arch, folder, kernel, initrd, disks, memory_mib=3072):
        self.arch, self.console, self.pending = arch, os.path.join(folder, "console"), b""
        machine = MACHINES[arch]
        check_emulator(machine[0])
        ours, theirs = socket.socketpair()
        self.port = ours
        args = [*machine, "-accel", "tcg,thread=multi", "-m", str(memory_mib), "-nodefaults", "-no-user-config", "-display",
                "none", "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append",
                f"console={CONSOLE[arch]} {WORDS}", "-serial", "stdio",
                "-chardev", f"socket,id=lab,fd={theirs.fileno()}", "-device", "virtio-serial-pci",
                "-device", "virtserialport,chardev=lab,name=org.ktstr.lab"]
        for n, path in enumerate(disks):  # what is written to them is gone with the machine
            args += ["-drive", f"if=none,id=d{n},format=raw,snapshot=on,file={path}",
                     "-device", f"virtio-blk-pci,drive=d{n}"]
        with open(self.console, "wb") as console:
            self.began = time.monotonic()
            self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                                            pass_fds=[theirs.fileno()], preexec_fn=die_with_parent)
        theirs.close()

    def __enter__(self):
        try:
            self.expect_line("ready", time.monotonic() + UP_LIMIT_S)
        except BaseException:
            self.end()
            raise
        self.up_s = time.monotonic() - self.began
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.port.close()

    def last_words(self):
        with open(self.console, "rb") as f:
            said = f.read().decode("utf-8", "replace").replace("\r", "").strip().splitlines()
        panic = next((n for n, l in enumerate(said) if "Kernel panic" in l or "lab-init:" in l or "Oops" in l), None)
        return "\n".join(said[max(0, panic - 5):panic + 25] if panic is not None else said[-25:])

    def died(self, what):
        code = self.process.poll()
        state = "runs on" if code is None else f"ended with {code}"
        raise Died(f"the emulated host: {what} (the emulator {state}); its console:\n{self.last_words()}")

    def more(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.port], [], [], left)[0]:
            self.died("no answer in time")
        data = self.port.recv(1 << 16)
        if not data:
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                pass
            self.died("it closed the line")
        self.pending += data

    def line(self, deadline):
        while b"\n" not in self.pending:
            self.more(deadline)
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode("utf-8", "replace")

    def expect_line(self, what, deadline):
        got = self.line(deadline)
        if got != what:
            self.died(f'said "{got[:80]}" instead of "{what}"')

    def bytes(self, n, deadline):
        while len(self.pending) < n:
            self.more(deadline)
        data, self.pending = self.pending[:n], self.pending[n:]
        return data

    def run(self, script, limit_s=60, show=None):
        """A shell script; show(bytes) sees its output as it comes. The host itself gets 20 s more to say how it ended."""
        began = time.monotonic()
        deadline, output, data = began + limit_s + 20, [], script.encode()
        self.port.sendall(b"run %d %d\n" % (limit_s, len(data)) + data)
        while True:
            word, *rest = self.line(deadline).split()
            if word != "out":
                break
            output.append(self.bytes(int(rest[0]), deadline))
            if show:
                show(output[-1])
        return Outcome(word, int(rest[0]), int(rest[1]), b"".join(output).decode("utf-8", "replace"),
                       time.monotonic() - began)

    def cpu_s(self):
        """CPU time its emulation took so far: what a busy machine does not blur."""
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def off(self, limit_s=20):
        self.port.sendall(b"off\n")
        try:
            code = self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.died("does not switch itself off")
        if code:
            self.died("was not switched off")
