/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What may be meant to get round the recording, or at somebody else. Told once for each process and thing, so that
 * a loop of it takes no room from anything. Here is what all ways to notice it share, and what tracepoints tell that
 * others than the system calls have.
 */

#define WARNINGS /* for others to know that this is there */
#define PF_KTHREAD 0x00200000 /* include/linux/sched.h */
#define THREAD_NAME 16 /* TASK_COMM_LEN */
#define TIOCSTI 0x5412 /* include/uapi/asm-generic/ioctls.h */

struct warning_key {
	u64 start_time;
	u64 thing;
	u32 kind;
	u32 other;
};
struct warning_buffer {
	struct warning_event e;
	u8 comm[THREAD_NAME];
};
BPF_TABLE("lru_hash", struct warning_key, u32, warned, 4096);

#define BPF_COMMANDS 63 /* told apart; enum bpf_cmd, include/uapi/linux/bpf.h, has 38 in 6.18 */
#define CGROUPS 1024 /* told apart, by the last bits of their IDs */

/*
 * What tells a warning from others of its kind. Never a value that a process may have as many of as it likes: it could push
 * what it has been told of out of the map, and be told of without end.
 */
static __always_inline u64 warned_of(u32 kind, u64 value, u32 tty)
{
	switch (kind) {
	case WARNING_TYPED:
	case WARNING_FOREIGN_WRITE:
		return tty;
	case WARNING_BPF:
		return value < BPF_COMMANDS ? value : BPF_COMMANDS;
	case WARNING_CGROUP:
		return value & (CGROUPS - 1);
	}
	return value;
}

/* Tells of what the current process does, or has tried to do, to terminal `tty` or process `other`; 0: to none. */
static __always_inline void warn(u32 target, u32 session, u32 kind, u64 value, u32 other, u32 other_session, u32 tty)
{
	u64 created = start_time((void *)bpf_get_current_task());
	struct warning_key key = { created, warned_of(kind, value, tty), kind, other };
	struct warning_buffer b = {};
	struct target_state *state;
	u32 yes = 1, n = 0;

	if (warned.insert(&key, &yes))
		return;
	state = begin_process_event(&b.e.h, EVENT_WARNING, target, session, current_tgid());
	if (!state)
		return;
	b.e.start_time = created;
	b.e.value = value;
	b.e.kind = kind;
	b.e.other = other;
	b.e.other_session = other_session;
	b.e.tty = tty;
	bpf_get_current_comm(b.comm, sizeof(b.comm));
	while (n < THREAD_NAME && b.comm[n])
		n++;
	b.e.comm_size = n;
	put_process_event(state, &b, sizeof(b.e) + n);
}

/* The current process, if it is of a session; else NULL. */
static __always_inline struct process *session_process(void)
{
	u32 pid = current_tgid();
	struct process *p = process_of(pid);

	return p && p->session ? p : NULL;
}

/* The session of a process; 0 if it is of none. */
static __always_inline u32 session_of(u32 pid)
{
	struct process *p = process_of(pid);

	return p ? p->session : 0;
}

/* A write to a session's terminal at its slave's end. Echo comes from a kernel thread. */
static __always_inline void warn_of_foreign_write(struct terminal *t, u64 bytes)
{
	void *task = (void *)bpf_get_current_task();
	u32 flags = 0, session = session_of(current_tgid());

	if (session == t->session)
		return;
	READ(flags, task, OFF_task_struct_flags);
	if (!(flags & PF_KTHREAD))
		warn(t->target, t->session, WARNING_FOREIGN_WRITE, bytes, 0, session, t->number);
}

/* The current process takes hold of another one: ptrace, or its memory. */
static __always_inline void warn_of_hold(struct process *p, u32 other, u64 value)
{
	if (other != current_tgid())
		warn(p->target, p->session, WARNING_PTRACE, value, other, session_of(other), 0);
}

/*
 * signal_generate(signal, info, task, group, result), include/trace/events/signal.h, and
 * cgroup_attach_task(cgroup, path, task, threadgroup), include/trace/events/cgroup.h; or
 * send_signal_locked(signal, info, task, type), kernel/signal.c, and
 * cgroup_attach_task(cgroup, task, threadgroup), kernel/cgroup/cgroup.c.
 */
#ifndef WARNINGS_AT_KPROBES
#define FIRST(ctx) (ctx)[0]
#define SIGNAL_TASK(ctx) ((void *)(ctx)[2])
#define CGROUP_TASK(ctx) ((void *)(ctx)[2])
#else
#define FIRST(ctx) (ctx)[ARG0]
#define SIGNAL_TASK(ctx) ((void *)(ctx)[ARG2])
#define CGROUP_TASK(ctx) ((void *)(ctx)[ARG1])
#endif

int on_signal(u64 *ctx)
{
	struct process *p = session_process();
	void *task = SIGNAL_TASK(ctx);
	u32 pid = 0;

	if (!p)
		return 0;
	READ(pid, task, OFF_task_struct_tgid);
	if (pid == RECORDER)
		warn(p->target, p->session, WARNING_SIGNAL, (u32)FIRST(ctx), pid, 0, 0);
	return 0;
}

int on_cgroup_change(u64 *ctx)
{
	struct process *p = session_process();
	void *cgroup = (void *)FIRST(ctx), *task = CGROUP_TASK(ctx), *node = NULL;
	u64 id = 0;
	u32 pid = 0;

	if (!p)
		return 0;
	READ(pid, task, OFF_task_struct_tgid);
	READ(node, cgroup, OFF_cgroup_kn);
	READ(id, node, OFF_kernfs_node_id);
	warn(p->target, p->session, WARNING_CGROUP, id, pid, session_of(pid), 0);
	return 0;
}

#define NAMESPACE(field, flag)                                                                                        \
	a = b = NULL;                                                                                                  \
	READ(a, one, field);                                                                             \
	READ(b, other, field);                                                                           \
	if (a != b)                                                                                                    \
		flags |= flag

/* CLONE_NEW* flags, include/uapi/linux/sched.h, of the namespaces in which two struct nsproxy differ. */
static __always_inline u64 different_namespaces(void *one, void *other)
{
	void *a, *b;
	u64 flags = 0;

	NAMESPACE(OFF_nsproxy_mnt_ns, 0x00020000);
	NAMESPACE(OFF_nsproxy_cgroup_ns, 0x02000000);
	NAMESPACE(OFF_nsproxy_uts_ns, 0x04000000);
	NAMESPACE(OFF_nsproxy_ipc_ns, 0x08000000);
	NAMESPACE(OFF_nsproxy_pid_ns_for_children, 0x20000000);
	NAMESPACE(OFF_nsproxy_net_ns, 0x40000000);
	return flags;
}

/* A step of on_fork: clone() with CLONE_NEW* flags */
int on_fork_warn(u64 *ctx)
{
	struct process *p = session_process();
	void *parent = (void *)bpf_get_current_task(), *child = FORK_CHILD(ctx), *from = NULL, *to = NULL;
	u64 flags;

	if (!p)
		return 0;
	READ(from, parent, OFF_task_struct_nsproxy);
	READ(to, child, OFF_task_struct_nsproxy);
	if (from == to)
		return 0;
	flags = different_namespaces(from, to);
	if (flags)
		warn(p->target, p->session, WARNING_NAMESPACE, flags, 0, 0, 0);
	return 0;
}
