/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Sessions begin here: a process that runs a program in a target and that nobody in the target has
 * started came in from outside. The one program that each exec runs; for a process that is recorded it goes
 * on with others, each a program of its own, so that the verifier looks at fewer paths.
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
		p = known_process(parent, pid);
		if (p && p->target == target) {
			*session = p->session;
			return true;
		}
		task = parent;
	}
	return false;
}

#define MOUNT_NAMESPACE(read, task)                                                                 \
	({                                                                                          \
		void *nsproxy = NULL, *mount_ns = NULL;                                             \
		u32 inum = 0;                                                                       \
		read(nsproxy, task, OFF_task_struct_nsproxy);                                       \
		read(mount_ns, nsproxy, OFF_nsproxy_mnt_ns);                                        \
		read(inum, mount_ns, OFF_mnt_namespace_ns + OFF_ns_common_inum);                    \
		inum;                                                                               \
	})

/* The target that the current task, which is not known, is in, with the flags of its session into *flags; else 0. */
static __always_inline u32 target_of_newcomer(u32 *flags)
{
	struct sieve *s;
	u32 target, *found;
	int zero = 0;
	u64 mounts;

	s = sieve.lookup(&zero);
	if (!s)
		return 0;
	mounts = MOUNT_NAMESPACE(FOLLOW, typed_task());
	/*
	 * In the node's mount namespace, but in the cgroup: the runtime on its way into the container. runc may run its
	 * own helper there before it joins the container's namespaces (CLONE_INTO_CGROUP), and what it ends with is not the
	 * session's.
	 */
	if (mounts == s->host_mount_ns && mounts)
		return 0;
	target = current_target(s);
	if (target || !may_be_one(s->mounts, mounts))
		return target;
	/* It has joined the mount namespace without the cgroup. */
	*flags = SESSION_FROM_NODE;
	found = mount_namespaces.lookup(&mounts);
	return found ? *found : 0;
}

/* A program runs, in its first process or in place of another one: all that runs for a process that is not recorded. */
int on_exec(u64 *ctx)
{
	u32 pid = current_tgid();
	void *task = (void *)bpf_get_current_task();
	struct process *known = known_process(task, pid);
	struct process p = {};
	u32 flags = 0;

	if (known) {
		p = *known;
	} else {
		p.target = target_of_newcomer(&flags);
		if (!p.target)
			return 0;
		p.start_time = start_time(task);
		if (!inherited_session(task, p.target, &p.session)) {
			p.session = start_session(p.start_time, own_pid(task), p.target, pid, flags);
			if (!p.session)
				return 0;
			p.newcomer = 1;
		}
		if (set_process(pid, &p)) {
			if (p.session)
				lose_process_event(&p, pid);
			return 0;
		}
	}
	if (!p.session)
		return 0;
	controlling_terminal(task, &p, pid);
	standard_terminals(&p, pid);
	exec_steps.call(ctx, p.newcomer ? STEP_on_exec_streams : STEP_on_exec_program);
	return 0;
}

/* The process that the current task has open as the folder /proc/PID, as O_PATH; NULL if it has ended. */
static __always_inline void *process_of_fd(u64 fd)
{
	void *p = NULL;

	READ(p, file_of_fd(fd), OFF_file_f_inode);
	READ(p, p, OFF_proc_inode_pid - OFF_proc_inode_vfs_inode); /* PROC_I(), fs/proc/internal.h */
	return task_of(p);
}

/*
 * Run by the recorder itself (BPF_PROG_TEST_RUN): (descriptor of the folder /proc/PID). The ID that the process has on the
 * host, which is another one where /proc is that of a node that is itself a container; 0 if it has ended.
 */
int raw_pid(u64 *ctx)
{
	u32 pid = 0;

	READ(pid, process_of_fd(ctx[0]), OFF_task_struct_tgid);
	return pid;
}

#define NEW_SESSION 0xffffffff /* recorder/scope.py */
#define GONE 0xffffffff
#define WAS_KNOWN 0x80000000
#define IS_AT_HOME 0x40000000

/*
 * Run by the recorder itself (BPF_PROG_TEST_RUN) for a process that runs already: (descriptor of its folder, target,
 * session or NEW_SESSION, whether also one that is known as workload, the node's mount namespace). It belongs there from
 * then on, unless the probes have seen it before. Its terminal becomes known with that. Returns its session, or-ed with
 * WAS_KNOWN in that case and with IS_AT_HOME if it is in that mount namespace, or GONE.
 */
int raw_adopt(u64 *ctx)
{
	struct process p = { .target = ctx[1], .session = ctx[2], .owns_pty = 1 };
	void *task = process_of_fd(ctx[0]), *signal = NULL;
	struct process *known;
	struct numbers *n;
	u32 pid = 0, live = 0, home;
	int zero = 0;
	u64 session;

	n = numbers.lookup(&zero);
	READ(pid, task, OFF_task_struct_tgid);
	READ(signal, task, OFF_task_struct_signal);
	READ(live, signal, OFF_signal_struct_live);
	if (!n || !pid || !live)
		return GONE;
	home = MOUNT_NAMESPACE(READ, task) == ctx[4] ? IS_AT_HOME : 0;
	known = known_process(task, pid);
	if (known && (known->session || !ctx[3]))
		return known->session | WAS_KNOWN | home;
	if (p.session == NEW_SESSION) {
		if (!take_number(&n->next_session, 1, COUNTER_OF_SESSIONS, &session))
			return GONE;
		p.session = session;
	}
	p.start_time = start_time(task);
	if (known) {
		*known = p;
	} else if (add_process(pid, &p)) {
		known = processes.lookup(&pid);
		return known ? known->session | WAS_KNOWN | home : GONE;
	}
	if (p.session)
		controlling_terminal(task, &p, pid);
	return p.session | home;
}
