/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The best way: fexit on the functions of the two system calls, whose one argument is struct pt_regs *; the result
 * follows it. FEXIT_EXECVE is kretfunc__ and the function's name on this machine.
 *
 * Both are read with a helper, not from the context: Linux 5.10 of Debian describes the argument of execveat by the weak
 * function of kernel/sys_ni.c, where struct pt_regs is only declared, and then its verifier lets nobody take it
 * (btf_ctx_access() in kernel/bpf/btf.c: "is not a struct").
 */
static __always_inline void exec_call_ended(u64 *ctx, bool at)
{
	u64 call[2] = {};

	READ(call, ctx, 0);
	exec_returned(exec_filename((void *)call[0], at), at, call[1]);
}

int FEXIT_EXECVE(u64 *ctx)
{
	exec_call_ended(ctx, false);
	return 0;
}

int FEXIT_EXECVEAT(u64 *ctx)
{
	exec_call_ended(ctx, true);
	return 0;
}
