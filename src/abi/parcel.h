/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The parcel: how a machine that was frozen while its init waited is told, when it is resumed, what to
 * do. A range of physical memory that is not the kernel's. The first page is a header, behind it comes
 * the archive that would have been the initramfs. Where the range is says the job of the frozen machine.
 */
#ifndef ABI_PARCEL_H
#define ABI_PARCEL_H

#include <stdint.h>

#define PARCEL_MAGIC 0x4c43525052545354u /* bytes "TSTRPRCL" */
#define PARCEL_DATA 4096		 /* offset of the archive */

struct parcel_header {
	uint64_t magic;
	uint64_t len; /* of the archive */
};
_Static_assert(sizeof(struct parcel_header) == 16, "struct parcel_header changed size");

/* Begins the text of the FRAME_FATAL of a guest that has no way to read a parcel. */
#define PARCEL_REFUSED "no parcel: "

/* The ELF note of ktstr-init that holds the address, 8 bytes, at which it waits to be frozen. */
#define PARCEL_NOTE_NAME "ktstr"
#define PARCEL_NOTE_TYPE 1

#endif
