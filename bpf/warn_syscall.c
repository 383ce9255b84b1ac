/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Warnings by system calls that have returned: only where there is a program on all of them anyway (sys_exit.c), since
 * what it costs others is too much for these. What comes by another way, as from 32-bit programs, is not seen.
 */

#define PTRACE_ATTACH 16
#define PTRACE_SEIZE 0x4206
#define CLONE_NEW_FLAGS 0x7e020080 /* of all namespaces, include/uapi/linux/sched.h */

static __always_inline void warnings_at_sys_exit(void *regs, s64 nr, long result)
{
	u64 arg0 = 0, arg1 = 0, value = 0;
	u32 kind = WARNING_MOUNT;
	struct process *p;

	switch (nr) {
	case SYS_PTRACE:
	case SYS_PROCESS_VM_READV:
	case SYS_PROCESS_VM_WRITEV:
	case SYS_BPF:
	case SYS_MOUNT:
	case SYS_UMOUNT2:
	case SYS_MOVE_MOUNT:
	case SYS_UNSHARE:
	case SYS_SETNS:
	case SYS_IOCTL:
		break;
	default:
		return;
	}
	p = session_process();
	if (!p)
		return;
	READ(arg0, regs, SYSCALL_ARG0);
	READ(arg1, regs, SYSCALL_ARG1);
	if (nr == SYS_IOCTL) {
		if ((u32)arg1 != TIOCSTI)
			return;
		kind = WARNING_TYPED;
	} else if (nr == SYS_PTRACE) {
		if (arg0 != PTRACE_ATTACH && arg0 != PTRACE_SEIZE)
			return;
		kind = WARNING_PTRACE;
		value = arg0;
	} else if (nr == SYS_PROCESS_VM_READV || nr == SYS_PROCESS_VM_WRITEV) {
		kind = WARNING_PTRACE;
	} else if (nr == SYS_BPF) {
		kind = WARNING_BPF;
		value = (u32)arg0;
	} else if (nr == SYS_UNSHARE || nr == SYS_SETNS) {
		if (result)
			return;
		kind = WARNING_NAMESPACE;
		value = (nr == SYS_UNSHARE ? arg0 : arg1) & CLONE_NEW_FLAGS;
		if (nr == SYS_UNSHARE && !value)
			return; /* of files and the like */
	}
	/* In one place: each takes the compiler and the verifier their time. */
	warn(p->target, p->session, kind, value, 0, 0, 0);
}
