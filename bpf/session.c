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

/* The inode number of a struct mnt_namespace. */
static __always_inline u32 mount_namespace(void *mount_ns)
{
	u32 inum = 0;

	READ(inum, mount_ns, OFF_mnt_namespace_ns + OFF_ns_common_inum);
	return inum;
}

static __always_inline void *mount_namespace_of(void *task)
{
	void *p = NULL;

	READ(p, task, OFF_task_struct_nsproxy);
	READ(p, p, OFF_nsproxy_mnt_ns);
	return p;
}

/* The number of the target that the current task is in, in its cgroup or one below it; else 0. */
static __always_inline u32 target_by_cgroup(struct sieve *s, void *task)
{
	void *cgroup = NULL, *node = NULL;
	u32 depth = 0, *number;
	u64 id = 0;

	READ(cgroup, task, OFF_task_struct_cgroups);
	READ(cgroup, cgroup, OFF_css_set_dfl_cgrp);
	READ(depth, cgroup, OFF_cgroup_level);
	ROLLED
	for (int i = 0; i < MAX_DEPTH; i++) {
		if (depth < s->lowest + i)
			return 0;
		if (may_be_one(s->cgroups, cgroup)) {
			READ(node, cgroup, OFF_cgroup_kn);
			READ(id, node, OFF_kernfs_node_id);
			number = targets.lookup(&id);
			if (number)
				return *number;
		}
		READ(cgroup, cgroup, OFF_cgroup_self + OFF_cgroup_subsys_state_parent);
	}
	return 0;
}

/* The target that the current task, of which nothing is known, is in, with the flags of its session into *flags; else 0. */
static __always_inline u32 target_of_newcomer(void *task, u32 *flags)
{
	u64 mounts = mount_namespace(mount_namespace_of(task));
	struct sieve *s = the_sieve();
	u32 target, *found;

	/*
	 * In the node's mount namespace, but in the cgroup: the runtime on its way into the container. runc may run its
	 * own helper there before it joins the container's namespaces (CLONE_INTO_CGROUP), and what it ends with is not the
	 * session's.
	 */
	if (!s || (mounts == s->host_mount_ns && mounts))
		return 0;
	target = target_by_cgroup(s, task);
	if (target)
		return target;
	/* It has joined the mount namespace without the cgroup. */
	*flags = SESSION_FROM_NODE;
	found = mount_namespaces.lookup(&mounts);
	return found ? *found : 0;
}

/*
 * Whether the current task may concern the recorder: it is known, or may be in a target. What hangs on the task is read
 * before anything is decided, so that the processor waits for all of it at once.
 */
static __always_inline bool may_be_recorded(void)
{
	void *task = typed_task(), *cgroup = NULL, *mount_ns = NULL;
	struct sieve *s = the_sieve();
	u32 pid = 0, depth = 0;

	if (!s)
		return false;
	FOLLOW(pid, task, OFF_task_struct_tgid);
	FOLLOW(cgroup, task, OFF_task_struct_cgroups);
	FOLLOW(mount_ns, task, OFF_task_struct_nsproxy);
	FOLLOW(cgroup, cgroup, OFF_css_set_dfl_cgrp);
	FOLLOW(mount_ns, mount_ns, OFF_nsproxy_mnt_ns);
	FOLLOW(depth, cgroup, OFF_cgroup_level);
	if (*pids_like(s, pid) || may_be_one(s->mounts, mount_ns))
		return true;
	ROLLED
	for (int i = 0; i < MAX_DEPTH; i++) {
		if (depth < s->lowest + i)
			return false;
		if (may_be_one(s->cgroups, cgroup))
			return true;
		FOLLOW(cgroup, cgroup, OFF_cgroup_self + OFF_cgroup_subsys_state_parent);
	}
	return false;
}

/* A program runs, in its first process or in place of another one: all that runs for a process that is not recorded. */
int on_exec(u64 *ctx)
{
	if (may_be_recorded())
		exec_steps.call(ctx, STEP_on_exec_process);
	return 0;
}

/* A step of on_exec: whose process it is. */
int on_exec_process(u64 *ctx)
{
	void *task = (void *)bpf_get_current_task();
	u32 pid = current_tgid(), flags = 0;
	struct process *known = known_process(task, pid);
	struct process p = {};

	if (known) {
		p = *known;
	} else {
		p.target = target_of_newcomer(task, &flags);
		if (!p.target)
			return 0;
		p.start_time = start_time(task);
		if (!inherited_session(task, p.target, &p.session)) {
			p.session = start_session(p.start_time, own_pid(task), p.target, pid, flags);
			if (!p.session) {
				lose_process_event(&p, pid);
				return 0;
			}
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

/* Run by the recorder itself: (descriptor of a cgroup's folder). The number of the bit that stands for it in the sieve. */
int raw_cgroup_bit(u64 *ctx)
{
	void *p = NULL;

	READ(p, file_of_fd(ctx[0]), OFF_file_f_inode);
	READ(p, p, OFF_inode_i_private); /* kernfs_init_inode(), fs/kernfs/inode.c */
	READ(p, p, OFF_kernfs_node_priv); /* cgroup_create(), kernel/cgroup/cgroup.c */
	return sieve_bit(p);
}

/* Run by the recorder itself: (descriptor of the folder /proc/PID). The same for the mount namespace of that process. */
int raw_mounts_bit(u64 *ctx)
{
	return sieve_bit(mount_namespace_of(process_of_fd(ctx[0])));
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
	struct process p = { .target = ctx[1], .session = ctx[2] };
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
	home = mount_namespace(mount_namespace_of(task)) == ctx[4] ? IS_AT_HOME : 0;
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
