/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The best way: fexit, whose context is the arguments, then the result (kernel/bpf/trampoline.c); fentry has the arguments. */
int kfunc__pty_write(u64 *ctx)
{
	pty_writes((void *)ctx[0]);
	return 0;
}

int kretfunc__pty_write(u64 *ctx)
{
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
