/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The best way to see pipes: fexit on what reads and writes them, fs/pipe.c (pipe_read() and pipe_write() up to
 * Linux 6.14, anon_pipe_read() and anon_pipe_write() since). The context is the arguments, then the result.
 * A kprobe would not do: a kretprobe keeps an instance for each call that has not returned, of which there are few,
 * and a read of an empty pipe returns when it likes.
 */

#define MAX_SEGMENTS 8 /* of one readv() or writev() that has moved bytes */

/* What the iterator of a call that has moved `n` bytes stands behind: its first byte, or its segments. */
static __always_inline void stream_moved(struct stream *s, void *iter, u64 n)
{
	u64 segments = 0, segment[2], at = 0, before;
	u8 type = 0;

	READ(type, iter, OFF_iov_iter_type);
#if ENUM_iter_type__ITER_IOVEC == 4
	type &= ~1; /* before 5.14 the direction is in it, include/linux/uio.h */
#endif
	READ(at, iter, OFF_iov_iter_iov_offset);
	if (type == ENUM_iter_type__ITER_UBUF) {
		READ(segments, iter, OFF_iov_iter_ubuf);
		stream_bytes(s, segments + at - n, n, 0, true);
		return;
	}
	if (type != ENUM_iter_type__ITER_IOVEC) {
		pass_stream_bytes(s, n, GAP_UNREADABLE);
		return;
	}
	READ(segments, iter, OFF_iov_iter_segments);
	if (at >= n) {
		READ(segment, segments, 0);
		stream_bytes(s, segment[0] + at - n, n, 0, true);
		return;
	}
	before = at;
	for (int i = 0; i < MAX_SEGMENTS; i++) {
		segments -= 16;
		READ(segment, segments, 0);
		before += segment[1];
		if (before >= n)
			break;
	}
	if (before == n)
		stream_bytes(s, 0, n, segments, true);
	else if (before > n && before - at == segment[1])
		stream_bytes(s, segment[0] + segment[1] - n, n, 0, true); /* a single one, and a part of it */
	else
		pass_stream_bytes(s, n, GAP_TOO_LONG);
}

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
		stream_moved(s, iter, result);
		return;
	}
	READ(wanted, iter, OFF_iov_iter_count);
	if (reading && s->fd && wanted)
		close_stream(key, s); /* nobody has it open for writing any more, and all was read */
}

int kretfunc__pipe_read(u64 *ctx)
{
	pipe_call((void *)ctx[0], (void *)ctx[1], (long)ctx[2], true);
	return 0;
}

int kretfunc__anon_pipe_read(u64 *ctx)
{
	pipe_call((void *)ctx[0], (void *)ctx[1], (long)ctx[2], true);
	return 0;
}

int kretfunc__pipe_write(u64 *ctx)
{
	pipe_call((void *)ctx[0], (void *)ctx[1], (long)ctx[2], false);
	return 0;
}

int kretfunc__anon_pipe_write(u64 *ctx)
{
	pipe_call((void *)ctx[0], (void *)ctx[1], (long)ctx[2], false);
	return 0;
}

/* do_splice(in, off_in, out, off_out, len, flags), fs/splice.c: it moves bytes without showing them. */
int kretfunc__do_splice(u64 *ctx)
{
	long result = ctx[6];
	struct stream *s;
	u64 key = 0;

	if (result < 0 || !any_stream())
		return 0;
	s = stream_at((void *)ctx[0], true, &key);
	if (!s)
		s = stream_at((void *)ctx[2], false, &key);
	if (!s)
		return 0;
	s->owner = current_tgid();
	if (result)
		pass_stream_bytes(s, result, GAP_UNREADABLE);
	else if (s->fd)
		close_stream(key, s);
	return 0;
}
