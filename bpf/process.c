/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Beginning of a session, lineage and end of its processes. */

/* Begins a session with a process that was created at `start`; its number, or 0. */
static __always_inline u32 start_session(u64 start, u32 ns_pid, u32 target, u32 pid, u32 flags)
{
	struct session_start_event e = {};
	struct target_state *state;
	struct numbers *n;
	int zero = 0;
	u64 session;

	n = numbers.lookup(&zero);
	if (!n || !take_number(&n->next_session, 1, COUNTER_OF_SESSIONS, &session))
		return 0;
	state = begin_process_event(&e.h, EVENT_SESSION_START, target, session, pid);
	if (!state)
		return 0;
	e.start_time = start;
	e.ns_pid = ns_pid;
	e.flags = flags;
	put_process_event(state, &e, sizeof(e));
	return session;
}

/* Process ID of a task's group leader in its own PID namespace. */
static __always_inline u32 own_pid(void *task)
{
	return pid_at_level(task, pid_level(task));
}

struct attach_key {
	u64 start_time;
	u64 pid;
};
/* A container's own program -> the session that somebody has begun with it. So that of two who come at once one does. */
BPF_TABLE("lru_hash", struct attach_key, u32, attached, 1024);

/*
 * The number of the session that begins as somebody outside the container types on the terminal of the container's own
 * program, or sets its size, as kubectl attach does first of all, or writes to its stdin; 0 if this is not so. What only
 * looks on shows nowhere: the runtime reads all that the program prints, attached or not.
 */
static __always_inline u32 attach(struct process *p, u32 first, u32 ns_pid)
{
	struct attach_key key = { p->start_time, first };
	u32 pid = current_tgid(), none = 0;

	if (process_of(pid) || attached.insert(&key, &none))
		return 0;
	p->session = start_session(p->start_time, ns_pid, p->target, first, SESSION_ATTACHED);
	if (p->session)
		attached.update(&key, &p->session);
	else
		attached.delete(&key);
	return p->session;
}

/* A process that is known has made a child, or a thread. */
static __always_inline void forked(u32 pid, struct process *parent, void *child)
{
	struct process p = *parent;
	struct fork_event e = {};
	struct target_state *state;
	u32 thread = 0, tgid = 0;

	READ(thread, child, OFF_task_struct_pid);
	READ(tgid, child, OFF_task_struct_tgid);
	if (thread != tgid)
		return; /* a thread belongs to its process */
	p.start_time = start_time(child);
	set_process(tgid, &p);
	if (!p.session)
		return;
	state = begin_process_event(&e.h, EVENT_FORK, p.target, p.session, pid);
	if (!state)
		return;
	e.child = tgid;
	e.child_start_time = p.start_time;
	e.child_ns_pid = pid_at_level(child, pid_level(child));
	put_process_event(state, &e, sizeof(e));
}

/*
 * sched_process_fork(parent, child), include/trace/events/sched.h; or wake_up_new_task(child), kernel/sched/core.c, which
 * the parent calls next.
 */
#ifndef FORK_AT_KPROBE
#define FORK_CHILD(ctx) ((void *)(ctx)[1])
#else
#define FORK_CHILD(ctx) ((void *)(ctx)[ARG0])
#endif

int on_fork(u64 *ctx)
{
	if (may_be_known())
		fork_steps.call(ctx, STEP_on_fork_process);
	return 0;
}

/* A step of on_fork. */
int on_fork_process(u64 *ctx)
{
	u32 pid = current_tgid();
	struct process *parent = known_process((void *)bpf_get_current_task(), pid);

	if (!parent)
		return 0;
	forked(pid, parent, FORK_CHILD(ctx));
	fork_steps.call(ctx, STEP_on_fork_warn);
	return 0;
}

/*
 * Where a kretprobe tells of what a task has called, each in its own file: what the current one, which ends, has left behind
 * there did return, and nobody has seen how.
 */
static __always_inline void tell_missed_exec(struct process *p, u32 pid);
static __always_inline void tell_missed_write(void);
static __always_inline void tell_missed_splice(void);

static __always_inline void tell_missed_returns(struct process *p, u32 pid)
{
#ifdef EXEC_FAILED_AT_KPROBE
	tell_missed_exec(p, pid);
#endif
#ifdef TTY_AT_KPROBE
	tell_missed_write();
#endif
#ifdef STREAM_AT_KPROBE
	tell_missed_splice();
#endif
}

#define SIGNAL_GROUP_EXIT 4 /* include/linux/sched/signal.h */

/*
 * sched_process_exit(task) or exit_files(task), fs/file.c: every thread passes here, after it was counted out of
 * signal->live. The process has ended with the one that leaves 0 there. Two threads may both see 0; the map's delete
 * lets one of them through.
 */
int on_exit(u64 *ctx)
{
	if (may_be_known())
		exit_steps.call(ctx, STEP_on_exit_process);
	return 0;
}

/* A step of on_exit. */
int on_exit_process(u64 *ctx)
{
	u32 pid = current_tgid();
	void *task = (void *)bpf_get_current_task(), *signal = NULL, *leader = NULL;
	struct process *known = known_process(task, pid);

	if (!known)
		return 0;
#ifdef EXIT_AT_KPROBE
	if (ctx[ARG0] != (u64)task)
		return 0; /* a fork that fails lets go of what the child would have had */
#endif
	tell_missed_returns(known, pid);

	struct process p = *known;
	struct exit_event e = {};
	struct target_state *state;
	u32 live = 1, flags = 0, code = 0;

	READ(signal, task, OFF_task_struct_signal);
	READ(live, signal, OFF_signal_struct_live);
	if (live || forget_process(pid))
		return 0;
	if (!p.session)
		return 0;
	state = begin_process_event(&e.h, EVENT_EXIT, p.target, p.session, pid);
	if (!state)
		return 0;
	READ(leader, task, OFF_task_struct_group_leader);
	READ(flags, signal, OFF_signal_struct_flags);
	if (flags & SIGNAL_GROUP_EXIT)
		READ(code, signal, OFF_signal_struct_group_exit_code);
	else
		READ(code, leader, OFF_task_struct_exit_code);
	e.start_time = p.start_time;
	e.exit_code = (code >> 8) & 0xff;
	e.signal = code & 0x7f;
	put_process_event(state, &e, sizeof(e));
	return 0;
}
