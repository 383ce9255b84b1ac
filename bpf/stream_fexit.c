/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The best way to see pipes: fexit on what reads and writes them. The context is the arguments, then the result. */

static __always_inline void pipe_call(void *iocb, void *iter, long result, bool reading)
{
	void *file = NULL;
	struct stream *s;
	u64 key, wanted = 0;

	if (result < 0 || !any_stream())
		return;
	READ(file, iocb, OFF_kiocb_ki_filp);
	s = stream_at(file, reading, &key);
	if (!s)
		return;
	s->owner = current_tgid();
	if (result) {
		stream_moved(s, reading, iter, result);
		return;
	}
	READ(wanted, iter, OFF_iov_iter_count);
	if (reading && s->fd && wanted)
		close_stream(key, s); /* nobody has it open for writing any more, and all was read */
}

/* The functions of the kernel at hand: PIPE_PREFIX, anon_ or nothing, comes before their names (recorder/ladder.py). */
#define JOIN(a, b, c) a##b##c
#define ON_RETURN_OF(prefix, name) JOIN(kretfunc__, prefix, name)

int ON_RETURN_OF(PIPE_PREFIX, pipe_read)(u64 *ctx)
{
	pipe_call((void *)ctx[0], (void *)ctx[1], (long)ctx[2], true);
	return 0;
}

int ON_RETURN_OF(PIPE_PREFIX, pipe_write)(u64 *ctx)
{
	pipe_call((void *)ctx[0], (void *)ctx[1], (long)ctx[2], false);
	return 0;
}

int kretfunc__do_splice(u64 *ctx)
{
	pipe_spliced((void *)ctx[0], (void *)ctx[2], (long)ctx[6]);
	return 0;
}
