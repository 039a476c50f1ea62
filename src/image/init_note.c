/* SPDX-License-Identifier: GPL-2.0-only */
/* Where ktstr-init waits to be frozen: a note in its file says so (abi/parcel.h). */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "abi/parcel.h"
#include "base/err.h"
#include "image/elf_file.h"
#include "image/guest.h"

static bool is_ours(const GElf_Nhdr *h, const char *name)
{
	return h->n_type == PARCEL_NOTE_TYPE && h->n_namesz == sizeof(PARCEL_NOTE_NAME) &&
	       !memcmp(name, PARCEL_NOTE_NAME, sizeof(PARCEL_NOTE_NAME)) &&
	       h->n_descsz == sizeof(uint64_t);
}

static bool find_note(Elf_Data *notes, uint64_t *ret)
{
	const char *all = notes->d_buf;
	size_t at = 0, name, desc;
	GElf_Nhdr h;

	while ((at = gelf_getnote(notes, at, &h, &name, &desc)))
		if (is_ours(&h, all + name)) {
			memcpy(ret, all + desc, sizeof(*ret));
			return true;
		}
	return false;
}

int init_freeze_at(enum arch a, uint64_t *ret, struct err *e)
{
	SCOPED(elf_file_close) struct elf_file f = { 0 };
	const void *blob;
	size_t len, nr;
	GElf_Phdr ph;
	int r = init_blob(a, &blob, &len, e);

	if (!r)
		r = elf_file_open_mem(&f, blob, len, "ktstr-init", e);
	if (r < 0)
		return r;
	if (elf_getphdrnum(f.elf, &nr))
		nr = 0;
	for (size_t i = 0; i < nr && i < INT_MAX; i++) {
		if (!gelf_getphdr(f.elf, (int)i, &ph) || ph.p_type != PT_NOTE)
			continue;
		Elf_Data *notes = elf_getdata_rawchunk(f.elf, (int64_t)ph.p_offset, ph.p_filesz,
						       ph.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
		if (notes && find_note(notes, ret))
			return 0;
	}
	return err_set(e, -ENOENT, "ktstr-init does not say where it can be frozen");
}
