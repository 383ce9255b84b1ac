/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The best way: fexit on the functions of the two system calls, whose one argument is struct pt_regs *; the result
 * follows it. FEXIT_EXECVE is kretfunc__ and the function's name on this machine.
 */
int FEXIT_EXECVE(u64 *ctx)
{
	exec_returned(exec_filename((void *)ctx[0], false), false, ctx[1]);
	return 0;
}

int FEXIT_EXECVEAT(u64 *ctx)
{
	exec_returned(exec_filename((void *)ctx[0], true), true, ctx[1]);
	return 0;
}
