/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The last way of whatever happens in system calls: one look at each that returns, for all kinds that need it. Any
 * tracepoint on all system calls puts every task of the node on the kernel's slow path, so it is taken only
 * where nothing better works. A kind takes part if its macro is defined (recorder/ladder.py).
 */

/* sys_exit(regs, result), include/trace/events/syscalls.h */
int raw_sys_exit(u64 *ctx)
{
	void *regs = (void *)ctx[0];
	int zero = 0;
	struct numbers *n = numbers.lookup(&zero);
	struct sieve *s = the_sieve();

	/* Most of the time nobody is in a target: then this is all that a system call costs. */
	if (!n || !s || (n->next_session <= 1 && !s->own_terminals) || is_compat_call(regs))
		return 0;

	long result = ctx[1];
	SYSCALL_NR_TYPE nr = -1;

	READ(nr, regs, SYSCALL_NR);
#ifdef EXEC_FAILED_AT_SYS_EXIT
	exec_failed_at_sys_exit(regs, nr, result);
#endif
#ifdef WARNINGS_AT_SYS_EXIT
	warnings_at_sys_exit(regs, nr, result);
#endif
#ifdef TTY_AT_SYS_EXIT
	tty_at_sys_exit(regs, nr, result);
#endif
	return 0;
}
