/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* A program that a process of a session could not run, whichever way that is seen. */

struct exec_failed_buffer {
	struct exec_failed_event e;
	u8 filename[4096];
};
/*
 * A process can fail a million times while others begin a few programs, and must not take the room of these. So many bytes of
 * failures, in all and of one target, go into their ring in such a time; what is beyond only leaves a hole in the lane of
 * bytes, so that the lane of what ran has none. A recorder that stands still for a second finds half of the ring left.
 */
#define FAILURES_PERIOD 100000000 /* ns */
#define FAILURES_BYTES (PROCESS_RING_BYTES / 20)
#define FAILURES_BYTES_OF_TARGET (FAILURES_BYTES / 4)
#define RING_HEADER 8 /* of each event, BPF_RINGBUF_HDR_SZ in include/uapi/linux/bpf.h; its size is rounded up to as much */

struct failures {
	u64 period; /* number of the period, FAILURES_PERIOD each, that `bytes` is of */
	u64 bytes;
};
BPF_ARRAY(failures, struct failures, MAX_TARGETS); /* by number of the target; those of all at 0 */

/* Whether `size` bytes more stay within `most` in this period. Two that come at once as it begins may both do. */
static __always_inline bool count_failure(u32 target, u64 size, u64 most)
{
	u64 period = bpf_ktime_get_ns() / FAILURES_PERIOD;
	struct failures *f = failures.lookup(&target);

	if (!f)
		return false;
	if (f->period != period) {
		f->period = period;
		f->bytes = 0;
	}
	__sync_fetch_and_add(&f->bytes, size);
	return f->bytes <= most;
}

/* Whether an event of `size` bytes is still let through. */
static __always_inline bool may_tell_failure(u32 target, u64 size)
{
	u64 room = (size + RING_HEADER + 7) & ~7ULL;

	return count_failure(target, room, FAILURES_BYTES_OF_TARGET) && count_failure(0, room, FAILURES_BYTES);
}

/* One for each of the two calls: a fexit program of the one may be preempted by that of the other. */
BPF_PERCPU_ARRAY(exec_failed_scratch, struct exec_failed_buffer, 2);

/* Takes a number of the lane of bytes for an event that is not made: a hole, so it is told. */
static __always_inline void lose_byte_event(struct process *p, u32 pid)
{
	struct event_header h;
	struct target_state *state = begin_byte_event(&h, EVENT_EXEC_FAILED, p->target, p->session, pid);

	if (state)
		__sync_fetch_and_add(&state->lost[LANE_BYTES], 1);
}

/* execve, or execveat if `at`, has returned `result`; `filename` is in the memory of the current process. */
static __always_inline void exec_returned(char *filename, bool at, long result)
{
	u32 pid = current_tgid();
	struct process *p = process_of(pid);
	struct exec_failed_buffer *b;
	struct target_state *state;
	int which = at;
	u64 n = 0;
	long size;

	if (result >= 0 || !p || !p->session)
		return;
	b = exec_failed_scratch.lookup(&which);
	if (!b)
		return;
	size = read_user_str(b->filename, sizeof(b->filename), filename);
	if (size > 0)
		n = size - 1;
	asm volatile("%0 &= 4095" : "+r"(n));
	if (!may_tell_failure(p->target, sizeof(b->e) + n)) {
		lose_byte_event(p, pid);
		return;
	}
	state = begin_process_event(&b->e.h, EVENT_EXEC_FAILED, p->target, p->session, pid);
	if (!state)
		return;
	b->e.error = -result;
	b->e.filename_size = n;
	put_process_event(state, b, sizeof(b->e) + n);
}

/* The address of the filename, from the registers of a call of execve, or of execveat if `at`. */
static __always_inline char *exec_filename(void *regs, bool at)
{
	u64 filename = 0;

	if (at)
		READ(filename, regs, SYSCALL_ARG1);
	else
		READ(filename, regs, SYSCALL_ARG0);
	return (char *)filename;
}

/* sys_exit.c calls this. */
static __always_inline void exec_failed_at_sys_exit(void *regs, SYSCALL_NR_TYPE nr, long result)
{
	bool at = nr == SYS_EXECVEAT;

	if (result < 0 && (at || nr == SYS_EXECVE))
		exec_returned(exec_filename(regs, at), at, result);
}
