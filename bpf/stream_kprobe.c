/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The second way to see pipes: kprobes, and none that waits for a call to return. A kretprobe keeps one of a few instances
 * for each call that has not returned, and a read of an empty pipe may wait for ever: those of other programs would
 * take them all. But both functions end with kill_fasync(&pipe->fasync_writers or readers, …), whether or not anybody
 * wants a signal (since Linux 5.14 and 5.10.61; recorder/pipe_check.py finds out), and by then the caller's iterator has moved on.
 * They call it before they wait, too: what has moved until then counts then.
 */

#define FILE_NONBLOCK 04000 /* O_NONBLOCK, include/uapi/asm-generic/fcntl.h */

struct pipe_call {
	u64 pipe_end; /* address of the pipe's fasync_writers if it reads, or fasync_readers */
	u64 file;
	u64 iter;
	u64 buffer; /* where its first bytes are, which stays the same for one plain buffer */
	u64 left; /* bytes that it still wants to move */
	u32 type; /* of the iterator */
	u32 reading;
};
/* By thread. A call that a signal ends leaves its entry behind: the next one of that thread takes its place, or time does. */
BPF_TABLE("lru_hash", u64, struct pipe_call, pipe_calls, 16384);
BPF_ARRAY(pipe_calls_told, u64, 1); /* how often the loader has come to the end of one, for recorder/pipe_check.py */

static __always_inline void look_at_iterator(struct pipe_call *call, void *iter)
{
	u8 type = 0;

	call->buffer = call->left = 0;
	READ(type, iter, OFF_iov_iter_type);
	call->type = type;
	if (type == ENUM_iter_type__ITER_UBUF)
		READ(call->buffer, iter, OFF_iov_iter_ubuf);
	READ(call->left, iter, OFF_iov_iter_count);
}

/*
 * Whether a read has to wait for bytes. Who runs a program may read from its pipe before it runs, and that pipe is one of a session
 * only when it does: so a read that waits is kept whatever the pipe.
 */
static __always_inline bool read_waits(void *file, void *pipe)
{
	u32 flags = 0;

	READ(flags, file, OFF_file_f_flags);
	return !(flags & FILE_NONBLOCK) && pipe_is_empty(pipe);
}

static __always_inline int pipe_called(u64 *ctx, bool reading)
{
	u64 id = bpf_get_current_pid_tgid(), key;
	void *iocb = (void *)ctx[ARG0], *file = NULL, *inode = NULL, *pipe = NULL;
	struct pipe_call call = {};

	if (!stream_number(STREAMS_WATCHED))
		return 0;
	READ(file, iocb, OFF_kiocb_ki_filp);
	READ(inode, file, OFF_file_f_inode);
	READ(pipe, inode, OFF_inode_i_pipe);
	if (!(reading && read_waits(file, pipe)) && !(any_stream() && stream_at(file, reading, &key)))
		return 0;
	call.pipe_end = (u64)pipe;
	if (reading)
		call.pipe_end += OFF_pipe_inode_info_fasync_writers;
	else
		call.pipe_end += OFF_pipe_inode_info_fasync_readers;
	call.file = (u64)file;
	call.iter = ctx[ARG1];
	call.reading = reading;
	look_at_iterator(&call, (void *)call.iter);
	pipe_calls.update(&id, &call);
	return 0;
}

int kprobe_pipe_read(u64 *ctx)
{
	return pipe_called(ctx, true);
}

int kprobe_pipe_write(u64 *ctx)
{
	return pipe_called(ctx, false);
}

/* Whether nothing is in a pipe, and nobody has it open for writing: then a read gives no byte any more. */
static __always_inline bool pipe_is_over(void *pipe)
{
	u32 writers = 1;

	READ(writers, pipe, OFF_pipe_inode_info_writers);
	return !writers && pipe_is_empty(pipe);
}

/* kill_fasync(fp, sig, band), fs/fcntl.c: many call it, of whom few are at the end of a call that is kept. */
int kprobe_kill_fasync(u64 *ctx)
{
	u64 id = bpf_get_current_pid_tgid(), key, moved;
	struct pipe_call *kept, now;
	struct stream *s;
	u64 *told;
	int zero = 0;

	if (id >> 32 == LOADER && (told = pipe_calls_told.lookup(&zero)))
		*told += 1;
	if (!any_stream())
		return 0;
	kept = pipe_calls.lookup(&id);
	if (!kept || kept->pipe_end != ctx[ARG0])
		return 0;
	now = *kept;
	look_at_iterator(&now, (void *)now.iter);
	if (now.type != kept->type || now.buffer != kept->buffer || now.left > kept->left)
		return 0; /* the stack of a call that is over */
	moved = kept->left - now.left;
	kept->left = now.left;
	s = stream_at((void *)now.file, now.reading, &key);
	if (!s)
		return 0;
	s->owner = id >> 32;
	if (moved)
		stream_moved(s, now.reading, (void *)now.iter, moved);
	else if (now.reading && s->fd && now.left && pipe_is_over((void *)now.pipe_end - OFF_pipe_inode_info_fasync_writers))
		close_stream(key, s);
	return 0;
}

/* pipe_release(inode, file), fs/pipe.c, and do_splice() call kill_fasync() as well: what is kept is over by then. */
static __always_inline void forget_pipe_call(void)
{
	u64 id = bpf_get_current_pid_tgid();

	if (any_stream())
		pipe_calls.delete(&id);
}

int kprobe_pipe_release(u64 *ctx)
{
	forget_pipe_call();
	return 0;
}

struct splice_call {
	u64 in;
	u64 out;
	u64 stream; /* the key of what it moves bytes of */
};
BPF_TABLE("lru_hash", u64, struct splice_call, splice_calls, 1024); /* by this_task() */

/* The return of the current task's last call was not seen, if it is still kept: how much that moved is not known. */
static __always_inline void tell_missed_splice(void)
{
	u64 task = this_task();
	struct splice_call *missed = splice_calls.lookup(&task);
	struct stream *s;

	if (!missed)
		return;
	s = streams.lookup(&missed->stream);
	if (s && s->session)
		put_stream_gap(s, s->offset, 0, GAP_PROBE_MISSED);
	splice_calls.delete(&task);
}

int kprobe_do_splice(u64 *ctx)
{
	struct splice_call call = { ctx[ARG0], ctx[ARG2] };
	u64 task = this_task();

	if (!any_stream())
		return 0;
	forget_pipe_call();
	tell_missed_splice();
	if (stream_at((void *)call.in, true, &call.stream) || stream_at((void *)call.out, false, &call.stream))
		splice_calls.update(&task, &call);
	return 0;
}

/* Few programs splice, so that its instances are enough. */
int kretprobe_do_splice(u64 *ctx)
{
	u64 task = this_task();
	struct splice_call *kept = splice_calls.lookup(&task), call;

	if (!kept)
		return 0;
	call = *kept;
	splice_calls.delete(&task);
	pipe_spliced((void *)call.in, (void *)call.out, (long)ctx[RESULT]);
	return 0;
}
