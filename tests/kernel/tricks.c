/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to run something, or to get at something, that a shell has no word for: tricks NAME [ARGUMENT…]. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int copy(const char *from, int to)
{
	char buffer[1 << 16];
	int fd = open(from, O_RDONLY);
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		if (write(to, buffer, n) != n)
			return -1;
	return close(fd);
}

/* Runs argv[0] from memory, under the name of argv[1]. */
static int in_memory(char **argv, const char *way)
{
	char path[64];
	int fd = memfd_create("kworker/0:0", 0);

	if (copy(argv[0], fd))
		return 90;
	if (!strcmp(way, "memfd-at")) {
		syscall(SYS_execveat, fd, "", argv + 1, environ, AT_EMPTY_PATH);
	} else {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		execve(path, argv + 1, environ);
	}
	return 91;
}

/* Runs a copy of argv[0] on a file system that is mounted nowhere. */
static int unmounted(char **argv)
{
	int context = fsopen("ramfs", 0), mounted, fd;

	fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	mounted = fsmount(context, 0, 0);
	fd = openat(mounted, "x", O_WRONLY | O_CREAT, 0755);
	if (copy(argv[0], fd))
		return 90;
	close(fd);
	syscall(SYS_execveat, mounted, "x", argv + 1, environ, 0);
	return 91;
}

/* Runs a copy of argv[0] that is removed before it runs. */
static int deleted(char **argv)
{
	int fd = open("/tmp/removed", O_WRONLY | O_CREAT | O_TRUNC, 0755);

	if (copy(argv[0], fd))
		return 90;
	close(fd);
	fd = open("/tmp/removed", O_PATH);
	unlink("/tmp/removed");
	syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	return 91;
}

static int traced(void)
{
	int status;
	pid_t child = fork();

	if (!child) {
		pause();
		_exit(0);
	}
	ptrace(PTRACE_ATTACH, child, 0, 0);
	waitpid(child, &status, 0);
	kill(child, SIGKILL);
	return 0;
}

static int written(void)
{
	static char word[8] = "before";
	char other[8] = "after";
	struct iovec local = { other, 8 }, remote = { word, 8 };
	pid_t child = fork();

	if (!child) {
		pause();
		_exit(0);
	}
	process_vm_writev(child, &local, 1, &remote, 1, 0);
	kill(child, SIGKILL);
	return 0;
}

static void *run(void *argv)
{
	execv(((char **)argv)[0], (char **)argv + 1);
	return NULL;
}

static int from_thread(char **argv)
{
	pthread_t thread;

	pthread_create(&thread, NULL, run, argv);
	return pthread_join(thread, NULL), 91;
}

#define SHOWN 7 /* what "shown" becomes on a terminal, with its line feed: it may come in two parts */

/* A process on the terminal prints "shown" and stays until that is hung up. */
static void print_on_terminal(int master)
{
	int unlock = 0, slave;
	char byte;

	ioctl(master, TIOCSPTLCK, &unlock);
	if (fork())
		return;
	setsid();
	slave = open(ptsname(master), O_RDWR);
	close(master);
	if (write(slave, "shown\n", 6) == 6)
		while (read(slave, &byte, 1) > 0)
			;
	_exit(0);
}

/* Has another process get a terminal's end and read it: one that shares all descriptors, or gets it by recvmmsg(). */
static int given_terminal(const char *how)
{
	bool shared = !strcmp(how, "shared");
	char space[CMSG_SPACE(sizeof(int))] = {}, buffer[64];
	int ends[2], master = -1;
	struct iovec part = { &master, sizeof(master) };
	struct mmsghdr message = { .msg_hdr = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = space,
						.msg_controllen = sizeof(space) } };
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message.msg_hdr);
	pid_t reader;
	long got;

	socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
	reader = syscall(SYS_clone, (shared ? CLONE_FILES : 0) | SIGCHLD, NULL, NULL, NULL, NULL);
	if (!reader) {
		recvmmsg(ends[1], &message, 1, 0, NULL);
		if (!shared)
			master = *(int *)CMSG_DATA(rights);
		for (long all = 0; all < SHOWN; all += got)
			if ((got = read(master, buffer, sizeof(buffer))) <= 0)
				_exit(1);
		_exit(0);
	}
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	print_on_terminal(master);
	*rights = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	*(int *)CMSG_DATA(rights) = master;
	if (shared)
		message.msg_hdr.msg_controllen = 0;
	sendmsg(ends[0], &message.msg_hdr, 0);
	return waitpid(reader, NULL, 0) != reader;
}

/* Opens a terminal and reads what comes out of it, in a way that few programs do. */
static int terminal(const char *how)
{
	struct open_how flags = { .flags = O_RDWR | O_NOCTTY };
	char buffer[64];
	struct iovec part = { buffer, sizeof(buffer) };
	int ends[2], master;
	long got;

	if (!strcmp(how, "openat2"))
		master = syscall(SYS_openat2, AT_FDCWD, "/dev/ptmx", &flags, sizeof(flags));
	else
		master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	print_on_terminal(master);
	if (pipe(ends))
		return 1;
	for (long all = 0; all < SHOWN; all += got) {
		got = strcmp(how, "splice") ? preadv2(master, &part, 1, -1, 0) :
					      splice(master, NULL, ends[1], NULL, sizeof(buffer), 0);
		if (got <= 0)
			return 1;
	}
	return 0;
}

/*
 * Makes 32-bit calls whose numbers are those of other 64-bit ones, with the registers that these would take: timerfd_create() in
 * place of execveat(), with a name, and getpid() in place of writev(), to a terminal's other end.
 */
static int calls_of_32_bits(void)
{
	static char name[] = "/bin/forged";
	static struct iovec typed = { name, sizeof(name) };
	long result = 0;
#ifdef __x86_64__
	long master = open("/dev/ptmx", O_RDWR | O_NOCTTY);

	print_on_terminal(master);
	read(master, name + sizeof(name) - 1, 1); /* it is known then */
	asm volatile("int $0x80" : "=a"(result) : "a"(322), "b"(-1), "S"(name) : "memory", "r8", "r9", "r10", "r11");
	asm volatile("int $0x80" : "=a"(result) : "a"(20), "D"(master), "S"(&typed) : "memory", "r8", "r9", "r10", "r11");
#endif
	return result < 0;
}

int main(int argc, char **argv)
{
	const char *trick = argv[1];

	if (argc < 2)
		return 98;
	if (!strncmp(trick, "memfd", 5))
		return in_memory(argv + 2, trick);
	if (!strcmp(trick, "unmounted"))
		return unmounted(argv + 2);
	if (!strcmp(trick, "deleted"))
		return deleted(argv + 2);
	if (!strcmp(trick, "thread"))
		return from_thread(argv + 2);
	if (!strcmp(trick, "no-argv")) {
		char *none[] = { NULL };
		return execve(argv[2], none, environ);
	}
	if (!strcmp(trick, "as-user"))
		return setgroups(0, NULL) || setgid(1000) || setuid(1000) || execv(argv[2], argv + 2);
	if (!strcmp(trick, "no-privileges"))
		return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || setuid(1000) || execv(argv[2], argv + 2);
	if (!strcmp(trick, "remove-self"))
		return getchar() != EOF || unlink(argv[0]);
	if (!strcmp(trick, "ptrace"))
		return traced();
	if (!strcmp(trick, "write-memory"))
		return written();
	if (!strcmp(trick, "bpf"))
		return syscall(SYS_bpf, 0, NULL, 0) && 0;
	if (!strcmp(trick, "unshare"))
		return unshare(CLONE_NEWUTS) && 0;
	if (!strcmp(trick, "clone")) {
		pid_t child = syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD, NULL, NULL, NULL, NULL);
		if (!child)
			_exit(0);
		return waitpid(child, NULL, 0) && 0;
	}
	if (!strcmp(trick, "mount"))
		return mount("none", "/tmp", "tmpfs", 0, NULL) && 0;
	if (!strcmp(trick, "splice"))
		return splice(0, NULL, 1, NULL, 1 << 16, 0) <= 0;
	if (!strcmp(trick, "terminal"))
		return terminal(argv[2]);
	if (!strcmp(trick, "given-terminal"))
		return given_terminal(argv[2]);
	if (!strcmp(trick, "32-bit"))
		return calls_of_32_bits();
	if (!strcmp(trick, "push-input"))
		return ioctl(0, TIOCSTI, "x") && 0;
	return 99;
}
