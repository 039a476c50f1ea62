/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/watch.h"

#include <string.h>
#include <sys/wait.h>

#include "abi/frame.h"
#include "base/scoped.h"

void watch_fini(struct watch *w)
{
	buf_fini(&w->reason);
}

void watch_start(struct watch *w, uint64_t now, uint64_t timeout_ns)
{
	w->state = WATCH_STARTING;
	w->deadline = now + timeout_ns;
}

void watch_stop(struct watch *w)
{
	if (w->state != WATCH_OFF)
		w->state = WATCH_STOPPING;
}

static bool is_watching(const struct watch *w)
{
	return w->state == WATCH_STARTING || w->state == WATCH_ATTACHED ||
	       w->state == WATCH_CLOSING;
}

static void close_in(struct watch *w, uint64_t now, uint64_t grace_ns)
{
	if (w->state == WATCH_CLOSING)
		return;
	w->in_attach = w->state == WATCH_STARTING;
	w->state = WATCH_CLOSING;
	w->deadline = now + grace_ns;
}

static void kernel_has_it(struct watch *w)
{
	if (w->state == WATCH_STARTING)
		w->state = WATCH_ATTACHED;
}

static void add_reason(struct watch *w, const char *separator, struct scx_text t)
{
	size_t room = WATCH_REASON_MAX - MIN(w->reason.len, (size_t)WATCH_REASON_MAX);

	if (!room)
		return;
	if (w->reason.len)
		buf_puts(&w->reason, separator);
	buf_put(&w->reason, t.what, MIN(t.len, room));
}

/* The scheduler's own doing, or what its death brings with it: the process tells the story then. */
static bool is_from_user_space(struct scx_text t)
{
	static const char user[] = "unregistered from user space";

	return t.len == strlen(user) && !memcmp(t.what, user, t.len);
}

void watch_kmsg(struct watch *w, uint64_t now, const struct kmsg_record *r)
{
	struct scx_text t = { 0 };

	if (!is_watching(w))
		return;
	switch (scx_line_parse(r, &t)) {
	case SCX_LINE_ENABLED:
		kernel_has_it(w);
		break;
	case SCX_LINE_DISABLED:
		if (!is_from_user_space(t))
			add_reason(w, "; ", t);
		w->kernel_said = true;
		close_in(w, now, WATCH_CLOSING_NS);
		break;
	case SCX_LINE_TEXT:
		add_reason(w, w->kernel_said ? ": " : "; ", t);
		break;
	case SCX_LINE_OTHER:
		break;
	}
}

void watch_kernel_state(struct watch *w, uint64_t now, const char *state)
{
	if (!strcmp(state, "enabled"))
		kernel_has_it(w);
	else if (w->state == WATCH_ATTACHED)
		close_in(w, now, WATCH_CLOSING_NS);
	/* The kernel gets there after it has written its last line. */
	if (w->state == WATCH_CLOSING && !strcmp(state, "disabled"))
		w->kernel_let_go = true;
}

void watch_process_ended(struct watch *w, uint64_t now, int status)
{
	if (!is_watching(w))
		return;
	w->process_ended = true;
	w->status = status;
	close_in(w, now, WATCH_CLOSING_NS);
}

enum watch_event watch_next(struct watch *w, uint64_t now, bool log_closed)
{
	bool reached = w->state >= WATCH_ATTACHED && w->state <= WATCH_CLOSING && !w->in_attach;

	if (reached && !w->told_attached) {
		w->told_attached = true;
		return WATCH_IS_ATTACHED;
	}
	if (w->state == WATCH_STARTING && now >= w->deadline)
		close_in(w, now, 0);
	if (w->state != WATCH_CLOSING)
		return WATCH_NOTHING;
	bool complete = w->process_ended && w->kernel_let_go && log_closed;
	if (!complete && now < w->deadline)
		return WATCH_NOTHING;
	w->state = WATCH_OVER;
	return WATCH_IS_OVER;
}

static void put_process(const struct watch *w, struct buf *out)
{
	if (!w->process_ended)
		buf_puts(out, ",\"alive\":true");
	else if (WIFSIGNALED(w->status))
		buf_printf(out, ",\"signal\":%d", WTERMSIG(w->status));
	else
		buf_printf(out, ",\"exited\":%d", WEXITSTATUS(w->status));
}

static void put_all(const struct watch *w, int pid, const char *dump, size_t len, struct buf *out)
{
	SCOPED(buf_fini) struct buf cut = { 0 };

	buf_put(&cut, dump, len);
	buf_printf(out, "{\"during\":\"%s\",\"pid\":%d", w->in_attach ? "attach" : "test", pid);
	put_process(w, out);
	buf_puts(out, ",\"kernel_reason\":");
	buf_json_str(out, buf_str(&w->reason));
	buf_puts(out, ",\"dump\":");
	buf_json_str(out, buf_str(&cut));
	buf_puts(out, "}");
}

void watch_report(const struct watch *w, int pid, const char *dump, struct buf *out)
{
	size_t len = strnlen(dump, FRAME_MAX_PAYLOAD);

	put_all(w, pid, dump, len, out);
	/* Escaping makes text longer, by an amount that depends on the text. */
	while (out->len > FRAME_MAX_PAYLOAD && len) {
		len = len * 7 / 8;
		buf_clear(out);
		put_all(w, pid, dump, len, out);
	}
}
