/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/parcel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "abi/parcel.h"
#include "base/err.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/scoped.h"
#include "guest/cpio.h"
#include "link/job.h"

#define DEVICE "/dev/mem"
#define PAUSE_NS 50000000 /* of the guest's time: it costs nothing */
#define PAUSES_MAX 100
#define SPIN_NS 500000

/* The emulator stops here; that the archive comes in between is nothing a compiler can know. */
__attribute__((noinline, used)) void parcel_wait(void);
void parcel_wait(void)
{
	__asm__ volatile("" ::: "memory");
}

/* Where "here" is, for whoever has the file of this program. */
__asm__(".pushsection .note.ktstr,\"a\",%note\n"
	".balign 4\n"
	".long 6, 8, 1\n"
	".asciz \"ktstr\"\n"
	".balign 4\n"
	".quad parcel_wait\n"
	".popsection\n");

struct range {
	const volatile uint64_t *at;
	size_t size;
};

static void range_fini(struct range *r)
{
	if (r->size)
		munmap((void *)(uintptr_t)r->at, r->size);
}
DEFINE_SCOPED_FINI(struct range, range_fini)

static int map_parcel(const struct job *base, struct range *ret, struct err *e)
{
	SCOPED(close_fd) int fd = -1;
	uint64_t at, size;

	if (parse_u64(base->parcel_at, &at) < 0 || !base->parcel_size ||
	    parse_u64(base->parcel_size, &size) < 0 || size <= PARCEL_DATA)
		return err_set(e, -EINVAL, "job: parcel_at or parcel_size is no number");
	fd = open(DEVICE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, -errno, PARCEL_REFUSED DEVICE ": %s", strerror(errno));
	void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)at);
	if (p == MAP_FAILED)
		return err_set(e, -errno, PARCEL_REFUSED DEVICE " at 0x%llx: %s",
			       (unsigned long long)at, strerror(errno));
	*ret = (struct range){ .at = p, .size = size };
	return 0;
}

/* To the kernel it may be memory of a device, of which only whole and aligned words can be had. */
static uint8_t *copy_out(const struct range *from, size_t off, size_t len)
{
	size_t words = (len + 7) / 8;
	uint64_t *to = malloc(words * 8);

	for (size_t i = 0; to && i < words; i++)
		to[i] = from->at[off / 8 + i];
	return (uint8_t *)to;
}

static int write_out(const struct cpio_entry *en, const char *path)
{
	SCOPED(close_fd) int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, en->mode & 07777);

	return fd < 0 ? -errno : write_full(fd, en->data, en->len);
}

static int make_link(const struct cpio_entry *en, const char *path)
{
	SCOPED(mem_free) char *target = strndup((const char *)en->data, en->len);

	if (!target)
		return -ENOMEM;
	return symlink(target, path) < 0 ? -errno : 0;
}

/* What is there already came with the frozen machine: files make way, folders and devices stay. */
static int unpack_one(const struct cpio_entry *en, const char *path)
{
	mode_t mode = en->mode & 07777;
	int r;

	if (S_ISDIR(en->mode))
		r = mkdir(path, mode) < 0 ? -errno : 0;
	else if (S_ISCHR(en->mode) || S_ISBLK(en->mode))
		r = mknod(path, en->mode, makedev(en->major, en->minor)) < 0 ? -errno : 0;
	else if (unlink(path) < 0 && errno != ENOENT)
		r = -errno;
	else
		return S_ISLNK(en->mode) ? make_link(en, path) : write_out(en, path);
	return r == -EEXIST ? 0 : r;
}

static int unpack(const uint8_t *archive, size_t len, struct err *e)
{
	struct cpio c = { archive, len };
	struct cpio_entry en;
	int r;

	while ((r = cpio_next(&c, &en, e)) > 0) {
		r = chdir("/") < 0 ? -errno : unpack_one(&en, en.path);
		if (r < 0)
			return err_sys(e, r, "unpacking %s", en.path);
	}
	return r;
}

/* How many tasks want to run, this one included; 0 if that cannot be read. */
static unsigned int runnable(void)
{
	static const char key[] = "procs_running ";
	SCOPED(mem_free) char *text = NULL;
	unsigned int n = 0;

	if (read_file("/proc/stat", 1 << 20, &text, NULL, NULL) < 0)
		return 0;
	const char *at = strstr(text, key);
	return at && sscanf(at + sizeof(key) - 1, "%u", &n) == 1 ? n : 0;
}

/*
 * The emulator stops the CPU that comes to the place at once, the others when its main loop gets to it:
 * until then they go on, for as long as the host likes. So they have to sleep, or no two machines would
 * be frozen alike. What is left to do in the kernel is done while we sleep; who woke us is asleep again
 * when we have spun for a while.
 */
static int settle(struct err *e)
{
	const struct timespec pause = { 0, PAUSE_NS };
	unsigned int n = 0;

	for (int i = 0; i < PAUSES_MAX && n != 1; i++) {
		nanosleep(&pause, NULL);
		n = runnable();
		if (!n)
			return err_set(e, -EIO, PARCEL_REFUSED "/proc/stat does not tell who runs");
	}
	if (n != 1)
		return err_set(e, -EBUSY,
			       PARCEL_REFUSED
			       "the kernel does not come to rest: %u tasks want to run",
			       n);
	for (uint64_t until = now_ns() + SPIN_NS; now_ns() < until;)
		continue;
	return 0;
}

int parcel_take(const struct job *base, struct err *e)
{
	SCOPED(range_fini) struct range parcel = { 0 };
	int r = map_parcel(base, &parcel, e);

	if (!r)
		r = settle(e);
	if (r < 0)
		return r;
	parcel_wait();
	struct parcel_header h = { parcel.at[0], parcel.at[1] };
	if (h.magic != PARCEL_MAGIC || h.len > parcel.size - PARCEL_DATA)
		return err_set(e, -EBADMSG, "the machine was let go without a parcel");
	SCOPED(mem_free) uint8_t *archive = copy_out(&parcel, PARCEL_DATA, h.len);
	return archive ? unpack(archive, h.len, e) : err_sys(e, -ENOMEM, "parcel");
}
