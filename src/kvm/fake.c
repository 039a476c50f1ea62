/* SPDX-License-Identifier: GPL-2.0-only */
#include "kvm/fake.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>

#include "base/io.h"
#include "kvm/fake_parts.h"

#define FIRST_FD 100000 /* no descriptor of the process */
#define MAX_THINGS 4096

int fake_begin(struct kvm_fake *f, const char *verb)
{
	struct fake_fault *w = &f->fault;

	if ((int)f->nr_calls++ == f->fail_at) {
		f->failed = verb;
		return -f->fail_code;
	}
	if (!w->verb || strcmp(w->verb, verb) != 0)
		return 0;
	if (w->after) {
		w->after--;
		return 0;
	}
	if (!w->times)
		return 0;
	w->times--;
	return -w->code;
}

static void put_line(struct kvm_fake *f, const char *verb, const char *text, long r)
{
	buf_printf(&f->trace, "%s%s%s", verb, text[0] ? " " : "", text);
	if (r < 0)
		buf_printf(&f->trace, " ! %s", strerrorname_np((int)-r));
	buf_printf(&f->trace, "\n");
}

long fake_end(struct kvm_fake *f, const char *verb, long r, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_line(f, verb, text, r);
	return r;
}

void fake_break(struct kvm_fake *f, const char *fmt, ...)
{
	va_list ap;

	if (f->broken[0])
		return;
	va_start(ap, fmt);
	vsnprintf(f->broken, sizeof(f->broken), fmt, ap);
	va_end(ap);
}

struct fake_thing *fake_find(struct kvm_fake *f, int fd)
{
	for (uint32_t i = f->nr_things; i-- > 0;)
		if (f->thing[i].fd == fd && f->thing[i].open)
			return &f->thing[i];
	return NULL;
}

int fake_add(struct kvm_fake *f, enum fake_kind kind, uint32_t nr, int fd, const char *name)
{
	assert(f->nr_things < MAX_THINGS);
	struct fake_thing *t = &f->thing[f->nr_things];

	*t = (struct fake_thing){ kind, fd < 0 ? FIRST_FD + (int)f->nr_things : fd, nr, true, "" };
	snprintf(t->name, sizeof(t->name), "%s", name);
	f->nr_things++;
	return t->fd;
}

bool fake_vm_lives(const struct kvm_fake *f)
{
	for (uint32_t i = 0; i < f->nr_things; i++)
		if (f->thing[i].open && f->thing[i].kind >= FAKE_VM &&
		    f->thing[i].kind <= FAKE_STATS)
			return true;
	for (uint32_t i = 0; i < f->nr_mappings; i++)
		if (f->mapping[i].live && f->mapping[i].use == FAKE_RUN)
			return true;
	return false;
}

const char *fake_where(const struct kvm_fake *f, const void *p, char *buf, size_t cap)
{
	const uint8_t *at = p;

	for (uint32_t i = f->nr_mappings; i-- > 0;) {
		const struct fake_mapping *m = &f->mapping[i];

		if (!m->live || m->use != FAKE_RAM || at < m->at || at >= m->at + m->n)
			continue;
		/* from the first page of guest memory, wherever the reservation had to begin */
		const uint8_t *first = m->at;
		for (uint32_t j = 0; j < f->nr_mappings; j++)
			if (f->mapping[j].live && f->mapping[j].use == FAKE_RAM)
				first = MIN(first, (const uint8_t *)f->mapping[j].at);
		snprintf(buf, cap, "ram+0x%zx", (size_t)(at - first));
		return buf;
	}
	return p ? "elsewhere" : "anywhere";
}

/* The calls. Each holds the lock from begin to end. */

static int call_open(void *ctx, const char *path, int flags)
{
	struct kvm_fake *f = ctx;
	bool kvm = !strcmp(path, "/dev/kvm");
	int fd = -1;

	pthread_mutex_lock(&f->lock);
	int r = fake_begin(f, "open");
	if (!r && !kvm) {
		fd = open(path, flags | O_CLOEXEC);
		r = fd < 0 ? -errno : 0;
	}
	if (!r)
		r = fake_add(f, kvm ? FAKE_KVM : FAKE_FILE, 0, fd, kvm ? "kvm" : "file");
	fake_end(f, "open", r, "%s", kvm ? path : "file");
	pthread_mutex_unlock(&f->lock);
	return r;
}

/* The rules of vmm.md 1.3 that a close can break. */
static void check_close(struct kvm_fake *f, const struct fake_thing *t)
{
	for (uint32_t i = 0; t->kind == FAKE_KVM && i < f->nr_things; i++)
		if (f->thing[i].open && f->thing[i].kind != FAKE_EVENTFD && &f->thing[i] != t)
			fake_break(f, "kvm closed before %s", f->thing[i].name);
	for (uint32_t i = 0; i < f->nr_mappings; i++) {
		const struct fake_mapping *m = &f->mapping[i];

		if (m->live && m->use == FAKE_OVERLAY && &f->thing[m->thing] == t)
			fake_break(f, "%s released while it is mapped", t->name);
	}
}

static int call_close(void *ctx, int fd)
{
	struct kvm_fake *f = ctx;

	pthread_mutex_lock(&f->lock);
	struct fake_thing *t = fake_find(f, fd);
	if (t) {
		check_close(f, t);
		t->open = false;
		fake_end(f, "close", 0, "%s", t->name);
		if (t->fd < FIRST_FD)
			close_fd(&fd);
	} else {
		fake_break(f, "close of %d, which is not open", fd);
	}
	pthread_mutex_unlock(&f->lock);
	return t ? 0 : -EBADF;
}

static long call_ioctl(void *ctx, int fd, unsigned long req, void *arg)
{
	struct kvm_fake *f = ctx;
	long r = -EBADF;

	pthread_mutex_lock(&f->lock);
	struct fake_thing *t = fake_find(f, fd);
	if (t)
		r = fake_ioctl(f, t, req, arg);
	else
		fake_break(f, "ioctl on %d, which is not open", fd);
	pthread_mutex_unlock(&f->lock);
	return r;
}

static struct fake_mapping *reservation_of(struct kvm_fake *f, const uint8_t *at, size_t n)
{
	for (uint32_t i = 0; i < f->nr_mappings; i++) {
		struct fake_mapping *m = &f->mapping[i];

		if (m->live && m->use == FAKE_RESERVED && at >= m->at && n <= m->n &&
		    at + n <= m->at + m->n)
			return m;
	}
	return NULL;
}

static enum fake_use use_of(int prot, int flags, const struct fake_thing *t)
{
	if (flags & MAP_FIXED)
		return t && t->kind == FAKE_FILE ? FAKE_OVERLAY : FAKE_RAM;
	if (t && t->kind == FAKE_VCPU)
		return FAKE_RUN;
	return prot == PROT_NONE ? FAKE_RESERVED : FAKE_PLAIN;
}

static const struct fake_thing *thing_of(const struct kvm_fake *f, const struct fake_mapping *m)
{
	return m->thing == UINT32_MAX ? NULL : &f->thing[m->thing];
}

/* Another file in the place of guest memory; the same one again is what it was. */
static void replace_ram(struct kvm_fake *f, const uint8_t *at, size_t n, const struct fake_thing *t)
{
	for (uint32_t i = 0; i < f->nr_mappings; i++) {
		struct fake_mapping *m = &f->mapping[i];

		if (!m->live || m->use != FAKE_RAM || m->at + m->n <= at || at + n <= m->at)
			continue;
		if (thing_of(f, m) != t && fake_is_slot(f, at, n) && fake_vm_lives(f))
			fake_break(f, "guest memory replaced while the VM lives");
		if (m->at >= at && m->at + m->n <= at + n)
			m->live = false;
	}
}

static void *do_mmap(struct kvm_fake *f, void *at, size_t n, int prot, int flags,
		     struct fake_thing *t, off_t off)
{
	enum fake_use use = use_of(prot, flags, t);
	bool real = t && t->fd < FIRST_FD;

	if ((flags & MAP_FIXED) && !reservation_of(f, at, n))
		fake_break(f, "a mapping outside of every reservation");
	if (use == FAKE_RAM)
		replace_ram(f, at, n, t);
	if (!real)
		flags = MAP_PRIVATE | MAP_ANONYMOUS | (flags & MAP_FIXED);
	void *p = mmap(at, n, prot, flags, real ? t->fd : -1, real ? off : 0);
	if (p == MAP_FAILED)
		return kvm_bad_ptr(-errno);
	assert(f->nr_mappings < MAX_THINGS);
	f->mapping[f->nr_mappings++] =
		(struct fake_mapping){ p, n, use, true, t ? (uint32_t)(t - f->thing) : UINT32_MAX };
	return p;
}

static void *call_mmap(void *ctx, void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	static const char *const uses[] = { "reserve", "ram", "overlay", "run", "plain" };
	struct kvm_fake *f = ctx;
	char where[40];

	pthread_mutex_lock(&f->lock);
	struct fake_thing *t = fd < 0 ? NULL : fake_find(f, fd);
	enum fake_use use = use_of(prot, flags, t);
	if (fd >= 0 && !t)
		fake_break(f, "mmap of %d, which is not open", fd);
	int r = fake_begin(f, "mmap");
	void *p = r ? kvm_bad_ptr(r) : do_mmap(f, at, n, prot, flags, t, off);
	if (use == FAKE_RAM || use == FAKE_OVERLAY)
		fake_end(f, "mmap", kvm_is_bad(p) ? kvm_bad(p) : 0, "%s 0x%zx %s+0x%llx at %s",
			 uses[use], n, t ? t->name : "?", (unsigned long long)off,
			 fake_where(f, at, where, sizeof(where)));
	else
		fake_end(f, "mmap", kvm_is_bad(p) ? kvm_bad(p) : 0, "%s 0x%zx%s%s", uses[use], n,
			 t ? " " : "", t ? t->name : "");
	pthread_mutex_unlock(&f->lock);
	return p;
}

static int call_munmap(void *ctx, void *at, size_t n)
{
	struct kvm_fake *f = ctx;
	struct fake_mapping *found = NULL;

	pthread_mutex_lock(&f->lock);
	for (uint32_t i = 0; i < f->nr_mappings; i++) {
		struct fake_mapping *m = &f->mapping[i];

		if (!m->live || m->at < (uint8_t *)at || m->at + m->n > (uint8_t *)at + n)
			continue;
		if (m->use != FAKE_RUN && fake_is_slot(f, m->at, m->n) && fake_vm_lives(f))
			fake_break(f, "guest memory unmapped while the VM lives");
		if (m->at == at && m->n == n && m->use != FAKE_RAM)
			found = m;
		m->live = false;
	}
	if (!found)
		fake_break(f, "munmap of what is not mapped");
	fake_end(f, "munmap", 0, "%s",
		 !found			       ? "?"
		 : found->use == FAKE_RESERVED ? "reserved"
		 : found->use == FAKE_RUN      ? f->thing[found->thing].name
					       : "plain");
	munmap(at, n);
	pthread_mutex_unlock(&f->lock);
	return 0;
}

static int add_real(struct kvm_fake *f, const char *verb, enum fake_kind kind, const char *name,
		    const char *how, int (*make)(const void *arg), const void *arg)
{
	pthread_mutex_lock(&f->lock);
	int r = fake_begin(f, verb), fd = r ? -1 : make(arg);

	if (!r)
		r = fd < 0 ? -errno : fake_add(f, kind, 0, fd, name);
	fake_end(f, verb, r, "%s", how);
	pthread_mutex_unlock(&f->lock);
	return r;
}

struct eventfd_args {
	unsigned int init;
	int flags;
};

static int make_eventfd(const void *arg)
{
	const struct eventfd_args *a = arg;

	return kvm_real.eventfd(NULL, a->init, a->flags);
}

static int call_eventfd(void *ctx, unsigned int init, int flags)
{
	return add_real(ctx, "eventfd", FAKE_EVENTFD, "eventfd", "", make_eventfd,
			&(struct eventfd_args){ init, flags });
}

static int make_memfd(const void *name)
{
	return kvm_real.memfd(NULL, name, 0);
}

static int call_memfd(void *ctx, const char *name, unsigned int flags)
{
	return add_real(ctx, "memfd", FAKE_MEMFD, "memfd",
			flags & MFD_HUGETLB ? "huge" : "ordinary", make_memfd, name);
}

static int call_ftruncate(void *ctx, int fd, off_t n)
{
	struct kvm_fake *f = ctx;

	pthread_mutex_lock(&f->lock);
	int r = fake_begin(f, "ftruncate");
	if (!r)
		r = kvm_real.ftruncate(NULL, fd, n);
	fake_end(f, "ftruncate", r, "memfd 0x%llx", (unsigned long long)n);
	pthread_mutex_unlock(&f->lock);
	return r;
}

static int call_mbind(void *ctx, void *at, size_t n, uint64_t nodes)
{
	struct kvm_fake *f = ctx;
	char where[40];

	pthread_mutex_lock(&f->lock);
	int r = fake_begin(f, "mbind");
	fake_end(f, "mbind", r, "%s 0x%zx nodes 0x%llx", fake_where(f, at, where, sizeof(where)), n,
		 (unsigned long long)nodes);
	pthread_mutex_unlock(&f->lock);
	return r;
}

static int call_madvise(void *ctx, void *at, size_t n, int advice)
{
	struct kvm_fake *f = ctx;
	char where[40];

	pthread_mutex_lock(&f->lock);
	int r = fake_begin(f, "madvise");
	fake_end(f, "madvise", r, "%s 0x%zx %s", fake_where(f, at, where, sizeof(where)), n,
		 advice == MADV_HUGEPAGE ? "hugepage" : "populate");
	pthread_mutex_unlock(&f->lock);
	return r;
}

static ssize_t call_pread(void *ctx, int fd, void *buf, size_t n, off_t off)
{
	struct kvm_fake *f = ctx;

	pthread_mutex_lock(&f->lock);
	struct fake_thing *t = fake_find(f, fd);
	ssize_t r = fake_begin(f, "pread");
	if (!r && (!t || t->kind != FAKE_STATS || off))
		r = -EBADF;
	if (!r)
		r = fake_stats(f, t, buf, n);
	fake_end(f, "pread", MIN(r, 0), "%s", t ? t->name : "?");
	pthread_mutex_unlock(&f->lock);
	return r;
}

static int call_flock(void *ctx, int fd, int operation)
{
	struct kvm_fake *f = ctx;
	bool unlock = operation == LOCK_UN;

	pthread_mutex_lock(&f->lock);
	int r = unlock ? 0 : fake_begin(f, "flock");
	if (!r)
		r = kvm_real.flock(NULL, fd, operation);
	fake_end(f, "flock", r, "file %s", unlock ? "unlock" : "shared");
	pthread_mutex_unlock(&f->lock);
	return r;
}

static int read_cache(const struct kvm_fake *f, const char *path, char *buf, size_t cap)
{
	unsigned int index;
	char what[8];

	if (sscanf(path, "/fake/cache/index%u/%7s", &index, what) != 2 ||
	    index >= ARRAY_SIZE(f->host.cache) || !f->host.cache[index][0])
		return -ENOENT;
	return snprintf(buf, cap, "%s", f->host.cache[index][what[0] == 't']);
}

static int read_setting(const struct kvm_fake *f, const char *path, char *buf, size_t cap)
{
	if (strstr(path, "/free_hugepages"))
		return snprintf(buf, cap, "%llu", (unsigned long long)f->host.free_huge_pages);
	if (strstr(path, "/transparent_hugepage/enabled"))
		return snprintf(buf, cap, "%s", f->host.thp);
	if (strstr(path, "/shmem_enabled"))
		return snprintf(buf, cap, "%s", f->host.thp_files);
	return read_cache(f, path, buf, cap);
}

static int call_read_line(void *ctx, const char *path, char *buf, size_t cap)
{
	struct kvm_fake *f = ctx;

	pthread_mutex_lock(&f->lock);
	int r = fake_begin(f, "read_line");
	if (!r)
		r = read_setting(f, path, buf, cap);
	fake_end(f, "read_line", MIN(r, 0), "%s", path);
	pthread_mutex_unlock(&f->lock);
	return r;
}

static int call_sleep_ns(void *ctx, uint64_t ns)
{
	struct kvm_fake *f = ctx;

	pthread_mutex_lock(&f->lock);
	f->slept_ns += ns;
	fake_end(f, "sleep", 0, "%llu us", (unsigned long long)ns / 1000);
	pthread_mutex_unlock(&f->lock);
	return 0;
}

void kvm_fake_destroy(struct kvm_fake *f)
{
	if (!f)
		return;
	for (uint32_t i = 0; i < f->nr_things; i++)
		if (f->thing[i].open && f->thing[i].fd < FIRST_FD)
			close_fd(&f->thing[i].fd);
	for (uint32_t i = 0; i < f->nr_mappings; i++)
		if (f->mapping[i].live)
			munmap(f->mapping[i].at, f->mapping[i].n);
	fake_vm_free(f);
	buf_fini(&f->trace);
	pthread_mutex_destroy(&f->lock);
	free(f->thing);
	free(f->mapping);
	free(f);
}

/* A test without memory for its fake ends here. */
struct kvm_fake *kvm_fake_create(void)
{
	struct kvm_fake *f = calloc(1, sizeof(*f));

	assert(f);
	f->thing = calloc(MAX_THINGS, sizeof(*f->thing));
	f->mapping = calloc(MAX_THINGS, sizeof(*f->mapping));
	assert(f->thing && f->mapping);
	f->calls = (struct kvm_calls){ f,
				       call_open,
				       call_close,
				       call_ioctl,
				       call_mmap,
				       call_munmap,
				       call_eventfd,
				       call_memfd,
				       call_ftruncate,
				       call_mbind,
				       call_madvise,
				       call_pread,
				       call_flock,
				       call_read_line,
				       call_sleep_ns };
	f->host = (struct fake_host){
		.immediate_exit = true,
		.pmu = true,
		.ptrauth_address = true,
		.ptrauth_generic = true,
		.steal_time = true,
		.stats = true,
		.ipa_bits = 48,
		.max_vcpus = 512,
		.clidr = 0x09000004, /* one unified level, as KVM makes it up; LoUU 1, LoC 1 */
		.thp = "always madvise [never]",
		.thp_files = "always within_size advise [never] deny force",
		.cache = { { "1", "Data" }, { "1", "Instruction" }, { "2", "Unified" } },
	};
	f->fail_at = -1;
	pthread_mutex_init(&f->lock, NULL);
	return f;
}

const char *kvm_fake_leak(struct kvm_fake *f, char *buf, size_t cap)
{
	buf[0] = '\0';
	for (uint32_t i = 0; i < f->nr_things; i++)
		if (f->thing[i].open)
			snprintf(buf, cap, "%s is open", f->thing[i].name);
	for (uint32_t i = 0; i < f->nr_mappings; i++)
		if (f->mapping[i].live)
			snprintf(buf, cap, "mapping of 0x%zx bytes", f->mapping[i].n);
	return buf;
}

const char *kvm_fake_trace(struct kvm_fake *f)
{
	return buf_str(&f->trace);
}

uint32_t kvm_fake_line(struct kvm_fake *f, const char *begin, uint32_t nth)
{
	uint32_t line = 1;

	for (const char *at = kvm_fake_trace(f), *end; (end = strchr(at, '\n'));
	     at = end + 1, line++)
		if (!strncmp(at, begin, strlen(begin)) && nth-- == 0)
			return line;
	return 0;
}

uint32_t kvm_fake_count(struct kvm_fake *f, const char *begin)
{
	uint32_t n = 0;

	while (kvm_fake_line(f, begin, n))
		n++;
	return n;
}
