/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Structs as JSON objects and back, by one table of fields per struct. Reading takes hostile bytes:
 * every member has to be there, of its type and in range; nothing is cut.
 */
#ifndef HARNESS_FIELDS_H
#define HARNESS_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

enum field_kind {
	FIELD_U32,
	FIELD_U64,
	FIELD_DOUBLE,
	FIELD_BOOL,
	FIELD_CHARS, /* array inside the struct */
	FIELD_TEXT,  /* allocated, may be NULL */
	FIELD_HEX,   /* u64, all of its bits, as 16 hexadecimal digits */
	FIELD_VERDICT,
	FIELD_CAUSE,
	FIELD_ARCH,
	FIELD_OBJECT,
	FIELD_ARRAY, /* pointer to .nr_at elements */
};

struct field {
	const char *name; /* NULL ends the table */
	enum field_kind kind;
	size_t at;
	size_t size; /* of the field, or of an element */
	const struct field *of;
	size_t nr_at, max;
};

/* clang-format off */
#define KIND_OF(f) \
	_Generic(&(f), uint32_t *: FIELD_U32, uint64_t *: FIELD_U64, double *: FIELD_DOUBLE, \
		 bool *: FIELD_BOOL, char **: FIELD_TEXT, default: FIELD_CHARS)
/* clang-format on */
#define FIELD(type, name) \
	{ #name, KIND_OF(((type *)0)->name), offsetof(type, name), sizeof(((type *)0)->name) }
/* An enum looks like any unsigned int to _Generic. */
#define NAMED(type, name, kind) { #name, kind, offsetof(type, name) }
#define OBJECT(type, name, table) { #name, FIELD_OBJECT, offsetof(type, name), .of = table }
#define ARRAY(type, name, table, most) \
	{ #name, \
	  FIELD_ARRAY, \
	  offsetof(type, name), \
	  sizeof(*((type *)0)->name), \
	  table, \
	  offsetof(type, nr_##name), \
	  most }

/* The members, without braces. */
void fields_put(struct buf *b, const struct field *f, const void *base);
/* Fills the struct at @base; what was allocated until a failure is the caller's to free. */
int fields_take(const json_t *o, const struct field *f, void *base, struct err *e);

/* Of struct schedule_digest. */
extern const struct field schedule_digest_fields[];

static inline void json_unref(json_t **j)
{
	json_decref(*j);
}

#endif
