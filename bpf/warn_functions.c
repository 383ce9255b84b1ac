/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Warnings by the kernel's functions behind the system calls, at their beginning: all that leads there is seen, by
 * whatever call and from 32-bit programs too, and nobody else pays for it. ARGS(n) is argument n of the function.
 */

#define PTRACE_MODE_ATTACH 2 /* include/linux/ptrace.h; others only look */
#define CLONE_NEWUSER 0x10000000

/* security_ptrace_access_check(child, mode): also process_vm_writev() and /proc/PID/mem come here */
AT_BEGINNING_OF(security_ptrace_access_check)
{
	struct process *p = session_process();
	void *child = (void *)ARGS(0);
	u32 pid = 0;

	if (!p || !(ARGS(1) & PTRACE_MODE_ATTACH))
		return 0;
	READ(pid, child, OFF_task_struct_tgid);
	warn_of_hold(p, pid, (u32)ARGS(1));
	return 0;
}

/* security_bpf(command, …) */
AT_BEGINNING_OF(security_bpf)
{
	struct process *p = session_process();

	if (p)
		warn(p->target, p->session, WARNING_BPF, (u32)ARGS(0), 0, 0, 0);
	return 0;
}

static __always_inline int warn_of_mount(void)
{
	struct process *p = session_process();

	if (p)
		warn(p->target, p->session, WARNING_MOUNT, 0, 0, 0, 0);
	return 0;
}

AT_BEGINNING_OF(security_sb_mount)
{
	return warn_of_mount();
}

AT_BEGINNING_OF(security_sb_umount)
{
	return warn_of_mount();
}

AT_BEGINNING_OF(security_move_mount)
{
	return warn_of_mount();
}

/* switch_task_namespaces(task, new): unshare(), setns(), and with NULL the end of a task */
AT_BEGINNING_OF(switch_task_namespaces)
{
	void *task = (void *)ARGS(0), *new = (void *)ARGS(1), *old = NULL;
	struct process *p;
	u64 flags;

	if (!new)
		return 0;
	p = session_process();
	if (!p)
		return 0;
	READ(old, task, OFF_task_struct_nsproxy);
	flags = different_namespaces(old, new);
	if (flags)
		warn(p->target, p->session, WARNING_NAMESPACE, flags, 0, 0, 0);
	return 0;
}

AT_BEGINNING_OF(create_user_ns)
{
	struct process *p = session_process();

	if (p)
		warn(p->target, p->session, WARNING_NAMESPACE, CLONE_NEWUSER, 0, 0, 0);
	return 0;
}

#define FTRACE_SYSCTL "ftrace_enabled" /* kernel/trace/ftrace.c */

/*
 * proc_sys_write(iocb, from), fs/proc/proc_sysctl.c: it runs before the write that stops all programs at functions, so
 * that is told also if it is undone before the recorder looks (recorder/switches.py).
 */
AT_BEGINNING_OF(proc_sys_write)
{
	void *iocb = (void *)ARGS(0), *file = NULL, *dentry = NULL, *at = NULL;
	u64 name[2] = {}, wanted[2] = {};
	struct process *p = session_process();

	if (!p)
		return 0;
	READ(file, iocb, OFF_kiocb_ki_filp);
	READ(dentry, file, OFF_file_f_path + OFF_path_dentry);
	READ(at, dentry, OFF_dentry_d_name + OFF_qstr_name);
	read_kernel(name, sizeof(FTRACE_SYSCTL), at);
	__builtin_memcpy(wanted, FTRACE_SYSCTL, sizeof(FTRACE_SYSCTL));
	if (name[0] == wanted[0] && name[1] == wanted[1])
		warn(p->target, p->session, WARNING_FTRACE, 0, 0, 0, 0);
	return 0;
}

/* tty_ioctl(file, command, argument) */
AT_BEGINNING_OF(tty_ioctl)
{
	void *file = (void *)ARGS(0), *private = NULL, *tty = NULL;
	struct process *p;
	struct terminal *t;
	u64 key;
	u8 byte = 0;

	if ((u32)ARGS(1) != TIOCSTI)
		return 0;
	READ(private, file, OFF_file_private_data);
	READ(tty, private, OFF_tty_file_private_tty);
	key = (u64)tty;
	t = terminals.lookup(&key);
	p = session_process();
	read_user(&byte, 1, (void *)ARGS(2));
	if (p)
		warn(p->target, p->session, WARNING_TYPED, byte, 0, 0, t ? t->number : 0);
	else if (t)
		warn(t->target, t->session, WARNING_TYPED, byte, 0, 0, t->number);
	return 0;
}
