/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The first process of the emulated host: mounts what a program expects, then does what the runner (lab.py) asks for
 * over a virtio-serial port, one request after the other:
 *
 *   "run SECONDS LENGTH\n" SCRIPT   ->  "out LENGTH\n" BYTES, any number of them, then "exit CODE LEFT\n", "signal NUMBER LEFT\n"
 *                                       or "timeout 0 LEFT\n"; LEFT processes were still there afterwards and were killed
 *   "off\n"                         ->  the machine is switched off
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT_NAME "org.ktstr.lab"
#define SCRIPT_MAX (1u << 20)

/* The reason is the last thing on the console; the kernel's panic that follows ends the emulator. */
static _Noreturn void die(const char *what)
{
	fprintf(stderr, "lab-init: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void mount_or_die(const char *from, const char *to, const char *type, unsigned long flags,
			 const char *options)
{
	mkdir(to, 0755);
	if (mount(from, to, type, flags, options) < 0)
		die(to);
}

static void load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
		die(path);
	close(fd);
}

/* In the archive: /modules/N-name.ko, in the order of their names. */
static void load_modules(void)
{
	struct dirent **found;
	char path[512];
	int n = scandir("/modules", &found, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		if (found[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/modules/%s", found[i]->d_name);
		load_module(path);
	}
}

/* From the archive into the image, which stays as it is: whoever else reads it sees the same. */
static void enter_root(void)
{
	mount_or_die("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	load_modules();
	mount_or_die("/dev/vda", "/root", "ext4", MS_RDONLY, "noload");
	mount_or_die("/dev/vdb", "/root/lab", "ext4", 0, NULL);
	if (mount("/dev", "/root/dev", NULL, MS_MOVE, NULL) < 0 || chdir("/root") < 0 ||
	    mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		die("the root image");
	mount_or_die("proc", "/proc", "proc", 0, NULL);
	mount_or_die("sysfs", "/sys", "sysfs", 0, NULL);
	mount_or_die("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	mount_or_die("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL);
	mount_or_die("tmpfs", "/tmp", "tmpfs", 0, "mode=1777");
	mount_or_die("tmpfs", "/run", "tmpfs", 0, NULL);
	mount_or_die("devpts", "/dev/pts", "devpts", 0, "ptmxmode=666");
	mount_or_die("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777");
}

static bool is_ours(const char *port)
{
	char path[512], name[64] = "";
	snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", port);
	FILE *f = fopen(path, "re");

	if (!f)
		return false;
	if (fgets(name, sizeof(name), f))
		name[strcspn(name, "\n")] = 0;
	fclose(f);
	return strcmp(name, PORT_NAME) == 0;
}

static int open_port(void)
{
	DIR *d = opendir("/sys/class/virtio-ports");
	char path[512] = "";

	for (struct dirent *e; d && (e = readdir(d));)
		if (is_ours(e->d_name))
			snprintf(path, sizeof(path), "/dev/%s", e->d_name);
	if (d)
		closedir(d);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("port " PORT_NAME);
	return fd;
}

static void send_all(int port, const char *data, size_t n)
{
	while (n) {
		ssize_t k = write(port, data, n);

		if (k < 0 && errno != EINTR)
			die("port " PORT_NAME);
		data += k > 0 ? k : 0;
		n -= k > 0 ? (size_t)k : 0;
	}
}

__attribute__((format(printf, 2, 3))) static void say(int port, const char *format, ...)
{
	char line[64];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	send_all(port, line, strlen(line));
}

/* Exactly n bytes; the runner that went away takes the machine with it. */
static void receive(int port, char *to, size_t n)
{
	while (n) {
		ssize_t k = read(port, to, n);

		if (k == 0 || (k < 0 && errno != EINTR))
			die("port " PORT_NAME);
		to += k > 0 ? k : 0;
		n -= k > 0 ? (size_t)k : 0;
	}
}

static void receive_line(int port, char *to, size_t cap)
{
	for (size_t n = 0; n + 1 < cap; n++) {
		receive(port, to + n, 1);
		to[n + 1] = 0;
		if (to[n] == '\n')
			return;
	}
	die("a request");
}

static pid_t start(const char *script, int out)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	int null = open("/dev/null", O_RDONLY);
	setsid();
	if (chdir("/lab") < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(127);
	execl("/bin/busybox", "sh", "-c", script, (char *)NULL);
	_exit(127);
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

/* Passes on what is there; false once every writer is gone. */
static bool pass_on(int port, int out)
{
	char buf[16384];
	ssize_t n = read(out, buf, sizeof(buf));

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	say(port, "out %zd\n", n);
	send_all(port, buf, (size_t)n);
	return true;
}

/* Until the process ended (not its output: a child it left may hold that open for ever); false at the deadline. */
static bool relay(int port, int out, pid_t pid, long long deadline)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p[2] = { { .fd = pidfd, .events = POLLIN }, { .fd = out, .events = POLLIN } };
	bool ended = false;

	if (pidfd < 0)
		die("pidfd_open");
	while (!ended) {
		long long left = deadline - now_ms();

		if (left <= 0)
			break;
		poll(p, 2, (int)left);
		ended = p[0].revents != 0;
		if (p[1].revents && !pass_on(port, out))
			p[1].fd = -1;
	}
	close(pidfd);
	return ended;
}

/* Whoever is still there: as process 1 we inherit all that commands leave behind, and end it. */
static int sweep(void)
{
	int left = 0, status;

	while (waitpid(-1, &status, WNOHANG) > 0)
		;
	kill(-1, SIGKILL);
	while (waitpid(-1, &status, 0) > 0)
		left++;
	return left;
}

static void run(int port, const char *script, long seconds)
{
	int ends[2], status = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		die("pipe");
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	pid_t pid = start(script, ends[1]);
	close(ends[1]);
	if (pid < 0)
		die("fork");
	bool ended = relay(port, ends[0], pid, now_ms() + seconds * 1000);
	if (ended)
		waitpid(pid, &status, 0);
	int left = sweep();
	for (struct pollfd p = { .fd = ends[0], .events = POLLIN }; poll(&p, 1, 0) > 0;)
		if (!pass_on(port, ends[0]))
			break;
	close(ends[0]);
	if (!ended)
		say(port, "timeout 0 %d\n", left);
	else if (WIFSIGNALED(status))
		say(port, "signal %d %d\n", WTERMSIG(status), left);
	else
		say(port, "exit %d %d\n", WEXITSTATUS(status), left);
}

static void serve(int port)
{
	static char script[SCRIPT_MAX + 1];
	unsigned long seconds, length;
	char line[64];

	say(port, "ready\n");
	for (;;) {
		receive_line(port, line, sizeof(line));
		if (strcmp(line, "off\n") == 0)
			return;
		if (sscanf(line, "run %lu %lu", &seconds, &length) != 2 || length > SCRIPT_MAX)
			die("a request");
		receive(port, script, length);
		script[length] = 0;
		run(port, script, (long)seconds);
	}
}

static void set_environment(void)
{
	setenv("KTSTR_SLOW", "4", 1); /* all of its CPUs are emulated, which it cannot see */
	setenv("PATH", "/lab/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/lab/home", 1);
	setenv("XDG_CACHE_HOME", "/lab/cache", 1);
	setenv("XDG_RUNTIME_DIR", "/run", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
}

int main(void)
{
	set_environment();
	enter_root();
	serve(open_port());
	sync();
	reboot(RB_POWER_OFF);
	die("power off");
}
