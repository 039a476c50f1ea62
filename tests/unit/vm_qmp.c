/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "vm/qemu/qmp.h"

static struct qmp_msg parse(const char *line)
{
	struct qmp_msg m;
	struct err e = { 0 };

	if (qmp_parse(line, strlen(line), &m, &e) < 0)
		fail_msg("%s", e.text);
	return m;
}

TEST(greetings_and_unknown_messages_are_told_apart)
{
	assert_int_equal(parse("{\"QMP\":{\"version\":{}}}\r").kind, QMP_GREETING);
	assert_int_equal(parse("{\"what\":1}").kind, QMP_OTHER);
}

TEST(events_carry_their_reason)
{
	struct qmp_msg m =
		parse("{\"timestamp\":{\"seconds\":1,\"microseconds\":2},\"event\":"
		      "\"SHUTDOWN\",\"data\":{\"guest\":true,\"reason\":\"guest-reset\"}}");

	assert_int_equal(m.kind, QMP_EVENT);
	assert_int_equal(m.event, QMP_EVENT_SHUTDOWN);
	assert_string_equal(m.reason, "guest-reset");
	m = parse("{\"event\":\"STOP\"}");
	assert_int_equal(m.event, QMP_EVENT_STOP);
	assert_string_equal(m.reason, "");
	assert_int_equal(parse("{\"event\":\"NIC_RX_FILTER_CHANGED\"}").event, QMP_EVENT_OTHER);
}

TEST(errors_name_the_command_and_the_reason)
{
	struct qmp_msg m = parse("{\"id\":1028,\"error\":{\"class\":\"GenericError\",\"desc\":"
				 "\"no such thing\"}}");

	assert_int_equal(m.kind, QMP_ERROR);
	assert_int_equal(m.id, 1028);
	assert_string_equal(m.text, "no such thing");
}

TEST(threads_are_sorted_by_cpu)
{
	char line[300];

	snprintf(line, sizeof(line),
		 "{\"return\":[{\"cpu-index\":2,\"thread-id\":30},{\"cpu-index\":0,\"thread-id\":"
		 "10},"
		 "{\"cpu-index\":512,\"thread-id\":9},{\"cpu-index\":-1,\"thread-id\":9},"
		 "{\"cpu-index\":1,\"thread-id\":-7}],\"id\":%d}",
		 0x500 | QMP_CMD_CPUS);
	struct qmp_msg m = parse(line);
	assert_int_equal(m.kind, QMP_REPLY);
	assert_int_equal(m.nr_cpus, 3);
	assert_int_equal(m.tid[0], 10);
	assert_int_equal(m.tid[1], 0);
	assert_int_equal(m.tid[2], 30);
}

TEST(answers_carry_the_status_and_ids_out_of_range_belong_to_none)
{
	struct qmp_msg m = parse("{\"return\":{\"status\":\"internal-error\",\"running\":false},"
				 "\"id\":259}");

	assert_int_equal(qmp_cmd_of(m.id), QMP_CMD_STATUS);
	assert_string_equal(m.reason, "internal-error");
	assert_int_equal(parse("{\"return\":[],\"id\":-3}").id, 0);
	assert_int_equal(parse("{\"return\":[],\"id\":4294967296}").id, 0);
}

TEST(what_is_not_a_message_is_refused)
{
	static const char *const bad[] = { "", "x", "[]", "\"QMP\"", "{", "{}x", "{\"a\":}" };
	struct qmp_msg m = { .id = 77 };
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(qmp_parse(bad[i], strlen(bad[i]), &m, &e), -EBADMSG);
		assert_int_equal(m.id, 77);
	}
}

TEST(commands_are_one_line_each)
{
	struct buf b = { 0 };

	qmp_put(&b, QMP_CMD_STOP, 0x100 | QMP_CMD_STOP);
	assert_string_equal(buf_str(&b), "{\"execute\":\"stop\",\"id\":260}\n");
	buf_fini(&b);
}

UNIT_MAIN(NULL, NULL)
