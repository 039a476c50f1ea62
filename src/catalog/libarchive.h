/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The door to libarchive, which is loaded when something is to be unpacked for the first time: with all
 * that it pulls in (libxml2, ICU, the library of C++) it would be a third of what each VM's process
 * has in memory, and that process unpacks nothing.
 */
#ifndef CATALOG_LIBARCHIVE_H
#define CATALOG_LIBARCHIVE_H

#include <archive.h>
#include <archive_entry.h>

struct err;

/* What we call of it. A function is added here and nowhere else. */
#define LIBARCHIVE_CALLS(X) \
	X(entry_filetype) \
	X(entry_hardlink) \
	X(entry_pathname) \
	X(error_string) \
	X(read_data) \
	X(read_free) \
	X(read_new) \
	X(read_next_header) \
	X(read_open) \
	X(read_open_memory) \
	X(read_support_filter_gzip) \
	X(read_support_filter_xz) \
	X(read_support_filter_zstd) \
	X(read_support_format_ar) \
	X(read_support_format_tar) \
	X(set_error)

struct libarchive {
#define X(name) __typeof__(&archive_##name) name;
	LIBARCHIVE_CALLS(X)
#undef X
};

/* Each is NULL before libarchive_load() was successful. */
extern struct libarchive libarchive;

/* Stays loaded. -ENOTSUP: this machine has none, or not the one we know. One thread at a time. */
int libarchive_load(struct err *e);

#endif
