/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr doctor: what works on this machine, what does not, why, and what to do */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/term.h"
#include "catalog/catalog.h"
#include "cli/cmd.h"
#include "harness/host.h"
#include "harness/program.h"
#include "machine/hosttopo.h"
#include "machine/topology.h"
#include "vm/probe.h"
#include "vm/vm.h"

#define LOW_SPACE ((uint64_t)512 << 20)	  /* an unpacked kernel and its modules, twice */
#define QEMU_MEMORY ((uint64_t)200 << 20) /* of QEMU itself, measured: 140 to 170 MiB */
#define NAME_COLUMNS 18
#define TEXT_COLUMN (6 + NAME_COLUMNS)

struct doctor_args {
	bool json;
};

static const struct opt doctor_opts[] = {
	OPT(struct doctor_args, json, "JSON instead of a table"),
	OPT_END,
};

enum health {
	HEALTH_OK,
	HEALTH_NOTE, /* something does not work, but tests for this architecture do */
	HEALTH_BAD,  /* no test can run */
	NR_HEALTHS,
};

struct row {
	char name[NAME_COLUMNS];
	enum health health;
	char text[500];
	char remedy[300]; /* "" = none, or said in the text */
};

#define MAX_ROWS 24

struct doctor {
	struct catalog *catalog; /* NULL: there is none */
	struct err catalog_error;
	struct row row[MAX_ROWS];
	size_t nr;
};

static void doctor_fini(struct doctor *d)
{
	catalog_close(d->catalog);
}
DEFINE_SCOPED_FINI(struct doctor, doctor_fini)

static void say(struct row *r, enum health h, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void say(struct row *r, enum health h, const char *fmt, ...)
{
	va_list ap;

	r->health = h;
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
}

static void advise(struct row *r, const char *remedy)
{
	snprintf(r->remedy, sizeof(r->remedy), "%s", remedy);
}

/* What is missing for guests of the host's architecture is worse than for others. */
static enum health missing_for(enum arch a)
{
	return a == arch_host() ? HEALTH_BAD : HEALTH_NOTE;
}

static void look_host(struct doctor *d, struct row *r, enum arch a)
{
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	SCOPED(buf_fini) struct buf b = { 0 };
	struct err e = { 0 };

	if (hosttopo_init(&h, &e) < 0) {
		say(r, HEALTH_NOTE, "%s", e.text);
		return;
	}
	hosttopo_summary(&h, &b);
	say(r, HEALTH_OK, "%s, %s", arch_names(a)->name, buf_str(&b));
}

static void look_performance(struct doctor *d, struct row *r, enum arch a)
{
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	SCOPED(buf_fini) struct buf lacks = { 0 };
	struct err e = { 0 };

	if (host_look(&h, &e) < 0) {
		say(r, HEALTH_NOTE, "%s", e.text);
		return;
	}
	host_lacks(&h, "", host_may_fifo(), &lacks);
	if (lacks.len)
		say(r, HEALTH_NOTE, "without %s", buf_str(&lacks));
	else
		say(r, HEALTH_OK, "nothing is missing");
	advise(r, "only for tests that measure: limit rtprio of 2, vm.nr_hugepages, isolcpus=, "
		  "kernel.sched_rt_runtime_us=-1, governor performance");
}

static void look_kvm(struct doctor *d, struct row *r, enum arch a)
{
	struct probe_result p;

	probe_kvm(a, &p);
	say(r, p.state == PROBE_YES ? HEALTH_OK : HEALTH_NOTE, "%s", p.text);
	advise(r, p.remedy);
}

static void look_qemu(struct doctor *d, struct row *r, enum arch a)
{
	struct probe_result p;

	probe_qemu(a, NULL, &p);
	say(r, p.state == PROBE_YES ? HEALTH_OK : missing_for(a), "%s", p.text);
	advise(r, p.remedy);
}

static void look_guests(struct doctor *d, struct row *r, enum arch a)
{
	const struct vm_backend *b;
	struct vm_about about;
	struct err e = { 0 };

	if (vm_choose("auto", a, VM_ACCEL_AUTO, VM_TIME_AUTO, &b, &about, &e) < 0)
		say(r, missing_for(a), "%s", e.text);
	else
		say(r, HEALTH_OK, "run in %s/%s%s%s%s", about.backend, about.accel,
		    about.why[0] ? " (" : "", about.why, about.why[0] ? ")" : "");
}

static void put_size(uint64_t bytes, char *to, size_t cap)
{
	if (bytes >> 30)
		snprintf(to, cap, "%.1f GiB", (double)bytes / (1 << 30));
	else
		snprintf(to, cap, "%llu MiB", (unsigned long long)bytes >> 20);
}

static uint64_t available_memory(void)
{
	SCOPED(mem_free) char *text = NULL;

	if (read_file("/proc/meminfo", 65536, &text, NULL, NULL) < 0)
		return 0;
	const char *at = strstr(text, "MemAvailable:");
	return at ? strtoull(at + strlen("MemAvailable:"), NULL, 10) * 1024 : 0;
}

static void look_memory(struct doctor *d, struct row *r, enum arch a)
{
	const struct topology small = { 1, 1, 2, 1 };
	uint64_t guest = (uint64_t)topo_default_memory_mib(&small) << 20, free = available_memory();
	uint64_t each = guest + QEMU_MEMORY;
	char text[32];

	put_size(free, text, sizeof(text));
	say(r, free < each ? HEALTH_BAD : HEALTH_OK,
	    "%s available: room for %llu small guests at a time", text,
	    (unsigned long long)(free / each));
	if (free < each)
		advise(r, "free some memory: a small guest takes half a GiB");
}

static void look_cache(struct doctor *d, struct row *r, enum arch a)
{
	const char *dir = d->catalog ? catalog_dir(d->catalog) : NULL;
	struct statvfs fs;
	char text[32];

	if (!dir) {
		say(r, HEALTH_BAD, "%s", d->catalog_error.text);
		return;
	}
	if (access(dir, W_OK | X_OK) < 0 || statvfs(dir, &fs) < 0) {
		say(r, HEALTH_NOTE, "%.300s: %m: only the kernels in it can be used", dir);
		return;
	}
	uint64_t free = (uint64_t)fs.f_bavail * fs.f_frsize;
	put_size(free, text, sizeof(text));
	say(r, free < LOW_SPACE ? HEALTH_NOTE : HEALTH_OK, "%.300s, %s free", dir, text);
	if (free < LOW_SPACE)
		advise(r, "ktstr kernel gc, or name another place in KTSTR_CACHE_DIR");
}

static void look_runtime(struct doctor *d, struct row *r, enum arch a)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (!dir || *dir != '/')
		say(r, HEALTH_OK, "XDG_RUNTIME_DIR is not set: the cache serves instead");
	else if (access(dir, W_OK | X_OK) < 0)
		say(r, HEALTH_NOTE, "%.200s: %m: every command asks KVM and QEMU again", dir);
	else
		say(r, HEALTH_OK, "%.300s", dir);
}

static size_t count_kernels(struct doctor *d, enum arch a)
{
	SCOPED(kernel_list_fini) struct kernel_list l = { 0 };
	size_t damaged, n = 0;

	if (!d->catalog || catalog_list(d->catalog, &l, &damaged, NULL) < 0)
		return 0;
	for (size_t i = 0; i < l.nr; i++)
		n += l.at[i].arch == a;
	return n;
}

static void look_kernels(struct doctor *d, struct row *r, enum arch a)
{
	struct err e = { 0 };
	size_t n = count_kernels(d, a);

	if (n)
		say(r, HEALTH_OK, "%zu in the cache", n);
	else if (d->catalog && catalog_can_fetch(d->catalog, &e) == 0)
		say(r, HEALTH_OK, "none yet: the first run fetches Debian's newest (14 MB)");
	else
		say(r, missing_for(a), "none in the cache, and none can be fetched");
}

static void look_fetching(struct doctor *d, struct row *r, enum arch a)
{
	struct err e = { 0 };

	if (!d->catalog)
		say(r, HEALTH_NOTE, "needs the cache directory");
	else if (catalog_can_fetch(d->catalog, &e) < 0)
		say(r, HEALTH_NOTE, "%s", e.text);
	else
		say(r, HEALTH_OK, "apt and Debian's keys are there");
}

static void look_libraries(struct doctor *d, struct row *r, enum arch a)
{
	const char *root = program_sysroot(a);

	if (root) {
		say(r, HEALTH_OK, "%s", *root ? root : "the host's own");
		return;
	}
	say(r, HEALTH_NOTE, "none: only static programs can run in %s guests", arch_names(a)->name);
	advise(r, "tools/sysroot of the source tree makes one, or name yours in KTSTR_SYSROOT");
}

static bool have_program(const char *name)
{
	SCOPED(words_fini) struct words path = { 0 };
	SCOPED(mem_free) char *found = NULL;
	SCOPED(mem_free) char *misfit = NULL;

	return program_add_path(&path) == 0 &&
	       program_find(&path, name, arch_host(), &found, &misfit) == 0;
}

static void look_building(struct doctor *d, struct row *r, enum arch a)
{
	static const char *const clangs[] = { "clang",	  "clang-21", "clang-20", "clang-19",
					      "clang-18", "clang-17", "clang-16" };
	bool clang = false,
	     bpftool = have_program("bpftool") || access("/usr/sbin/bpftool", X_OK) == 0;

	for (size_t i = 0; i < ARRAY_SIZE(clangs); i++)
		clang = clang || have_program(clangs[i]);
	say(r, clang && bpftool ? HEALTH_OK : HEALTH_NOTE, "%s%s", clang ? "clang" : "no clang",
	    bpftool ? ", bpftool" : ", no bpftool");
	if (!clang || !bpftool)
		advise(r, "only to build sched_ext schedulers: install clang and bpftool");
}

/* Every check there is, in the order shown; adding one is adding a row. */
static const struct check {
	const char *name;
	void (*look)(struct doctor *d, struct row *r, enum arch a);
	bool per_arch;
} checks[] = {
	{ "host", look_host },
	{ "kvm", look_kvm },
	{ "qemu", look_qemu, .per_arch = true },
	{ "guests", look_guests, .per_arch = true },
	{ "performance", look_performance },
	{ "memory", look_memory },
	{ "cache", look_cache },
	{ "runtime", look_runtime },
	{ "fetching", look_fetching },
	{ "kernels", look_kernels, .per_arch = true },
	{ "libraries", look_libraries, .per_arch = true },
	{ "building", look_building },
};

static void examine(struct doctor *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		const struct check *c = &checks[i];

		for (enum arch a = 0; a < NR_ARCHES; a++) {
			struct row *r = &d->row[d->nr];

			if (!c->per_arch && a != arch_host())
				continue;
			snprintf(r->name, sizeof(r->name), "%s%s%s", c->name,
				 c->per_arch ? " " : "", c->per_arch ? arch_names(a)->name : "");
			c->look(d, r, a);
			d->nr++;
		}
	}
}

static bool can_run(const struct doctor *d)
{
	for (size_t i = 0; i < d->nr; i++)
		if (d->row[i].health == HEALTH_BAD)
			return false;
	return true;
}

static const struct {
	const char *word, *colour;
} healths[NR_HEALTHS] = {
	[HEALTH_OK] = { "ok", TERM_GREEN },
	[HEALTH_NOTE] = { "note", TERM_YELLOW },
	[HEALTH_BAD] = { "BAD", TERM_RED },
};

/* The text in its column; what stands left of it is in front of the first line. */
static void put_column(struct buf *b, const char *text)
{
	SCOPED(buf_fini) struct buf wrapped = { 0 };

	help_wrap(&wrapped, text, TEXT_COLUMN);
	if (wrapped.len > TEXT_COLUMN)
		buf_puts(b, wrapped.at + TEXT_COLUMN);
}

static void put_row(struct buf *b, const struct row *r, bool colour)
{
	char remedy[sizeof(r->remedy) + 4];

	buf_printf(b, "%s%-4s%s  %-*s", colour ? healths[r->health].colour : "",
		   healths[r->health].word, colour ? TERM_RESET : "", NAME_COLUMNS, r->name);
	put_column(b, r->text);
	if (!r->remedy[0] || r->health == HEALTH_OK)
		return;
	snprintf(remedy, sizeof(remedy), "-> %s", r->remedy);
	buf_printf(b, "%*s", TEXT_COLUMN, "");
	put_column(b, remedy);
}

static void put_table(struct buf *b, const struct doctor *d)
{
	bool colour = term_colour(STDOUT_FILENO);

	for (size_t i = 0; i < d->nr; i++)
		put_row(b, &d->row[i], colour);
	buf_printf(b, "\ntests for %s guests %s\n", arch_names(arch_host())->name,
		   can_run(d) ? "can run" : "cannot run");
}

static void put_json(struct buf *b, const struct doctor *d)
{
	buf_printf(b, "{\"can_run\": %s,\n \"checks\": [", can_run(d) ? "true" : "false");
	for (size_t i = 0; i < d->nr; i++) {
		const struct row *r = &d->row[i];

		buf_printf(b, "%s\n  {\"name\": ", i ? "," : "");
		buf_json_str(b, r->name);
		buf_printf(b, ", \"health\": \"%s\", \"text\": ",
			   r->health == HEALTH_BAD ? "bad" : healths[r->health].word);
		buf_json_str(b, r->text);
		buf_puts(b, ", \"remedy\": ");
		buf_json_str(b, r->health == HEALTH_OK ? "" : r->remedy);
		buf_putc(b, '}');
	}
	buf_puts(b, "]}\n");
}

const struct cmd cmd_doctor;

static int doctor_main(void *args, int argc, char **argv)
{
	SCOPED(doctor_fini) struct doctor d = { 0 };
	SCOPED(buf_fini) struct buf b = { 0 };
	const struct doctor_args *a = args;

	probe_no_cache(); /* whoever asks the doctor wants to know how it is now */
	catalog_open(NULL, &d.catalog, &d.catalog_error);
	examine(&d);
	a->json ? put_json(&b, &d) : put_table(&b, &d);
	int r = cmd_print(&cmd_doctor, &b);
	return can_run(&d) ? r : EXIT_CANNOT_RUN;
}

static const struct cmd_example doctor_examples[] = {
	{ "ktstr doctor", "a line for everything that matters" },
	{ "ktstr doctor --json | jq .can_run", "for scripts" },
	{ NULL, NULL },
};

static const struct cmd_exit doctor_exits[] = {
	{ EXIT_PASSED, "tests for guests of the host's architecture can run" },
	{ EXIT_CANNOT_RUN, "they cannot; the lines marked BAD say why" },
	{ 0, NULL },
};

const struct cmd cmd_doctor = {
	.name = "doctor",
	.summary = "what works on this machine, what does not, and what to do",
	.about =
		"Looks at everything that tests need and says what it found, and what to do about "
		"what is missing. KVM is tried with a tiny guest, because a /dev/kvm that is there "
		"may still not be able to run kernels. Nothing is changed and nothing is fetched.",
	.opts = doctor_opts,
	.args_size = sizeof(struct doctor_args),
	.examples = doctor_examples,
	.exits = doctor_exits,
	.main = doctor_main,
};
