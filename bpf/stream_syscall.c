/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The last way to see pipes, as that of tty_syscall.c: the system calls that read and write them, when they
 * return. splice() and sendfile() move bytes without showing them, so they leave a gap of so many bytes.
 */

/* sys_exit(regs, result), include/trace/events/syscalls.h */
int raw_stream_sys_exit(u64 *ctx)
{
	void *regs = (void *)ctx[0];

	if (!any_stream() || is_compat_call(regs))
		return 0;

	long result = ctx[1];
	u64 fd = 0, buffer = 0, other = 0, key = 0;
	SYSCALL_NR_TYPE nr = -1;
	bool reading, scattered, shown = true;
	struct stream *s;

	if (result < 0)
		return 0;
	READ(nr, regs, SYSCALL_NR);
	reading = is_read(nr);
	if (nr == SYS_SPLICE || nr == SYS_SENDFILE)
		shown = false;
	else if (!reading && nr != SYS_WRITE && !is_scattered(nr))
		return 0;
	if (!result && !reading && nr != SYS_SPLICE)
		return 0;
	READ(fd, regs, SYSCALL_ARG0);
	READ(buffer, regs, SYSCALL_ARG1);
	READ(other, regs, SYSCALL_ARG2);
	s = stream_at(file_of_fd((u32)fd), reading || nr == SYS_SPLICE, &key);
	if (!s && nr == SYS_SPLICE)
		s = stream_at(file_of_fd((u32)other), false, &key);
	if (!s)
		return 0;
	s->owner = current_tgid();
	if (!result) {
		/* Nobody has it open for writing any more, and all was read; but a read of no bytes says nothing. */
		if (s->fd && (other || nr == SYS_SPLICE))
			close_stream(key, s);
	} else if (!shown) {
		pass_stream_bytes(s, result, GAP_UNREADABLE);
	} else {
		/* In one place: each takes the compiler and the verifier their time. */
		scattered = is_scattered(nr);
		stream_bytes(s, reading, scattered ? 0 : buffer, result, scattered ? buffer : 0, false);
	}
	return 0;
}
