/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Sessions begin here: a process that runs a program in a target and that nobody in the target has
 * started came in from outside. Runs on sched_process_exec before raw_exec, which needs its result;
 * two small programs instead of one, so that the verifier looks at fewer paths.
 */

/* Session of the nearest ancestor that belongs to the target, into *session; false if none does. */
static __always_inline bool inherited_session(void *task, u32 target, u32 *session)
{
	struct process *p;
	void *parent = NULL;
	u32 pid = 0;

	for (int i = 0; i < MAX_ANCESTORS; i++) {
		READ(parent, task, OFF_task_struct_real_parent);
		READ(pid, parent, OFF_task_struct_tgid);
		if (pid <= 1)
			return false;
		p = processes.lookup(&pid);
		if (p && p->target == target) {
			*session = p->session;
			return true;
		}
		task = parent;
	}
	return false;
}

/* Begins a session with the current process; its number, or 0. */
static __always_inline u32 start_session(void *task, u32 target, u32 pid, u32 flags)
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
	e.start_time = start_time(task);
	e.ns_pid = pid_at_level(task, pid_level(task));
	e.flags = flags;
	put_process_event(state, &e, sizeof(e));
	return session;
}

static __always_inline u64 mount_namespace(void *task)
{
	void *nsproxy = NULL, *mount_ns = NULL;
	u32 inum = 0;

	READ(nsproxy, task, OFF_task_struct_nsproxy);
	READ(mount_ns, nsproxy, OFF_nsproxy_mnt_ns);
	READ(inum, mount_ns, OFF_mnt_namespace_ns + OFF_ns_common_inum);
	return inum;
}

/* The target whose mount namespace the current task has joined without its cgroup; else 0. */
static __always_inline u32 target_by_mounts(void *task)
{
	u64 inum = mount_namespace(task);
	u32 *target = mount_namespaces.lookup(&inum);

	return target ? *target : 0;
}

/*
 * Whether a task is still in the node's mount namespace: then it is the runtime on its way into the
 * container. runc may run its own helper in the container's cgroup before it joins the container's
 * namespaces (CLONE_INTO_CGROUP), and what it ends with is not the session's.
 */
static __always_inline bool in_host_mounts(void *task)
{
	struct numbers *n;
	int zero = 0;

	n = numbers.lookup(&zero);
	if (!n || !n->host_mount_ns)
		return false;
	return mount_namespace(task) == n->host_mount_ns;
}

/* sched_process_exec(task, old_pid, bprm) */
int raw_exec_session(u64 *ctx)
{
	u32 pid = current_tgid();
	struct process *known = processes.lookup(&pid);
	void *task = (void *)bpf_get_current_task();
	struct process p = {};
	u32 flags = 0;

	if (known) {
		p = *known;
	} else {
		p.target = current_target();
		if (!p.target) {
			p.target = target_by_mounts(task);
			flags = SESSION_FROM_NODE;
		}
		if (!p.target)
			return 0;
	}

	if (!known && in_host_mounts(task))
		return 0;
	if (!known) {
		if (!inherited_session(task, p.target, &p.session)) {
			p.session = start_session(task, p.target, pid, flags);
			if (!p.session)
				return 0;
			p.newcomer = 1;
		}
		if (processes.update(&pid, &p)) {
			if (p.session)
				lose_process_event(&p, pid);
			return 0;
		}
	}
	if (p.session)
		current_terminal(task, &p);
	return 0;
}

/*
 * Run by the recorder itself (BPF_PROG_TEST_RUN) for a session that was under way before the probes saw
 * it: so a number is taken in one step, also while sessions begin elsewhere.
 */
int raw_new_session(u64 *ctx)
{
	struct numbers *n;
	int zero = 0;
	u64 session;

	n = numbers.lookup(&zero);
	return n && take_number(&n->next_session, 1, COUNTER_OF_SESSIONS, &session) ? session : 0;
}
