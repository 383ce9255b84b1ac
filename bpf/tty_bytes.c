/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What goes through a terminal, whichever way it is seen. */

#define LFLAG_ICANON 2 /* include/uapi/asm-generic/termbits.h */
#define LFLAG_ECHO 8
#define TTY_CHUNKS 16 /* a write to or read from a pty is at most 64 KiB: the flip buffer's limit */
#define TTY_PARTS (TTY_CHUNKS + 16) /* libevent, and so tmux, scatters a read over up to 4 parts, a write over as many as it has */

struct tty_out_buffer {
	struct tty_out_event e;
	u8 data[CHUNK];
	struct pending left;
};
struct tty_in_buffer {
	struct tty_in_event e;
	u8 data[CHUNK];
	struct pending left;
};
BPF_PERCPU_ARRAY(tty_out_scratch, struct tty_out_buffer, 1);
BPF_PERCPU_ARRAY(tty_in_scratch, struct tty_in_buffer, 1);

/* Whether what is typed now is a password: echo is off in canonical mode. */
static __always_inline bool is_quiet(void *slave, u32 *lflag)
{
	READ(*lflag, slave, OFF_tty_struct_termios + OFF_ktermios_c_lflag);
	return !(*lflag & LFLAG_ECHO) && (*lflag & LFLAG_ICANON);
}

/* `bytes` are missing from `offset` on; or if that is not known, as for GAP_PROBE_MISSED, what one run would have told. */
static __always_inline void put_tty_gap(struct terminal *t, u64 offset, u64 bytes, u32 direction, u32 reason)
{
	struct gap_event e = {};
	struct target_state *state = begin_byte_event(&e.h, EVENT_GAP, t->target, t->session, 0);

	if (!state)
		return;
	e.first_seq = ~0ULL;
	e.events = reason == GAP_PROBE_MISSED;
	e.offset = offset;
	e.bytes = bytes;
	e.tty = t->number;
	e.direction = direction;
	e.reason = reason;
	put_byte_event(state, &e, sizeof(e));
}

/*
 * Looks at a terminal before a line can reach a program, which may turn echo on again, and print, before the call
 * that has typed the line returns.
 */
static __always_inline void look_for_quiet(struct terminal *t, void *slave)
{
	u32 lflag = 0;

	if (is_quiet(slave, &lflag))
		t->quiet |= QUIET_SINCE_TYPED;
}

/* Stores an event of `fixed` bytes with a tail of `size` (1 to CHUNK) bytes. */
static __always_inline void put_chunk(struct target_state *state, void *event, u64 fixed, u64 size)
{
	asm volatile("%0 &= 8191" : "+r"(size));
	if (size > CHUNK)
		return; /* cannot be: for the verifier */
	put_byte_event(state, event, fixed + size);
}

/* `n` bytes at `from` came out of the terminal; the first is none of them if it `has_control`, as in packet mode. */
static __always_inline void tty_out(struct terminal *t, void *slave, char *from, u64 n, enum memory memory, bool has_control)
{
	struct tty_out_buffer *b;
	struct target_state *state;
	u32 lflag = 0, reason = GAP_TOO_LONG;
	u64 size;
	int zero = 0;

	b = tty_out_scratch.lookup(&zero);
	if (!b)
		return;
	t->quiet = (t->quiet & QUIET_SINCE_TYPED) | (is_quiet(slave, &lflag) ? QUIET_SEEN : 0);
	n -= has_control;
	if (!n)
		return;
	if (!take_number(&t->out_offset, n, COUNTER_OF_TTY_OUT(t->number), &size))
		return; /* a hole in the offsets */
	begin_pending(&b->left, (u64)from, n, size, memory, has_control);
	for (int i = 0; i < (memory == MEMORY_KERNEL ? TTY_CHUNKS : TTY_PARTS); i++) {
		if (!b->left.bytes)
			return;
		size = next_size(&b->left, memory);
		if (!size)
			continue;
		if (read_chunk(b->data, b->left.from, size, memory)) {
			reason = GAP_UNREADABLE;
			break;
		}
		state = begin_byte_event(&b->e.h, EVENT_TTY_OUT, t->target, t->session, current_tgid());
		if (!state)
			return;
		b->e.offset = b->left.offset;
		b->e.tty = t->number;
		b->e.data_size = size;
		put_chunk(state, b, sizeof(b->e), size);
		advance(&b->left, size);
	}
	if (b->left.bytes)
		put_tty_gap(t, b->left.offset, b->left.bytes, TTY_DIRECTION_OUT, reason);
}

/*
 * `n` bytes at `from` were typed. While echo is off in canonical mode that is a password: only counted.
 * A fast program may have read it and turned echo on again by now, so what was seen before (with its
 * prompt) counts, too: rather too much is hidden than a password kept.
 */
static __always_inline void tty_in(struct terminal *t, void *slave, char *from, u64 n, enum memory memory)
{
	struct tty_in_buffer *b;
	struct target_state *state;
	u32 lflag = 0, reason = GAP_TOO_LONG;
	bool quiet, was_quiet;
	u64 size;
	int zero = 0;

	b = tty_in_scratch.lookup(&zero);
	if (!b)
		return;
	quiet = is_quiet(slave, &lflag);
	was_quiet = t->quiet;
	t->quiet = quiet ? QUIET_SEEN : 0;
	if (!take_number(&t->in_offset, n, COUNTER_OF_TTY_IN(t->number), &size))
		return; /* a hole in the offsets */
	begin_pending(&b->left, (u64)from, n, size, memory, 0);
	b->e.tty = t->number;
	b->e.lflag = lflag;
	b->e.hidden = 0;
	if (NO_INPUT || quiet || was_quiet) {
		state = begin_byte_event(&b->e.h, EVENT_TTY_IN, t->target, t->session, current_tgid());
		if (!state)
			return;
		b->e.offset = b->left.offset;
		b->e.hidden = n;
		b->e.data_size = 0;
		put_byte_event(state, b, sizeof(b->e));
		return;
	}
	for (int i = 0; i < (memory == MEMORY_KERNEL ? TTY_CHUNKS : TTY_PARTS); i++) {
		if (!b->left.bytes)
			return;
		size = next_size(&b->left, memory);
		if (!size)
			continue;
		if (read_chunk(b->data, b->left.from, size, memory)) {
			reason = GAP_UNREADABLE;
			break;
		}
		state = begin_byte_event(&b->e.h, EVENT_TTY_IN, t->target, t->session, current_tgid());
		if (!state)
			return;
		b->e.offset = b->left.offset;
		b->e.data_size = size;
		put_chunk(state, b, sizeof(b->e), size);
		advance(&b->left, size);
	}
	if (b->left.bytes)
		put_tty_gap(t, b->left.offset, b->left.bytes, TTY_DIRECTION_IN, reason);
}

static __always_inline void tty_resize(struct terminal *t, u16 rows, u16 cols)
{
	struct tty_resize_event e = {};
	struct target_state *state;

	if (t->rows == rows && t->cols == cols)
		return;
	t->rows = rows;
	t->cols = cols;
	state = begin_byte_event(&e.h, EVENT_TTY_RESIZE, t->target, t->session, current_tgid());
	if (!state)
		return;
	e.tty = t->number;
	e.rows = rows;
	e.cols = cols;
	put_byte_event(state, &e, sizeof(e));
}

/* Which end of a pty this is; the other end is in *link. */
#define PTY_TYPE_MASTER 1 /* include/linux/tty_driver.h */
static __always_inline bool is_master(void *tty, void **link)
{
	void *driver = NULL;
	short subtype = 0;

	READ(driver, tty, OFF_tty_struct_driver);
	READ(subtype, driver, OFF_tty_driver_subtype);
	READ(*link, tty, OFF_tty_struct_link);
	return subtype == PTY_TYPE_MASTER;
}
