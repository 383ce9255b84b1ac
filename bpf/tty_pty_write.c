/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Terminal bytes at pty_write(), drivers/tty/pty.c: everything that crosses a pty passes there
 * after line discipline. pty_write(slave) is output, echo included; pty_write(master) is typing.
 * What counts is what it returns: the bytes that it accepted.
 */

/* Before a call that the next function sees the end of. */
static __always_inline void pty_writes(void *tty)
{
	struct terminal *t;
	void *link = NULL;
	u64 key;

	if (!is_master(tty, &link))
		return;
	key = (u64)link;
	t = terminals.lookup(&key);
	if (t)
		look_for_quiet(t, link);
}

static __always_inline void pty_wrote(void *tty, char *from, int accepted)
{
	struct terminal *t;
	void *link = NULL;

	if (accepted <= 0)
		return;
	if (is_master(tty, &link)) {
		t = terminal_of(link, true);
		if (!t)
			return;
		t->owner = current_tgid();
		tty_in(t, link, from, accepted, MEMORY_KERNEL);
	} else {
		t = terminal_of(tty, false);
		if (!t)
			return;
#ifdef WARNINGS
		warn_of_foreign_write(t, accepted);
#endif
		tty_out(t, tty, from, accepted, MEMORY_KERNEL, false);
	}
}

/* A call of pty_write() has returned unseen: how much it wrote is not known. */
static __always_inline void pty_write_missed(void *tty)
{
	struct terminal *t;
	void *link = NULL;
	bool typed = is_master(tty, &link);
	u64 key = typed ? (u64)link : (u64)tty;

	t = terminals.lookup(&key);
	if (t)
		put_tty_gap(t, typed ? t->in_offset : t->out_offset, 0, typed ? TTY_DIRECTION_IN : TTY_DIRECTION_OUT,
			    GAP_PROBE_MISSED);
}

/* Of any tty: tty_do_resize() is not only for ptys. */
static __always_inline void pty_resized(void *tty, void *winsize)
{
	struct terminal *t;
	void *link = NULL;
	u16 rows = 0, cols = 0;

	t = terminal_of(is_master(tty, &link) ? link : tty, true);
	if (!t)
		return;
	READ(rows, winsize, 0);
	READ(cols, winsize, 2);
	tty_resize(t, rows, cols);
}

/* The owner's end is closed: nothing can be read from the terminal any more. */
static __always_inline void pty_closed(void *tty)
{
	struct terminal *t;
	void *link = NULL;
	u64 key;

	if (!is_master(tty, &link))
		return;
	key = (u64)link;
	t = terminals.lookup(&key);
	if (t)
		close_terminal(key, t);
}
