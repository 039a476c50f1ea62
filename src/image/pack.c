/* SPDX-License-Identifier: GPL-2.0-only */
#include "image/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nettle/sha2.h>

#include "base/err.h"
#include "base/io.h"
#include "image/decompress.h"
#include "image/module.h"
#include "image/newc.h"
#include "image/plan.h"

#define CHUNK (256u << 10)
#define INODE_RAM 1024 /* inode, dentry and their share of slabs */

/* @head holds what is not written yet; whole pages leave it, so that alignment stays right. */
struct packer {
	int fd;
	struct buf head;
	char *chunk;
	struct pack_result sum;
	struct sha256_ctx sha;
	struct err *e;
};

uint64_t pack_ram(uint64_t len)
{
	return ALIGN_UP(len, NEWC_PAGE) + INODE_RAM;
}

static int emit(struct packer *k, const void *data, size_t len)
{
	int r = write_full(k->fd, data, len);

	k->sum.crc = checksum64(k->sum.crc, data, len);
	sha256_update(&k->sha, len, data);
	k->sum.size += len;
	return r < 0 ? err_sys(k->e, r, "guest archive: writing") : 0;
}

static int flush_pages(struct packer *k)
{
	size_t n = k->head.len / NEWC_PAGE * NEWC_PAGE;
	int r = n ? emit(k, k->head.at, n) : 0;

	buf_drop_front(&k->head, n);
	return r;
}

static int check_same(struct packer *k, const struct plan_entry *en, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(k->e, -errno, "%s", en->source);
	struct identity now = identity_of(&st);
	return identity_equal(&now, &en->id)
		       ? 0
		       : err_set(k->e, -EAGAIN, "%s: changed while it was being packed",
				 en->source);
}

static int read_exactly(struct packer *k, const struct plan_entry *en, int fd, size_t n)
{
	int r = read_full(fd, k->chunk, n);

	return r < 0 ? err_sys(k->e, r, "%s", en->source) : 0;
}

/* Whole pages go straight through, what is left waits for its page to become full. */
static int copy_data(struct packer *k, const struct plan_entry *en, int fd)
{
	uint64_t left = en->id.size;
	int r = flush_pages(k);

	while (!r && left >= NEWC_PAGE) {
		size_t n = (size_t)MIN(left / NEWC_PAGE * NEWC_PAGE, (uint64_t)CHUNK);

		r = read_exactly(k, en, fd, n);
		if (!r)
			r = emit(k, k->chunk, n);
		left -= n;
	}
	if (!r && left)
		r = read_exactly(k, en, fd, left);
	if (r < 0)
		return r;
	buf_put(&k->head, k->chunk, left);
	buf_zero(&k->head, newc_pad(en->id.size));
	char more;
	if (read(fd, &more, 1) != 0)
		return err_set(k->e, -EINVAL, "%s: longer than its file system says", en->source);
	return 0;
}

static int pack_file(struct packer *k, const struct plan_entry *en)
{
	SCOPED(close_fd) int fd = open(en->source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return err_sys(k->e, -errno, "%s", en->source);
	if (en->id.size > NEWC_FILE_MAX)
		return err_set(k->e, -EFBIG, "%s: larger than 4 GiB", en->source);
	int r = check_same(k, en, fd);
	if (r < 0)
		return r;
	newc_file_head(&k->head, en->guest, en->mode, en->id.size);
	k->sum.unpacked += pack_ram(en->id.size);
	r = copy_data(k, en, fd);
	return r ? r : check_same(k, en, fd);
}

static int pack_module(struct packer *k, const struct plan_entry *en)
{
	SCOPED(buf_fini) struct buf data = { 0 };
	int r = module_read(en->source, &data, k->e);

	if (r < 0)
		return r;
	newc_file(&k->head, en->guest, en->mode, data.at, data.len);
	k->sum.unpacked += pack_ram(data.len);
	return 0;
}

static int pack_entry(struct packer *k, const struct plan_entry *en)
{
	int r = 0;

	switch (en->kind) {
	case ENTRY_FILE:
		r = pack_file(k, en);
		break;
	case ENTRY_MODULE:
		r = pack_module(k, en);
		break;
	case ENTRY_DATA:
		newc_file(&k->head, en->guest, en->mode, en->data, en->data_len);
		k->sum.unpacked += pack_ram(en->data_len);
		break;
	case ENTRY_DIR:
		newc_dir(&k->head, en->guest, en->mode);
		break;
	case ENTRY_LINK:
		newc_symlink(&k->head, en->guest, en->source);
		break;
	case ENTRY_NODE:
		newc_device(&k->head, en->guest, en->mode, 5, 1);
		break;
	}
	if (!r && k->head.bad)
		r = err_sys(k->e, k->head.bad, "%s in the guest", en->guest);
	if (en->kind == ENTRY_DIR || en->kind == ENTRY_LINK || en->kind == ENTRY_NODE)
		k->sum.unpacked += pack_ram(0);
	return r ? r : flush_pages(k);
}

static void put_sha256(struct packer *k)
{
	uint8_t digest[SHA256_DIGEST_SIZE];

	sha256_digest(&k->sha, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(k->sum.sha256 + 2 * i, 3, "%02x", digest[i]);
}

int pack_plan(const struct guest_plan *p, int fd, struct pack_result *ret, struct err *e)
{
	SCOPED(mem_free) char *chunk = malloc(CHUNK);
	struct packer k = { .fd = fd, .chunk = chunk, .e = e };
	int r = chunk ? 0 : err_sys(e, -ENOMEM, "guest archive");

	sha256_init(&k.sha);
	for (size_t i = 0; !r && i < p->nr; i++)
		r = pack_entry(&k, &p->at[i]);
	newc_end(&k.head);
	if (!r)
		r = k.head.bad ? err_sys(e, k.head.bad, "guest archive") : flush_pages(&k);
	buf_fini(&k.head);
	put_sha256(&k);
	if (!r)
		*ret = k.sum;
	return r;
}
