/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What a process of a session runs. */

#define EXEC_TAIL CHUNK /* argv of this size goes in the exec event itself, in bytes */
#define PATH_BYTES 4096 /* PATH_MAX */
#define MAX_PATH_DEPTH 48
#define MAX_ARGV (1 << 20)
#define NO_MOUNT (~0ULL)
#define PFA_NO_NEW_PRIVS 1 /* bit 0 of task_struct.atomic_flags, include/linux/sched.h */

/* A scratch for each kind of event: a fexit program may be preempted by another kind of probe. */
struct exec_buffer {
	struct exec_event e;
	u8 tail[3 * PATH_BYTES + EXEC_TAIL + 256];
	/*
	 * Sizes that go round through memory, of which the verifier remembers nothing: with a range for
	 * each path it would look at 500,000 instructions instead of a few thousand.
	 */
	volatile u64 at;
	volatile u64 cwd_size;
	volatile u64 inside;
};
struct argv_buffer {
	struct exec_argv_event e;
	u8 argv[EXEC_TAIL];
	struct pending left;
};
BPF_PERCPU_ARRAY(exec_scratch, struct exec_buffer, 1);
BPF_PERCPU_ARRAY(argv_scratch, struct argv_buffer, 1);

/*
 * Path of a dentry on a mount as its components from the innermost to the given root, or to the root of the
 * mount namespace, each ended by a NUL, at `out`; their size in bytes into *size. The recorder turns them
 * round. *inside becomes the size of what lies on the mount itself, if it lies on another one: there may be
 * several below a root, which add no component. False if the path is too deep. bpf_d_path() is not allowed in tracepoints, so this is what
 * d_path() in fs/d_path.c does.
 */
static __always_inline bool walk_up(void *mnt, void *dentry, void *root_mnt, void *root, u8 *out,
				    volatile u64 *path_size, volatile u64 *inside)
{
	void *mount, *up = NULL, *mnt_root = NULL, *name = NULL;
	long size;
	u64 n;

	*path_size = 0;
	*inside = NO_MOUNT;
	for (int i = 0; i < MAX_PATH_DEPTH; i++) {
		if (dentry == root && mnt == root_mnt)
			return true;
		READ(mnt_root, mnt, OFF_vfsmount_mnt_root);
		READ(up, dentry, OFF_dentry_d_parent);
		if (dentry == mnt_root || dentry == up) {
			mount = (char *)mnt - OFF_mount_mnt;
			READ(up, mount, OFF_mount_mnt_parent);
			if (up == mount)
				return true; /* the root of everything: outside the process's own root */
			if (*inside == NO_MOUNT)
				*inside = *path_size;
			READ(dentry, mount, OFF_mount_mnt_mountpoint);
			mnt = (char *)up + OFF_mount_mnt;
			continue;
		}
		READ(name, dentry, OFF_dentry_d_name + OFF_qstr_name);
		n = *path_size & (PATH_BYTES - 1);
		size = read_kernel_str(out + n, 256, name);
		if (size <= 0 || n + size >= PATH_BYTES)
			return false;
		*path_size = n + size;
		dentry = up;
	}
	return false;
}

/* The working directory as the process sees it, as walk_up() leaves it. */
static __always_inline void read_cwd(void *task, struct exec_buffer *b, u8 *out)
{
	void *fs = NULL, *mnt = NULL, *dentry = NULL, *root_mnt = NULL, *root = NULL;

	READ(fs, task, OFF_task_struct_fs);
	READ(mnt, fs, OFF_fs_struct_pwd + OFF_path_mnt);
	READ(dentry, fs, OFF_fs_struct_pwd + OFF_path_dentry);
	READ(root_mnt, fs, OFF_fs_struct_root + OFF_path_mnt);
	READ(root, fs, OFF_fs_struct_root + OFF_path_dentry);
	if (!walk_up(mnt, dentry, root_mnt, root, out, &b->cwd_size, &b->inside))
		b->e.flags |= EXEC_CWD_CUT;
}

static __always_inline void put_exec(void *bprm)
{
	u32 pid = current_tgid();
	struct process *p = process_of(pid);

	if (!p || !p->session)
		return;

	void *task = (void *)bpf_get_current_task();
	void *parent = NULL, *mm = NULL, *cred = NULL, *name = NULL, *interp = NULL;
	u64 from = 0, end = 0, n, at = 0, task_flags = 0;
	struct target_state *state;
	struct exec_buffer *b;
	int zero = 0;
	u32 level;
	long size;

	b = exec_scratch.lookup(&zero);
	if (!b)
		return;
	state = begin_process_event(&b->e.h, EVENT_EXEC, p->target, p->session, pid);
	if (!state)
		return;
	level = pid_level(task);
	READ(parent, task, OFF_task_struct_real_parent);
	READ(b->e.ppid, parent, OFF_task_struct_tgid);
	b->e.ns_pid = pid_at_level(task, level);
	b->e.ns_ppid = pid_at_level(parent, level);
	b->e.start_time = start_time(task);
	b->e.cgroup = bpf_get_current_cgroup_id();
	READ(cred, task, OFF_task_struct_cred);
	READ(b->e.uid, cred, OFF_cred_uid);
	READ(b->e.gid, cred, OFF_cred_gid);
	READ(b->e.euid, cred, OFF_cred_euid);
	READ(b->e.egid, cred, OFF_cred_egid);
	/* Two u32, low half first, before Linux 6.3, and one u64 since: the same bytes on both machines. */
	READ(b->e.capabilities, cred, OFF_cred_cap_effective);
	READ(task_flags, task, OFF_task_struct_atomic_flags);
	b->e.no_new_privs = task_flags & PFA_NO_NEW_PRIVS;
	b->e.tty = known_terminal(task);
	b->e.flags = 0;

	READ(name, bprm, OFF_linux_binprm_filename);
	READ(interp, bprm, OFF_linux_binprm_interp);
	size = read_kernel_str(b->tail, PATH_BYTES, name);
	b->at = b->e.filename_size = size > 0 ? size - 1 : 0;
	b->e.interpreter_size = 0;
	if (interp != name) {
		at = b->at & (PATH_BYTES - 1);
		size = read_kernel_str(b->tail + at, PATH_BYTES, interp);
		b->e.interpreter_size = size > 0 ? size - 1 : 0;
		b->at = at + b->e.interpreter_size;
	}
	at = b->at & (2 * PATH_BYTES - 1);
	read_cwd(task, b, b->tail + at);
	b->e.cwd_size = b->cwd_size;
	b->at = at + b->cwd_size;

	READ(mm, task, OFF_task_struct_mm);
	READ(from, mm, OFF_mm_struct_arg_start);
	READ(end, mm, OFF_mm_struct_arg_end);
	b->e.argv_total = end - from;
	if (end - from > MAX_ARGV) {
		end = from + MAX_ARGV;
		b->e.flags |= EXEC_ARGV_CUT;
	}
	n = end - from;
	if (n > EXEC_TAIL)
		n = EXEC_TAIL;
	b->e.argv_size = n;
	at = b->at;
	if (at > 3 * PATH_BYTES)
		return; /* cannot be: for the verifier */
	if (n == EXEC_TAIL) {
		if (read_user(b->tail + at, EXEC_TAIL, (void *)from))
			goto unreadable;
	} else {
		asm volatile("%0 &= 4095" : "+r"(n));
		if (read_user(b->tail + at, n, (void *)from))
			goto unreadable;
	}
	at += b->e.argv_size;
	if (at > sizeof(b->tail))
		return; /* cannot be: for the verifier */
	put_process_event(state, b, sizeof(b->e) + at);
	return;

unreadable:
	b->e.argv_size = 0;
	b->e.flags |= EXEC_ARGV_UNREADABLE;
	put_process_event(state, b, sizeof(b->e) + at);
}

/* Sets out what is left of an argv that is longer than the exec event holds; false if nothing is. */
static __always_inline bool begin_rest_of_argv(void)
{
	void *task = (void *)bpf_get_current_task(), *mm = NULL;
	u64 from = 0, end = 0;
	struct argv_buffer *b;
	int zero = 0;

	READ(mm, task, OFF_task_struct_mm);
	READ(from, mm, OFF_mm_struct_arg_start);
	READ(end, mm, OFF_mm_struct_arg_end);
	b = argv_scratch.lookup(&zero);
	if (!b || end - from <= EXEC_TAIL)
		return false;
	if (end - from > MAX_ARGV)
		end = from + MAX_ARGV;
	begin_pending(&b->left, from + EXEC_TAIL, end - from - EXEC_TAIL, EXEC_TAIL, MEMORY_USER, 0);
	return true;
}

/*
 * sched_process_exec(task, old_pid, bprm); or finalize_exec(bprm), fs/exec.c, with which every format of binaries ends,
 * and after which an exec cannot fail any more.
 */
#ifndef EXEC_AT_KPROBE
#define EXEC_BPRM(ctx) (ctx)[2]
#else
#define EXEC_BPRM(ctx) (ctx)[ARG0]
#endif

static __always_inline void exec_succeeded(void); /* exec_failed_kprobe.c */

/*
 * A step of on_exec: the new program has not run an instruction, so nothing
 * can change its argv between this look and its use (no TOCTOU), and its pages were just written.
 */
int on_exec_program(u64 *ctx)
{
#ifdef EXEC_FAILED_AT_KPROBE
	exec_succeeded();
#endif
	put_exec((void *)EXEC_BPRM(ctx));
	if (begin_rest_of_argv())
		exec_steps.call(ctx, STEP_on_exec_argv);
	exec_steps.call(ctx, STEP_on_exec_file);
	return 0;
}

/* A step of it takes so many pieces, and is then its own next step: a long loop takes the verifier long. */
#define ARGV_PIECES 15 /* with the one that the exec event holds 1 MiB in 17 steps, of the 33 that the kernel allows */

/*
 * The rest of an argv that is longer than the exec event holds, in pieces. In the lane of bytes: one
 * that runs a program with a megabyte of arguments again and again must not take the room of execs. True if there is more.
 */
static __always_inline bool put_rest_of_argv(struct argv_buffer *b)
{
	u32 pid = current_tgid();
	struct process *p = process_of(pid);
	struct target_state *state;
	u64 size;
	long failed;

	if (!p)
		return false;
	for (int i = 0; i < ARGV_PIECES; i++) {
		size = next_size(&b->left, MEMORY_USER);
		if (!size)
			return false;
		failed = read_chunk(b->argv, b->left.from, size, MEMORY_USER);
		state = begin_byte_event(&b->e.h, EVENT_EXEC_ARGV, p->target, p->session, pid);
		if (!state)
			return false;
		b->e.offset = b->left.offset;
		b->e.reserved = 0;
		b->e.argv_size = failed ? 0 : size;
		advance(&b->left, size);
		size = b->e.argv_size;
		asm volatile("%0 &= 8191" : "+r"(size));
		if (size > EXEC_TAIL)
			return false; /* cannot be: for the verifier */
		put_byte_event(state, b, sizeof(b->e) + size);
	}
	return b->left.bytes;
}

/* A step of on_exec after on_exec_program, which has set out what is left. */
int on_exec_argv(u64 *ctx)
{
	struct argv_buffer *b;
	int zero = 0;

	b = argv_scratch.lookup(&zero);
	if (b && put_rest_of_argv(b))
		exec_steps.call(ctx, STEP_on_exec_argv);
	exec_steps.call(ctx, STEP_on_exec_file);
	return 0;
}
