/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The last way, for kernels without fexit and kprobes: the system calls by which a session's owner
 * reads and writes its end of the terminal, when they return. sys_exit.c calls this.
 */

#define TTY_IOCTL_SET_WINSIZE 0x5414 /* TIOCSWINSZ, include/uapi/asm-generic/ioctls.h */
#define EIO 5

#define TTY_IOCTL_SET_FIRST 0x5402 /* TCSETS, TCSETSW, TCSETSF */
#define TTY_IOCTL_SET_LAST 0x5404
#define TTY_IOCTL_LEAD 0x540e /* TIOCSCTTY */
#define TTY_IOCTL_OPEN 0x5441 /* TIOCGPTPEER: opens the programs' end of a terminal by the other one */

#define NOWHERE (1ULL << 63) /* where nobody can read: of bytes that a call moves without showing them, so that they are a gap */

/*
 * CALL_OPEN, CALL_LEAD: one end was opened, or made the controlling terminal, which a terminal may be by being opened. It becomes
 * known, since its leader may have ended before the first read.
 */
enum tty_call { CALL_READ, CALL_WRITE, CALL_RESIZE, CALL_SET, CALL_OPEN, CALL_LEAD };

/*
 * A terminal's other end has been opened, so what had the memory of its slave before is over: its end need not have been seen.
 * Nobody has opened this slave yet, which counts itself (pty_common_install(), drivers/tty/pty.c): a filter of system calls
 * can have an old terminal pass for one just opened.
 */
static __always_inline void close_former(void *slave)
{
	struct terminal *t;
	u64 key = (u64)slave;
	u32 count = 0;

	t = terminals.lookup(&key);
	READ(count, slave, OFF_tty_struct_count);
	if (t && count <= 1)
		close_terminal(key, t);
}

/* A call that has returned `result`, on whatever `fd` is; what it read or wrote is in `memory` at `buffer`. */
static __always_inline void tty_call(u64 fd, char *buffer, long result, enum tty_call call, enum memory memory)
{
	struct terminal *t;
	void *tty, *slave;
	u16 rows = 0, cols = 0;
	u32 device;
	u8 packet = 0;

	tty = slave = tty_of_fd(fd, &device);
	if (!tty)
		return;
	if (device == PTMX_DEVICE) {
		READ(slave, tty, OFF_tty_struct_link);
		if (call == CALL_OPEN) {
			close_former(slave);
			return;
		}
	} else if (call == CALL_READ || call == CALL_WRITE) {
		return; /* what programs do at their end comes out at the owner's */
	}
	t = terminal_of(slave, call == CALL_WRITE || call == CALL_RESIZE);
	if (!t || call == CALL_OPEN || call == CALL_LEAD)
		return;
	if (call == CALL_SET) {
		look_for_quiet(t, slave);
		return;
	}
	if (call == CALL_RESIZE) {
		READ(rows, slave, OFF_tty_struct_winsize);
		READ(cols, slave, OFF_tty_struct_winsize + 2);
		tty_resize(t, rows, cols);
		return;
	}
	t->owner = current_tgid();
	if (result < 0) {
		/* EIO: the last process has closed the terminal and all that it wrote was read (n_tty_read()). */
		if (!is_held(tty))
			close_terminal((u64)slave, t);
	} else if (call == CALL_READ) {
		READ(packet, tty, OFF_tty_struct_packet);
		/* TIOCPKT, as of screen: before the bytes comes one that is 0, or says what changed and is alone. */
		tty_out(t, slave, buffer, result, memory, packet & 1);
	} else {
		tty_in(t, slave, buffer, result, memory);
	}
}

/* What a system call that has returned `result` did to a terminal. */
static __always_inline void tty_at_sys_exit(void *regs, SYSCALL_NR_TYPE nr, long result)
{
	enum memory memory = is_scattered(nr) ? MEMORY_VECTOR : MEMORY_USER;
	enum tty_call call = is_read(nr) ? CALL_READ : CALL_WRITE;
	u64 arg0 = 0, arg1 = 0, arg2 = 0;
	u32 device, from, to;

	switch (nr) {
	case SYS_READ:
	case SYS_READV:
	case SYS_PREADV2:
		if (result <= 0 && result != -EIO)
			return;
		break;
	case SYS_WRITE:
	case SYS_WRITEV:
	case SYS_PWRITEV2:
	case SYS_SPLICE:
	case SYS_SENDFILE:
		if (result <= 0)
			return;
		break;
	case SYS_IOCTL:
		if (result < 0)
			return;
		break;
	case SYS_OPEN:
	case SYS_CREAT:
	case SYS_OPENAT:
	case SYS_OPENAT2:
		if (result < 0 || !process_of(current_tgid()))
			return;
		call = CALL_OPEN;
		break;
	default:
		return;
	}
	READ(arg0, regs, SYSCALL_ARG0);
	READ(arg1, regs, SYSCALL_ARG1);
	if (nr == SYS_IOCTL) {
		if ((u32)arg1 == TTY_IOCTL_OPEN)
			call = CALL_OPEN;
		else if (result)
			return;
		else if ((u32)arg1 == TTY_IOCTL_SET_WINSIZE)
			call = CALL_RESIZE;
		else if ((u32)arg1 == TTY_IOCTL_LEAD)
			call = CALL_LEAD;
		else if ((u32)arg1 >= TTY_IOCTL_SET_FIRST && (u32)arg1 <= TTY_IOCTL_SET_LAST)
			call = CALL_SET;
		else
			return;
	}
	if (nr == SYS_SPLICE || nr == SYS_SENDFILE) {
		READ(arg2, regs, SYSCALL_ARG2);
		from = nr == SYS_SPLICE ? arg0 : arg1;
		to = nr == SYS_SPLICE ? arg2 : arg0;
		call = tty_of_fd(from, &device) && device == PTMX_DEVICE ? CALL_READ : CALL_WRITE;
		arg0 = call == CALL_READ ? from : to;
		arg1 = NOWHERE;
	}
	if (call == CALL_OPEN)
		arg0 = result;
	tty_call(arg0, (char *)arg1, result, call, memory);
}
