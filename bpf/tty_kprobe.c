/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The second way: kprobe and kretprobe, whose context is struct pt_regs; ARGn and RESULT are its words
 * on this machine.
 */

/*
 * A call whose return is missed, since all instances of the kretprobe were taken, leaves its entry behind until its task calls
 * again or, if it is known, ends: hence an LRU map, which those of other tasks that have ended cannot fill.
 */
struct pty_write_call {
	u64 tty;
	u64 from;
};
BPF_TABLE("lru_hash", u64, struct pty_write_call, pty_write_calls, 4096); /* by this_task() */

static __always_inline void tell_missed_write(void)
{
	u64 task = this_task();
	struct pty_write_call *kept = pty_write_calls.lookup(&task), call;

	if (!kept)
		return;
	call = *kept;
	pty_write_calls.delete(&task);
	pty_write_missed((void *)call.tty);
}

int kprobe_pty_write(u64 *ctx)
{
	struct pty_write_call call = { ctx[ARG0], ctx[ARG1] };
	u64 task = this_task();

	tell_missed_write();
	pty_write_calls.update(&task, &call);
	pty_writes((void *)call.tty);
	return 0;
}

int kretprobe_pty_write(u64 *ctx)
{
	u64 task = this_task();
	struct pty_write_call *saved = pty_write_calls.lookup(&task), call;

	if (!saved)
		return 0;
	call = *saved;
	pty_write_calls.delete(&task);
	pty_wrote((void *)call.tty, (char *)call.from, (int)ctx[RESULT]);
	return 0;
}

int kprobe_pty_resize(u64 *ctx)
{
	pty_resized((void *)ctx[ARG0], (void *)ctx[ARG1]);
	return 0;
}

int kprobe_tty_do_resize(u64 *ctx)
{
	pty_resized((void *)ctx[ARG0], (void *)ctx[ARG1]);
	return 0;
}

int kprobe_pty_close(u64 *ctx)
{
	pty_closed((void *)ctx[ARG0]);
	return 0;
}
