/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/qemu/board.h"

#include <assert.h>

#include "base/scoped.h"
#include "machine/memmap.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* 0xa0000 to 1 MiB is video memory and ROM; the rest follows max-ram-below-4g. */
static const struct ram_window ram_x86[] = {
	{ .gpa = 0, .len = 0xa0000 },
	{ .gpa = MIB, .len = 2 * GIB - MIB, .skip = MIB - 0xa0000 },
	{ .gpa = 4 * GIB, .len = UINT64_MAX },
};

static const char *const none[] = { NULL };
static const char *const mmio[] = { "virtio_mmio", NULL };
static const char *const mmio_exact[] = { "-global", "virtio-mmio.ioeventfd=off", NULL };
static const char *const modern_mmio[] = { "-global", "virtio-mmio.force-legacy=false", NULL };

/*
 * Measured from the start of QEMU 10.0 to the first instruction of a PVH kernel, best of 7, 1 vCPU, TCG:
 * plain q35 80 ms; without the devices switched off below 66 ms; with qboot (topo_qemu_bios()) 35 ms,
 * of which 19 ms are QEMU itself coming up. microvm is not faster and pc is the same. Loading a kernel
 * adds 0.9 ms per MB.
 *
 * Every boot option costs nothing to the scheduler under test: no_timer_check only skips the 20 ms in
 * which the kernel counts timer interrupts, cryptomgr.notests=1 half a second of crypto self tests.
 * mitigations=off and init_on_alloc=0 take away what a guest that runs tests has no use for: a change of
 * page tables at every system call, a thunk at every indirect call, a wiped page at every allocation.
 * damon_stat.enabled=N stops a thread that looks all the time which pages were used. With it, x86 guests in
 * virtual time did one thing on a quiet host and another on a loaded one; without, the same on both. The
 * likely reason, not proved: it reads accessed bits, which TCG sets when it fills its TLB, and how
 * large that is follows the host's clock. The caller's words come later and win.
 * panic=-1 makes a panic end the machine at once. cma=0 gives back what arm64 kernels set aside for
 * devices: 64 MiB and as much again per node, more than half of a small machine.
 */
static const struct qemu_board boards[NR_ARCHES] = {
	[ARCH_X86_64] = {
		.machine = "q35,max-ram-below-4g=2G,usb=off,vmport=off,smbus=off,sata=off,hpet=off,"
			   "i8042=off,dump-guest-core=off,mem-merge=off",
		.serial_bus = "virtio-serial-pci",
		.more = none,
		/*
		 * With instructions counted, TCG executes a string instruction byte by byte; without
		 * these two features the kernel uses it for words, and boots in four fifths of the time.
		 * RDRAND stays: QEMU feeds it from -seed, and without it the kernel hashes for each random
		 * number of its boot, a fifth of that time.
		 */
		.cpu_exact = ",-erms,-fsrm",
		/* Output is done within the instruction that starts it, not by another thread. */
		.serial_exact = ",ioeventfd=off",
		.more_exact = none,
		.clock = QMP_CMD_CLOCK_CMOS,
		.words = "console=ttyS0 panic=-1 cryptomgr.notests=1 mitigations=off "
			 "init_on_alloc=0 damon_stat.enabled=N no_timer_check",
		.words_verbose = "earlycon=uart8250,io,0x3f8",
		.modules = none,
		.ram = ram_x86,
		.nr_ram = ARRAY_SIZE(ram_x86),
		.max_memory = 512 * GIB,
	},
	[ARCH_ARM64] = {
		.machine = "virt-10.0,gic-version=3,dump-guest-core=off,mem-merge=off",
		.serial_bus = "virtio-serial-device,bus=virtio-mmio-bus.0",
		.more = modern_mmio,
		.serial_exact = "",
		.cpu_exact = "",
		.more_exact = mmio_exact,
		.clock = QMP_CMD_CLOCK_PL031,
		.words = "console=ttyAMA0 panic=-1 cryptomgr.notests=1 mitigations=off "
			 "init_on_alloc=0 damon_stat.enabled=N cma=0",
		.words_verbose = "earlycon", /* where, says the device tree */
		.modules = mmio,
		.map = &board_qemu_virt,
		.max_memory = 255 * GIB,
	},
};

const struct qemu_board *qemu_board(enum arch a)
{
	assert(a < NR_ARCHES);
	return &boards[a];
}
