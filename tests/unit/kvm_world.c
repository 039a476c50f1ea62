/* SPDX-License-Identifier: GPL-2.0-only */
#include "kvm_world.h"

#include <errno.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "mini_kernel.h"

static void complete(struct guest_cpu *c, const struct kvm_run *run)
{
	if (c->reading)
		memcpy(&c->got, run->mmio.data, sizeof(c->got));
	c->reading = false;
}

static bool told_to_exit(struct kvm_run *run)
{
	return __atomic_load_n(&run->immediate_exit, __ATOMIC_SEQ_CST);
}

/* As in the kernel, a signal that is pending or comes later ends it. */
static int compute(struct world *w, struct kvm_run *run)
{
	sigset_t kick, before;

	sigemptyset(&kick);
	sigaddset(&kick, CREW_SIGNAL);
	pthread_sigmask(SIG_BLOCK, &kick, &before);
	__atomic_add_fetch(&w->computing, 1, __ATOMIC_SEQ_CST);
	sem_post(&w->busy);
	if (!told_to_exit(run))
		ppoll(NULL, 0, NULL, &before);
	__atomic_sub_fetch(&w->computing, 1, __ATOMIC_SEQ_CST);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -EINTR;
}

static int take_step(struct guest_cpu *c, struct kvm_run *run)
{
	const struct step *s = &c->step[c->at++];

	run->exit_reason = s->exit;
	if (s->exit == KVM_EXIT_MMIO) {
		run->mmio.phys_addr = s->gpa;
		run->mmio.len = s->len;
		run->mmio.is_write = s->is_write;
		memset(run->mmio.data, 0, sizeof(run->mmio.data));
		memcpy(run->mmio.data, &s->value, sizeof(s->value));
		c->reading = !s->is_write;
	} else if (s->exit == KVM_EXIT_SYSTEM_EVENT) {
		run->system_event.type = s->value;
	} else if (s->exit == KVM_EXIT_INTERNAL_ERROR) {
		run->internal.suberror = s->value;
	}
	return s->error;
}

static long run_guest(struct kvm_fake *f, uint32_t cpu, struct kvm_run *run)
{
	struct world *w = f->run_ctx;
	struct guest_cpu *c = &w->cpu[cpu];

	complete(c, run);
	if (told_to_exit(run))
		return -EINTR;
	return c->at < c->nr ? take_step(c, run) : compute(w, run);
}

int world_set_up(void **state)
{
	SCOPED(buf_fini) struct buf image = { 0 };
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->fake = kvm_fake_create();
	w->fake->run = run_guest;
	w->fake->run_ctx = w;
	sem_init(&w->busy, 0, 0);
	mini_image(&image);
	w->kernel = anon_file("kernel", NULL);
	assert_int_equal(write_full(w->kernel, image.at, image.len), 0);
	snprintf(w->kernel_path, sizeof(w->kernel_path), "/proc/self/fd/%d", w->kernel);
	*state = w;
	return 0;
}

int world_tear_down(void **state)
{
	struct world *w = *state;
	char leak[200];

	vm_destroy(w->vm);
	assert_string_equal(w->fake->broken, "");
	assert_string_equal(kvm_fake_leak(w->fake, leak, sizeof(leak)), "");
	kvm_fake_destroy(w->fake);
	close_fd(&w->kernel);
	sem_destroy(&w->busy);
	free(w);
	return 0;
}
struct vm_config world_config(const struct world *w, uint32_t cpus)
{
	return (struct vm_config){
		.arch = ARCH_ARM64,
		.topo = { 1, 1, cpus, 1 },
		.memory_bytes = 64 << 20,
		.kernel_path = w->kernel_path,
		.initrd_fd = -1,
	};
}

void world_create(struct world *w, uint32_t cpus)
{
	struct vm_config cfg = world_config(w, cpus);
	struct err e = { 0 };

	if (kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e) < 0)
		fail_msg("%s", e.text);
}

void world_start(struct world *w, uint32_t cpus)
{
	world_create(w, cpus);
	assert_int_equal(vm_start(w->vm, NULL), 0);
}

void world_await_busy(struct world *w, uint32_t times)
{
	while (times--)
		sem_wait(&w->busy);
}

struct vm_event world_next(struct world *w)
{
	struct vm_event ev;

	assert_int_equal(vm_next(w->vm, now_ns() + LONG_NS, &ev, NULL), 0);
	return ev;
}

struct vm_stop world_stopped(struct world *w)
{
	struct vm_event ev = world_next(w);

	assert_int_equal(ev.kind, VM_EVENT_STOPPED);
	return ev.stop;
}
