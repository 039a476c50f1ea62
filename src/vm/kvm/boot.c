/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/kvm/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "image/kernel.h"
#include "machine/cmdline.h"
#include "machine/fdt_arm64.h"
#include "machine/gmem.h"
#include "machine/memmap.h"
#include "vm/kvm/load.h"
#include "vm/kvm/machine.h"
#include "vm/vm.h"

static int file_len(int fd, const char *what, uint64_t *ret, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, -errno, "%s", what);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "%s: not a regular file", what);
	*ret = (uint64_t)st.st_size;
	return 0;
}

static int read_header(struct boot *b, const char *path, struct err *e)
{
	uint8_t header[KERNEL_PLACEMENT_HEADER] = { 0 };
	struct kernel_placement place;
	int r = pread_full(b->kernel, header, MIN(sizeof(header), b->kernel_len), 0);

	if (r < 0)
		return err_sys(e, r, "kernel %s", path);
	r = kernel_placement(header, b->kernel_len, &place, e);
	if (r < 0)
		return err_frame(e, "kernel %s", path);
	b->want.text_offset = place.text_offset;
	b->want.kernel_size = place.size;
	return 0;
}

static int open_kernel(struct boot *b, const char *path, struct err *e)
{
	b->kernel = open(path, O_RDONLY | O_CLOEXEC);
	if (b->kernel < 0)
		return err_sys(e, -errno, "kernel %s", path);
	int r = file_len(b->kernel, path, &b->kernel_len, e);

	return r < 0 ? r : read_header(b, path, e);
}

int boot_open(struct boot *b, const struct vm_config *cfg, struct err *e)
{
	int r = topo_check(&cfg->topo, e);

	if (!r)
		r = open_kernel(b, cfg->kernel_path, e);
	if (!r && cfg->initrd_fd >= 0) {
		b->initrd = cfg->initrd_fd;
		r = file_len(b->initrd, "initramfs", &b->initrd_len, e);
	}
	if (r < 0)
		return r;
	b->want.board = &board_kvm_arm64;
	b->want.memory_bytes = cfg->memory_bytes;
	b->want.nr_cpus = topo_cpus(&cfg->topo);
	b->want.initrd_size = b->initrd_len;
	b->want.host_page = (uint64_t)sysconf(_SC_PAGESIZE);
	return place_plan(&b->want, &b->place, e);
}

void boot_close(struct boot *b)
{
	close_fd(&b->kernel);
}

/*
 * Into huge pages by a copy: it takes milliseconds, and the guest then gets its kernel by some twenty
 * faults and not by ten thousand. Else mapped: nothing is copied, and what the guest does not change
 * is in the host's memory once for all guests.
 */
static int load(struct machine *m, const struct place_range *at, int fd, uint64_t len,
		const char *what, struct err *e)
{
	if (!m->ram.huge && !m->ram.thp && machine_overlay(m, at->base, fd, 0, len, NULL) == 0)
		return 0;
	int r = load_file(machine_memory(m), at->base, fd, len);

	return r < 0 ? err_sys(e, r, "%s: loading it", what) : 0;
}

static int describe(const struct boot *b, const struct vm_config *cfg, const struct machine *m,
		    uint32_t slots, struct buf *dtb, struct err *e)
{
	SCOPED(buf_fini) struct buf words = { 0 };
	uint64_t mpidr[TOPO_MAX_CPUS];
	struct fdt_board fdt = {
		.board = &board_kvm_arm64,
		.topo = cfg->topo,
		.memory_bytes = cfg->memory_bytes,
		.memory_end = b->place.pvtime.base,
		.initrd_start = b->place.initrd.base,
		.initrd_end = b->place.initrd.base + b->initrd_len,
		.seed = cfg->seed,
		.pmu = m->has_pmu,
		.virtio_slots = slots,
		.idle_uarts = 2, /* nobody listens there: the link is a virtio port */
		.clidr = m->clidr,
		.mpidr = mpidr,
	};

	for (uint32_t cpu = 0; cpu < m->nr_vcpus; cpu++)
		mpidr[cpu] = machine_mpidr(m, cpu);
	cmdline_arm64(&board_kvm_arm64, cfg->verbose, cfg->cmdline, &words);
	if (words.bad)
		return err_sys(e, words.bad, "kernel command line");
	fdt.bootargs = buf_str(&words);
	return fdt_describe_arm64(&fdt, dtb, e);
}

static int put_device_tree(const struct boot *b, const struct vm_config *cfg, struct machine *m,
			   uint32_t slots, struct err *e)
{
	SCOPED(buf_fini) struct buf dtb = { 0 };
	int r = describe(b, cfg, m, slots, &dtb, e);

	if (r < 0)
		return r;
	if (dtb.len > b->place.fdt.end - b->place.fdt.base ||
	    !gmem_write(machine_memory(m), b->place.fdt.base, dtb.at, dtb.len))
		return err_set(e, -ENOSPC, "device tree: %zu bytes, there is room for %llu",
			       dtb.len, (unsigned long long)(b->place.fdt.end - b->place.fdt.base));
	return 0;
}

int boot_load(const struct boot *b, const struct vm_config *cfg, struct machine *m, uint32_t slots,
	      struct err *e)
{
	int r = place_seal(&b->want, &b->place, machine_memory(m), e);

	if (!r)
		r = load(m, &b->place.kernel, b->kernel, b->kernel_len, "kernel", e);
	if (!r && b->initrd >= 0)
		r = load(m, &b->place.initrd, b->initrd, b->initrd_len, "initramfs", e);
	if (!r)
		r = machine_steal_time(m, b->place.pvtime.base, e);
	if (!r)
		r = put_device_tree(b, cfg, m, slots, e);
	if (!r)
		r = machine_boot_registers(m, b->place.kernel.base, b->place.fdt.base, e);
	return r;
}
