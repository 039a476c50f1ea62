# SPDX-License-Identifier: GPL-2.0-only
"""Runs ktstr as a user would and checks what it prints, how it ends and what it leaves behind.

A case is a function decorated with @case; its name is a sentence. It gets a Box (a private place to
work in) and fails by raising. Nothing here retries, and no case may pass without having run ktstr.
"""
import fnmatch, json, os, shutil, signal, subprocess, sys, tempfile, time, traceback

CASES = []


def case(limit=120, arch=None):
    """limit: seconds the whole case may take. arch: guest architecture other than the host's."""
    def wrap(fn):
        CASES.append((fn, limit, arch))
        return fn
    return wrap


class Skip(Exception):
    pass


class Done:
    """What one ktstr call did."""
    def __init__(self, args, code, out, err, seconds):
        self.args, self.code, self.out, self.err, self.seconds = args, code, out, err, seconds

    def __str__(self):
        return (f"$ ktstr {' '.join(self.args)}\nexit {self.code} after {self.seconds:.1f} s\n"
                f"--- stdout ---\n{text(self.out)[-4000:]}\n--- stderr ---\n{text(self.err)[-4000:]}")

    def expect(self, code, *words):
        """Exit status, and words that standard output and error must contain."""
        if self.code != code:
            raise AssertionError(f"exit status {self.code}, expected {code}\n{self}")
        both = text(self.out) + text(self.err)
        for w in words:
            if w not in both:
                raise AssertionError(f"nowhere says {w!r}\n{self}")
        return self

    def cells(self):
        """The cells of a run with --format json."""
        found = [json.loads(l) for l in text(self.out).splitlines() if l.startswith("{")]
        return [c for c in found if c.get("event") == "cell"]


def text(b):
    return b.decode("utf-8", "replace") if isinstance(b, bytes) else b


class Box:
    """A temporary folder, an environment that marks every process we start, and the build."""
    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.ktstr = os.path.join(self.build, "ktstr")
        self.dir = tempfile.mkdtemp(prefix="ktstr-e2e-")
        self.token = f"KTSTR_E2E_TOKEN={os.getpid()}.{os.path.basename(self.dir)}"
        self.env = dict(os.environ)
        key, value = self.token.split("=")
        self.env[key] = value
        self.children = []

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def example(self, name, arch=None):
        return os.path.join(self.build, arch or "", "examples", name)

    def fixture(self, name):
        return os.path.join(self.build, "tests", "vm", name)

    def start(self, *args, env=None, **kw):
        full = dict(self.env, **(env or {}))
        kw.setdefault("stdin", subprocess.DEVNULL)
        p = subprocess.Popen([self.ktstr, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=full, cwd=self.dir, **kw)
        self.children.append(p)
        return p

    def run(self, *args, input=None, env=None, timeout=110, **kw):
        kw["stdin"] = subprocess.PIPE if input is not None else subprocess.DEVNULL
        from_ = time.monotonic()
        p = self.start(*args, env=env, **kw)
        out, err = p.communicate(input, timeout=timeout)
        return Done(args, p.returncode, out, err, time.monotonic() - from_)

    def marked(self):
        """Processes (pid, command) that carry our mark, whoever their parent is."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as f:
                    if self.token.encode() not in f.read().split(b"\0"):
                        continue
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    found.append((int(pid), f.read().replace(b"\0", b" ").decode()))
            except OSError:
                continue
        return found

    def wait_for(self, what, found, seconds=60):
        """Waits until found() is true: an event of a process that is not ours to be told of."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            r = found()
            if r:
                return r
            time.sleep(0.02)
        raise AssertionError(f"{what}: not within {seconds} s")

    def process(self, words, seconds=60):
        """The pid of a marked process whose command contains @words."""
        return self.wait_for(f"process {words}", lambda: next(
            (p for p, c in self.marked() if words in c), None), seconds)

    def qemu(self):
        """The QEMU that runs a guest, not the one asked for its version."""
        return self.wait_for("QEMU", lambda: next(
            (p for p, c in self.marked() if "qemu-system" in c and " -display " in c), None))

    def expect_gone(self, seconds=5):
        end = time.monotonic() + seconds
        while self.marked() and time.monotonic() < end:
            time.sleep(0.02)
        left = self.marked()
        if left:
            raise AssertionError(f"left behind: {[(p, c[:100]) for p, c in left]}")

    def close(self):
        for p in self.children:
            if p.poll() is None:
                p.kill()
                p.wait()
        left = self.marked()
        for pid, _ in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.dir, ignore_errors=True)
        return left


class TooLong(Exception):
    pass


def on_alarm(*_):
    raise TooLong()


def run_case(fn, limit, build):
    """ok, skip reason or None, story"""
    box = Box(build)
    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(limit)
    try:
        fn(box)
        box.expect_gone()
        return True, None, ""
    except Skip as s:
        return True, str(s), ""
    except TooLong:
        return False, None, f"took longer than its limit of {limit} s"
    except Exception:
        return False, None, traceback.format_exc(limit=-2)
    finally:
        signal.alarm(0)
        box.close()


def main(build, patterns):
    chosen = [c for c in CASES if not patterns or any(fnmatch.fnmatch(c[0].__name__, p) for p in patterns)]
    print(f"TAP version 13\n1..{len(chosen)}", flush=True)
    failed = 0
    for n, (fn, limit, _) in enumerate(chosen, 1):
        from_ = time.monotonic()
        ok, skip, story = run_case(fn, limit, build)
        took = time.monotonic() - from_
        print(f"{'ok' if ok else 'not ok'} {n} - {fn.__name__}" + (f" # SKIP {skip}" if skip else ""))
        print(f"# {took:.1f} s")
        for line in story.splitlines():
            print("# " + line)
        sys.stdout.flush()
        failed += not ok
    return 1 if failed or not chosen else 0
