# SPDX-License-Identifier: GPL-2.0-only
"""ktstr shell on a terminal of its own."""
import fcntl, os, pty, select, signal, struct, subprocess, termios, time

from harness import case


class Terminal:
    def __init__(self, box, *args, rows=40, cols=100):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave, self.seen = slave, b""
        self.p = subprocess.Popen([box.ktstr, "shell", *args], stdin=slave, stdout=slave,
                                  stderr=slave, env=dict(box.env, TERM="vt100"), cwd=box.dir,
                                  start_new_session=True)
        box.children.append(self.p)

    def expect(self, words, seconds=60):
        end = time.monotonic() + seconds
        while words not in self.seen:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise AssertionError(f"never says {words!r}; it said: {self.seen[-2000:]!r}")
            self.seen += os.read(self.master, 65536)
        self.seen = self.seen[self.seen.index(words) + len(words):]

    def type(self, keys):
        os.write(self.master, keys)

    def wait(self, seconds=30):
        end = time.monotonic() + seconds
        while self.p.poll() is None and time.monotonic() < end:
            if select.select([self.master], [], [], 0.05)[0]:
                self.seen += os.read(self.master, 65536)
        assert self.p.poll() is not None, self.seen[-2000:]
        assert termios.tcgetattr(self.slave) == self.before, "the terminal was not given back"
        return self.p.returncode


@case()
def a_shell_has_the_machine_and_the_terminal_and_ends_with_exit(box):
    t = Terminal(box, "-t", "1n2l1c1t")
    t.expect(b"# ")
    t.type(b"echo cpus=$(nproc); stty size\r")
    t.expect(b"cpus=2")
    t.expect(b"40 100")
    fcntl.ioctl(t.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
    t.p.send_signal(signal.SIGWINCH)
    t.type(b"sleep 1; stty size\r")
    t.expect(b"50 120")
    t.type(b"exit\r")
    assert t.wait() == 0


@case()
def a_shell_in_virtual_time_sleeps_with_the_host(box):
    """Its clock counts instructions; it once jumped ahead while nobody typed: days passed in minutes."""
    t = Terminal(box, "--time", "virtual")
    t.expect(b"# ")
    begun = time.monotonic()
    t.type(b"sleep 3; echo slept=$((1 + 1))\r")
    t.expect(b"slept=2")
    assert time.monotonic() - begun > 1
    t.type(b"exit\r")
    assert t.wait() == 0


@case()
def control_a_x_ends_a_shell_at_once(box):
    t = Terminal(box)
    t.expect(b"# ")
    t.type(b"\x01x")
    t.wait(10)


@case()
def a_shell_without_a_terminal_is_refused(box):
    box.run("shell").expect(3, "not a terminal")
