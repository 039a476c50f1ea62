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

static int64_t seconds_of(enum qmp_cmd cmd, const char *value)
{
	char line[300];

	snprintf(line, sizeof(line), "{\"return\":%s,\"id\":%d}", value, 0x300 | cmd);
	struct qmp_msg m = parse(line);
	assert_int_equal(m.kind, QMP_REPLY);
	return m.seconds;
}

TEST(the_clock_of_a_pc_tells_its_members)
{
	static const struct {
		const char *value;
		int64_t seconds;
	} row[] = {
		{ "{\"tm_year\":126,\"tm_mon\":0,\"tm_mday\":1,\"tm_hour\":0,\"tm_min\":0,"
		  "\"tm_sec\":0}",
		  1767225600 },
		{ "{\"tm_year\":126,\"tm_mon\":1,\"tm_mday\":28,\"tm_hour\":23,\"tm_min\":59,"
		  "\"tm_sec\":58}",
		  1772323198 },
		{ "{\"tm_year\":70,\"tm_mday\":1}", 0 },
		{ "{\"tm_year\":69,\"tm_mday\":1}", -1 },
		{ "{\"tm_year\":126,\"tm_mday\":\"1\"}", -1 },
		{ "{\"tm_year\":2147483647,\"tm_mon\":2147483647,\"tm_mday\":2147483647}", -1 },
		{ "{}", -1 },
		{ "[]", -1 },
		{ "7", -1 },
		{ "\"0000000009010000: 0x6955b900\"", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		if (seconds_of(QMP_CMD_CLOCK_CMOS, row[i].value) != row[i].seconds)
			fail_msg("row %zu: %s", i, row[i].value);
}

TEST(the_clock_of_an_arm64_board_is_a_word_of_memory)
{
	static const struct {
		const char *value;
		int64_t seconds;
	} row[] = {
		{ "\"0000000009010000: 0x6955b900\\r\\n\"", 1767225600 },
		{ "\"0000000009010000: 0x00000000\"", 0 },
		{ "\"0000000009010000: 0xffffffff\"", UINT32_MAX },
		{ "\"Cannot access memory\\r\\n\"", -1 },
		{ "\"0000000009010000: 0x\"", -1 },
		{ "\"0000000009010000: 6955b900\"", -1 },
		{ "\"\"", -1 },
		{ "1767225600", -1 },
		{ "{\"tm_year\":126,\"tm_mday\":1}", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		if (seconds_of(QMP_CMD_CLOCK_PL031, row[i].value) != row[i].seconds)
			fail_msg("row %zu: %s", i, row[i].value);
	assert_int_equal(seconds_of(QMP_CMD_STATUS, row[0].value), 0); /* not asked for */
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
	buf_clear(&b);
	qmp_put(&b, QMP_CMD_CLOCK_CMOS, 0x100 | QMP_CMD_CLOCK_CMOS);
	assert_string_equal(buf_str(&b),
			    "{\"execute\":\"qom-get\",\"arguments\":{\"path\":\"/machine\","
			    "\"property\":\"rtc-time\"},\"id\":262}\n");
	buf_clear(&b);
	qmp_put(&b, QMP_CMD_CLOCK_PL031, 0x100 | QMP_CMD_CLOCK_PL031);
	assert_string_equal(buf_str(&b), "{\"execute\":\"human-monitor-command\",\"arguments\":"
					 "{\"command-line\":\"xp /1wx 0x9010000\"},\"id\":263}\n");
	buf_fini(&b);
}

/* Without any of these words a resumed machine is another one, or none. */
TEST(the_state_of_a_machine_is_without_its_memory_and_makes_no_noise)
{
	static const struct {
		enum qmp_cmd cmd;
		const char *line;
	} row[] = {
		{ QMP_CMD_STATE_HOW,
		  "{\"execute\":\"migrate-set-capabilities\",\"arguments\":{\"capabilities\":["
		  "{\"capability\":\"x-ignore-shared\",\"state\":true},"
		  "{\"capability\":\"events\",\"state\":true}]},\"id\":264}\n" },
		{ QMP_CMD_STATE_QUIET, "{\"execute\":\"migrate-set-parameters\",\"arguments\":"
				       "{\"announce-rounds\":0},\"id\":265}\n" },
		{ QMP_CMD_SAVE, "{\"execute\":\"migrate\",\"arguments\":"
				"{\"uri\":\"file:/proc/self/fd/12\"},\"id\":266}\n" },
		{ QMP_CMD_TAKE_UP, "{\"execute\":\"migrate-incoming\",\"arguments\":"
				   "{\"uri\":\"file:/proc/self/fd/12\"},\"id\":267}\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		SCOPED(buf_fini) struct buf b = { 0 };

		qmp_put(&b, row[i].cmd, 0x100 | row[i].cmd);
		assert_string_equal(buf_str(&b), row[i].line);
	}
}

TEST(how_far_a_machine_is_saved_is_an_event)
{
	struct qmp_msg m = parse("{\"event\":\"MIGRATION\",\"data\":{\"status\":\"completed\","
				 "\"reason\":\"none\"}}");

	assert_int_equal(m.kind, QMP_EVENT);
	assert_int_equal(m.event, QMP_EVENT_STATE);
	assert_string_equal(m.reason, "completed");
	m = parse("{\"event\":\"MIGRATION\"}");
	assert_int_equal(m.event, QMP_EVENT_STATE);
	assert_string_equal(m.reason, "");
}

UNIT_MAIN(NULL, NULL)
