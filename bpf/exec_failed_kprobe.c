/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The second way: a kprobe keeps the filename of a call until its kretprobe sees the result. In an LRU map: a thread
 * that succeeds comes back with another thread ID, so that its entry stays behind.
 */
BPF_TABLE("lru_hash", u64, u64, exec_calls, 4096);

static __always_inline void exec_called(u64 *ctx, bool at)
{
	u64 id = bpf_get_current_pid_tgid(), filename;
	u32 pid = id >> 32;
	struct process *p = process_of(pid);

	if (!p || !p->session)
		return;
	if (exec_calls.lookup(&id))
		lose_process_event(p, pid); /* the return of its last call was missed, which may have failed */
	filename = (u64)exec_filename((void *)ctx[ARG0], at);
	exec_calls.update(&id, &filename);
}

static __always_inline void exec_call_returned(u64 *ctx, bool at)
{
	u64 id = bpf_get_current_pid_tgid(), filename;
	u64 *kept = exec_calls.lookup(&id);

	if (!kept)
		return;
	filename = *kept;
	exec_calls.delete(&id);
	exec_returned((char *)filename, at, ctx[RESULT]);
}

int kprobe_execve(u64 *ctx)
{
	exec_called(ctx, false);
	return 0;
}

int kprobe_execveat(u64 *ctx)
{
	exec_called(ctx, true);
	return 0;
}

int kretprobe_execve(u64 *ctx)
{
	exec_call_returned(ctx, false);
	return 0;
}

int kretprobe_execveat(u64 *ctx)
{
	exec_call_returned(ctx, true);
	return 0;
}
