/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/qemu/qmp.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/scoped.h"
#include "machine/memmap.h"
#include "vm/qemu/args.h"

static const char *const cmd_names[NR_QMP_CMDS] = {
	[QMP_CMD_CAPABILITIES] = "qmp_capabilities",
	[QMP_CMD_CPUS] = "query-cpus-fast",
	[QMP_CMD_STATUS] = "query-status",
	[QMP_CMD_STOP] = "stop",
	[QMP_CMD_CONT] = "cont",
	[QMP_CMD_CLOCK_CMOS] = "qom-get",
	[QMP_CMD_CLOCK_PL031] = "human-monitor-command",
	[QMP_CMD_STATE_HOW] = "migrate-set-capabilities",
	[QMP_CMD_STATE_QUIET] = "migrate-set-parameters",
	[QMP_CMD_SAVE] = "migrate",
	[QMP_CMD_TAKE_UP] = "migrate-incoming",
};

/*
 * Memory is not part of the state: it is shared with us. A network card, if there were one, would be
 * announced several times after a machine is taken up, by timers of the host's clock: those are looked
 * at when turns are dealt, so that virtual time would depend on them.
 */
static void put_state_arguments(struct buf *out, enum qmp_cmd cmd)
{
	if (cmd == QMP_CMD_STATE_HOW)
		buf_puts(out, ",\"arguments\":{\"capabilities\":["
			      "{\"capability\":\"x-ignore-shared\",\"state\":true},"
			      "{\"capability\":\"events\",\"state\":true}]}");
	if (cmd == QMP_CMD_STATE_QUIET)
		buf_puts(out, ",\"arguments\":{\"announce-rounds\":0}");
	if (cmd == QMP_CMD_SAVE || cmd == QMP_CMD_TAKE_UP)
		buf_printf(out, ",\"arguments\":{\"uri\":\"file:/proc/self/fd/%d\"}",
			   QEMU_FD_STATE);
}

static void put_arguments(struct buf *out, enum qmp_cmd cmd)
{
	put_state_arguments(out, cmd);
	if (cmd == QMP_CMD_CLOCK_CMOS)
		buf_puts(out, ",\"arguments\":{\"path\":\"/machine\",\"property\":\"rtc-time\"}");
	if (cmd == QMP_CMD_CLOCK_PL031) /* its data register is the first one */
		buf_printf(out, ",\"arguments\":{\"command-line\":\"xp /1wx 0x%" PRIx64 "\"}",
			   board_qemu_virt.part[PART_RTC_PL031].base);
}

/* What else QEMU tells follows from these: a panic or reset of the guest is a reason of SHUTDOWN. */
static const struct {
	const char *name;
	enum qmp_event event;
} events[] = {
	{ "SHUTDOWN", QMP_EVENT_SHUTDOWN },
	{ "STOP", QMP_EVENT_STOP },
	{ "MIGRATION", QMP_EVENT_STATE },
};

static inline void json_decref_scoped(json_t **j)
{
	json_decref(*j);
}

static void copy_string(char *to, size_t cap, const json_t *from)
{
	const char *s = json_string_value(from);

	snprintf(to, cap, "%s", s ? s : "");
}

static void parse_event(const json_t *msg, const char *name, struct qmp_msg *ret)
{
	ret->kind = QMP_EVENT;
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (!strcmp(name, events[i].name))
			ret->event = events[i].event;
	copy_string(ret->reason, sizeof(ret->reason),
		    json_object_get(json_object_get(msg, "data"),
				    ret->event == QMP_EVENT_STATE ? "status" : "reason"));
}

static void parse_cpus(const json_t *list, struct qmp_msg *ret)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *cpu = json_array_get(list, i);
		json_int_t index = json_integer_value(json_object_get(cpu, "cpu-index"));
		json_int_t tid = json_integer_value(json_object_get(cpu, "thread-id"));

		if (index < 0 || index >= TOPO_MAX_CPUS || tid <= 0 || tid > INT32_MAX)
			continue;
		ret->tid[index] = (int32_t)tid;
		ret->nr_cpus = MAX(ret->nr_cpus, (uint32_t)index + 1);
	}
}

static int member(const json_t *tm, const char *name)
{
	return (int)json_integer_value(json_object_get(tm, name));
}

/* The members of a struct tm. */
static int64_t cmos_seconds(const json_t *value)
{
	struct tm tm = {
		.tm_year = member(value, "tm_year"),
		.tm_mon = member(value, "tm_mon"),
		.tm_mday = member(value, "tm_mday"),
		.tm_hour = member(value, "tm_hour"),
		.tm_min = member(value, "tm_min"),
		.tm_sec = member(value, "tm_sec"),
	};

	int64_t t = tm.tm_mday ? timegm(&tm) : -1;
	return MAX(t, -1);
}

/* "0000000009010000: 0x6955b900" */
static int64_t pl031_seconds(const json_t *value)
{
	const char *text = json_string_value(value);
	const char *at = text ? strstr(text, ": 0x") : NULL;
	unsigned int seconds;

	return at && sscanf(at, ": 0x%x", &seconds) == 1 ? (int64_t)seconds : -1;
}

static void parse_answer(const json_t *msg, struct qmp_msg *ret)
{
	const json_t *value = json_object_get(msg, "return");
	json_int_t id = json_integer_value(json_object_get(msg, "id"));

	ret->id = id > 0 && id <= UINT32_MAX ? (uint32_t)id : 0;
	if (!value) {
		ret->kind = QMP_ERROR;
		copy_string(ret->text, sizeof(ret->text),
			    json_object_get(json_object_get(msg, "error"), "desc"));
		return;
	}
	ret->kind = QMP_REPLY;
	copy_string(ret->reason, sizeof(ret->reason), json_object_get(value, "status"));
	switch (qmp_cmd_of(ret->id)) {
	case QMP_CMD_CPUS:
		parse_cpus(value, ret);
		break;
	case QMP_CMD_CLOCK_CMOS:
		ret->seconds = cmos_seconds(value);
		break;
	case QMP_CMD_CLOCK_PL031:
		ret->seconds = pl031_seconds(value);
		break;
	default:
		break;
	}
}

int qmp_parse(const char *line, size_t len, struct qmp_msg *ret, struct err *e)
{
	json_error_t why;
	SCOPED(json_decref) json_t *msg = json_loadb(line, len, 0, &why);

	if (!json_is_object(msg))
		return err_set(e, -EBADMSG, "QMP: not a message: \"%.*s\"", (int)MIN(len, 60u),
			       line);
	memset(ret, 0, sizeof(*ret));
	const char *event = json_string_value(json_object_get(msg, "event"));
	if (event)
		parse_event(msg, event, ret);
	else if (json_object_get(msg, "QMP"))
		ret->kind = QMP_GREETING;
	else if (json_object_get(msg, "return") || json_object_get(msg, "error"))
		parse_answer(msg, ret);
	return 0;
}

void qmp_put(struct buf *out, enum qmp_cmd cmd, uint32_t id)
{
	buf_printf(out, "{\"execute\":\"%s\"", cmd_names[cmd]);
	put_arguments(out, cmd);
	buf_printf(out, ",\"id\":%u}\n", id);
}
