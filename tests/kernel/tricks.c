/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to run something, or to get at something, that a shell has no word for: tricks NAME [ARGUMENT…]. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
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

int main(int argc, char **argv)
{
	const char *trick = argv[1];

	if (argc < 2)
		return 98;
	if (!strncmp(trick, "memfd", 5))
		return in_memory(argv + 2, trick);
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
	if (!strcmp(trick, "push-input"))
		return ioctl(0, TIOCSTI, "x") && 0;
	return 99;
}
