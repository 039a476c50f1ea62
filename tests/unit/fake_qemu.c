/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plays QEMU for the tests of its backend: same descriptors, a bit of QMP, no machine. What it does is
 * a list of "fake:ACTION=VALUE" words in the kernel command line, done in turn; then it ends with 0. The
 * words of a machine that is resumed are what its state consists of.
 * With --version it says what $FAKE_VERSION says.
 */
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/scoped.h"
#include "vm/qemu/args.h"

static const char *status = "running";
static const char *seconds = "0"; /* since the start, or no number */
static const char *state = ""; /* what is known of the machine beside its memory, "_" is a blank */
static const char *refused = ""; /* the command that is */
static bool show;		 /* names of commands on the console */

static void say(int fd, const char *text)
{
	if (write_full(fd, text, strlen(text)) < 0)
		exit(90);
}

static void do_console(const char *v)
{
	say(QEMU_FD_CONSOLE, v);
}

static void do_link(const char *v)
{
	say(QEMU_FD_LINK, v);
}

static void do_tty(const char *v)
{
	say(QEMU_FD_TTY, v);
}

/* "_" is a blank. */
static void say_words(int fd, const char *v)
{
	for (; *v; v++)
		say(fd, (char[]){ *v == '_' ? ' ' : *v, 0 });
}

static void do_stderr(const char *v)
{
	say_words(STDERR_FILENO, v);
	say(STDERR_FILENO, "\n");
}

static void do_qmp(const char *v)
{
	say(QEMU_FD_QMP, v);
	say(QEMU_FD_QMP, "\r\n");
}

static void do_greet(const char *v)
{
	do_qmp("{\"QMP\":{\"version\":{\"qemu\":{\"major\":10}},\"capabilities\":[\"oob\"]}}");
}

/* EVENT or EVENT:REASON */
static void do_event(const char *v)
{
	char line[200];
	int n = (int)strcspn(v, ":");
	const char *what = strncmp(v, "MIGRATION", (size_t)n) ? "reason" : "status";

	snprintf(line, sizeof(line),
		 "{\"timestamp\":{\"seconds\":1},\"event\":\"%.*s\",\"data\":{\"guest\":true,"
		 "\"%s\":\"%s\"}}",
		 n, v, what, v[n] ? v + n + 1 : "");
	do_qmp(line);
}

static void do_status(const char *v)
{
	status = v;
}

static void do_clock(const char *v)
{
	seconds = v;
}

static void do_state(const char *v)
{
	state = v;
}

static void do_refuse(const char *v)
{
	refused = v;
}

static void do_show(const char *v)
{
	show = true;
}

/* One command; returns false at the end. */
static bool read_command(char *to, size_t cap)
{
	for (size_t n = 0; n + 1 < cap && read_full(QEMU_FD_QMP, to + n, 1) == 0; n++) {
		if (to[n] != '\n')
			continue;
		to[n] = 0;
		return true;
	}
	return false;
}

static void tell_cmos(char *to, size_t cap)
{
	time_t now = QEMU_CLOCK_START + strtoll(seconds, NULL, 10);
	struct tm tm;

	gmtime_r(&now, &tm);
	snprintf(to, cap,
		 "{\"tm_sec\":%d,\"tm_min\":%d,\"tm_hour\":%d,\"tm_mday\":%d,\"tm_mon\":%d,"
		 "\"tm_year\":%d}",
		 tm.tm_sec, tm.tm_min, tm.tm_hour, tm.tm_mday, tm.tm_mon, tm.tm_year);
}

static void tell_pl031(char *to, size_t cap)
{
	snprintf(to, cap, "\"0000000009010000: 0x%08llx\\r\\n\"",
		 QEMU_CLOCK_START + strtoll(seconds, NULL, 10));
}

static void tell_clock(bool cmos, int id)
{
	char time[200] = "\"not today\"", text[300];

	if (strchr("-0123456789", seconds[0]))
		(cmos ? tell_cmos : tell_pl031)(time, sizeof(time));
	snprintf(text, sizeof(text), "{\"return\":%s,\"id\":%d}", time, id);
	do_qmp(text);
}

static bool is_refused(const char *name)
{
	return !strcmp(name, refused) || (!strcmp(name, "cont") && !strcmp(status, "stubborn"));
}

/* As QEMU comes to the file: by its name. */
static int open_state(int flags)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", QEMU_FD_STATE);
	return open(path, flags | O_CLOEXEC);
}

static void save(void)
{
	int fd = open_state(O_WRONLY | O_TRUNC);

	say_words(fd, state);
	close_fd(&fd);
}

static void answer(const char *line)
{
	json_t *c = json_loads(line, 0, NULL);
	const char *name = json_string_value(json_object_get(c, "execute"));
	char text[400] = "";
	int id = (int)json_integer_value(json_object_get(c, "id"));

	if (!name)
		exit(91);
	if (show)
		say(QEMU_FD_CONSOLE, name), say(QEMU_FD_CONSOLE, "\n");
	if (!strcmp(name, "migrate"))
		save();
	if (!strcmp(name, "query-cpus-fast"))
		snprintf(text, sizeof(text),
			 "{\"return\":[{\"cpu-index\":1,\"thread-id\":%d},{\"cpu-index\":0,"
			 "\"thread-id\":%d}],\"id\":%d}",
			 getpid(), getpid(), id);
	else if (!strcmp(name, "query-status"))
		snprintf(text, sizeof(text), "{\"return\":{\"status\":\"%s\"},\"id\":%d}", status,
			 id);
	else if (!strcmp(name, "qom-get") || !strcmp(name, "human-monitor-command"))
		tell_clock(name[0] == 'q', id);
	else if (is_refused(name))
		snprintf(
			text, sizeof(text),
			"{\"error\":{\"class\":\"GenericError\",\"desc\":\"not today\"},\"id\":%d}",
			id);
	else
		snprintf(text, sizeof(text), "{\"return\":{},\"id\":%d}", id);
	if (!strcmp(name, "stop"))
		do_event("STOP");
	if (text[0])
		do_qmp(text);
	json_decref(c);
}

/* Answers so many commands. */
static void do_serve(const char *v)
{
	char line[400];

	for (int n = atoi(v); n > 0; n--) {
		if (!read_command(line, sizeof(line)))
			exit(92);
		answer(line);
	}
}

/* Sends so many bytes of link back, in pieces. */
static void do_echo(const char *v)
{
	char piece[1000];

	for (size_t left = strtoul(v, NULL, 10); left;) {
		ssize_t n = read(QEMU_FD_LINK, piece, MIN(left, sizeof(piece)));

		if (n <= 0 || write_full(QEMU_FD_LINK, piece, (size_t)n) < 0)
			exit(93);
		left -= (size_t)n;
	}
}

static void do_flood(const char *v)
{
	char piece[4096];

	memset(piece, 'x', sizeof(piece));
	for (size_t left = strtoul(v, NULL, 10); left; left -= MIN(left, sizeof(piece)))
		if (write_full(QEMU_FD_CONSOLE, piece, MIN(left, sizeof(piece))) < 0)
			exit(94);
}

static void do_complain(const char *v)
{
	for (int i = 0; i < 2000; i++)
		do_stderr("something is odd, but this is only the first part of the story");
	do_stderr(v);
}

static void do_ram(const char *v)
{
	char path[40];
	uint64_t at[2];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", QEMU_FD_RAM);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (sscanf(v, "%lu:%lu", &at[0], &at[1]) != 2 || pwrite(fd, &at[1], 8, (off_t)at[0]) != 8)
		exit(95);
	close_fd(&fd);
}

/* "KIND fd..." of all that is open, and the process: what a child must not have inherited. */
static void do_self(const char *v)
{
	DIR *d = opendir("/proc/self/fd");
	char line[400];
	int n = snprintf(line, sizeof(line), "pid %d group %d fds", getpid(),
			 getpgid(0) == getpid());

	for (int fd = 0; fd < 1024; fd++)
		if (fd != dirfd(d) && fcntl(fd, F_GETFD) >= 0)
			n += snprintf(line + n, sizeof(line) - (size_t)n, " %d", fd);
	closedir(d);
	snprintf(line + n, sizeof(line) - (size_t)n, "\n");
	say(QEMU_FD_CONSOLE, line);
}

/* The stub's end of the line: what QEMU was given, or who comes to it. */
static int gdb_fd(void)
{
	static int fd = -1;
	int listens = 0;
	socklen_t len = sizeof(listens);

	if (fd >= 0)
		return fd;
	getsockopt(QEMU_FD_GDB, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len);
	fd = listens ? accept(QEMU_FD_GDB, NULL, NULL) : QEMU_FD_GDB;
	return fd;
}

/* Bytes as they are. */
static void do_stub(const char *v)
{
	say(gdb_fd(), v);
}

/* Tells the console what packet came, and answers it. */
static void do_gdb(const char *v)
{
	char c = 0, line[200];
	uint8_t sum = 0;

	while (c != '$')
		if (read_full(gdb_fd(), &c, 1) < 0)
			exit(97);
	while (read_full(gdb_fd(), &c, 1) == 0 && c != '#')
		say(QEMU_FD_CONSOLE, (char[]){ c, 0 });
	say(QEMU_FD_CONSOLE, "\n");
	for (const char *p = v; *p; p++)
		sum = (uint8_t)(sum + (uint8_t)*p);
	snprintf(line, sizeof(line), "+$%s#%02x", v, sum);
	say(gdb_fd(), line);
}

/* Nobody has said anything that was not listened to. */
static void do_quiet(const char *v)
{
	char c;

	if (recv(QEMU_FD_QMP, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0 ||
	    recv(gdb_fd(), &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
		exit(98);
}

static void do_close(const char *v)
{
	int fd = !strcmp(v, "link") ? QEMU_FD_LINK : QEMU_FD_QMP;

	close_fd(&fd);
}

static void do_hang(const char *v)
{
	for (;;)
		pause();
}

static void do_die(const char *v)
{
	signal(atoi(v), SIG_DFL);
	raise(atoi(v));
}

static void do_exit(const char *v)
{
	exit(atoi(v));
}

static const struct {
	const char *name;
	void (*act)(const char *v);
} actions[] = {
	{ "console", do_console }, { "link", do_link },	    { "tty", do_tty },
	{ "stderr", do_stderr },   { "qmp", do_qmp },	    { "greet", do_greet },
	{ "event", do_event },	   { "status", do_status }, { "serve", do_serve },
	{ "echo", do_echo },	   { "flood", do_flood },   { "complain", do_complain },
	{ "ram", do_ram },	   { "self", do_self },	    { "close", do_close },
	{ "gdb", do_gdb },	   { "stub", do_stub },	    { "clock", do_clock },
	{ "hang", do_hang },	   { "die", do_die },	    { "exit", do_exit },
	{ "state", do_state },	   { "refuse", do_refuse }, { "show", do_show },
	{ "quiet", do_quiet },
};

static void play(char *word)
{
	char *name = strchr(word, ':') + 1, *value = strchr(word, '=');

	if (value)
		*value++ = 0;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (!strcmp(name, actions[i].name)) {
			actions[i].act(value ? value : "");
			return;
		}
	}
	exit(96);
}

/* "file,id=NAME,path=/proc/self/fd/N": from then on what is written to N goes there. */
static void open_file(const char *chardev)
{
	const char *path = strstr(chardev, "path=");
	int n, fd = path ? open(path + 5, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;

	if (fd < 0 || sscanf(path, "path=/proc/self/fd/%d", &n) != 1 || dup2(fd, n) < 0)
		exit(97);
	close_fd(&fd);
}

static char *words_of_state(void)
{
	static char text[4096];
	int fd = open_state(O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close_fd(&fd);
	return n < 0 ? NULL : text;
}

int main(int argc, char **argv)
{
	const char *version = getenv("FAKE_VERSION");
	char *script = NULL;

	if (argc > 1 && !strcmp(argv[1], "--version"))
		return printf("%s\n", version ? version : "QEMU emulator version 10.0.2") < 0;
	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i + 1 < argc; i++) {
		if (!strcmp(argv[i], "-append"))
			script = argv[i + 1];
		if (!strcmp(argv[i], "-incoming"))
			script = words_of_state();
		if (!strcmp(argv[i], "-chardev") && !strncmp(argv[i + 1], "file,", 5))
			open_file(argv[i + 1]);
	}
	for (char *w = script ? strtok(script, " ") : NULL; w; w = strtok(NULL, " "))
		if (!strncmp(w, "fake:", 5))
			play(w);
	return 0;
}
