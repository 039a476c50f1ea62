/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/qemu/args.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "abi/frame.h"
#include "base/err.h"
#include "machine/fdt_arm64.h"
#include "machine/memmap.h"
#include "machine/topo_qemu.h"
#include "vm/qemu/board.h"

#define MIB (UINT64_C(1) << 20)

void arglist_fini(struct arglist *a)
{
	buf_fini(&a->text);
	a->nr = 0;
}

void arglist_add(struct arglist *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&a->text, fmt, ap);
	va_end(ap);
	buf_putc(&a->text, 0);
	a->nr++;
}

char **arglist_argv(const struct arglist *a)
{
	char **argv = calloc(a->nr + 1, sizeof(*argv));

	if (!argv || a->text.bad) {
		free(argv);
		return NULL;
	}
	char *at = a->text.at;
	for (size_t i = 0; i < a->nr; i++) {
		argv[i] = at;
		at += strlen(at) + 1;
	}
	return argv;
}

static size_t map_chunk(const struct qemu_shape *s, const struct board *map, struct ram_chunk *ret)
{
	*ret = (struct ram_chunk){ .gpa = map->part[PART_RAM].base, .len = qemu_ram_bytes(s) };
	return 1;
}

size_t qemu_ram_chunks(const struct qemu_shape *s, struct ram_chunk ret[RAM_CHUNKS_MAX])
{
	const struct qemu_board *b = qemu_board(s->arch);
	uint64_t off = 0, all = qemu_ram_bytes(s);
	size_t n = 0;

	if (b->map)
		return map_chunk(s, b->map, ret);
	for (; n < b->nr_ram && off + b->ram[n].skip < all; n++) {
		off += b->ram[n].skip;
		ret[n].gpa = b->ram[n].gpa;
		ret[n].off = off;
		ret[n].len = MIN(all - off, b->ram[n].len);
		off += ret[n].len;
	}
	return n;
}

uint64_t qemu_parcel_gpa(const struct qemu_shape *s)
{
	struct ram_chunk c[RAM_CHUNKS_MAX];
	size_t last = qemu_ram_chunks(s, c) - 1;

	if (!s->parcel_bytes || c[last].off > s->memory_bytes)
		return 0;
	return c[last].gpa + (s->memory_bytes - c[last].off);
}

int qemu_shape_check(const struct qemu_shape *s, struct err *e)
{
	uint64_t least = MAX(64 * MIB, topo_nodes(&s->topo) * 4 * MIB);
	uint64_t most = qemu_board(s->arch)->max_memory;
	int r = topo_check(&s->topo, e);

	if (!r)
		r = topo_qemu_check(&s->topo, s->arch, e);
	if (r < 0)
		return r;
	if (s->memory_bytes % MIB || s->memory_bytes < least || qemu_ram_bytes(s) > most)
		return err_set(e, -EINVAL,
			       "guest memory: %" PRIu64 " bytes: must be whole MiB, from %" PRIu64
			       " MiB to %" PRIu64 " GiB",
			       s->memory_bytes, least / MIB, most >> 30);
	return 0;
}

int qemu_device_tree(const struct qemu_shape *s, struct buf *out, struct err *e)
{
	struct fdt_board b = {
		.board = qemu_board(s->arch)->map,
		.topo = s->topo,
		.memory_bytes = s->memory_bytes,
		.parcel = { qemu_parcel_gpa(s), s->parcel_bytes },
		.seed = s->seed,
		.pmu = true,
		.virtio_slots = 1,
	};

	return b.board ? fdt_describe_arm64(&b, out, e) : 0;
}

void qemu_cmdline(const struct qemu_shape *s, struct buf *out)
{
	const struct qemu_board *b = qemu_board(s->arch);

	buf_printf(out, "%s %s", b->words, s->verbose ? b->words_verbose : "quiet");
	if (s->virtual_time)
		buf_puts(out, " nokaslr");
	if (s->parcel_bytes && !b->map) /* a device tree says it itself */
		buf_printf(out, " memmap=%" PRIu64 "M$0x%" PRIx64, s->parcel_bytes / MIB,
			   qemu_parcel_gpa(s));
	if (s->cmdline && *s->cmdline)
		buf_printf(out, " %s", s->cmdline);
}

static void add_memory(const struct qemu_shape *s, struct arglist *a)
{
	for (uint32_t n = 0; n < topo_nodes(&s->topo); n++) {
		uint64_t off, len;

		topo_node_memory(&s->topo, s->memory_bytes, n, &off, &len);
		if (n + 1 == topo_nodes(&s->topo))
			len += s->parcel_bytes;
		arglist_add(a, "-object");
		arglist_add(a,
			    "memory-backend-file,id=mem%u,share=on,mem-path=/proc/self/fd/%d,"
			    "size=%" PRIu64 ",offset=%" PRIu64,
			    n, QEMU_FD_RAM, len, off);
	}
	arglist_add(a, "-m");
	arglist_add(a, "%" PRIu64 "M", qemu_ram_bytes(s) / MIB);
}

static void add_nodes(const struct qemu_shape *s, struct arglist *a)
{
	SCOPED(buf_fini) struct buf lines = { 0 };

	topo_qemu_numa(&s->topo, &lines);
	const char *at = buf_str(&lines), *end;
	for (; (end = strchr(at, '\n')); at = end + 1) {
		arglist_add(a, "-numa");
		arglist_add(a, "%.*s", (int)(end - at), at);
	}
	a->text.bad = a->text.bad ? a->text.bad : lines.bad;
}

static void add_topology(const struct qemu_shape *s, struct arglist *a)
{
	SCOPED(buf_fini) struct buf smp = { 0 };

	topo_qemu_smp(&s->topo, s->arch, &smp);
	arglist_add(a, "-smp");
	arglist_add(a, "%s", buf_str(&smp));
	a->text.bad = a->text.bad ? a->text.bad : smp.bad;
	add_memory(s, a);
	add_nodes(s, a);
}

static void add_port(struct arglist *a, const char *id, unsigned int fd)
{
	arglist_add(a, "-chardev");
	arglist_add(a, "socket,id=%s,fd=%u", id, fd);
}

static void add_output(const struct qemu_shape *s, struct arglist *a, const char *id,
		       unsigned int fd)
{
	if (!qemu_ports_are_files(s)) {
		add_port(a, id, fd);
		return;
	}
	arglist_add(a, "-chardev");
	arglist_add(a, "file,id=%s,path=/proc/self/fd/%u", id, fd);
}

static void add_ports(const struct qemu_shape *s, struct arglist *a)
{
	add_port(a, "qmp", QEMU_FD_QMP);
	arglist_add(a, "-mon");
	arglist_add(a, "chardev=qmp,mode=control");
	add_output(s, a, "console", QEMU_FD_CONSOLE);
	arglist_add(a, "-serial");
	arglist_add(a, "chardev:console");
	arglist_add(a, "-device");
	arglist_add(a, "%s,id=vs,max_ports=2%s", qemu_board(s->arch)->serial_bus,
		    s->virtual_time ? qemu_board(s->arch)->serial_exact : "");
	if (s->tty) {
		add_port(a, "tty", QEMU_FD_TTY);
		arglist_add(a, "-device");
		arglist_add(a, "virtconsole,bus=vs.0,nr=0,chardev=tty,name=" TTY_PORT_NAME);
	}
	add_output(s, a, "link", QEMU_FD_LINK);
	arglist_add(a, "-device");
	arglist_add(a, "virtserialport,bus=vs.0,nr=1,chardev=link,name=" LINK_PORT_NAME);
}

static void add_gdb(const struct qemu_shape *s, struct arglist *a)
{
	if (!s->gdb)
		return;
	arglist_add(a, "-chardev");
	arglist_add(a, "socket,id=gdb,fd=%u%s", QEMU_FD_GDB,
		    s->gdb_listens ? ",server=on,wait=off" : "");
	arglist_add(a, "-gdb");
	arglist_add(a, "chardev:gdb");
}

/* A machine that is frozen, to be saved, or was, waits for a word to start. */
static void add_start(const struct qemu_shape *s, struct arglist *a)
{
	if (s->gdb || s->start == QEMU_RESUMES)
		arglist_add(a, "-S");
	if (s->start == QEMU_BOOTS)
		return;
	/* That it was frozen is none of the state that is saved: QEMU would not take it up. */
	arglist_add(a, "-global");
	arglist_add(a, "migration.store-global-state=off");
	if (s->start == QEMU_RESUMES) {
		arglist_add(a, "-incoming");
		arglist_add(a, "defer");
	}
}

/* One that resumes has all of this in its memory. */
static void add_kernel(const struct qemu_shape *s, struct arglist *a)
{
	SCOPED(buf_fini) struct buf words = { 0 };

	if (s->start == QEMU_RESUMES)
		return;
	qemu_cmdline(s, &words);
	arglist_add(a, "-kernel");
	arglist_add(a, "/proc/self/fd/%d", QEMU_FD_KERNEL);
	if (s->initrd) {
		arglist_add(a, "-initrd");
		arglist_add(a, "/proc/self/fd/%d", QEMU_FD_INITRD);
	}
	if (qemu_board(s->arch)->map) {
		arglist_add(a, "-dtb");
		arglist_add(a, "/proc/self/fd/%d", QEMU_FD_DTB);
	}
	arglist_add(a, "-append");
	arglist_add(a, "%s", buf_str(&words));
	a->text.bad = a->text.bad ? a->text.bad : words.bad;
}

/*
 * Two network hubs, joined by a port of each, and a filter at one that looks every so often whether to
 * send. QEMU complains of a port without a peer, and goes round in circles where both are of one hub.
 * A machine that boots to be frozen is not to come to one: a timer that goes off between the breakpoint
 * and the stop does so when the host likes, and machines of 4 and 8 CPUs were frozen in several ways.
 */
static void add_turns(const struct qemu_shape *s, struct arglist *a)
{
	uint32_t turn_us = s->start == QEMU_BOOTS_TO_FREEZE ? PACE_TURN_BOOT_US
							    : pace_turn(&s->pace, s->seed);

	arglist_add(a, "-netdev");
	arglist_add(a, "hubport,id=turns,hubid=0");
	arglist_add(a, "-netdev");
	arglist_add(a, "hubport,id=peer,hubid=1,netdev=turns");
	arglist_add(a, "-object");
	arglist_add(a, "filter-buffer,id=turn,netdev=turns,interval=%u", turn_us);
}

/* Nothing here may depend on the host, or on how long it takes. */
static void add_virtual_time(const struct qemu_shape *s, struct arglist *a)
{
	time_t start = QEMU_CLOCK_START;
	struct tm tm;
	char text[32];

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&start, &tm));
	arglist_add(a, "-icount");
	/* Who is typed to is not exact anyway, and sleeps with the host rather than race ahead of it. */
	arglist_add(a, "shift=%u,sleep=%s,align=off", s->pace.rate_shift, s->fed ? "on" : "off");
	arglist_add(a, "-rtc");
	arglist_add(a, "base=%s,clock=vm", text);
	add_turns(s, a);
}

static void add_accel(const struct qemu_shape *s, struct arglist *a)
{
	arglist_add(a, "-accel");
	/* MiB of translated code; a boot fills 50. QEMU's own 1 GiB is too much where memory is counted. */
	if (s->kvm)
		arglist_add(a, "kvm");
	else
		arglist_add(a, "tcg,thread=%s,tb-size=256", s->virtual_time ? "single" : "multi");
	if (s->virtual_time)
		add_virtual_time(s, a);
}

static void add_board(const struct qemu_shape *s, struct arglist *a)
{
	const struct qemu_board *b = qemu_board(s->arch);

	arglist_add(a, "-machine");
	arglist_add(a, "%s", b->machine);
	if (topo_qemu_bios(s->arch)) {
		arglist_add(a, "-bios");
		arglist_add(a, "%s", topo_qemu_bios(s->arch));
	}
	add_accel(s, a);
	arglist_add(a, "-cpu");
	arglist_add(a, "%s%s", topo_qemu_cpu(s->arch, s->kvm), s->virtual_time ? b->cpu_exact : "");
	arglist_add(a, "-seed");
	arglist_add(a, "%" PRIu64, s->seed);
	for (const char *const *more = b->more; *more; more++)
		arglist_add(a, "%s", *more);
	for (const char *const *more = b->more_exact; s->virtual_time && *more; more++)
		arglist_add(a, "%s", *more);
}

int qemu_args(const struct qemu_shape *s, struct arglist *out)
{
	static const char *const always[] = {
		"-name",       "ktstr,debug-threads=on",
		"-nodefaults", "-no-user-config",
		"-display",    "none",
		"-no-reboot",
	};

	arglist_add(out, "%s", s->emulator);
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		arglist_add(out, "%s", always[i]);
	add_board(s, out);
	add_topology(s, out);
	add_kernel(s, out);
	add_ports(s, out);
	add_gdb(s, out);
	add_start(s, out);
	return out->text.bad;
}
