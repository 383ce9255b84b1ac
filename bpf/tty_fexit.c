/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The best way: fexit, whose context is the arguments, then the result (kernel/bpf/trampoline.c); fentry has the arguments. */

/* Whether this may be the owner's end of a terminal that is recorded. */
static __always_inline bool may_be_master(void *tty)
{
	struct sieve *s = the_sieve();
	void *link = NULL;

	if (!s)
		return false;
	FOLLOW(link, tty, OFF_tty_struct_link);
	return *slaves_like(s, link);
}

/*
 * Whether this may be one end of a terminal that is recorded, or that is to be: whose leader is known. What has a leader is the
 * slave: the owner's end controls no session (tty_open_proc_set_tty(), drivers/tty/tty_io.c).
 */
static __always_inline bool may_be_end(void *tty)
{
	void *link = NULL, *sid = NULL;
	struct sieve *s = the_sieve();
	u32 leader = 0;

	if (!s)
		return false;
	FOLLOW(sid, tty, OFF_tty_struct_session);
	if (sid) {
		FOLLOW(leader, sid, OFF_pid_numbers + OFF_upid_nr);
		return *slaves_like(s, tty) | *pids_like(s, leader);
	}
	FOLLOW(link, tty, OFF_tty_struct_link);
	FOLLOW(sid, link, OFF_tty_struct_session);
	FOLLOW(leader, sid, OFF_pid_numbers + OFF_upid_nr);
	return *slaves_like(s, tty) | *slaves_like(s, link) | *pids_like(s, leader);
}

int kfunc__pty_write(u64 *ctx)
{
	if (may_be_master((void *)ctx[0]))
		pty_writes((void *)ctx[0]);
	return 0;
}

int kretfunc__pty_write(u64 *ctx)
{
	if (may_be_end((void *)ctx[0]))
		pty_wrote((void *)ctx[0], (char *)ctx[1], (int)ctx[3]);
	return 0;
}

int kretfunc__pty_resize(u64 *ctx)
{
	pty_resized((void *)ctx[0], (void *)ctx[1]);
	return 0;
}

/* A slave has no resize operation of its own in pty_unix98_ops: tiocswinsz() in tty_io.c takes this one. */
int kretfunc__tty_do_resize(u64 *ctx)
{
	pty_resized((void *)ctx[0], (void *)ctx[1]);
	return 0;
}

int kretfunc__pty_close(u64 *ctx)
{
	pty_closed((void *)ctx[0]);
	return 0;
}
