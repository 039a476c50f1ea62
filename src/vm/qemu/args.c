/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/qemu/args.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "abi/frame.h"
#include "base/err.h"
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

uint64_t qemu_node_bytes(const struct qemu_shape *s, uint32_t node)
{
	uint64_t each = s->memory_bytes / s->topo.nodes / (2 * MIB) * (2 * MIB);

	return node + 1 < s->topo.nodes ? each : s->memory_bytes - each * (s->topo.nodes - 1);
}

size_t qemu_ram_chunks(const struct qemu_shape *s, struct ram_chunk ret[RAM_CHUNKS_MAX])
{
	const struct qemu_board *b = qemu_board(s->arch);
	uint64_t off = 0;
	size_t n = 0;

	for (; off < s->memory_bytes && n < b->nr_ram; n++) {
		const struct ram_window *w = &b->ram[n];

		off += w->skip;
		ret[n].gpa = w->gpa;
		ret[n].off = off;
		ret[n].len = MIN(s->memory_bytes - off, w->len);
		off += ret[n].len;
	}
	return n;
}

int qemu_shape_check(const struct qemu_shape *s, struct err *e)
{
	const struct qemu_board *b = qemu_board(s->arch);
	uint64_t least = MAX(64 * MIB, s->topo.nodes * 4 * MIB);
	int r = topo_check(&s->topo, e);

	if (r < 0)
		return r;
	if (topo_cpus(&s->topo) > b->max_cpus)
		return err_set(e, -EINVAL, "topology: %u CPUs: QEMU's %s board takes at most %u",
			       topo_cpus(&s->topo), arch_names(s->arch)->name, b->max_cpus);
	if (s->memory_bytes % MIB || s->memory_bytes < least || s->memory_bytes > b->max_memory)
		return err_set(e, -EINVAL,
			       "guest memory: %" PRIu64 " bytes: must be whole MiB, from %" PRIu64
			       " MiB to %" PRIu64 " GiB",
			       s->memory_bytes, least / MIB, b->max_memory >> 30);
	return 0;
}

void qemu_cmdline(const struct qemu_shape *s, struct buf *out)
{
	const struct qemu_board *b = qemu_board(s->arch);

	buf_printf(out, "%s %s", b->words, s->verbose ? b->words_verbose : "quiet");
	if (s->cmdline && *s->cmdline)
		buf_printf(out, " %s", s->cmdline);
}

static void add_memory(const struct qemu_shape *s, struct arglist *a)
{
	for (uint32_t n = 0; n < s->topo.nodes; n++) {
		arglist_add(a, "-object");
		arglist_add(a,
			    "memory-backend-file,id=ram%u,size=%" PRIu64
			    "M,share=on,mem-path=/proc/self/fd/%u",
			    n, qemu_node_bytes(s, n) / MIB, QEMU_FD_RAM + n);
	}
}

static void add_nodes(const struct qemu_shape *s, struct arglist *a)
{
	uint32_t nodes = s->topo.nodes, per_node = topo_cpus(&s->topo) / nodes;

	for (uint32_t n = 0; n < nodes; n++) {
		arglist_add(a, "-numa");
		arglist_add(a, "node,nodeid=%u,cpus=%u-%u,memdev=ram%u", n, n * per_node,
			    (n + 1) * per_node - 1, n);
	}
	for (uint32_t i = 0; i < nodes; i++) {
		for (uint32_t j = 0; j < nodes; j++) {
			arglist_add(a, "-numa");
			arglist_add(a, "dist,src=%u,dst=%u,val=%u", i, j,
				    topo_distance(&s->topo, i, j));
		}
	}
}

static void add_topology(const struct qemu_shape *s, struct arglist *a)
{
	const struct topology *t = &s->topo;

	arglist_add(a, "-smp");
	arglist_add(a, "%u,sockets=%u,dies=%u,cores=%u,threads=%u", topo_cpus(t), t->nodes,
		    t->llcs / t->nodes, t->cores, t->threads);
	arglist_add(a, "-m");
	arglist_add(a, "%" PRIu64 "M", s->memory_bytes / MIB);
	add_memory(s, a);
	if (t->nodes > 1)
		add_nodes(s, a);
}

static void add_port(struct arglist *a, const char *id, unsigned int fd)
{
	arglist_add(a, "-chardev");
	arglist_add(a, "socket,id=%s,fd=%u", id, fd);
}

static void add_ports(const struct qemu_shape *s, struct arglist *a)
{
	add_port(a, "qmp", QEMU_FD_QMP);
	arglist_add(a, "-mon");
	arglist_add(a, "chardev=qmp,mode=control");
	add_port(a, "console", QEMU_FD_CONSOLE);
	arglist_add(a, "-serial");
	arglist_add(a, "chardev:console");
	arglist_add(a, "-device");
	arglist_add(a, "%s,id=vs,max_ports=2", qemu_board(s->arch)->serial_bus);
	if (s->tty) {
		add_port(a, "tty", QEMU_FD_TTY);
		arglist_add(a, "-device");
		arglist_add(a, "virtconsole,bus=vs.0,nr=0,chardev=tty,name=" TTY_PORT_NAME);
	}
	add_port(a, "link", QEMU_FD_LINK);
	arglist_add(a, "-device");
	arglist_add(a, "virtserialport,bus=vs.0,nr=1,chardev=link,name=" LINK_PORT_NAME);
}

static void add_kernel(const struct qemu_shape *s, struct arglist *a)
{
	SCOPED(buf_fini) struct buf words = { 0 };

	qemu_cmdline(s, &words);
	arglist_add(a, "-kernel");
	arglist_add(a, "/proc/self/fd/%d", QEMU_FD_KERNEL);
	if (s->initrd) {
		arglist_add(a, "-initrd");
		arglist_add(a, "/proc/self/fd/%d", QEMU_FD_INITRD);
	}
	arglist_add(a, "-append");
	arglist_add(a, "%s", buf_str(&words));
	if (words.bad)
		a->text.bad = words.bad;
}

static void add_board(const struct qemu_shape *s, struct arglist *a)
{
	const struct qemu_board *b = qemu_board(s->arch);

	arglist_add(a, "-machine");
	arglist_add(a, "%s%s", b->machine, s->topo.nodes > 1 ? "" : ",memory-backend=ram0");
	arglist_add(a, "-accel");
	arglist_add(a, "%s", s->kvm ? "kvm" : "tcg,thread=multi");
	arglist_add(a, "-cpu");
	arglist_add(a, "%s", s->kvm ? b->cpu_kvm : b->cpu_tcg);
	arglist_add(a, "-seed");
	arglist_add(a, "%" PRIu64, s->seed);
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
	return out->text.bad;
}
