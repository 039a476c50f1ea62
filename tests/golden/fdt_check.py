#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Reads our device trees with a parser of its own and holds them against numbers of its own.

fdt_check.py EMIT_FDT. The parser follows the Devicetree Specification 0.4, chapter 5; the numbers
are those of vmm.md 1.1, 2.1 and 2.7. Nothing here comes from libfdt, dtc or our headers.
"""
import re
import struct
import subprocess
import sys

BEGIN, END, PROP, NOP, DONE = 1, 2, 3, 4, 9
SHAPES = ["1n1l1c1t", "1n2l2c2t", "2n2l2c1t", "4n8l2c1t", "1n3l1c1t", "3n3l3c3t", "1n2l20c1t",
          "1n1l123c1t", "1n1l124c1t", "64n64l8c1t", "1n2l4c1t@1024:512", "2n2l2c2t2m",
          "1n1l8c1t1m@1024:800:512:256"]
CLIDRS = {0x0: 3, 0x4: 3, 0x3: 3, 0xa2000023: 3, 0x923: 4}  # levels that must be described


class Node:
    def __init__(self, name):
        self.name, self.props, self.kids = name, {}, []

    def cells(self, prop):
        return list(struct.unpack(f">{len(self.props[prop]) // 4}I", self.props[prop]))

    def cell(self, prop):
        (v,) = self.cells(prop)
        return v

    def pairs(self, prop):
        return list(struct.unpack(f">{len(self.props[prop]) // 8}Q", self.props[prop]))

    def text(self, prop):
        assert self.props[prop].endswith(b"\0"), (self.name, prop)
        return self.props[prop][:-1].decode()

    def kid(self, name):
        (k,) = [k for k in self.kids if k.name == name]
        return k

    def named(self, prefix):
        return [k for k in self.kids if k.name.startswith(prefix)]

    def walk(self):
        yield self
        for k in self.kids:
            yield from k.walk()


def parse(blob):
    """The root node; every offset and size of the header is checked on the way."""
    (magic, total, at, strings, reserve, version, compatible, _cpu, strings_len,
     struct_len) = struct.unpack(">10I", blob[:40])
    assert magic == 0xd00dfeed and total == len(blob) and version == 17 and compatible == 16
    assert reserve % 8 == 0 and at % 4 == 0 and at + struct_len <= total
    assert strings + strings_len <= total and blob[reserve:reserve + 16] == bytes(16)
    end, stack, root = at + struct_len, [], None
    while True:
        (token,) = struct.unpack_from(">I", blob, at)
        at += 4
        if token == BEGIN:
            stop = blob.index(b"\0", at)
            node = Node(blob[at:stop].decode())
            at = (stop + 4) & ~3
            if stack:
                assert node.name not in [k.name for k in stack[-1].kids], node.name
                stack[-1].kids.append(node)
            else:
                assert root is None and node.name == ""
                root = node
            stack.append(node)
        elif token == PROP:
            n, name = struct.unpack_from(">II", blob, at)
            stop = blob.index(b"\0", strings + name)
            key = blob[strings + name:stop].decode()
            assert stop < strings + strings_len and key not in stack[-1].props, key
            assert not stack[-1].kids, "properties come before nodes"
            stack[-1].props[key] = blob[at + 8:at + 8 + n]
            at = (at + 8 + n + 3) & ~3
        elif token == END:
            stack.pop()
        else:
            assert token == DONE and not stack and at == end, token
            return root


def shape_of(text):
    m = re.fullmatch(r"(\d+)n(\d+)l(\d+)c(\d+)t(?:(\d+)m)?(?:@([\d:]+))?", text)
    n, l, c, t, mem = (int(x or 0) for x in m.groups()[:5])
    return n, l, c, t, mem, [int(x) for x in (m.group(6) or "").split(":") if x]


def check_links(root):
    """Phandles are unique, and whatever refers to one finds it."""
    by = {}
    for node in root.walk():
        if "phandle" in node.props:
            assert node.cell("phandle") not in by, node.name
            by[node.cell("phandle")] = node
    assert by[root.cell("interrupt-parent")].name.startswith("interrupt-controller@")
    return by


def check_cpus(root, by, shape, levels):
    nodes, llcs, cores, threads, _mem, kinds = shape
    nr = llcs * cores * threads
    at = {}
    for cpu in root.kid("cpus").named("cpu@"):
        assert cpu.name == f"cpu@{cpu.cell('reg'):x}" and cpu.text("device_type") == "cpu"
        assert cpu.text("enable-method") == "psci"
        at[cpu.cell("reg")] = cpu
    assert sorted(at) == sorted(i // 16 << 8 | i % 16 for i in range(nr))
    seen = []
    for s, socket in enumerate(root.kid("cpus").kid("cpu-map").kids):
        assert socket.name == f"socket{s}"
        for c, cluster in enumerate(socket.kids):
            assert cluster.name == f"cluster{c}"
            for k, core in enumerate(cluster.kids):
                assert core.name == f"core{k}"
                leaves = core.kids if threads > 1 else [core]
                assert threads == 1 or [x.name for x in leaves] == [
                    f"thread{i}" for i in range(threads)]
                seen += [by[x.cell("cpu")].cell("reg") for x in leaves]
        assert len(socket.kids) == llcs // nodes
    assert seen == [i // 16 << 8 | i % 16 for i in range(nr)], "cpu-map is in the order of CPUs"
    for i, reg in enumerate(seen):
        cpu, chain = at[reg], []
        assert cpu.cell("numa-node-id") == i // (nr // nodes)
        node = cpu
        while "next-level-cache" in node.props:
            node = by[node.cell("next-level-cache")]
            chain.append(node)
            assert node.cell("cache-level") == len(chain) + 1 and "cache-unified" in node.props
            assert node.cell("cache-size") % (node.cell("cache-sets")
                                              * node.cell("cache-line-size")) == 0
        assert len(chain) + 1 == levels, (len(chain), levels)
        assert chain[0].name == f"l2-cache{i // threads}"
        assert [x.name for x in chain[1:]] == [
            f"l{level}-cache{i // (cores * threads)}" for level in range(3, levels + 1)]
        want = kinds[i // threads // (llcs * cores // len(kinds))] if kinds else None
        have = cpu.cell("capacity-dmips-mhz") if "capacity-dmips-mhz" in cpu.props else None
        assert want == have, (i, want, have)


def check_memory(root, shape, full, kvm):
    nodes = shape[0] + shape[4]
    next_, where = 0x40000000, []
    for i, m in enumerate(root.named("memory@")):
        base, size = m.pairs("reg")
        assert m.name == f"memory@{base:x}" and m.text("device_type") == "memory"
        assert base == next_ and size > 0 and m.cell("numa-node-id") == i
        next_ = base + size
        where.append((base, next_, m.name))
    assert len(where) == nodes
    if full and kvm:  # stolen time and the tree's own place are not the guest's
        cpus = shape[1] * shape[2] * shape[3]
        total = -next_ % (1 << 20) + (2 << 20)
        assert next_ % 0x10000 == 0 and total >= (2 << 20) + 64 * cpus, hex(next_)
    triples = root.kid("distance-map").cells("distance-matrix")
    want = [x for i in range(nodes) for j in range(nodes) for x in (i, j, 10 if i == j else 20)]
    assert triples == want
    return where


def check_gic(root, cpus, kvm):
    gic = root.kid("interrupt-controller@8000000")
    regs = gic.pairs("reg")
    first = 0x08010000 if kvm else 0x080a0000
    here = cpus if kvm else 123
    want = [0x08000000, 0x10000, first, here * 0x20000]
    if cpus > here:
        want += [0x4000000000, 512 * 0x20000]
    assert regs == want, [hex(r) for r in regs]
    assert gic.cell("#redistributor-regions") == len(want) // 2 - 1
    return [(regs[i], regs[i] + regs[i + 1], gic.name) for i in range(0, len(regs), 2)]


# kind, compatible, base, size, how many, SPI of the first, trigger
BOARDS = {
    False: [("serial", b"arm,pl011\0arm,primecell\0", 0x09000000, 0x1000, 1, 1, 4),
            ("virtio", b"virtio,mmio\0", 0x0a000000, 0x200, 32, 16, 1)],
    True: [("serial", b"ns16550a\0", 0x0c010000, 0x1000, 2, 1, 1),
           ("virtio", b"virtio,mmio\0", 0x0c012000, 0x1000, 4, 3, 1)],
}


def check_devices(root, full, kvm):
    where = []
    for kind, compatible, base, size, nr, spi, trigger in BOARDS[kvm]:
        found = root.named(kind + "@")
        assert len(found) == (nr if full or kind == "serial" else 0), (kind, len(found))
        for i, dev in enumerate(found):
            at = base + i * size
            assert dev.name == f"{kind}@{at:x}" and dev.props["compatible"] == compatible
            assert dev.pairs("reg") == [at, size]
            assert dev.cells("interrupts") == [0, spi + i, trigger], dev.name
            where.append((at, at + size, dev.name))
    return where


def check_rest(root, full, kvm):
    chosen = root.kid("chosen")
    uart = BOARDS[kvm][0][2]
    assert chosen.text("stdout-path") == f"/serial@{uart:x}"
    assert len(chosen.props["rng-seed"]) == 32
    assert ("kaslr-seed" in chosen.props) == full
    timer = root.kid("timer").cells("interrupts")
    assert timer[0::3] == [1] * 4 and timer[1::3] == [13, 14, 11, 10]
    assert "always-on" in root.kid("timer").props
    assert root.kid("psci").text("method") == "hvc"
    pmu = root.named("pmu")
    assert len(pmu) == (1 if full or not kvm else 0)
    assert all(p.cells("interrupts") == [1, 7, 4] for p in pmu)
    if kvm:
        aliases = root.kid("aliases")
        assert aliases.text("serial0") == "/serial@c010000"
        assert aliases.text("serial1") == "/serial@c011000"
    if kvm and full:
        args = chosen.text("bootargs").split()
        assert "console=ttyS0" in args and f"earlycon=uart8250,mmio,0x{uart:x}" in args, args
        assert not [a for a in args if a.startswith(("pci=", "reboot=", "nomodules"))]


def check(emit, text, full, kvm, clidr, levels):
    args = [emit, text, "full" if full else "plain"] + (["kvm", hex(clidr)] if kvm else [])
    blob = subprocess.run(args, check=True, stdout=subprocess.PIPE).stdout
    assert len(blob) <= 2 << 20
    root, shape = parse(blob), shape_of(text)
    assert root.text("compatible") == "linux,dummy-virt"
    assert root.cell("#address-cells") == root.cell("#size-cells") == 2
    check_cpus(root, check_links(root), shape, levels)
    where = check_memory(root, shape, full, kvm)
    where += check_gic(root, shape[1] * shape[2] * shape[3], kvm)
    where += check_devices(root, full, kvm)
    check_rest(root, full, kvm)
    where.sort()
    for a, b in zip(where, where[1:]):
        assert a[1] <= b[0], f"{a[2]} and {b[2]} overlap"


def main(emit):
    nr = 0
    for text in SHAPES:
        for kvm in False, True:
            for clidr, levels in CLIDRS.items() if kvm else [(0, 3)]:
                for full in False, True:
                    try:
                        check(emit, text, full, kvm, clidr, levels)
                    except Exception:
                        print(f"{text}, {'kvm' if kvm else 'qemu'}, full {full}, CLIDR {clidr:#x}:")
                        raise
                    nr += 1
    print(f"{nr} device trees are what they should be")
    return 0


sys.exit(main(*sys.argv[1:]))
