/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loads and attaches scx_ktstr.bpf.c, which is inside this program, waits for a signal or for the
 * kernel to end the scheduler, and repeats the kernel's last words. Runs in guests.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/io.h"
#include "base/parse.h"
#include "base/scoped.h"
#include "scx_ktstr.h"

extern const unsigned char scx_ktstr_bpf[];
extern const size_t scx_ktstr_bpf_len;

struct settings {
	struct scx_ktstr_config config;
	struct scx_ktstr_knobs knobs;
};

struct session {
	struct bpf_object *obj;
	struct bpf_link *link;
	struct ring_buffer *exits;
	int signals;
	bool ended; /* the kernel has said why */
};

static const char usage_text[] =
	"Usage: scx_ktstr [OPTION]...\n"
	"A fair sched_ext scheduler that can be told to misbehave towards ordinary user tasks.\n"
	"\n"
	"  --slice-us N        time slice, default 3000\n"
	"  --watchdog-ms N     how long a runnable task may wait before the kernel ends the\n"
	"                      scheduler, default 5000, at most 30000\n"
	"  --stall COMM        never again dispatch the first task seen with this command name\n"
	"  --starve CGROUP     run tasks of the cgroup with this directory name only when\n"
	"                      nothing else can run\n"
	"  --ignore-cpu N      run no user task on CPU N\n"
	"  --exit-error MS     report an error to the kernel MS milliseconds after attaching\n"
	"  --slow-dispatch US  delay every dispatch of a user task by US microseconds, at least "
	"100\n"
	"  --refuse-attach     fail to initialise\n"
	"  --help, --version\n";

static int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int complain(const char *fmt, ...)
{
	va_list ap;

	fputs("scx_ktstr: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -EINVAL;
}

static int parse_number(const char *option, const char *s, uint64_t min, uint64_t max,
			uint64_t *ret)
{
	uint64_t n;

	if (parse_u64(s, &n) < 0 || n < min || n > max)
		return complain("--%s: \"%s\" is not a number from %ju to %ju", option, s,
				(uintmax_t)min, (uintmax_t)max);
	*ret = n;
	return 0;
}

static int parse_name(const char *option, const char *s, char *to, size_t cap, __u32 *given)
{
	if (!*s || strlen(s) >= cap)
		return complain("--%s: \"%s\" is not a name of 1 to %zu characters", option, s,
				cap - 1);
	strncpy(to, s, cap); /* pads with NUL, which the BPF part relies on */
	*given = 1;
	return 0;
}

enum option_id {
	OPT_SLICE_US = 256,
	OPT_WATCHDOG_MS,
	OPT_STALL,
	OPT_STARVE,
	OPT_IGNORE_CPU,
	OPT_EXIT_ERROR,
	OPT_SLOW_DISPATCH,
	OPT_REFUSE_ATTACH,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option options[] = {
	{ "slice-us", required_argument, NULL, OPT_SLICE_US },
	{ "watchdog-ms", required_argument, NULL, OPT_WATCHDOG_MS },
	{ "stall", required_argument, NULL, OPT_STALL },
	{ "starve", required_argument, NULL, OPT_STARVE },
	{ "ignore-cpu", required_argument, NULL, OPT_IGNORE_CPU },
	{ "exit-error", required_argument, NULL, OPT_EXIT_ERROR },
	{ "slow-dispatch", required_argument, NULL, OPT_SLOW_DISPATCH },
	{ "refuse-attach", no_argument, NULL, OPT_REFUSE_ATTACH },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

/* 0 = taken, 1 = there is nothing more to do, negative = said what is wrong. */
static int take_option(int id, const char *name, const char *arg, struct settings *s)
{
	struct scx_ktstr_config *c = &s->config;
	uint64_t n = 0;
	int r = 0;

	switch (id) {
	case OPT_SLICE_US:
		r = parse_number(name, arg, 100, 1000000, &n);
		c->slice_ns = n * 1000;
		return r;
	case OPT_WATCHDOG_MS:
		r = parse_number(name, arg, 1, 30000, &n);
		s->knobs.timeout_ms = n;
		return r;
	case OPT_STALL:
		return parse_name(name, arg, c->stalled_comm, sizeof(c->stalled_comm), &c->stall);
	case OPT_STARVE:
		return parse_name(name, arg, c->starved_cgroup, sizeof(c->starved_cgroup),
				  &c->starve);
	case OPT_IGNORE_CPU:
		r = parse_number(name, arg, 0, CPUSET_MAX - 1, &n);
		c->ignored_cpu = n;
		return r;
	case OPT_EXIT_ERROR:
		r = parse_number(name, arg, 1, 3600000, &n);
		c->error_after_ns = n * 1000000;
		return r;
	case OPT_SLOW_DISPATCH:
		r = parse_number(name, arg, 100, 10000000, &n);
		c->delay_ns = n * 1000;
		return r;
	case OPT_REFUSE_ATTACH:
		c->refuse = 1;
		return 0;
	case OPT_HELP:
		fputs(usage_text, stdout);
		return 1;
	case OPT_VERSION:
		printf("scx_ktstr %s\n", KTSTR_VERSION);
		return 1;
	}
	complain("see scx_ktstr --help");
	return -EINVAL;
}

static int parse_arguments(int argc, char **argv, struct settings *s)
{
	int id, at = 0;

	while ((id = getopt_long(argc, argv, "", options, &at)) != -1) {
		int r = take_option(id, options[at].name, optarg, s);

		if (r)
			return r;
	}
	if (optind < argc)
		return complain("\"%s\": no arguments are expected, only options", argv[optind]);
	return 0;
}

static void print_dump(const char *dump)
{
	size_t len = strlen(dump);

	printf("scx_ktstr: exit dump:\n%s%s", dump, dump[len - 1] == '\n' ? "" : "\n");
	puts("scx_ktstr: end of dump");
}

static int print_exit(void *ctx, void *data, size_t size)
{
	struct session *s = ctx;
	const struct scx_ktstr_exit *x = data;

	s->ended = true;
	printf("scx_ktstr: exit kind: %ju\n", (uintmax_t)x->kind);
	if (x->code)
		printf("scx_ktstr: exit code: %jd\n", (intmax_t)x->code);
	printf("scx_ktstr: exit reason: %s\n", x->reason);
	if (*x->message)
		printf("scx_ktstr: exit message: %s\n", x->message);
	if (*x->dump)
		print_dump(x->dump);
	return 0;
}

/* libbpf's warnings name what the kernel or the verifier did not like. */
__attribute__((format(printf, 2, 0))) static int print_warning(enum libbpf_print_level level,
							       const char *fmt, va_list ap)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, ap) : 0;
}

static int set_map(struct bpf_object *obj, const char *name, const void *data, size_t len)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);
	size_t cap = 0;
	void *at = map ? bpf_map__initial_value(map, &cap) : NULL;

	if (!at || cap < len)
		return complain("map %s of the embedded object: %s", name,
				at ? "too small" : "missing");
	memcpy(at, data, len);
	return 0;
}

/* libbpf refuses callbacks that the running kernel's table has no member for. */
static bool kernel_has_cgroup_ops(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id = btf ? btf__find_by_name_kind(btf, "sched_ext_ops", BTF_KIND_STRUCT) : -ENOENT;
	const struct btf_type *ops = id > 0 ? btf__type_by_id(btf, id) : NULL;
	bool found = false;

	for (int i = 0; ops && i < btf_vlen(ops) && !found; i++)
		found = !strcmp(btf__name_by_offset(btf, btf_members(ops)[i].name_off),
				"cgroup_init");
	btf__free(btf);
	return found;
}

static int set_knobs(struct bpf_object *obj, const struct scx_ktstr_knobs *knobs)
{
	bool cgroups = kernel_has_cgroup_ops();

	return set_map(obj, SCX_KTSTR_OPS_MAP, knobs,
		       cgroups ? offsetof(struct scx_ktstr_knobs, cgroup_ops) : sizeof(*knobs));
}

static int load(struct session *s, const struct settings *set)
{
	struct bpf_map *map;
	int r;

	s->obj = bpf_object__open_mem(scx_ktstr_bpf, scx_ktstr_bpf_len, NULL);
	if (!s->obj)
		return complain("embedded object: %m");
	r = set_map(s->obj, SCX_KTSTR_CONFIG_MAP, &set->config, sizeof(set->config));
	if (r < 0)
		return r;
	r = set_knobs(s->obj, &set->knobs);
	if (r < 0)
		return r;
	if (access("/sys/kernel/sched_ext", F_OK) < 0)
		return complain("this kernel has no sched_ext (CONFIG_SCHED_CLASS_EXT), or /sys is "
				"not mounted");
	r = bpf_object__load(s->obj);
	if (r < 0)
		return complain("load: %s", strerror(-r));
	map = bpf_object__find_map_by_name(s->obj, SCX_KTSTR_EXIT_MAP);
	s->exits = ring_buffer__new(bpf_map__fd(map), print_exit, s, NULL);
	return s->exits ? 0 : complain("exit records: %m");
}

static int attach(struct session *s)
{
	s->link =
		bpf_map__attach_struct_ops(bpf_object__find_map_by_name(s->obj, SCX_KTSTR_OPS_MAP));
	int code = errno;

	/* When ops.init fails the link is made all the same, and the reason is in the exit record. */
	ring_buffer__consume(s->exits);
	if (!s->link)
		return complain("attach: %s", strerror(code));
	if (s->ended)
		return complain("attach: the kernel has ended the scheduler while enabling it");
	puts("scx_ktstr: attached");
	return 0;
}

/* Until a signal comes (0) or the kernel ends the scheduler (1). */
static int wait_for_end(struct session *s)
{
	struct pollfd fds[] = {
		{ .fd = s->signals, .events = POLLIN },
		{ .fd = ring_buffer__epoll_fd(s->exits), .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return complain("poll: %m");
		if (fds[1].revents)
			ring_buffer__consume(s->exits);
		if (s->ended)
			return 1;
		if (fds[0].revents)
			return 0;
	}
}

static int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int run(const struct settings *set)
{
	struct session s = { .signals = catch_signals() };
	int r = load(&s, set);

	if (r >= 0)
		r = attach(&s);
	if (r >= 0)
		r = wait_for_end(&s);
	bpf_link__destroy(s.link);
	if (s.exits && !s.ended)
		ring_buffer__consume(s.exits); /* of our own detaching */
	ring_buffer__free(s.exits);
	bpf_object__close(s.obj);
	close_fd(&s.signals);
	return r;
}

int main(int argc, char **argv)
{
	struct settings set = {
		.config = {
			.slice_ns = 3000000,
			.ignored_cpu = SCX_KTSTR_NO_CPU,
			.loader_tgid = getpid(),
			.nr_cpus = sysconf(_SC_NPROCESSORS_ONLN),
		},
		.knobs = {
			.timeout_ms = 5000,
			.exit_dump_len = SCX_KTSTR_DUMP_LEN,
		},
	};
	int r = parse_arguments(argc, argv, &set);

	if (r)
		return r < 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	libbpf_set_print(print_warning);
	return run(&set) != 0;
}
