/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The last way, for kernels without fexit and kprobes: the system calls by which a session's owner
 * reads and writes its end of the terminal, when they return. sys_exit.c calls this.
 */

#define PTMX_DEVICE ((5 << 20) | 2) /* MKDEV(TTYAUX_MAJOR, 2): both /dev/ptmx and /dev/pts/ptmx */
#define TTY_DEVICE (5 << 20) /* /dev/tty, by which a program names its own terminal */
#define UNIX98_PTY_SLAVE_MAJOR 136 /* to 143, include/uapi/linux/major.h */
#define TTY_IOCTL_SET_WINSIZE 0x5414 /* TIOCSWINSZ, include/uapi/asm-generic/ioctls.h */
#define EIO 5

enum tty_call { CALL_READ, CALL_WRITE, CALL_RESIZE };

/*
 * The tty that a file descriptor of the current process stands for, and its device number; else NULL.
 * Only for one that a system call has just worked on, so that it is there.
 */
static __always_inline void *tty_of_fd(u64 fd, u32 *device)
{
	void *task = (void *)bpf_get_current_task(), *p = NULL, *inode = NULL, *tty = NULL;

	*device = 0;
	READ(p, task, OFF_task_struct_files);
	READ(p, p, OFF_files_struct_fdt);
	READ(p, p, OFF_fdtable_fd);
	READ(p, p, 8 * fd);
	READ(inode, p, OFF_file_f_inode);
	READ(*device, inode, OFF_inode_i_rdev);
	if (*device != PTMX_DEVICE && *device != TTY_DEVICE && (*device >> 23) != UNIX98_PTY_SLAVE_MAJOR >> 3)
		return NULL;
	READ(p, p, OFF_file_private_data);
	READ(tty, p, OFF_tty_file_private_tty);
	return tty;
}

/* A read, write or TIOCSWINSZ that has returned `result`, on whatever `fd` is. */
static __always_inline void tty_call(u64 fd, char *buffer, long result, enum tty_call call)
{
	struct terminal *t;
	void *tty, *slave;
	u16 rows = 0, cols = 0;
	u32 device;

	tty = slave = tty_of_fd(fd, &device);
	if (!tty)
		return;
	if (device == PTMX_DEVICE)
		READ(slave, tty, OFF_tty_struct_link);
	else if (call != CALL_RESIZE)
		return; /* what programs do at their end comes out at the owner's */
	t = terminal_of(slave);
	if (!t)
		return;
	if (call == CALL_RESIZE) {
		READ(rows, slave, OFF_tty_struct_winsize);
		READ(cols, slave, OFF_tty_struct_winsize + 2);
		tty_resize(t, rows, cols);
		return;
	}
	t->owner = current_tgid();
	if (result < 0) {
		/* EIO: the last process has closed the terminal and all that it wrote was read (n_tty_read()). */
		close_terminal((u64)slave, t);
	} else if (call == CALL_READ) {
		tty_out(t, slave, buffer, result, true);
	} else {
		tty_in(t, slave, buffer, result, true);
	}
}

/* What a system call that has returned `result` did to a terminal. */
static __always_inline void tty_at_sys_exit(void *regs, SYSCALL_NR_TYPE nr, long result)
{
	u64 arg0 = 0, arg1 = 0;
	struct process *p;
	u32 pid, device;

	switch (nr) {
	case SYS_READ:
	case SYS_WRITE:
		if (result <= 0 && (result != -EIO || nr != SYS_READ))
			return;
		break;
	case SYS_IOCTL:
		if (result)
			return;
		break;
	case SYS_OPEN:
	case SYS_OPENAT:
		break;
	default:
		return;
	}
	pid = current_tgid();
	p = processes.lookup(&pid);
	if (nr == SYS_OPEN || nr == SYS_OPENAT) {
		if (p && result >= 0 && tty_of_fd(result, &device) && device == PTMX_DEVICE)
			p->owns_pty = 1;
		return;
	}
	/* What programs do at their own end of a terminal comes out at its owner's. */
	if (p && !p->owns_pty && (nr == SYS_READ || nr == SYS_WRITE))
		return;
	READ(arg0, regs, SYSCALL_ARG0);
	READ(arg1, regs, SYSCALL_ARG1);
	if (nr == SYS_IOCTL && (u32)arg1 != TTY_IOCTL_SET_WINSIZE)
		return;
	tty_call(arg0, (char *)arg1, result, nr == SYS_IOCTL ? CALL_RESIZE : nr == SYS_READ ? CALL_READ : CALL_WRITE);
}
