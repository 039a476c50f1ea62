/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/watch.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "abi/job.h"
#include "harness/guest_json.h"
#include "harness/watch_parts.h"
#include "vm/vm.h"

#define SECOND 1000000000ull
#define OUTPUT_MAX (1u << 20)
#define LOG_MAX (256u << 10)
#define LINE_MAX_LEN 1024

struct watch_limits watch_default_limits(uint32_t cpus, bool emulated, bool virtual_time,
					 uint32_t slow)
{
	uint64_t scale = virtual_time ? 1 : (emulated ? 4 : 1) * (uint64_t)slow;

	return (struct watch_limits){
		.emulated = emulated,
		.virtual_time = virtual_time,
		.boot = (30 + cpus) * scale * SECOND,
		.attach = 5 * scale * SECOND,
		.body = 5 * scale * SECOND,
		.silence = (5 + cpus / 4) * scale * SECOND,
		.stop = (5 + cpus / 4) * scale * SECOND,
	};
}

void watch_init(struct watch *w, const struct watch_limits *limits, uint64_t now)
{
	*w = (struct watch){ .limits = *limits, .started = now, .last_frame_at = now };
}

void watch_fini(struct watch *w)
{
	frame_parser_fini(&w->parser);
	buf_fini(&w->console);
	buf_fini(&w->line);
	buf_fini(&w->output);
	buf_fini(&w->sched_log);
	buf_fini(&w->sched_dump);
	buf_fini(&w->result);
	schedule_fini(&w->schedule);
}

void watch_blame(struct watch *w, enum cause c, const char *fmt, ...)
{
	va_list ap;

	if (w->cause != CAUSE_NONE && c != CAUSE_GUEST_PANIC && c != CAUSE_EMULATOR_FAULT)
		return;
	w->cause = c;
	va_start(ap, fmt);
	vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static void append_bounded(struct buf *b, const void *data, size_t n, size_t max)
{
	if (b->len < max)
		buf_put(b, data, MIN(n, max - b->len));
}

/* ---- the console ---- */

/*
 * The kernel patches its own code under a breakpoint. Multi-threaded TCG now and then executes that
 * breakpoint after the kernel is done with it (seen with QEMU 10.0 on x86_64, once in 216
 * boots on an overloaded host): such a panic says nothing about a scheduler.
 */
static void blame_panic(struct watch *w)
{
	if (w->limits.emulated && w->stray_int3)
		watch_blame(w, CAUSE_EMULATOR_FAULT,
			    "the emulator broke the guest kernel (stray int3 in patched code): %s",
			    w->panic);
	else
		watch_blame(w, CAUSE_GUEST_PANIC, "guest kernel panic%s: %s",
			    w->phase == WATCH_BOOTING ? " while booting" : "", w->panic);
}

/* Markers the kernel and ktstr-init print; what follows them on the line is the story. */
static void judge_line(struct watch *w)
{
	static const char panic[] = "Kernel panic - not syncing: ";
	static const char fatal[] = CONSOLE_FATAL;
	const char *line = buf_str(&w->line), *at = strstr(line, panic);

	w->stray_int3 |= strstr(line, "Oops: int3: ") != NULL;
	if (at && !w->panic[0]) {
		snprintf(w->panic, sizeof(w->panic), "%s", at + sizeof(panic) - 1);
		blame_panic(w);
	}
	at = strstr(line, fatal);
	if (at && !strcmp(at + sizeof(fatal) - 1, CONSOLE_LINK_LOST))
		watch_blame(w, CAUSE_LINK_LOST,
			    "the link to the guest was lost: ktstr-init found its end closed");
	else if (at)
		watch_blame(w, CAUSE_GUEST_SETUP, "ktstr-init: %s", at + sizeof(fatal) - 1);
}

static void append_printable(struct buf *b, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] && p[i] != '\r')
			buf_putc(b, p[i]);
}

void watch_console(struct watch *w, const void *data, size_t n, uint64_t now)
{
	const char *p = data;

	if (w->on_console)
		w->on_console(w->ctx, data, n);
	append_printable(&w->console, p, n);
	if (w->console.len > 2 * CONSOLE_KEEP)
		buf_drop_front(&w->console, w->console.len - CONSOLE_KEEP);
	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\n' && w->line.len < LINE_MAX_LEN) {
			if (p[i] != '\r' && p[i])
				buf_putc(&w->line, p[i]);
			continue;
		}
		judge_line(w);
		buf_clear(&w->line);
	}
}

/* ---- frames ---- */

static void take_hello(struct watch *w, const struct frame *f, uint64_t now)
{
	if (f->len != sizeof(w->hello) || w->phase != WATCH_BOOTING)
		return;
	memcpy(&w->hello, f->payload, sizeof(w->hello));
	w->hello.release[sizeof(w->hello.release) - 1] = 0;
	w->hello.machine[sizeof(w->hello.machine) - 1] = 0;
	w->hello_at = now;
	w->phase = WATCH_PREPARING;
	if (w->hello.frame_version != FRAME_VERSION)
		watch_blame(w, CAUSE_GUEST_SETUP,
			    "ktstr-init speaks link version %" PRIu32 ", this ktstr %d",
			    w->hello.frame_version, FRAME_VERSION);
}

static void take_stage(struct watch *w, const struct frame *f, uint64_t now)
{
	struct stage_msg m;

	if (f->len != sizeof(m))
		return;
	memcpy(&m, f->payload, sizeof(m));
	switch (m.stage) {
	case STAGE_SCHED_STARTING:
		w->sched_at = now;
		w->phase = WATCH_ATTACHING;
		break;
	case STAGE_SCHED_ATTACHED:
		w->attached_at = now;
		w->phase = WATCH_PREPARING;
		break;
	case STAGE_BODY_START:
		w->body_at = now;
		w->phase = WATCH_BODY;
		break;
	case STAGE_LOAD_START:
		if (!w->load_began)
			w->load_at = now;
		w->load_began = true;
		break;
	case STAGE_LOAD_END:
		w->load_end_at = now;
		w->load_over = true;
		break;
	case STAGE_BODY_END:
		w->body_end_at = now;
		w->phase = WATCH_ENDING;
		break;
	}
}

static void take_sched_end(struct watch *w, const struct frame *f, uint64_t now)
{
	struct sched_end end;

	if (guest_sched_end_parse((const char *)f->payload, f->len, &end, &w->sched_dump) < 0) {
		watch_blame(w, CAUSE_SCHED_DIED,
			    "the scheduler ended (its last report was unreadable)");
		return;
	}
	const char *reason = end.reason[0] ? end.reason : end.how;
	if (end.during_attach)
		watch_blame(w, CAUSE_SCHED_NO_ATTACH, "the scheduler did not attach: %s", reason);
	else if (end.evicted)
		watch_blame(w, CAUSE_SCHED_EVICTED,
			    "the kernel threw the scheduler out %.1f s into the test: %s",
			    seconds(since(w->body_at, now)), reason);
	else
		watch_blame(w, CAUSE_SCHED_DIED,
			    "the scheduler's process ended %.1f s into the test: %s",
			    seconds(since(w->body_at, now)), end.how);
}

static void take_exit(struct watch *w, const struct frame *f, uint64_t now)
{
	if (f->len != sizeof(w->exit) || w->have_exit)
		return;
	memcpy(&w->exit, f->payload, sizeof(w->exit));
	w->have_exit = true;
	w->exit_at = now;
	w->phase = WATCH_ENDING;
	if (w->exit.kind == EXIT_KIND_TIMEOUT)
		watch_blame(w, CAUSE_TIMEOUT, "still running after %.1f s, its time limit",
			    seconds(since(w->body_at, now)));
}

static void give_output(struct watch *w, enum watch_stream s, const struct frame *f)
{
	if (w->on_output)
		w->on_output(w->ctx, s, f->payload, f->len);
	else
		append_bounded(&w->output, f->payload, f->len, OUTPUT_MAX);
}

/* No guest lives this long; what claims to is not believed. */
#define CLOCK_MAX (UINT64_C(1) << 60)

static void set_clock(struct watch *w, const struct frame *f)
{
	struct hello_msg hello;
	struct stage_msg stage;
	struct beat_msg beat;
	uint64_t told = 0;

	if (f->type == FRAME_HELLO && f->len == sizeof(hello)) {
		memcpy(&hello, f->payload, sizeof(hello));
		told = hello.mono_ns;
	} else if (f->type == FRAME_STAGE && f->len == sizeof(stage)) {
		memcpy(&stage, f->payload, sizeof(stage));
		told = stage.mono_ns;
	} else if (f->type == FRAME_BEAT && f->len == sizeof(beat)) {
		memcpy(&beat, f->payload, sizeof(beat));
		told = beat.mono_ns;
	}
	if (told < CLOCK_MAX)
		w->clock = MAX(w->clock, told);
}

static void take_frame(struct watch *w, const struct frame *f, uint64_t now)
{
	if (w->limits.virtual_time) {
		set_clock(w, f);
		now = w->clock;
	}
	w->last_frame_at = now;
	switch (f->type) {
	case FRAME_HELLO:
		take_hello(w, f, now);
		break;
	case FRAME_STAGE:
		take_stage(w, f, now);
		break;
	case FRAME_OUT:
		give_output(w, WATCH_STDOUT, f);
		break;
	case FRAME_ERR:
		give_output(w, WATCH_STDERR, f);
		break;
	case FRAME_NOTE:
		schedule_take_note(&w->schedule, f->payload, f->len);
		give_output(w, WATCH_NOTE, f);
		break;
	case FRAME_SCHED_LOG:
		append_bounded(&w->sched_log, f->payload, f->len, LOG_MAX);
		break;
	case FRAME_SCHED_END:
		take_sched_end(w, f, now);
		break;
	case FRAME_RESULT:
	case FRAME_RESULT | FRAME_MORE:
		append_bounded(&w->result, f->payload, f->len, RESULT_MAX_SIZE);
		break;
	case FRAME_FATAL:
		watch_blame(w, CAUSE_GUEST_SETUP, "in the guest: %.*s", (int)MIN(f->len, 400u),
			    (const char *)f->payload);
		break;
	case FRAME_DIGEST:
		schedule_take_digest(&w->schedule, f->payload, f->len);
		break;
	case FRAME_EVENTS:
		schedule_take_events(&w->schedule, f->payload, f->len);
		break;
	case FRAME_EXIT:
		take_exit(w, f, now);
		break;
	default: /* beats, and types of a newer init */
		break;
	}
}

static void take_frames(struct watch *w, uint64_t now)
{
	struct frame f;

	while (frame_parser_next(&w->parser, &f))
		take_frame(w, &f, now);
}

void watch_link(struct watch *w, const void *data, size_t n, uint64_t now)
{
	frame_parser_feed(&w->parser, data, n);
	take_frames(w, now);
}

void watch_link_closed(struct watch *w, uint64_t now)
{
	if (w->phase != WATCH_OVER && !w->have_exit)
		watch_blame(w, CAUSE_LINK_LOST, "the link to the guest was lost %.1f s after start",
			    seconds(age(w, w->limits.virtual_time ? w->clock : now)));
}

/* ---- the end of the machine ---- */

/* The last console line that says something, for a guest that said nothing else. */
static const char *last_words(struct watch *w, char *buf, size_t cap)
{
	const char *text = buf_str(&w->console), *end = text + strlen(text);

	while (end > text && strchr("\r\n ", end[-1]))
		end--;
	const char *start = end;
	while (start > text && start[-1] != '\n')
		start--;
	if (start == end)
		return "it printed nothing (is this kernel made for this machine? -v lets it say "
		       "more)";
	snprintf(buf, cap, "its last words: %.*s", (int)(end - start), start);
	return buf;
}

static void judge_stop(struct watch *w, const struct vm_stop *stop, uint64_t now)
{
	char words[320], when[40] = "";

	switch (stop->kind) {
	case VM_STOP_BACKEND_DIED:
	case VM_STOP_BACKEND_ERROR:
		watch_blame(w, CAUSE_EMULATOR_DIED, "%s", stop->text);
		return;
	case VM_STOP_KILLED:
		watch_blame(w, CAUSE_HARNESS, "the machine was stopped by ktstr");
		return;
	case VM_STOP_POWEROFF:
	case VM_STOP_RESET:
		break;
	}
	if (!w->limits.virtual_time) /* else nobody told the time */
		snprintf(when, sizeof(when), " %.1f s after start", seconds(age(w, now)));
	if (w->phase == WATCH_BOOTING)
		watch_blame(w, CAUSE_BOOT_FAILED, "the guest ended%s without reaching init; %s",
			    when, last_words(w, words, sizeof(words)));
	else
		watch_blame(w, CAUSE_GUEST_REBOOT, "the guest %s before the test was over; %s",
			    stop->kind == VM_STOP_RESET ? "reset itself" : "switched itself off",
			    last_words(w, words, sizeof(words)));
}

void watch_stopped(struct watch *w, const struct vm_stop *stop, uint64_t now)
{
	/* Behind damage that looked like the head of a long frame there may be whole ones. */
	frame_parser_finish(&w->parser);
	take_frames(w, now);
	if (w->line.len) {
		judge_line(w);
		buf_clear(&w->line);
	}
	if (!w->have_exit)
		judge_stop(w, stop, now);
	w->phase = WATCH_OVER;
	w->over_at = w->limits.virtual_time ? w->clock : now;
}

void watch_give_up(struct watch *w, enum cause c, const char *why)
{
	char words[320];

	if (w->phase == WATCH_BOOTING && c == CAUSE_GUEST_HANG)
		watch_blame(w, CAUSE_BOOT_FAILED, "init was never reached: %s; %s", why,
			    last_words(w, words, sizeof(words)));
	else
		watch_blame(w, c, "%s", why);
}

/* ---- limits ---- */

/* When the present phase has lasted too long; UINT64_MAX = never. */
static uint64_t phase_end(const struct watch *w)
{
	const struct watch_limits *l = &w->limits;
	uint64_t from = 0, limit = 0;

	switch (w->phase) {
	case WATCH_BOOTING:
		from = w->started;
		limit = l->boot;
		break;
	case WATCH_PREPARING:
		from = MAX(w->hello_at, w->attached_at);
		limit = l->boot;
		break;
	case WATCH_ATTACHING:
		from = w->sched_at;
		limit = l->attach;
		break;
	case WATCH_BODY:
		from = w->body_at;
		limit = l->body;
		break;
	case WATCH_ENDING:
		from = MAX(w->body_end_at, w->exit_at);
		limit = l->stop;
		break;
	case WATCH_OVER:
		break;
	}
	return limit ? from + limit : UINT64_MAX;
}

static uint64_t silence_end(const struct watch *w)
{
	if (!w->limits.silence || w->phase == WATCH_BOOTING || w->phase == WATCH_OVER)
		return UINT64_MAX;
	return w->last_frame_at + w->limits.silence;
}

uint64_t watch_deadline(const struct watch *w)
{
	if (w->phase == WATCH_OVER)
		return UINT64_MAX;
	if (w->stop_asked_at)
		return w->stop_asked_at + w->limits.stop;
	/* After a panic the kernel resets by itself; give it a moment to print its story. */
	uint64_t end = MIN(phase_end(w), silence_end(w));
	return w->panic[0] ? MIN(end, w->last_frame_at + 2 * w->limits.stop) : end;
}

/* In virtual time how far beyond its limit a phase was seen is chance, and not told. */
static uint64_t overdue(const struct watch *w, uint64_t from, uint64_t limit, uint64_t now)
{
	return w->limits.virtual_time ? limit : since(from, now);
}

static void blame_phase(struct watch *w, uint64_t now)
{
	char words[320];

	switch (w->phase) {
	case WATCH_BOOTING:
		watch_blame(w, CAUSE_BOOT_FAILED, "no sign of init within %.0f s; %s",
			    seconds(w->limits.boot), last_words(w, words, sizeof(words)));
		break;
	case WATCH_PREPARING:
		watch_blame(w, CAUSE_GUEST_SETUP, "ktstr-init did not get ready within %.0f s",
			    seconds(w->limits.boot));
		break;
	case WATCH_ATTACHING:
		watch_blame(w, CAUSE_SCHED_NO_ATTACH, "the scheduler did not attach within %.1f s",
			    seconds(overdue(w, w->sched_at, w->limits.attach, now)));
		break;
	case WATCH_BODY:
		watch_blame(w, CAUSE_TIMEOUT, "still running after %.1f s, its time limit",
			    seconds(overdue(w, w->body_at, w->limits.body, now)));
		break;
	case WATCH_ENDING:
	case WATCH_OVER:
		break;
	}
}

enum watch_action watch_tick(struct watch *w, uint64_t now)
{
	/* See EXIT_ACK_MS: the guest keeps what it sent until it knows that it was read. */
	if (w->have_exit && !w->exit_answered) {
		w->exit_answered = true;
		return WATCH_ASK_STOP;
	}
	if (now < watch_deadline(w))
		return WATCH_GO_ON;
	if (w->stop_asked_at)
		return WATCH_KILL;
	/* Of two limits that have passed, the first one counts. */
	if (now >= silence_end(w) && silence_end(w) <= phase_end(w)) {
		watch_blame(w, CAUSE_GUEST_HANG, "the guest hangs: no sign of life for %.1f s",
			    seconds(overdue(w, w->last_frame_at, w->limits.silence, now)));
		return WATCH_KILL;
	}
	blame_phase(w, now);
	if (w->phase == WATCH_BOOTING || w->phase == WATCH_ENDING || w->panic[0] ||
	    w->limits.virtual_time)
		return WATCH_KILL;
	w->stop_asked_at = now;
	return WATCH_ASK_STOP;
}
