# SPDX-License-Identifier: GPL-2.0-only
"""ktstr replay: a recorded run is the same run again, and what stands in the way is named."""
import hashlib, json, os, re, shlex, shutil, signal, subprocess

from caches import own_cache
from harness import Skip, case, text
from starve import Starve

SHORT = ("--time", "virtual", "--seed", "7", "--duration", "500ms")


def record(box, *args, code=0, example="fairness", test="two_cgroups"):
    """Runs a test; the cell as JSON, with the id of its record."""
    d = box.run("test", box.example(example), "-f", test, *SHORT, *args, "--format", "json").expect(code)
    cell, = d.cells()
    assert re.fullmatch("[0-9a-f]{12}", cell["run"]), cell["run"]
    assert cell["schedule"]["have"], cell["schedule"]
    return cell


def replayed(d):
    """The last event of a replay with --json."""
    r = json.loads(text(d.out).splitlines()[-1])
    assert r["event"] == "replay", r
    return r


def rewrite(cache, run, change):
    """Changes the machine of a record, as if it had been made there; the new id."""
    folder = os.path.join(cache, "runs", run)
    with open(os.path.join(folder, "record.json")) as f:
        old = f.read()
    machine = re.search(r'"machine":\{(.*?)\},"about"', old, re.S).group(1)
    new = change(machine)
    assert new != machine, machine
    id_ = hashlib.sha256(f"ktstr run {json.loads(old)['format']} {new}".encode()).hexdigest()[:12]
    shutil.copytree(folder, os.path.join(cache, "runs", id_))
    with open(os.path.join(cache, "runs", id_, "record.json"), "w") as f:
        f.write(old.replace(machine, new).replace(f'"id":"{run}"', f'"id":"{id_}"'))
    return id_


@case(limit=240)
def a_passing_run_is_the_same_run_when_replayed(box):
    own_cache(box)
    cell = record(box, "-s", "eevdf")
    d = box.run("replay", cell["run"][:5]).expect(0, "PASS", "same schedule: " + cell["schedule"]["digest"])
    assert f"({cell['schedule']['events']} events)" in text(d.out), d
    r = replayed(box.run("replay", "last", "--json").expect(0))
    assert r["same"] and r["run"] == cell["run"], r
    listed = json.loads(box.run("replay", "--list", "--json").expect(0).out)
    assert [x["id"] for x in listed["runs"]] == [cell["run"]] and not listed["damaged"], listed
    box.run("replay", "--list").expect(0, cell["run"], cell["schedule"]["digest"], "two_cgroups")
    # made again it has the same id, so there is still one record
    assert record(box, "-s", "eevdf")["run"] == cell["run"]
    assert os.listdir(box.path("cache", "runs")) == [cell["run"]]


@case(limit=240)
def a_failing_run_fails_again_for_the_same_reason(box):
    own_cache(box)
    cell = record(box, "-s", "scx_ktstr --starve cg_1", code=1)
    d = box.run("replay", "last", "--json").expect(1)
    again, = d.cells()
    assert again["headline"] == cell["headline"] and again["cause"] == "check", d
    assert again["schedule"] == cell["schedule"] and replayed(d)["same"], d


@case(limit=240)
def a_failing_run_names_its_replay(box):
    own_cache(box)
    d = box.run("test", box.example("fairness"), "-f", "two_cgroups", *SHORT, "-s",
                "scx_ktstr --starve cg_1").expect(1, "replay: ktstr replay ")
    run = re.search("replay: ktstr replay ([0-9a-f]{12})\n", text(d.out)).group(1)
    assert os.listdir(box.path("cache", "runs")) == [run], d


@case(limit=240)
def a_command_that_panics_its_guest_panics_at_the_same_nanosecond(box):
    box.env["KTSTR_CACHE_DIR"] = box.path("cache")
    os.mkdir(box.path("cache"))
    for part in ("kernels", "busybox"):  # a command needs busybox, too
        shutil.copytree(os.path.expanduser(f"~/.cache/ktstr/{part}"), box.path("cache", part), symlinks=True)
    d = box.run("run", "--time", "virtual", "--seed", "3", "--", "sh", "-c",
                "echo c > /proc/sysrq-trigger; sleep 100").expect(125, "sysrq triggered crash")
    run = re.search("replay: ktstr replay ([0-9a-f]{12})", text(d.err)).group(1)
    box.run("replay", run).expect(1, "sysrq triggered crash", "same verdict and same end at")


@case(limit=240)
def what_is_gone_or_different_is_said_before_anything_starts(box):
    cache = own_cache(box)
    cell = record(box, "-s", "eevdf")
    run = cell["run"]
    machine = json.load(open(os.path.join(cache, "runs", run, "record.json")))["machine"]
    other = rewrite(cache, run, lambda m: re.sub('"emulator":"[^"]*"', '"emulator":"QEMU 9.9.9"', m))
    d = box.run("replay", other).expect(3, f"run {other}: the run was made with QEMU 9.9.9, here is "
                                        + machine["emulator"], "--force")
    assert len(text(d.err).splitlines()) == 2 and not d.out, d
    older = rewrite(cache, run, lambda m: m.replace('"ktstr":"', '"ktstr":"0.0.1-'))
    box.run("replay", older).expect(3, "the run was made by ktstr 0.0.1-")
    changed = rewrite(cache, run, lambda m: m.replace(machine["fingerprint"], "0" * 64))
    box.run("replay", changed).expect(3, "this ktstr, ", " too, makes another machine of it", "--force")
    # the same bytes under the same name are put back by hand
    kernel = os.path.join(cache, "objects", machine["kernel"])
    os.rename(kernel, kernel + ".away")
    d = box.run("replay", run, "--force").expect(3, "kernel ", "is no longer in the cache", machine["kernel"][:12])
    assert len(text(d.err).splitlines()) == 1, d
    archive = os.path.join(cache, "objects", machine["archive"])
    os.unlink(archive)
    d = box.run("replay", other, "--json").expect(3, "kernel ", "the guest archive of ", "QEMU 9.9.9")
    assert len(replayed(d)["missing"]) == 3, d
    os.rename(kernel + ".away", kernel)
    # what was put there instead is not taken for it
    with open(archive, "wb") as f:
        f.write(b"x" * 100)
    box.run("replay", run).expect(3, "the guest archive of ", "was damaged and has been removed")
    assert not os.path.exists(archive)
    # the next run of the kind puts it again
    assert record(box, "-s", "eevdf")["run"] == run and os.path.exists(archive)


@case(limit=240)
def a_snapshot_whose_archive_is_gone_is_said_before_anything_starts(box):
    cache = own_cache(box)
    cell = record(box, "-s", "eevdf")
    run = cell["run"]
    machine = json.load(open(os.path.join(cache, "runs", run, "record.json")))["machine"]
    assert re.fullmatch("[0-9a-f]{64}", machine["base"]) and int(machine["freeze_at"], 16), machine
    # the snapshot itself need not be there, it is made again
    shutil.rmtree(os.path.join(cache, "snapshots"))
    os.mkdir(os.path.join(cache, "snapshots"))
    box.run("replay", run).expect(0, "same schedule: " + cell["schedule"]["digest"])
    assert len(os.listdir(os.path.join(cache, "snapshots"))) == 1
    base = os.path.join(cache, "objects", machine["base"])
    os.unlink(base)
    d = box.run("replay", run).expect(3, f"run {run}: the archive of its snapshot is no longer in the cache",
                                      machine["base"][:12])
    assert len(text(d.err).splitlines()) == 1 and not d.out, d
    box.run("replay", run, "--force").expect(3, "the archive of its snapshot is no longer in the cache")
    # what was put there instead is not taken for it
    with open(base, "wb") as f:
        f.write(b"x" * 100)
    box.run("replay", run).expect(3, "the archive of its snapshot", "was damaged and has been removed")
    # the next run of the kind puts it again
    assert record(box, "-s", "eevdf")["run"] == run and os.path.exists(base)


@case(limit=240)
def another_version_can_be_tried_by_force(box):
    cache = own_cache(box)
    cell = record(box, "-s", "eevdf")
    other = rewrite(cache, cell["run"], lambda m: re.sub('"emulator":"[^"]*"', '"emulator":"QEMU 9.9.9"', m))
    box.run("replay", other, "--force").expect(0, "the run was made with QEMU 9.9.9", "same schedule")


@case(limit=120)
def a_damaged_record_says_so_and_runs_nothing(box):
    cache = own_cache(box)
    run = record(box, "-s", "eevdf")["run"]
    folder = os.path.join(cache, "runs", run)
    for name, change, says in (
            ("record.json", lambda b: b[:-20], "record is damaged: record.json"),
            ("record.json", lambda b: b.replace(b'"memory_mib":', b'"memory_mib":1'), "that of its machine is"),
            ("events.zst", lambda b: b[:len(b) // 2], "record is damaged: events.zst"),
            ("events.zst", lambda b: b"", "record is damaged: events.zst"),
    ):
        at = os.path.join(folder, name)
        with open(at, "rb") as f:
            good = f.read()
        with open(at, "wb") as f:
            f.write(change(good))
        d = box.run("replay", run).expect(3, f"run {run}", says)
        assert not d.out and len(text(d.err).splitlines()) == 1, d
        with open(at, "wb") as f:
            f.write(good)
    os.unlink(os.path.join(folder, "record.json"))
    box.run("replay", run).expect(3, "record.json: No such file")
    box.run("replay", "--list").expect(0, "1 damaged, not shown")
    box.run("replay", "0123").expect(3, "no record of it")
    box.run("replay").expect(3, "needs RUN")


@case(limit=240)
def a_changed_event_is_named(box):
    cache = own_cache(box)
    run = record(box, "-s", "eevdf")["run"]
    at = os.path.join(cache, "runs", run, "events.zst")
    if not shutil.which("zstd"):
        raise Skip("zstd is not installed")
    os.system(f"zstd -dq {at} -o {box.path('plain')}")
    with open(box.path("plain"), "rb") as f:
        b = bytearray(f.read())
    b[16 + 100 * 32 + 16] ^= 1  # the CPU of event 100
    with open(box.path("plain"), "wb") as f:
        f.write(b)
    os.system(f"zstd -qf {box.path('plain')} -o {at}")
    d = box.run("replay", run, "--json").expect(1, "another schedule: event 100 at ", "was ", "now ")
    assert replayed(d)["first_difference"] == 100 and not replayed(d)["same"], d


@case(limit=240)
def a_replay_is_the_same_run_up_to_where_it_is_stopped(box):
    own_cache(box)
    cell = record(box, "-s", "scx_ktstr")
    last = cell["schedule"]["events"] - 1
    d = box.run("replay", "last", "--stop-at", "event:200", "--json").expect(0)
    stop = [json.loads(l) for l in text(d.out).splitlines() if '"frozen"' in l]
    assert len(stop) == 1 and stop[0]["index"] == 200 and stop[0]["at"].startswith("event 200 at "), d
    assert f" s on cpu{stop[0]['cpu']}: " in stop[0]["at"], d
    assert replayed(d)["same"], d
    # in seconds, just before the event of which we know the time
    at = float(re.search(r" at ([0-9.]+) s ", stop[0]["at"]).group(1))
    box.run("replay", "last", "--stop-at", f"{at:.9f}s").expect(0, "frozen at event 200 at ", "same schedule")
    # the window is open a little longer than to its last event: even then others may follow a stop
    d = box.run("replay", "last", "--stop-at", f"event:{last}", "--json").expect(0, f'"at":"event {last} at ')
    assert replayed(d)["same"], d
    box.run("replay", "last", "--stop-at", f"event:{last + 1}").expect(3, f"it has {last + 1} events")
    box.run("replay", "last", "--stop-at", "1h").expect(3, "its schedule ends at")
    box.run("replay", "last", "--stop-at", "event:x").expect(3, "neither a time")
    box.run("replay", "last", "--gdb").expect(3, "--gdb needs --stop-at")


@case(limit=240)
def a_starved_emulator_makes_the_same_run_and_stops_it_without_moving_its_clock(box):
    """What a very busy host does now and then to QEMU's main loop. A stop of it once put guests a day ahead."""
    own_cache(box)
    end = record(box, "-s", "eevdf")["end_ns"]
    try:
        with Starve() as s:
            box.run("replay", "last").expect(0, "same schedule: ")
            whole = s.held
            for event in "event:50", "event:100", "event:300":
                d = box.run("replay", "last", "--stop-at", event, "--json").expect(0)
                after, = d.cells()
                assert replayed(d)["same"] and after["verdict"] == "pass" and after["end_ns"] < end + 1e9, d
    except PermissionError as e:
        raise Skip(str(e))
    assert whole > 10 and s.held > whole + 30, (whole, s.held)


def gdb_command(p):
    for line in p.stdout:
        found = re.search("^gdb (.*)$", line.decode())
        if found:
            return found.group(1)
    raise AssertionError("no gdb command was printed")


@case(limit=240)
def a_gdb_looks_at_the_frozen_guest(box):
    own_cache(box)
    if not shutil.which("gdb"):
        raise Skip("gdb is not installed")
    cell = record(box, "-s", "eevdf")
    p = box.start("replay", "last", "--stop-at", "event:100", "--gdb", stdin=subprocess.PIPE)
    args = shlex.split(gdb_command(p))
    for _ in range(2):  # the guest is still there when the first one has quit
        g = subprocess.run(["gdb", "-nx", "-batch", *args, "-ex", "p/x $pc", "-ex", "info threads"],
                           capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
        said = text(g.stdout)
        # the command shows it the vCPU of the event
        assert f"= 0x{int(cell['schedule']['stop_at'], 16):x}\n" in said and "CPU#1" in said, (said, text(g.stderr))
    out, err = p.communicate(b"\n", timeout=100)
    assert p.returncode == 0 and b"same schedule up to event 100" in out, (out, err)
    assert not os.path.exists(os.path.dirname(re.search("remote ([^ ]*)", " ".join(args)).group(1)))


@case(limit=240)
def a_gdb_may_let_the_guest_go_on_to_its_end(box):
    own_cache(box)
    if not shutil.which("gdb"):
        raise Skip("gdb is not installed")
    record(box, "-s", "eevdf")
    p = box.start("replay", "last", "--stop-at", "event:100", "--gdb", stdin=subprocess.PIPE)
    g = subprocess.run(["gdb", "-nx", "-batch", *shlex.split(gdb_command(p)), "-ex", "continue"],
                       capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    assert "Exception" not in text(g.stderr), text(g.stderr)
    p.wait(timeout=60)  # nobody presses Enter
    out, err = p.communicate()
    assert p.returncode == 0 and b"the guest has ended\n" in err, (out, err)
    assert b"  PASS " in out and b"same schedule up to event 100" in out, (out, err)


@case(limit=240)
def an_interrupted_stop_leaves_nothing(box):
    own_cache(box)
    record(box, "-s", "eevdf")
    p = box.start("replay", "last", "--stop-at", "event:100", "--gdb", stdin=subprocess.PIPE)
    path = re.search("remote ([^ ']*)", gdb_command(p)).group(1)
    assert os.path.exists(path)
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=20)
    assert p.returncode == 130, p.returncode
    assert not os.path.exists(os.path.dirname(path))
