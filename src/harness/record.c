/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "harness/fields.h"

#define FORMAT 3

static const struct field machine_fields[] = {
	FIELD(struct record_machine, ktstr),
	FIELD(struct record_machine, emulator),
	FIELD(struct record_machine, fingerprint),
	NAMED(struct record_machine, arch, FIELD_ARCH),
	FIELD(struct record_machine, topology),
	FIELD(struct record_machine, memory_mib),
	FIELD(struct record_machine, kernel),
	FIELD(struct record_machine, archive),
	FIELD(struct record_machine, base),
	NAMED(struct record_machine, freeze_at, FIELD_HEX),
	FIELD(struct record_machine, job),
	FIELD(struct record_machine, cmdline),
	FIELD(struct record_machine, verbose),
	NAMED(struct record_machine, seed, FIELD_HEX),
	FIELD(struct record_machine, rate_shift),
	FIELD(struct record_machine, turn_us),
	{ 0 },
};

static const struct field about_fields[] = {
	FIELD(struct record_about, made_at),
	FIELD(struct record_about, name),
	FIELD(struct record_about, test),
	FIELD(struct record_about, summary),
	FIELD(struct record_about, file),
	FIELD(struct record_about, file_sha256),
	FIELD(struct record_about, kernel),
	FIELD(struct record_about, kernel_key),
	FIELD(struct record_about, scheduler),
	FIELD(struct record_about, scheduler_name),
	FIELD(struct record_about, scheduler_sha256),
	FIELD(struct record_about, again),
	FIELD(struct record_about, expect_fail),
	FIELD(struct record_about, allow_inconclusive),
	FIELD(struct record_about, no_skip),
	FIELD(struct record_about, expect),
	{ 0 },
};

static const struct field outcome_fields[] = {
	NAMED(struct record_outcome, verdict, FIELD_VERDICT),
	NAMED(struct record_outcome, cause, FIELD_CAUSE),
	FIELD(struct record_outcome, headline),
	OBJECT(struct record_outcome, schedule, schedule_digest_fields),
	FIELD(struct record_outcome, over_ns),
	{ 0 },
};

static const struct field record_fields[] = {
	OBJECT(struct run_record, machine, machine_fields),
	OBJECT(struct run_record, about, about_fields),
	OBJECT(struct run_record, outcome, outcome_fields),
	{ 0 },
};

void run_record_fini(struct run_record *r)
{
	free(r->machine.job);
	free(r->machine.cmdline);
	free(r->about.name);
	free(r->about.test);
	free(r->about.summary);
	free(r->about.file);
	free(r->about.kernel);
	free(r->about.kernel_key);
	free(r->about.scheduler);
	free(r->about.scheduler_name);
	free(r->about.again);
	free(r->about.expect);
	free(r->outcome.headline);
	*r = (struct run_record){ 0 };
}

/* ---- the id ---- */

/* What is hashed is what is written: a field that counts can be in only one list. */
void run_record_id(const struct record_machine *m, char ret[RUN_ID_LEN + 1])
{
	SCOPED(buf_fini) struct buf text = { 0 };
	char hash[OBJECT_NAME_LEN + 1];

	buf_printf(&text, "ktstr run %d ", FORMAT);
	fields_put(&text, machine_fields, m);
	hash_bytes(buf_str(&text), text.len, hash);
	snprintf(ret, RUN_ID_LEN + 1, "%.*s", RUN_ID_LEN, hash);
}

/* ---- JSON ---- */

void run_record_write(const struct run_record *r, struct buf *out)
{
	char id[RUN_ID_LEN + 1];

	run_record_id(&r->machine, id);
	buf_printf(out, "{\"format\":%d,\"id\":\"%s\",", FORMAT, id);
	fields_put(out, record_fields, r);
	buf_puts(out, "}\n");
}

/* Readers need not ask whether there is a text at all. */
static int no_null_texts(struct run_record *r)
{
	char **const texts[] = {
		&r->about.name,	     &r->about.test,	       &r->about.summary,
		&r->about.file,	     &r->about.kernel,	       &r->about.kernel_key,
		&r->about.scheduler, &r->about.scheduler_name, &r->about.again,
		&r->about.expect,    &r->outcome.headline,
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!*texts[i] && !(*texts[i] = strdup("")))
			return -ENOMEM;
	return 0;
}

static int check(struct run_record *r, const json_t *o, struct err *e)
{
	const char *id = json_string_value(json_object_get(o, "id"));
	char want[RUN_ID_LEN + 1];
	struct topology topo;

	if (!r->machine.job || !r->machine.cmdline)
		return err_set(e, -EBADMSG, "job or cmdline is null");
	if (!object_name_is_good(r->machine.kernel))
		return err_set(e, -EBADMSG, "kernel is no SHA-256");
	if (!object_name_is_good(r->machine.archive))
		return err_set(e, -EBADMSG, "archive is no SHA-256");
	if (!object_name_is_good(r->machine.fingerprint))
		return err_set(e, -EBADMSG, "fingerprint is no SHA-256");
	if (*r->machine.base && !object_name_is_good(r->machine.base))
		return err_set(e, -EBADMSG, "base is no SHA-256");
	if (topo_parse(r->machine.topology, &topo, NULL) < 0)
		return err_set(e, -EBADMSG, "topology is none");
	if (r->machine.rate_shift > PACE_SHIFT_MAX || r->machine.turn_us > PACE_TURN_MAX_US)
		return err_set(e, -EBADMSG, "rate_shift or turn_us is out of range");
	run_record_id(&r->machine, want);
	if (!id || strcmp(id, want) != 0)
		return err_set(e, -EBADMSG, "its id is \"%.20s\", that of its machine is %s",
			       id ? id : "", want);
	return no_null_texts(r) < 0 ? err_sys(e, -ENOMEM, "out of memory") : 0;
}

int run_record_parse(const char *text, size_t len, struct run_record *ret, struct err *e)
{
	SCOPED(run_record_fini) struct run_record rec = { 0 };
	json_error_t why;

	__attribute__((cleanup(json_unref)))
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!o)
		return err_set(e, -EBADMSG, "line %d: %s", why.line, why.text);
	json_int_t format = json_integer_value(json_object_get(o, "format"));
	if (format != FORMAT)
		return err_set(e, -EPROTO, "format is %" PRIdMAX ", this ktstr knows %d",
			       (intmax_t)format, FORMAT);
	int r = fields_take(o, record_fields, &rec, e);
	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	r = check(&rec, o, e);
	if (r < 0)
		return r;
	*ret = rec;
	rec = (struct run_record){ 0 };
	return 0;
}
