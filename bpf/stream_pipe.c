/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What a call on a pipe has moved, as its iterator tells, for the ways that watch fs/pipe.c: pipe_read() and pipe_write()
 * up to Linux 6.14, anon_pipe_read() and anon_pipe_write() since.
 */

#define MAX_SEGMENTS 8 /* of one readv() or writev() that has moved bytes */

/* What the iterator of a call that has moved `n` bytes stands behind: its first byte, or its segments. */
static __always_inline void stream_moved(struct stream *s, bool reading, void *iter, u64 n)
{
	u64 segments = 0, segment[2], from = 0, at = 0, before;
	u8 type = 0;

	READ(type, iter, OFF_iov_iter_type);
#if ENUM_iter_type__ITER_IOVEC == 4
	type &= ~1; /* before 5.14 the direction is in it, include/linux/uio.h */
#endif
	READ(at, iter, OFF_iov_iter_iov_offset);
	if (type == ENUM_iter_type__ITER_UBUF) {
		READ(from, iter, OFF_iov_iter_ubuf);
		from += at - n;
	} else if (type != ENUM_iter_type__ITER_IOVEC) {
		pass_stream_bytes(s, n, GAP_UNREADABLE);
		return;
	} else {
		READ(segments, iter, OFF_iov_iter_segments);
		before = at;
		for (int i = 0; i < MAX_SEGMENTS && before < n; i++) {
			segments -= 16;
			READ(segment, segments, 0);
			before += segment[1];
		}
		/* A part of a single one; or else several whole ones, or the rest of one, which may lie in what came before, too. */
		READ(segment, segments, 0);
		if (at >= n)
			from = segment[0] + at - n;
		else if (!at && before > n && before == segment[1])
			from = segment[0] + segment[1] - n;
		else if (before != n) {
			pass_stream_bytes(s, n, GAP_TOO_LONG);
			return;
		}
	}
	stream_bytes(s, reading, from, n, segments, true); /* once: it is long, and has no place of its own */
}

/* do_splice(in, off_in, out, off_out, len, flags), fs/splice.c, has returned: it moves bytes without showing them. */
static __always_inline void pipe_spliced(void *in, void *out, long result)
{
	struct stream *s;
	u64 key = 0;

	if (result < 0 || !any_stream())
		return;
	s = stream_at(in, true, &key);
	if (!s)
		s = stream_at(out, false, &key);
	if (!s)
		return;
	s->owner = current_tgid();
	if (result)
		pass_stream_bytes(s, result, GAP_UNREADABLE);
	else if (s->fd)
		close_stream(key, s);
}
