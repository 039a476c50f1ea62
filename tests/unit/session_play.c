/* SPDX-License-Identifier: GPL-2.0-only */
#include "session_play.h"

#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"

#define GPA 0x8000000
#define SAVED "played " /* begins what a machine is saved as; what it said comes next */

struct play p;
uint64_t host_ns;
int ready_fd = -1, go_fd = -1;
struct path cache, kernel;
struct vm_config wish;
struct snapshot_base base;
uint64_t archive_bytes;
const char *cache_dir;

uint64_t __wrap_now_ns(void);
uint64_t __wrap_now_ns(void)
{
	return host_ns;
}

struct machine {
	struct vm vm;
	const struct step *step;
	uint64_t born;
	uint32_t seq;
	bool killed;
	struct buf out;
};

static const struct step makes[] = { { SAY, "booting\n" }, { FREEZE }, { 0 } };
static const struct step runs[] = { { SAY, "living\n" }, { RUN }, { 0 } };
static const struct step boots[] = { { SAY, "booting all\n" }, { RUN }, { 0 } };

/* ---- a backend ---- */

static void put_life(struct machine *m)
{
	struct hello_msg hello = { .frame_version = FRAME_VERSION, .mono_ns = host_ns - START };
	struct exit_msg bye = { EXIT_KIND_CODE, 0 };

	frame_put(&m->out, &m->seq, FRAME_HELLO, &hello, sizeof(hello));
	frame_put(&m->out, &m->seq, FRAME_EXIT, &bye, sizeof(bye));
}

static void say(struct vm_event *ret, const char *text)
{
	*ret = (struct vm_event){ VM_EVENT_CONSOLE, text, strlen(text), .fd = -1 };
}

static void stop(struct vm_event *ret, enum vm_stop_kind kind)
{
	*ret = (struct vm_event){ .kind = VM_EVENT_STOPPED, .stop.kind = kind };
	snprintf(ret->stop.text, sizeof(ret->stop.text), "it is dead");
}

static void wait_for_others(void)
{
	char byte;

	assert_int_equal(write_full(ready_fd, "x", 1), 0);
	assert_int_equal(read(go_fd, &byte, 1), 1);
}

static void do_step(struct machine *m, const struct step *s, struct vm_event *ret)
{
	buf_clear(&m->out);
	switch (s->what) {
	case SAY:
		return say(ret, s->text);
	case FREEZE:
		*ret = (struct vm_event){ .kind = VM_EVENT_FROZEN };
		return;
	case DIE:
		return stop(ret, s->text ? VM_STOP_RESET : VM_STOP_BACKEND_DIED);
	case WAIT_FOR_OTHERS:
		wait_for_others();
		return;
	case TELL_FATAL:
		frame_put(&m->out, &m->seq, FRAME_FATAL, s->text, strlen(s->text));
		break;
	default:
		put_life(m);
		break;
	}
	*ret = (struct vm_event){ VM_EVENT_LINK, m->out.at, m->out.len, .fd = -1 };
}

static int play_next(struct vm *vm, uint64_t deadline_ns, struct vm_event *ret, struct err *e)
{
	struct machine *m = (struct machine *)vm;
	const struct step *s = m->step;

	*ret = (struct vm_event){ .kind = VM_EVENT_NONE };
	if (host_ns > START + 1000 * SEC)
		fail_msg("nobody ended it");
	if (m->killed)
		return stop(ret, VM_STOP_KILLED), 0;
	uint64_t at = s->what == WORK ? m->born + s->seconds * SEC : host_ns + MS;
	if (s->what == NOTHING_MORE || at > MAX(host_ns + MS, deadline_ns)) {
		host_ns = MAX(host_ns, deadline_ns);
		return 0;
	}
	host_ns = MAX(host_ns, at);
	m->step += s->what != RUN || m->seq; /* its end comes after that */
	if (s->what == RUN && m->seq)
		stop(ret, VM_STOP_POWEROFF);
	else if (s->what != WORK)
		do_step(m, s, ret);
	return 0;
}

static int play_clock(struct vm *vm, uint64_t *ret_ns, struct err *e)
{
	struct machine *m = (struct machine *)vm;

	if (!p.first_look)
		p.first_look = host_ns - m->born;
	*ret_ns = p.clock_stands ? 0 : (host_ns - START) / SEC * SEC;
	return 0;
}

/* A process of its own, which always works. */
static int play_stats(struct vm *vm, struct vm_stats *ret, struct err *e)
{
	struct machine *m = (struct machine *)vm;

	*ret = (struct vm_stats){ .nr_vcpus = 1, .vcpu[0].run_ns = host_ns - m->born };
	return 0;
}

static int play_send(struct vm *vm, const void *data, size_t n, struct err *e)
{
	return -EPERM;
}

static void play_kill(struct vm *vm)
{
	((struct machine *)vm)->killed = true;
}

static void play_destroy(struct vm *vm)
{
	struct machine *m = (struct machine *)vm;

	buf_fini(&m->out);
	free(m);
}

static int play_start(struct vm *vm, struct err *e)
{
	return 0;
}

static int play_save(struct vm *vm, const struct buf *console, int fd, struct err *e)
{
	if (p.save_error)
		return err_set(e, p.save_error, "it is not saved");
	p.saved++;
	assert_int_equal(write_full(fd, SAVED, strlen(SAVED)), 0);
	return write_full(fd, console->at, console->len);
}

static uint64_t play_parcel(const struct vm_config *cfg)
{
	assert_true(cfg->parcel_bytes);
	return p.no_room ? 0 : GPA;
}

static int play_fingerprint(const struct vm_config *cfg, struct buf *out, struct err *e)
{
	buf_printf(out, "%u %llu %llu %d %s %llu %u %u", topo_cpus(&cfg->topo),
		   (unsigned long long)cfg->memory_bytes, (unsigned long long)cfg->parcel_bytes,
		   cfg->verbose, cfg->cmdline ? cfg->cmdline : "", (unsigned long long)cfg->seed,
		   cfg->pace.rate_shift, cfg->pace.turn_us);
	return 0;
}

static const char *const *play_modules(enum arch a)
{
	static const char *const none[] = { NULL };

	return none;
}

static int play_create(const struct vm_config *cfg, struct vm **ret, struct err *e);

static const struct vm_backend backend = {
	.name = "play",
	.create = play_create,
	.destroy = play_destroy,
	.start = play_start,
	.next = play_next,
	.link_send = play_send,
	.kill = play_kill,
	.stats = play_stats,
	.clock = play_clock,
	.save = play_save,
	.parcel = play_parcel,
	.fingerprint = play_fingerprint,
	.modules = play_modules,
};

static const char *saved_text(const struct vm_config *cfg)
{
	static char text[200];
	ssize_t n = pread(cfg->resume_fd, text, sizeof(text) - 1, 0);

	text[MAX(n, 0)] = 0;
	return strncmp(text, SAVED, strlen(SAVED)) ? NULL : text + strlen(SAVED);
}

static void note(const struct vm_config *cfg)
{
	p.last_cfg = *cfg;
	memset(p.last_initrd, 0, sizeof(p.last_initrd));
	assert_true(pread(cfg->initrd_fd, p.last_initrd, sizeof(p.last_initrd) - 1, 0) > 0);
	if (!cfg->to_save)
		return;
	p.maker_cfg = *cfg;
	memcpy(p.maker_initrd, p.last_initrd, sizeof(p.last_initrd));
}

/* One that is resumed first says what the saved one had said. */
static const struct step *script_of(const struct vm_config *cfg)
{
	static struct step resumed[20] = { { SAY } };

	if (cfg->to_save) {
		p.made++;
		return p.maker ? p.maker : makes;
	}
	if (!cfg->resume_fd) {
		p.booted++;
		return p.booter ? p.booter : boots;
	}
	p.resumed++;
	const struct step *then = p.runner ? p.runner : runs;
	resumed[0].text = saved_text(cfg);
	for (size_t i = 1; i < ARRAY_SIZE(resumed); i++)
		if (!(resumed[i] = then[i - 1]).what)
			break;
	return *resumed[0].text ? resumed : resumed + 1;
}

static int play_create(const struct vm_config *cfg, struct vm **ret, struct err *e)
{
	if (cfg->resume_fd && !saved_text(cfg))
		return err_set(e, -EBADMSG, "that is no machine");
	struct machine *m = calloc(1, sizeof(*m));
	m->vm.ops = &backend;
	m->step = script_of(cfg);
	m->born = host_ns;
	p.first_look = 0;
	note(cfg);
	*ret = &m->vm;
	return 0;
}

/* ---- sessions ---- */

void put_kernel(const char *text)
{
	put_file(cache.s, "kernel", text);
}

static int file_of(const char *text)
{
	int fd = anon_file("text", NULL);

	assert_int_equal(write_full(fd, text, strlen(text)), 0);
	return fd;
}

void begin(void)
{
	cache = new_dir();
	cache_dir = cache.s;
	kernel = path_format("%s/kernel", cache.s);
	put_kernel("a kernel");
	catalog_close(open_cache(cache.s));
	wish = (struct vm_config){
		.arch = arch_host(),
		.topo = { 1, 1, 2, 1 },
		.memory_bytes = 256 * MIB,
		.kernel_path = kernel.s,
		.initrd_fd = -1,
		.seed = 7,
		.time = VM_TIME_VIRTUAL,
		.pace = { 2, 100 },
	};
	base = (struct snapshot_base){ .fd = -1, .size = 8, .freeze_at = 0x403065 };
	memset(base.sha256, 'a', OBJECT_NAME_LEN);
	archive_bytes = 11;
}

static void hear(void *ctx, const void *data, size_t n)
{
	buf_put(&p.console, data, n);
}

struct session_spec spec_of(void)
{
	return (struct session_spec){
		.backend = &backend,
		.vm = wish,
		.image = { .arch = arch_host(), .cache_dir = cache_dir },
		.limits = { .boot = 60 * SEC,
			    .silence = 5 * SEC,
			    .stop = 10 * SEC,
			    .emulated = true,
			    .virtual_time = true },
		.on_console = hear,
	};
}

static int run_again(struct session_spec *spec, struct cell_result *ret, struct err *e)
{
	SCOPED(session_source_fini) struct session_source again = { .fd = file_of("the archive"),
								    .job = strdup("job=1\n"),
								    .base = base };

	again.size = archive_bytes;
	assert_int_equal(ftruncate(again.fd, (off_t)archive_bytes), 0);
	again.base.fd = base.size ? file_of("the base") : -1;
	spec->again = &again;
	return session_run(spec, ret, NULL, e);
}

int play_session(struct session_spec *spec, struct play how, struct cell_result *ret, struct err *e)
{
	buf_fini(&p.console);
	p = how;
	host_ns = START;
	return spec->job || spec->again ? session_run(spec, ret, NULL, e) : run_again(spec, ret, e);
}

struct cell_result run(struct play how)
{
	struct session_spec spec = spec_of();
	struct cell_result r = { 0 };
	struct err e = { 0 };

	if (play_session(&spec, how, &r, &e) < 0)
		fail_msg("%s", e.text);
	return r;
}

void expect(struct cell_result r, enum cause c, const char *text, const char *snapshot)
{
	assert_string_equal(r.headline, text);
	assert_int_equal(r.cause, c);
	assert_string_equal(r.snapshot, snapshot);
	cell_result_fini(&r);
}

void expect_machines(unsigned int made, unsigned int resumed, unsigned int booted)
{
	assert_int_equal(p.made, made);
	assert_int_equal(p.resumed, resumed);
	assert_int_equal(p.booted, booted);
}

void run_makes(void)
{
	expect(run((struct play){ 0 }), CAUSE_NONE, "", "made");
	expect_machines(1, 1, 0);
	assert_int_equal(p.saved, 1);
}

void run_uses(void)
{
	expect(run((struct play){ 0 }), CAUSE_NONE, "", "used");
	expect_machines(0, 1, 0);
	assert_int_equal(p.saved, 0);
}

void run_boots(struct play how)
{
	expect(run(how), CAUSE_NONE, "", "");
	expect_machines(0, 0, 1);
	assert_string_equal(buf_str(&p.console), "booting all\n");
}

size_t nr_snapshots(void)
{
	return nr_names(path_format("%s/snapshots", cache.s).s);
}

int session_play_teardown(void **state)
{
	buf_fini(&p.console);
	return remove_new_dirs(state);
}
