/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The second way: a kprobe keeps the filename of a call until its kretprobe sees the result. Of a kretprobe the kernel has a
 * few instances (max(10, 2 * CPUs)), and who stops within a call keeps one. What has succeeded is no longer kept (exec.c), and
 * what is still kept when the task calls again, or ends, has failed unseen.
 */
BPF_TABLE("lru_hash", u64, u64, exec_calls, 16384); /* this_task() -> where the filename is */

static __always_inline void tell_missed_exec(struct process *p, u32 pid)
{
	u64 task = this_task();

	if (!exec_calls.delete(&task))
		lose_process_event(p, pid);
}

static __always_inline void exec_succeeded(void)
{
	u64 task = this_task();

	exec_calls.delete(&task);
}

static __always_inline void exec_called(u64 *ctx, bool at)
{
	u64 task = this_task(), filename;
	u32 pid = current_tgid();
	struct process *p = process_of(pid);

	if (!p || !p->session)
		return;
	tell_missed_exec(p, pid);
	filename = (u64)exec_filename((void *)ctx[ARG0], at);
	exec_calls.update(&task, &filename);
}

static __always_inline void exec_call_returned(u64 *ctx, bool at)
{
	u64 task = this_task(), filename;
	u64 *kept = exec_calls.lookup(&task);
	u32 pid = current_tgid();
	struct process *p;

	if (kept) {
		filename = *kept;
		exec_calls.delete(&task);
		exec_returned((char *)filename, at, ctx[RESULT]);
		return;
	}
	p = process_of(pid);
	if ((long)ctx[RESULT] < 0 && p && p->session)
		lose_process_event(p, pid); /* its beginning was missed, or has given way to newer ones */
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
