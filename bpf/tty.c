/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Which terminals are those of a session. A terminal is known by its slave tty_struct, never
 * by the current task: kernel echo is written by a kworker, and never by its index: each devpts
 * instance counts its own.
 */

#define PIDTYPE_SID 3 /* include/linux/pid_types.h */
#define PTMX_DEVICE ((5 << 20) | 2) /* MKDEV(TTYAUX_MAJOR, 2): both /dev/ptmx and /dev/pts/ptmx */
#define TTY_DEVICE (5 << 20) /* /dev/tty, by which a program names its own terminal */
#define UNIX98_PTY_SLAVE_MAJOR 136 /* to 143, include/uapi/linux/major.h */

/*
 * The tty that a file descriptor of the current process stands for, and its device number; else NULL.
 * Only for one that is open: below 64, or a system call has just worked on it.
 */
static __always_inline void *tty_of_fd(u64 fd, u32 *device)
{
	void *file = file_of_fd(fd), *inode = NULL, *private = NULL, *tty = NULL;

	*device = 0;
	READ(inode, file, OFF_file_f_inode);
	READ(*device, inode, OFF_inode_i_rdev);
	if (*device != PTMX_DEVICE && *device != TTY_DEVICE && (*device >> 23) != UNIX98_PTY_SLAVE_MAJOR >> 3)
		return NULL;
	READ(private, file, OFF_file_private_data);
	READ(tty, private, OFF_tty_file_private_tty);
	return tty;
}

static __always_inline bool put_tty_close(struct terminal *t)
{
	struct tty_close_event e = {};
	struct target_state *state = begin_byte_event(&e.h, EVENT_TTY_CLOSE, t->target, t->session, 0);

	if (!state)
		return true;
	e.tty = t->number;
	e.out_bytes = t->out_offset;
	e.in_bytes = t->in_offset;
	return put_byte_event(state, &e, sizeof(e));
}

/* Inserts a terminal; negative if it is in the map already, or if that is full. */
static __always_inline long insert_terminal(u64 key, struct terminal *t)
{
	struct sieve *s = the_sieve();

	if (!s)
		return -1;
	__sync_fetch_and_add(slaves_like(s, (void *)key), 1); /* before: whoever looks must not miss it */
	if (!terminals.insert(&key, t))
		return 0;
	__sync_fetch_and_add(slaves_like(s, (void *)key), -1);
	return -1;
}

/* Negative if it was not in the map. Of several that do this at the same time, one gets 0. */
static __always_inline long delete_terminal(u64 key)
{
	struct sieve *s = the_sieve();

	if (!s || terminals.delete(&key))
		return -1;
	__sync_fetch_and_add(slaves_like(s, (void *)key), -1);
	return 0;
}

/*
 * Run by the recorder itself (BPF_PROG_TEST_RUN): (key of a terminal, its number, as another one may have its memory by
 * now). Whether this has taken it out of the map.
 */
int raw_forget_terminal(u64 *ctx)
{
	u64 key = ctx[0];
	struct terminal *t = terminals.lookup(&key);

	return t && t->number == ctx[1] && !delete_terminal(key);
}

/*
 * Takes a terminal out of the map and tells of it. What it wrote in all is known here alone, so where the ring has no room it
 * stays in the map for the recorder to find: by its number, which is no address, since its slave's memory may be the next one's.
 */
static __always_inline void close_terminal(u64 key, struct terminal *t)
{
	struct terminal copy = *t;

	if (delete_terminal(key))
		return;
	copy.closed = 1;
	if (!put_tty_close(&copy))
		insert_terminal(copy.number, &copy);
}

/* The superblock of the devpts that a slave is in. ptmx_open() leaves its dentry in driver_data. */
static __always_inline u64 devpts_of(void *slave)
{
	void *dentry = NULL;
	u64 sb = 0;

	READ(dentry, slave, OFF_tty_struct_driver_data);
	READ(sb, dentry, OFF_dentry_d_sb);
	return sb;
}

/* Takes a terminal into the map and tells of it; its number, or 0. */
static __always_inline u32 add_terminal(void *tty, struct process *p, u32 leader, u32 pid)
{
	struct tty_open_event e = {};
	struct target_state *state;
	struct terminal t = {};
	struct numbers *n;
	u64 key = (u64)tty, number;
	int zero = 0;

	n = numbers.lookup(&zero);
	if (!n || !take_number(&n->next_tty, 1, COUNTER_OF_TTYS, &number))
		return 0;
	t.target = p->target;
	t.session = p->session;
	t.leader = leader;
	t.devpts = devpts_of(tty);
	t.number = number;
	READ(t.index, tty, OFF_tty_struct_index);
	READ(t.rows, tty, OFF_tty_struct_winsize);
	READ(t.cols, tty, OFF_tty_struct_winsize + 2);
	if (insert_terminal(key, &t) && terminals.lookup(&key))
		return 0; /* another CPU has just added it */
	state = begin_byte_event(&e.h, EVENT_TTY_OPEN, p->target, p->session, pid);
	if (!state)
		return 0;
	if (!terminals.lookup(&key)) {
		/* The map is full: a hole in the numbers, so that the terminal is known to be missing. */
		__sync_fetch_and_add(&state->lost[LANE_BYTES], 1);
		return 0;
	}
	e.tty = t.number;
	e.index = t.index;
	e.rows = t.rows;
	e.cols = t.cols;
	put_byte_event(state, &e, sizeof(e));
	return t.number;
}

/*
 * Whether a terminal that another process leads now is still the one that it was. Where pty_close() is watched it is, whoever
 * has taken it over but another session of ours: a closed one is not in the map. System calls do not show every end, and so
 * there it is only as that of a leader of the same session of ours that has taken it over from a living one.
 */
static __always_inline bool is_taken_over(struct terminal *t, void *sid, u32 leader)
{
	struct process *p = known_process(task_of(sid), leader);

#ifdef TTY_AT_SYS_EXIT
	return p && p->session == t->session && (!t->leader || process_of(t->leader));
#else
	return !p || !p->session || p->session == t->session;
#endif
}

/*
 * The terminal in the map with this slave; NULL if there is none. The kernel gives the memory of a
 * closed terminal to the next one, anybody's. So a known address counts only in the same devpts, and
 * as the terminal of the leader that it had (a terminal controls one session at a time,
 * tty_jobctrl.c) or of one that has taken it over. It has no leader while its last output is read after the end
 * of its session.
 */
static __always_inline struct terminal *known_slave(void *slave)
{
	u64 key = (u64)slave;
	struct terminal *t = terminals.lookup(&key);
	void *sid = NULL;
	u32 leader;

	if (!t || t->closed)
		return NULL;
	if (devpts_of(slave) == t->devpts) {
		READ(sid, slave, OFF_tty_struct_session);
		if (!sid)
			return t;
		leader = pid_on_host(sid);
		if (leader == t->leader || is_taken_over(t, sid, leader)) {
			t->leader = leader;
			return t;
		}
	}
	close_terminal(key, t);
	return NULL;
}

#if ENUM_tty_struct_flags__TTY_OTHER_CLOSED >= 0
#define OTHER_END_CLOSED ENUM_tty_struct_flags__TTY_OTHER_CLOSED
#else
#define OTHER_END_CLOSED 2 /* include/linux/tty.h, where the flags were no enum before */
#endif

/*
 * Whether somebody has the other end of this end of a terminal open: pty_close(), drivers/tty/pty.c, says at the one when
 * nobody has the other. Both are freed together, and by then it is said.
 */
static __always_inline bool is_held(void *end)
{
	u64 flags = 0;

	READ(flags, end, OFF_tty_struct_flags);
	return !(flags >> OTHER_END_CLOSED & 1);
}

/* Run by the recorder itself (BPF_PROG_TEST_RUN): (key of a terminal in the map). Whether its owner's end is open. */
int raw_is_held(u64 *ctx)
{
	void *slave = (void *)ctx[0];

	return known_slave(slave) && is_held(slave);
}

/* A task's controlling terminal, which becomes known with this. Its number, or 0 if it has none. */
static __always_inline u32 controlling_terminal(void *task, struct process *p, u32 pid)
{
	void *signal = NULL, *tty = NULL, *sid = NULL;
	struct terminal *t;

	READ(signal, task, OFF_task_struct_signal);
	READ(tty, signal, OFF_signal_struct_tty);
	if (!tty)
		return 0;
	t = known_slave(tty);
	if (t)
		return t->number;
	READ(sid, signal, OFF_signal_struct_pids + 8 * PIDTYPE_SID);
	return add_terminal(tty, p, pid_on_host(sid), pid);
}

/*
 * The terminals that the current process has as its standard input, output and error, which become known with
 * this: a shell needs no controlling terminal. One that others lead is theirs, and one that was hung up nobody's.
 */
static __always_inline void standard_terminals(struct process *p, u32 pid)
{
	void *tty, *sid;
	u32 device, leader;
	struct process *leads;

	ROLLED
	for (u64 fd = 0; fd < 3; fd++) {
		tty = tty_of_fd(fd, &device);
		if (!tty || (device >> 23) != UNIX98_PTY_SLAVE_MAJOR >> 3 || !is_held(tty) || known_slave(tty))
			continue;
		sid = NULL;
		leader = 0;
		READ(sid, tty, OFF_tty_struct_session);
		if (sid) {
			leader = pid_on_host(sid);
			leads = known_process(task_of(sid), leader);
			if (!leads || leads->session != p->session)
				continue;
		}
		add_terminal(tty, p, leader, pid);
	}
}

/* Number of the current task's controlling terminal if it is in the map, else 0. */
static __always_inline u32 known_terminal(void *task)
{
	void *signal = NULL, *tty = NULL;
	struct terminal *t;
	u64 key;

	READ(signal, task, OFF_task_struct_signal);
	READ(tty, signal, OFF_signal_struct_tty);
	key = (u64)tty;
	t = terminals.lookup(&key);
	return t ? t->number : 0;
}

/*
 * The terminal with this slave, if it is one of a session: one that was seen at an exec, one that a process of a
 * session has made its controlling terminal since, or if this `comes_in`, one that somebody has just attached to.
 */
static __always_inline struct terminal *terminal_of(void *slave, bool comes_in)
{
	u64 key = (u64)slave;
	struct terminal *t = known_slave(slave);
	struct process *p, copy;
	void *sid = NULL, *task;
	u32 leader;

	if (t)
		return t;
	READ(sid, slave, OFF_tty_struct_session);
	if (!sid)
		return NULL;
	leader = pid_on_host(sid);
	task = task_of(sid);
	p = known_process(task, leader);
	if (!p || (!p->session && !(comes_in && attach(p, leader, own_pid(task)))))
		return NULL;
	copy = *p;
	add_terminal(slave, &copy, leader, leader);
	return terminals.lookup(&key);
}
