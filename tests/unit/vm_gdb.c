/* SPDX-License-Identifier: GPL-2.0-only */
/* Freezing a machine: the packets of gdb's protocol, and the conversation with an emulator of ours. */
#include "vm_fake.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"
#include "vm/qemu/rsp.h"

#define HELLO "fake:greet fake:serve=2 "
#define AT 0xffffffff815ae0d0ull

/* ---- packets ---- */

TEST(a_packet_carries_its_sum)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	rsp_put(&b, "OK");
	rsp_put(&b, "");
	assert_string_equal(buf_str(&b), "$OK#9a$#00");
}

static enum rsp_token take(struct rsp_parser *p, const char *bytes, const char **ret_rest)
{
	size_t len = strlen(bytes);
	enum rsp_token t = rsp_take(p, &bytes, &len);

	if (ret_rest)
		*ret_rest = bytes;
	return t;
}

TEST(packets_are_found_between_acknowledgements_and_noise)
{
	struct rsp_parser p = { 0 };
	const char *rest = "+x$OK#9a+-$T05thread:01;#07";

	assert_int_equal(take(&p, rest, &rest), RSP_ACK);
	assert_int_equal(take(&p, rest, &rest), RSP_PACKET);
	assert_string_equal(p.text, "OK");
	assert_int_equal(take(&p, rest, &rest), RSP_ACK);
	assert_int_equal(take(&p, rest, &rest), RSP_NAK);
	assert_int_equal(take(&p, rest, &rest), RSP_PACKET);
	assert_string_equal(p.text, "T05thread:01;");
	assert_int_equal(take(&p, rest, &rest), RSP_NONE);
}

TEST(a_packet_may_come_byte_by_byte)
{
	static const char bytes[] = "$a}\x03m#4"; /* an escaped # */
	struct rsp_parser p = { 0 };

	for (size_t i = 0; i + 1 < sizeof(bytes); i++)
		assert_int_equal(take(&p, (char[]){ bytes[i], 0 }, NULL), RSP_NONE);
	assert_int_equal(take(&p, "E", NULL), RSP_PACKET);
	assert_string_equal(p.text, "a#m");
}

TEST(damage_is_seen)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	struct rsp_parser p = { 0 };

	assert_int_equal(take(&p, "$OK#9b", NULL), RSP_DAMAGED);
	assert_int_equal(take(&p, "$OK#9g", NULL), RSP_DAMAGED);
	buf_putc(&b, '$');
	for (int i = 0; i <= RSP_MAX; i++)
		buf_putc(&b, '@'); /* 64 of them sum up to 0 */
	buf_puts(&b, "#40");
	assert_int_equal(take(&p, buf_str(&b), NULL), RSP_DAMAGED);
	assert_int_equal(take(&p, "$OK#9a", NULL), RSP_PACKET);
}

TEST(stops_are_understood)
{
	static const struct {
		const char *text;
		int r;
		uint8_t signal;
		uint32_t thread;
	} rows[] = {
		{ "T05thread:p01.03;", 0, 5, 3 },
		{ "T05thread:0a;", 0, 5, 10 },
		{ "T05watch:1;thread:p1.2;core:p7.9;", 0, 5, 2 },
		{ "S05", 0, 5, 0 },
		{ "T1fthread:;", 0, 31, 0 },
		{ "T05thread:pzz;", 0, 5, 0 },
		{ "OK", -EBADMSG },
		{ "T0", -EBADMSG },
		{ "", -EBADMSG },
		{ "W00", -EBADMSG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t signal = 0;
		uint32_t thread = 0;

		assert_int_equal(rsp_parse_stop(rows[i].text, &signal, &thread), rows[i].r);
		assert_int_equal(signal, rows[i].signal);
		assert_int_equal(thread, rows[i].thread);
	}
}

/* ---- the conversation ---- */

static void freeze(struct fake *f, const char *script, const char *gdb_path)
{
	fake_init(f, script);
	f->cfg.freeze_at = AT;
	f->cfg.gdb_path = gdb_path;
	fake_start(f);
}

TEST_WITH(a_machine_freezes_once_and_goes_on, fake_setup, fake_teardown)
{
	struct err e = { 0 };
	struct fake f;

	freeze(&f,
	       HELLO "fake:gdb=OK fake:gdb=T05thread:p01.02; fake:gdb=OK fake:serve=1 "
		     "fake:event=SHUTDOWN:guest-shutdown",
	       NULL);
	fake_until(&f, VM_EVENT_FROZEN);
	if (vm_resume(f.vm, &e) < 0)
		fail_msg("%s", e.text);
	fake_until(&f, VM_EVENT_STOPPED);
	assert_int_equal(f.stop.kind, VM_STOP_POWEROFF);
	assert_int_equal(f.cpu, 1);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_CONSOLE]),
			    "Z1,ffffffff815ae0d0,1\nc\nz1,ffffffff815ae0d0,1\n");
	fake_fini(&f);
}

TEST_WITH(other_stops_and_answers_are_passed_over, fake_setup, fake_teardown)
{
	struct fake f;

	freeze(&f,
	       HELLO "fake:gdb=OK fake:gdb=T02thread:p01.01; fake:stub=$OK#9a$T05#b9 fake:gdb=OK "
		     "fake:hang",
	       NULL);
	fake_until(&f, VM_EVENT_FROZEN);
	assert_int_equal(f.cpu, 0);
	fake_fini(&f);
}

TEST_WITH(a_machine_that_never_comes_there_just_ends, fake_setup, fake_teardown)
{
	struct fake f;

	freeze(&f, HELLO "fake:gdb=OK fake:gdb=W00 fake:event=SHUTDOWN:guest-shutdown", NULL);
	fake_until(&f, VM_EVENT_STOPPED);
	assert_int_equal(f.stop.kind, VM_STOP_POWEROFF);
	fake_fini(&f);
}

static void fails_with(const char *script, const char *says)
{
	struct fake f;

	freeze(&f, script, NULL);
	fake_until(&f, VM_EVENT_STOPPED);
	assert_int_equal(f.stop.kind, VM_STOP_BACKEND_ERROR);
	if (!strstr(f.stop.text, says))
		fail_msg("\"%s\" does not say \"%s\"", f.stop.text, says);
	fake_fini(&f);
}

TEST_WITH(an_emulator_that_does_not_play_along_is_given_up, fake_setup, fake_teardown)
{
	fails_with(HELLO "fake:gdb=E22 fake:hang", "QEMU takes no breakpoint: E22");
	fails_with(HELLO "fake:stub=- fake:hang", "does not speak its protocol");
	fails_with(HELLO "fake:stub=$OK#00 fake:hang", "does not speak its protocol");
}

/* Connects as a gdb would; the queue of the socket has room for it. */
static int come_to(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(at.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

TEST_WITH(a_gdb_can_come_to_a_frozen_machine_and_no_socket_is_left, fake_setup, fake_teardown)
{
	char dir[] = "/tmp/ktstr-unit-XXXXXX", path[64];
	struct fake f;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	freeze(&f, HELLO "fake:gdb=OK fake:gdb=T05thread:02; fake:gdb=OK fake:hang", path);
	fake_until(&f, VM_EVENT_FROZEN);
	assert_int_equal(f.cpu, 1);
	int fd = come_to(path);
	close_fd(&fd);
	fake_fini(&f);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(rmdir(dir), 0);
}

TEST_WITH(a_socket_that_cannot_be_made_is_named, fake_setup, fake_teardown)
{
	char longer[200];
	const char *const paths[] = { "/proc/nowhere/socket", longer };
	const char *const says[] = { "gdb socket /proc/nowhere/socket: ",
				     "longer than 107 characters" };

	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct err e = { 0 };
		struct fake f;

		fake_init(&f, HELLO);
		f.cfg.freeze_at = AT;
		f.cfg.gdb_path = paths[i];
		assert_true(vm_create(f.backend, &f.cfg, &f.vm, &e) < 0);
		if (!strstr(e.text, says[i]))
			fail_msg("\"%s\" does not say \"%s\"", e.text, says[i]);
		fake_fini(&f);
	}
}

UNIT_MAIN(NULL, NULL)
