/* SPDX-License-Identifier: GPL-2.0-only */
/* Machines as files: what comes back, what is refused, and what happens when the host gives no more. */
#include "unit.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "base/err.h"
#include "base/io.h"
#include "image/frozen.h"

#define PAGES 203 /* the last byte of the map is not full */
#define RAM ((uint64_t)PAGES * FROZEN_PAGE)

/* ---- calls that fail when told to; linked in by --wrap ---- */

static int countdown = -1; /* the call that reaches 0 fails; -1 = none does */
static int armed = -1;	   /* what it becomes when the test has what it needs itself */

static bool fails(void)
{
	return countdown >= 0 && countdown-- == 0;
}

/* X(result, name, failure, errno, parameters, arguments) */
#define CALLS(X) \
	X(void *, malloc, NULL, ENOMEM, (size_t n), (n)) \
	X(void *, calloc, NULL, ENOMEM, (size_t n, size_t m), (n, m)) \
	X(void *, realloc, NULL, ENOMEM, (void *p, size_t n), (p, n)) \
	X(void *, ZSTD_createCCtx, NULL, ENOMEM, (void), ()) \
	X(void *, ZSTD_createDCtx, NULL, ENOMEM, (void), ()) \
	X(ssize_t, write, -1, ENOSPC, (int fd, const void *p, size_t n), (fd, p, n)) \
	X(ssize_t, pread64, -1, EIO, (int fd, void *p, size_t n, off_t o), (fd, p, n, o)) \
	X(ssize_t, pwrite64, -1, ENOSPC, (int fd, const void *p, size_t n, off_t o), (fd, p, n, o))

#define DEFINE(result, name, failure, code, params, args) \
	result __real_##name params; \
	result __wrap_##name params; \
	result __wrap_##name params \
	{ \
		if (!fails()) \
			return __real_##name args; \
		errno = code; \
		return failure; \
	}
CALLS(DEFINE)

/* ---- memory, and what is in it ---- */

struct memory {
	int fd;
	uint8_t *at;
	uint64_t len;
};

static void memory_fini(struct memory *m)
{
	if (m->len)
		munmap(m->at, (size_t)m->len);
	close_fd(&m->fd);
}
DEFINE_SCOPED_FINI(struct memory, memory_fini)

static struct memory memory_of(uint64_t len)
{
	struct memory m = { .fd = anon_file("memory", NULL), .len = len };

	assert_true(m.fd >= 0);
	assert_int_equal(ftruncate(m.fd, (off_t)len), 0);
	if (len)
		m.at = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_SHARED, m.fd, 0);
	assert_true(m.at != MAP_FAILED);
	return m;
}

static uint64_t bytes_on_disk(const struct memory *m)
{
	struct stat st;

	assert_int_equal(fstat(m->fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

/* Compresses a little. */
static void fill(uint8_t *at, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		at[i] = (uint8_t)(seed >> 29);
	}
}

static bool all(uint64_t page)
{
	return true;
}

static bool none(uint64_t page)
{
	return false;
}

static bool odd(uint64_t page)
{
	return page % 2;
}

static bool even(uint64_t page)
{
	return page % 2 == 0;
}

static bool runs(uint64_t page)
{
	return page % 37 < 11 || page == PAGES - 1;
}

static uint64_t fill_pages(const struct memory *m, bool (*used)(uint64_t page))
{
	uint64_t nr = 0;

	for (uint64_t i = 0; i < m->len / FROZEN_PAGE; i++)
		if (used(i)) {
			fill(m->at + i * FROZEN_PAGE, FROZEN_PAGE, (uint32_t)i + 1);
			nr++;
		}
	return nr;
}

/* The file that freezing @m gives, with some state and console. */
static int freeze(const struct memory *m)
{
	const struct frozen f = {
		.ram = m->at,
		.ram_bytes = m->len,
		.state = "state\0of it",
		.state_len = 11,
		.console = "it said",
		.console_len = 7,
	};
	int fd = anon_file("frozen", NULL);
	struct err e = { 0 };

	assert_true(fd >= 0);
	if (frozen_write(fd, &f, &e) < 0)
		fail_msg("%s", e.text);
	return fd;
}

/* What frozen_read() makes of @fd for a machine with @len bytes of memory. */
static int read_as(int fd, uint64_t len, struct err *e)
{
	SCOPED(memory_fini) struct memory m = memory_of(len);
	SCOPED(buf_fini) struct buf state = { 0 };
	SCOPED(buf_fini) struct buf console = { 0 };
	int r;

	buf_puts(&state, "before");
	countdown = armed;
	r = frozen_read(fd, m.fd, len, &state, &console, e);
	if (r < 0) {
		assert_int_equal(e->code, r);
		assert_memory_equal(e->text, "frozen machine: ", 16);
		assert_string_equal(buf_str(&state), "before");
		assert_string_equal(buf_str(&console), "");
	}
	return r;
}

#define assert_refused(fd, len, words) \
	do { \
		struct err e_ = { 0 }; \
		assert_int_equal(read_as(fd, len, &e_), -EBADMSG); \
		if (!strstr(e_.text, words)) \
			fail_msg("\"%s\" does not say \"%s\"", e_.text, words); \
	} while (0)

/* ---- what comes back ---- */

static void round_trip(bool (*used)(uint64_t page))
{
	SCOPED(memory_fini) struct memory was = memory_of(RAM);
	SCOPED(memory_fini) struct memory is = memory_of(RAM);
	SCOPED(buf_fini) struct buf state = { 0 };
	SCOPED(buf_fini) struct buf console = { 0 };
	uint64_t nr = fill_pages(&was, used);
	SCOPED(close_fd) int fd = freeze(&was);
	struct err e = { 0 };

	/* where the file's position is, is nobody's business */
	assert_int_equal(lseek(fd, 5, SEEK_SET), 5);
	if (frozen_read(fd, is.fd, is.len, &state, &console, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(bytes_on_disk(&is), nr * FROZEN_PAGE);
	assert_memory_equal(is.at, was.at, RAM);
	assert_int_equal(state.len, 11);
	assert_memory_equal(state.at, "state\0of it", 11);
	assert_string_equal(buf_str(&console), "it said");
}

TEST(a_machine_comes_back_and_its_empty_pages_stay_holes)
{
	round_trip(all);
	round_trip(none);
	round_trip(odd);
	round_trip(even);
	round_trip(runs);
}

TEST(one_byte_anywhere_makes_a_page_that_is_kept)
{
	static const size_t places[] = { 0, 1, 63, 64, 127, 2048, FROZEN_PAGE - 1 };
	SCOPED(memory_fini) struct memory was = memory_of(RAM);
	SCOPED(memory_fini) struct memory is = memory_of(RAM);
	SCOPED(buf_fini) struct buf rest = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		was.at[2 * i * FROZEN_PAGE + places[i]] = 1;
	SCOPED(close_fd) int fd = freeze(&was);
	assert_int_equal(frozen_read(fd, is.fd, is.len, &rest, &rest, NULL), 0);
	assert_int_equal(bytes_on_disk(&is), ARRAY_SIZE(places) * FROZEN_PAGE);
	assert_memory_equal(is.at, was.at, RAM);
	assert_int_equal(rest.len, 18); /* appended, both */
}

TEST(state_and_console_may_be_empty_or_large)
{
	SCOPED(mem_free) uint8_t *large = malloc(FROZEN_CONSOLE_MAX);
	SCOPED(close_fd) int fd = anon_file("frozen", NULL);
	SCOPED(buf_fini) struct buf emulator = { 0 };
	SCOPED(buf_fini) struct buf console = { 0 };
	struct frozen f = { .console = large, .console_len = FROZEN_CONSOLE_MAX };

	assert_non_null(large);
	fill(large, FROZEN_CONSOLE_MAX, 1);
	assert_int_equal(frozen_write(fd, &f, NULL), 0);
	assert_int_equal(frozen_read(fd, -1, 0, &emulator, &console, NULL), 0);
	assert_int_equal(emulator.len, 0);
	assert_int_equal(console.len, FROZEN_CONSOLE_MAX);
	assert_memory_equal(console.at, large, FROZEN_CONSOLE_MAX);
}

TEST(a_file_is_written_where_its_position_is)
{
	SCOPED(memory_fini) struct memory was = memory_of(RAM);
	SCOPED(close_fd) int fd = anon_file("frozen", NULL);
	struct frozen f = { .ram = was.at, .ram_bytes = was.len };
	char front[6] = "";

	assert_int_equal(write_full(fd, "front", 5), 0);
	assert_int_equal(frozen_write(fd, &f, NULL), 0);
	assert_int_equal(pread_full(fd, front, 5, 0), 0);
	assert_string_equal(front, "front");
	assert_refused(fd, RAM, "of another format");
}

TEST(what_could_not_be_read_again_is_not_written)
{
	SCOPED(mem_free) uint8_t *large = calloc(1, FROZEN_STATE_MAX + 1);
	SCOPED(close_fd) int fd = anon_file("frozen", NULL);
	struct frozen f = { .state = large, .state_len = FROZEN_STATE_MAX + 1 };
	struct err e = { 0 };

	assert_int_equal(frozen_write(fd, &f, &e), -EFBIG);
	assert_string_equal(e.text, "frozen machine: 67108865 bytes of state, more than 67108864");
	f = (struct frozen){ .console = large, .console_len = FROZEN_CONSOLE_MAX + 1 };
	assert_int_equal(frozen_write(fd, &f, &e), -EFBIG);
	f = (struct frozen){ .ram = large, .ram_bytes = FROZEN_PAGE + 1 };
	assert_int_equal(frozen_write(fd, &f, &e), -EINVAL);
	assert_string_equal(e.text, "frozen machine: 4097 bytes of memory are no whole pages");
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
}

/* ---- what is refused ---- */

static char *contents(int fd, size_t *ret_len)
{
	off_t len = lseek(fd, 0, SEEK_END);
	char *at = malloc((size_t)len);

	assert_non_null(at);
	assert_int_equal(pread_full(fd, at, (size_t)len, 0), 0);
	*ret_len = (size_t)len;
	return at;
}

static void replace(int fd, const void *data, size_t len)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(write_full(fd, data, len), 0);
}

TEST(every_truncation_is_noticed)
{
	SCOPED(memory_fini) struct memory was = memory_of(9 * FROZEN_PAGE);
	size_t len;

	memset(was.at + FROZEN_PAGE, 7, 3000);
	fill(was.at + 4 * FROZEN_PAGE, 700, 1);
	SCOPED(close_fd) int fd = freeze(&was);
	SCOPED(mem_free) char *file = contents(fd, &len);
	assert_in_range(len, 100, 2000);
	while (len--) {
		assert_int_equal(ftruncate(fd, (off_t)len), 0);
		assert_refused(fd, was.len, "truncated");
	}
}

/* Of some bits of a frame decoders make nothing: what comes back must be right then. */
static void assert_refused_or_the_same(int fd, const struct memory *was)
{
	SCOPED(memory_fini) struct memory is = memory_of(was->len);
	SCOPED(buf_fini) struct buf rest = { 0 };
	struct err e = { 0 };
	int r = frozen_read(fd, is.fd, is.len, &rest, &rest, &e);

	if (r < 0) {
		assert_int_equal(r, -EBADMSG);
		assert_memory_equal(e.text, "frozen machine: ", 16);
		return;
	}
	assert_memory_equal(is.at, was->at, was->len);
	assert_int_equal(rest.len, 18);
	assert_memory_equal(rest.at, "state\0of itit said", 18);
}

TEST(flipped_bits_are_noticed)
{
	SCOPED(memory_fini) struct memory was = memory_of(RAM);
	size_t len;

	fill_pages(&was, runs);
	SCOPED(close_fd) int fd = freeze(&was);
	SCOPED(mem_free) char *file = contents(fd, &len);
	for (size_t i = 0; i < 8 * len; i += i < 8 * 64 ? 1 : len / 97) {
		file[i / 8] ^= (char)(1 << i % 8);
		replace(fd, file, len);
		assert_refused_or_the_same(fd, &was);
		file[i / 8] ^= (char)(1 << i % 8);
	}
	replace(fd, file, len);
	assert_int_equal(read_as(fd, RAM, NULL), 0);
	file[len / 2] ^= 1;
	replace(fd, file, len);
	assert_refused(fd, RAM, "damaged");
}

TEST(another_size_of_memory_is_named)
{
	SCOPED(memory_fini) struct memory was = memory_of(RAM);
	SCOPED(close_fd) int fd = freeze(&was);
	struct err e = { 0 };

	assert_refused(fd, RAM + FROZEN_PAGE, "831488 bytes of memory instead of 835584");
	assert_refused(fd, 0, "831488 bytes of memory instead of 0");
	assert_int_equal(read_as(fd, RAM + 1, &e), -EINVAL);
}

TEST(nothing_may_follow)
{
	SCOPED(memory_fini) struct memory was = memory_of(RAM);
	SCOPED(close_fd) int fd = freeze(&was);
	size_t len;
	SCOPED(mem_free) char *file = contents(fd, &len);

	assert_int_equal(write_full(fd, "", 1), 0);
	assert_refused(fd, RAM, "followed by something else");
	/* not even another of its kind, nor more than is read at once */
	replace(fd, file, len);
	assert_int_equal(write_full(fd, file, len), 0);
	assert_refused(fd, RAM, "followed by something else");
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_refused(fd, RAM, "followed by something else");
}

TEST(other_files_are_refused)
{
	SCOPED(close_fd) int fd = anon_file("frozen", NULL);

	assert_refused(fd, RAM, "truncated");
	replace(fd, "ktstr frozen 2\n\0\x28\xb5\x2f\xfd and more", 29);
	assert_refused(fd, RAM, "of another format");
	replace(fd, "ktstr frozen 1\n\0\x1f\x8b\x08\0 and more", 29);
	assert_refused(fd, RAM, "of another format");
}

/* A file whose frame is as it should be and says @head, then @rest. */
static int lie(const uint64_t head[3], const void *rest, size_t rest_len)
{
	SCOPED(buf_fini) struct buf plain = { 0 };
	char packed[4096];
	int fd = anon_file("frozen", NULL);

	for (int i = 0; i < 3; i++) {
		uint64_t v = htole64(head[i]);

		buf_put(&plain, &v, sizeof(v));
	}
	buf_put(&plain, rest, rest_len);
	size_t n = ZSTD_compress(packed, sizeof(packed), plain.at, plain.len, 1);
	assert_false(ZSTD_isError(n));
	assert_int_equal(write_full(fd, "ktstr frozen 1\n", 16), 0);
	assert_int_equal(write_full(fd, packed, n), 0);
	return fd;
}

TEST(a_file_that_lies_about_itself_is_refused)
{
	const uint64_t len = 3 * FROZEN_PAGE;
	const struct {
		uint64_t head[3];
		const char *rest;
		size_t rest_len;
		const char *says;
	} lies[] = {
		{ { len, 1, 1 }, "\0sc", 3, NULL },
		{ { len, FROZEN_STATE_MAX + 1, 0 }, "", 1, "67108865 bytes of state" },
		{ { len, UINT64_MAX, 0 }, "", 1, "18446744073709551615 bytes of state" },
		{ { len, 0, FROZEN_CONSOLE_MAX + 1 }, "", 1, "16777217 bytes of console" },
		{ { UINT64_MAX, 0, 0 }, "", 1, "bytes of memory instead of 12288" },
		{ { len, FROZEN_STATE_MAX, 0 }, "\0some", 5, "contains less than it says" },
		{ { len, 1, 1 }, "\0s", 2, "contains less than it says" },
		{ { len, 0, 0 }, "", 0, "contains less than it says" },
		{ { len, 1, 1 }, "\1sc", 3, "contains less than it says" },
		{ { len, 1, 1 }, "\0scx", 4, "contains more than it says" },
		{ { len, 1, 1 }, "\x08sc", 3, "has pages beyond its memory" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		SCOPED(close_fd) int fd = lie(lies[i].head, lies[i].rest, lies[i].rest_len);

		if (lies[i].says)
			assert_refused(fd, len, lies[i].says);
		else
			assert_int_equal(read_as(fd, len, NULL), 0);
	}
}

TEST(a_frame_that_asks_for_much_memory_is_refused)
{
	/* descriptor: checksum, no size; a window of 2 GiB */
	static const char greedy[] = "ktstr frozen 1\n\0\x28\xb5\x2f\xfd\x04\xa8\0\0\0\0\0\0\0";
	SCOPED(close_fd) int fd = anon_file("frozen", NULL);

	assert_int_equal(write_full(fd, greedy, sizeof(greedy)), 0);
	assert_refused(fd, RAM, "damaged");
}

/* ---- a host that has no more ---- */

static int write_once(const struct memory *m, struct err *e)
{
	SCOPED(close_fd) int fd = anon_file("frozen", NULL);
	struct frozen f = { .ram = m->at, .ram_bytes = m->len };

	countdown = armed;
	return frozen_write(fd, &f, e);
}

TEST(every_failure_of_the_host_is_told)
{
	SCOPED(memory_fini) struct memory was = memory_of(RAM);
	SCOPED(close_fd) int fd = -1;
	int nr[2] = { 0 };

	fill_pages(&was, runs);
	fd = freeze(&was);
	for (int what = 0; what < 2; what++)
		for (;; nr[what]++) {
			struct err e = { 0 };

			armed = nr[what];
			int r = what ? read_as(fd, RAM, &e) : write_once(&was, &e);
			bool failed = countdown < 0;
			countdown = armed = -1;
			if (!failed)
				break;
			assert_true(r == -ENOMEM || r == -EIO || r == -ENOSPC);
			assert_int_equal(e.code, r);
			assert_memory_equal(e.text, "frozen machine: ", 14);
		}
	assert_in_range(nr[0], 5, 100); /* context, chunk, map, two writes */
	assert_in_range(nr[1], 6, 100); /* context, chunk, map, two reads, two buffers */
}

UNIT_MAIN(NULL, NULL)
