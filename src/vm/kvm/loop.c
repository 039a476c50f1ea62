/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vm_next(): the loop that serves the devices. Every wake-up is an event: a guest's notification, a
 * vCPU thread's word, console bytes that are old enough, a watched descriptor.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "vm/kvm/kvm.h"
#include "vm/kvm/mutex.h"

#define SECOND_NS 1000000000ull

static const enum vm_event_kind stream_kinds[CONSOLE_PORTS] = {
	[CONSOLE_TTY] = VM_EVENT_TTY,
	[CONSOLE_LINK] = VM_EVENT_LINK,
};

void kvm_wake(struct kvm_vm *k)
{
	eventfd_write(k->wake, 1);
}

int kvm_loop_add(struct kvm_vm *k, int fd, uint64_t token, struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = token };

	if (epoll_ctl(k->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		return err_sys(e, -errno, "watching descriptor %d", fd);
	return 0;
}

int kvm_watch(struct vm *vm, int fd, bool on, struct err *e)
{
	struct kvm_vm *k = kvm_of(vm);

	if (on)
		return kvm_loop_add(k, fd, TOKEN_WATCHED | (uint32_t)fd, e);
	if (epoll_ctl(k->epoll, EPOLL_CTL_DEL, fd, NULL) < 0)
		return err_sys(e, -errno, "watching descriptor %d", fd);
	return 0;
}

static bool report_bytes(struct kvm_vm *k, enum vm_event_kind kind, size_t n, struct vm_event *ret)
{
	if (!n)
		return false;
	*ret = (struct vm_event){ .kind = kind, .data = k->chunk, .len = n, .fd = -1 };
	k->had_turn = true;
	return true;
}

static size_t take_console(struct kvm_vm *k)
{
	size_t n = 0;

	LOCKED(&k->bus.lock);
	for (uint32_t i = 0; i < ARRAY_SIZE(k->serial); i++)
		n += uart_take(&k->serial[i].uart, k->chunk + n, sizeof(k->chunk) - n);
	return n;
}

static bool report_news(struct kvm_vm *k, struct vm_event *ret)
{
	if (report_bytes(k, VM_EVENT_CONSOLE, take_console(k), ret))
		return true;
	for (uint32_t port = 0; port < CONSOLE_PORTS; port++)
		if (report_bytes(k, stream_kinds[port], kvm_stream_take(k, port), ret))
			return true;
	return false;
}

/* Devices work under the lock; what they have to say meanwhile the loop sees by itself. */
static void serve(struct kvm_vm *k, struct kvm_slot *s, uint32_t queue)
{
	k->in_loop = true;
	virtio_mmio_kick(s->mmio, (uint16_t)queue);
	kvm_streams_push(k);
	k->in_loop = false;
}

/* One round through what devices had left over; true if there is still more. */
static bool serve_pending(struct kvm_vm *k)
{
	bool more = false;

	LOCKED(&k->bus.lock);
	for (uint32_t i = 0; i < ARRAY_SIZE(k->slot); i++) {
		struct kvm_slot *s = &k->slot[i];
		uint32_t pending = s->mmio ? virtio_mmio_pending(s->mmio) : 0;

		for (uint32_t q = 0; pending >> q; q++)
			if (pending >> q & 1)
				serve(k, s, q);
		more |= s->mmio && virtio_mmio_pending(s->mmio);
	}
	return more;
}

static void serve_all(struct kvm_vm *k)
{
	LOCKED(&k->bus.lock);
	for (uint32_t i = 0; i < ARRAY_SIZE(k->slot); i++)
		for (uint32_t q = 0; k->slot[i].mmio && q < k->slot[i].mmio->type->nr_queues; q++)
			serve(k, &k->slot[i], q);
}

/* The guest is no more: what it notified last may not have been looked at. */
static void serve_rest(struct kvm_vm *k)
{
	serve_all(k);
	while (serve_pending(k))
		continue;
}

static bool find_broken(struct kvm_vm *k, struct vm_stop *ret)
{
	LOCKED(&k->bus.lock);
	for (uint32_t i = 0; i < ARRAY_SIZE(k->slot); i++) {
		const char *text = k->slot[i].mmio ? virtio_mmio_broken(k->slot[i].mmio) : NULL;

		if (!text)
			continue;
		*ret = (struct vm_stop){ .kind = VM_STOP_BACKEND_ERROR };
		snprintf(ret->text, sizeof(ret->text), "the guest broke a device: %s", text);
		return true;
	}
	return false;
}

/* A guest that broke a device cannot be judged by what it does from there on. */
static void end_if_broken(struct kvm_vm *k)
{
	struct vm_stop why;

	if (find_broken(k, &why))
		crew_end(&k->crew, &why);
}

static bool report_link_ready(struct kvm_vm *k, struct vm_event *ret)
{
	LOCKED(&k->bus.lock);

	if (!k->link_ready_due)
		return false;
	k->link_ready_due = false;
	*ret = (struct vm_event){ .kind = VM_EVENT_LINK_READY, .fd = -1 };
	return true;
}

static bool report_end(struct kvm_vm *k, struct vm_event *ret)
{
	struct vm_stop why;

	if (!crew_gone(&k->crew, &why))
		return false;
	serve_rest(k);
	if (report_news(k, ret))
		return true;
	*ret = (struct vm_event){ .kind = VM_EVENT_STOPPED, .fd = -1, .stop = why };
	return true;
}

static bool report(struct kvm_vm *k, struct vm_event *ret)
{
	return report_news(k, ret) || report_end(k, ret) || report_link_ready(k, ret);
}

static void drain_event(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		continue;
}

static bool on_ready(struct kvm_vm *k, uint64_t token, struct vm_event *ret)
{
	if (token & TOKEN_WATCHED) {
		*ret = (struct vm_event){ .kind = VM_EVENT_WATCHED, .fd = (int)(uint32_t)token };
		return true;
	}
	if (token == TOKEN_WAKE) {
		drain_event(k->wake);
		LOCKED(&k->bus.lock);
		kvm_streams_push(k);
	} else if (token == TOKEN_CONSOLE) {
		drain_event(k->timer);
	} else {
		uint64_t n = token - TOKEN_QUEUES;
		struct kvm_slot *s = &k->slot[n / VIRTIO_MAX_QUEUES];

		drain_event(s->kick[n % VIRTIO_MAX_QUEUES]);
		LOCKED(&k->bus.lock);
		serve(k, s, n % VIRTIO_MAX_QUEUES);
	}
	return false;
}

/* Returns 1 with an event, 0 when @deadline_ns has passed. */
static int wait_ready(struct kvm_vm *k, uint64_t deadline_ns, struct epoll_event *ret)
{
	uint64_t now = now_ns();
	uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
	struct timespec ts = { (time_t)(left / SECOND_NS), (long)(left % SECOND_NS) };
	int r = epoll_pwait2(k->epoll, ret, 1, &ts, NULL);

	if (r < 0 && errno == EINTR)
		return 0;
	return r < 0 ? -errno : r;
}

int kvm_next(struct vm *vm, uint64_t deadline_ns, struct vm_event *ret, struct err *e)
{
	struct kvm_vm *k = kvm_of(vm);
	struct epoll_event ev;

	for (;;) {
		bool others_turn = k->had_turn, more = serve_pending(k);

		end_if_broken(k);
		k->had_turn = false;
		if (!others_turn && report(k, ret))
			return 0;
		int r = wait_ready(k, others_turn || more ? 0 : deadline_ns, &ev);
		if (r < 0)
			return err_sys(e, r, "waiting for the machine");
		if (r > 0 && on_ready(k, ev.data.u64, ret))
			return 0;
		if (!others_turn && now_ns() >= deadline_ns)
			break;
	}
	if (!report(k, ret))
		*ret = (struct vm_event){ .kind = VM_EVENT_NONE, .fd = -1 };
	return 0;
}
