/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <unistd.h>

#include "base/io.h"
#include "dev/virtio_blk.h"
#include "dev_driver.h"

#define SECTORS 64
#define RINGS (1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define ALL (RINGS | 0xffffff)

ssize_t __real_preadv64(int fd, const struct iovec *iov, int nr, off_t at);
ssize_t __wrap_preadv64(int fd, const struct iovec *iov, int nr, off_t at);
ssize_t __real_preadv(int fd, const struct iovec *iov, int nr, off_t at);
ssize_t __wrap_preadv(int fd, const struct iovec *iov, int nr, off_t at);

static struct driver d;
static struct virtio_blk b;
static int fd;
static int interruptions, largest_read; /* of the reads to come */

ssize_t __wrap_preadv(int f, const struct iovec *iov, int nr, off_t at)
{
	struct iovec one = iov[0];

	if (interruptions && interruptions--) {
		errno = EINTR;
		return -1;
	}
	if (!largest_read)
		return __real_preadv(f, iov, nr, at);
	one.iov_len = MIN(one.iov_len, (size_t)largest_read);
	return __real_preadv(f, &one, 1, at);
}

ssize_t __wrap_preadv64(int f, const struct iovec *iov, int nr, off_t at)
{
	return __wrap_preadv(f, iov, nr, at);
}

static void make(bool read_only, uint64_t sectors)
{
	interruptions = largest_read = 0;
	driver_init(&d);
	fd = anon_file("disk", NULL);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SECTORS * BLK_SECTOR), 0);
	virtio_blk_init(&b, &(struct blk_spec){
				    .mem = &d.mem,
				    .line = driver_line(&d),
				    .fd = fd,
				    .bytes = sectors * BLK_SECTOR + 7,
				    .read_only = read_only,
				    .serial = "a-serial-number-that-is-long",
			    });
	driver_start(&d, &b.mmio, ALL);
}

static int fini(void **state)
{
	close_fd(&fd);
	driver_fini(&d);
	return 0;
}

/* One request; returns its status byte, and in *ret_len what the device says it wrote. */
static uint8_t ask(uint32_t type, uint64_t sector, uint64_t data, uint32_t len, uint32_t *ret_len)
{
	const struct virtio_blk_outhdr head = { .type = type, .sector = sector };
	uint8_t status = 0xee;
	const struct driver_buf buf[] = {
		{ driver_put(&d, &head, sizeof(head)), sizeof(head), false },
		{ data, len, type != VIRTIO_BLK_T_OUT },
		{ driver_put(&d, &status, 1), 1, true },
	};

	if (len)
		driver_add_indirect(&d, 0, buf, 3);
	else
		driver_add(&d, 0, (struct driver_buf[]){ buf[0], buf[2] }, 2);
	driver_kick(&d, 0);
	assert_true(driver_used(&d, 0, NULL, ret_len));
	driver_peek(&d, buf[2].gpa, &status, 1);
	return status;
}

#define DISK_TEST(name) TEST_WITH(name, NULL, fini)

DISK_TEST(it_shows_its_size_and_limits)
{
	make(false, SECTORS);
	assert_true(virtio_mmio_read(&b.mmio, VIRTIO_MMIO_CONFIG, 8) == SECTORS);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_CONFIG + 8), 1 << 20);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_CONFIG + 12), 128);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_CONFIG + 16), 0);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_CONFIG + 20), 512);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_CONFIG + 24), 0);
	assert_false(virtio_has(&b.mmio, VIRTIO_BLK_F_RO));
	assert_true(virtio_has(&b.mmio, VIRTIO_BLK_F_FLUSH));
}

DISK_TEST(what_was_written_is_read_back)
{
	char data[4 * BLK_SECTOR], back[sizeof(data)];
	uint32_t len;

	make(false, SECTORS);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i ^ i >> 8);
	const uint64_t from = DRIVER_SEAM - 700, to = driver_alloc(&d, sizeof(back));

	driver_poke(&d, from, data, sizeof(data));
	assert_int_equal(ask(VIRTIO_BLK_T_OUT, 60, from, sizeof(data), &len), VIRTIO_BLK_S_OK);
	assert_int_equal(len, 1);
	assert_int_equal(pread_full(fd, back, sizeof(back), 60 * BLK_SECTOR), 0);
	assert_memory_equal(back, data, sizeof(data));
	assert_int_equal(ask(VIRTIO_BLK_T_FLUSH, 0, 0, 0, &len), VIRTIO_BLK_S_OK);
	assert_int_equal(ask(VIRTIO_BLK_T_IN, 60, to, sizeof(back), &len), VIRTIO_BLK_S_OK);
	assert_int_equal(len, sizeof(back) + 1);
	driver_peek(&d, to, back, sizeof(back));
	assert_memory_equal(back, data, sizeof(data));
	assert_int_equal(b.nr_reads + b.nr_writes + b.nr_flushes, 3);
	assert_int_equal(d.raised, 3);
}

DISK_TEST(what_is_not_on_the_disk_is_an_error)
{
	static const struct {
		uint64_t sector;
		uint32_t len;
	} bad[] = {
		{ SECTORS, 512 },    { SECTORS - 1, 1024 },
		{ UINT64_MAX, 512 }, { UINT64_MAX / 512, 512 },
		{ 1ull << 55, 512 }, { 0, 511 },
		{ 0, 513 },	     { 0, SECTORS * 512 + 512 },
	};
	uint32_t len;

	make(false, SECTORS);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		d.next = DRIVER_RAM + (64 << 10);
		assert_int_equal(ask(VIRTIO_BLK_T_IN, bad[i].sector, DRIVER_SEAM, bad[i].len, &len),
				 VIRTIO_BLK_S_IOERR);
		assert_int_equal(len, 0);
		assert_int_equal(ask(VIRTIO_BLK_T_OUT, bad[i].sector, DRIVER_SEAM, bad[i].len,
				     NULL),
				 VIRTIO_BLK_S_IOERR);
	}
	assert_int_equal(b.nr_errors, 2 * ARRAY_SIZE(bad));
	assert_null(virtio_mmio_broken(&b.mmio));
	assert_int_equal(ask(VIRTIO_BLK_T_IN, 0, 0, 0, NULL), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ask(77, 0, DRIVER_SEAM, 512, NULL), VIRTIO_BLK_S_UNSUPP);
}

DISK_TEST(a_read_only_disk_is_not_written)
{
	char back[BLK_SECTOR];

	make(true, SECTORS);
	assert_true(virtio_has(&b.mmio, VIRTIO_BLK_F_RO));
	driver_poke(&d, DRIVER_SEAM, "x", 1);
	assert_int_equal(ask(VIRTIO_BLK_T_OUT, 0, DRIVER_SEAM, 512, NULL), VIRTIO_BLK_S_IOERR);
	assert_int_equal(pread_full(fd, back, sizeof(back), 0), 0);
	assert_int_equal(back[0], 0);
	assert_int_equal(ask(VIRTIO_BLK_T_IN, 0, DRIVER_SEAM, 512, NULL), VIRTIO_BLK_S_OK);
}

DISK_TEST(it_has_a_serial_number_of_twenty_bytes)
{
	char serial[32] = { 0 };

	make(false, SECTORS);
	assert_int_equal(ask(VIRTIO_BLK_T_GET_ID, 0, DRIVER_SEAM, 20, NULL), VIRTIO_BLK_S_OK);
	driver_peek(&d, DRIVER_SEAM, serial, 20);
	assert_string_equal(serial, "a-serial-number-that");
	assert_int_equal(ask(VIRTIO_BLK_T_GET_ID, 0, DRIVER_SEAM, 19, NULL), VIRTIO_BLK_S_IOERR);
}

DISK_TEST(a_file_shorter_than_its_disk_is_an_error_of_the_disk)
{
	make(false, SECTORS + 1);
	assert_int_equal(ask(VIRTIO_BLK_T_IN, SECTORS - 1, DRIVER_SEAM, 512, NULL),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(ask(VIRTIO_BLK_T_IN, SECTORS, DRIVER_SEAM, 512, NULL), VIRTIO_BLK_S_IOERR);
}

DISK_TEST(short_and_interrupted_reads_go_on)
{
	char back[3 * BLK_SECTOR];

	make(false, SECTORS);
	for (size_t i = 0; i < sizeof(back); i++)
		back[i] = (char)(i * 5);
	assert_int_equal(pwrite(fd, back, sizeof(back), 0), sizeof(back));
	largest_read = 100;
	interruptions = 16;
	const uint64_t to = DRIVER_SEAM - 333;

	assert_int_equal(ask(VIRTIO_BLK_T_IN, 0, to, sizeof(back), NULL), VIRTIO_BLK_S_OK);
	for (size_t i = 0; i < sizeof(back); i++) {
		char c;

		driver_peek(&d, to + i, &c, 1);
		assert_int_equal(c, (char)(i * 5));
	}
	interruptions = 17; /* no vCPU waits for ever */
	assert_int_equal(ask(VIRTIO_BLK_T_IN, 0, to, 512, NULL), VIRTIO_BLK_S_IOERR);
}

DISK_TEST(a_request_without_header_or_status_breaks_the_device)
{
	make(false, SECTORS);
	driver_send(&d, 0, &(struct driver_buf){ DRIVER_RAM, 15, false }, 1);
	assert_string_equal(virtio_mmio_broken(&b.mmio),
			    "virtio-blk queue 0: request of 15 bytes to read and 0 to write");
	driver_start(&d, &b.mmio, ALL);
	driver_send(&d, 0, &(struct driver_buf){ DRIVER_RAM, 16, false }, 1);
	assert_non_null(virtio_mmio_broken(&b.mmio));
}

UNIT_MAIN(NULL, NULL)
