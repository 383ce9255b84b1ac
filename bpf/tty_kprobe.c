/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The second way: kprobe and kretprobe, whose context is struct pt_regs; ARGn and RESULT are its words
 * on this machine.
 */

/*
 * By thread. One whose return is missed, since all instances of the kretprobe were taken, leaves its entry behind: hence an
 * LRU map, which those of threads that have ended cannot fill.
 */
struct pty_write_call {
	u64 tty;
	u64 from;
};
BPF_TABLE("lru_hash", u64, struct pty_write_call, pty_write_calls, 4096);

int kprobe_pty_write(u64 *ctx)
{
	struct pty_write_call call = { ctx[ARG0], ctx[ARG1] };
	u64 id = bpf_get_current_pid_tgid();
	struct pty_write_call *missed = pty_write_calls.lookup(&id);

	if (missed)
		pty_write_missed((void *)missed->tty);
	pty_write_calls.update(&id, &call);
	pty_writes((void *)call.tty);
	return 0;
}

int kretprobe_pty_write(u64 *ctx)
{
	u64 id = bpf_get_current_pid_tgid();
	struct pty_write_call *saved = pty_write_calls.lookup(&id), call;

	if (!saved)
		return 0;
	call = *saved;
	pty_write_calls.delete(&id);
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
