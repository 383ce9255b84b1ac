/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What goes through the pipes of sessions without a terminal, whichever way it is seen. A pipe is known
 * by the number of its inode, which the recorder, too, can find in /proc, and which no other pipe gets
 * before 2^32 of them were made (get_next_ino() in fs/inode.c).
 *
 * Output counts where it leaves the container: as the owner (containerd-shim, conmon, runc) reads it. Input counts where
 * the owner writes it. A runtime that stays in the foreground may write before the program runs, though, and what
 * lies in the pipe by then was not seen: such input counts as the container reads it.
 */

#define MAX_STREAMS 4096
#define STREAM_CHUNK 16384 /* bytes of a stream that one event holds at most */
/*
 * Pieces of one call that are looked at: 1 MiB, the largest pipe, and 32 segments (MAX_SEGMENTS where an iterator tells
 * them). Runtimes read and write a pipe in one segment, C libraries in two; what is beyond is a gap. The verifier walks the loop
 * round by round, which is most of what it does.
 */
#define STREAM_STEPS (64 + 32)
#define STREAM_FDS 3
#define PIPEFS_MAGIC 0x50495045 /* include/uapi/linux/magic.h */
#define FILE_TYPE 0170000 /* S_IFMT and S_IFIFO, include/uapi/linux/stat.h */
#define FILE_IS_FIFO 0010000

struct stream {
	u64 offset; /* bytes that went through so far */
	u64 start_time; /* of the container's own, when its program was created, as in struct process */
	u64 inode; /* where its inode is, which may be another's by now */
	u32 target;
	u32 session; /* 0: of the container's own program, to which nobody has attached */
	u32 number;
	u32 fd; /* 0 stdin, 1 stdout, 2 stderr */
	u32 owner; /* host process ID that last worked on the other end; of the container's own, of its program */
	u32 flags; /* enum stream_flag */
	u32 closed; /* 1: and the recorder is not told yet, since its ring was full */
	u32 ns_pid; /* of the container's own, the ID of its program in its own PID namespace */
};
BPF_HASH(streams, u64, struct stream, MAX_STREAMS); /* inode number -> whose it is; of a closed one CLOSED_STREAM | number */
/*
 * How many streams there are, as the probes count, and how many of those the recorder has taken out: written by one
 * side each. Then, in bytes, what is kept of a stream, and 1 if there is a way to see them.
 */
#define STREAMS_COUNTED 0
#define STREAMS_FORGOTTEN 1
#define STREAM_LIMIT 2
#define STREAMS_WATCHED 3
BPF_ARRAY(stream_numbers, u64, 4);

struct stream_buffer {
	struct stream_data_event e;
	u8 data[STREAM_CHUNK];
	struct pending left; /* of the segment that is at hand */
	volatile u64 total; /* left of all segments */
	volatile u64 segments; /* address of the next struct iovec; 0: there is none */
};
/* One for each direction: a fexit program may be preempted by that of the other one, never by itself. */
BPF_PERCPU_ARRAY(stream_scratch, struct stream_buffer, 2);

/* The inode number of a file that is a pipe, else 0. */
static __always_inline u64 pipe_of(void *file)
{
	void *inode = NULL, *sb = NULL;
	u64 number = 0, magic = 0;
	u16 mode = 0;

	READ(inode, file, OFF_file_f_inode);
	READ(mode, inode, OFF_inode_i_mode);
	if ((mode & FILE_TYPE) != FILE_IS_FIFO)
		return 0;
	READ(sb, inode, OFF_inode_i_sb);
	READ(magic, sb, OFF_super_block_s_magic);
	if (magic != PIPEFS_MAGIC)
		return 0; /* a FIFO with a name: its inode number is one of another file system */
	READ(number, inode, OFF_inode_i_ino);
	return number;
}

static __always_inline u64 stream_number(int which)
{
	u64 *number = stream_numbers.lookup(&which);

	return number ? *number : 0;
}

/* Whether there is a stream at all: if not, this is all that a call costs. */
static __always_inline bool any_stream(void)
{
	return stream_number(STREAMS_COUNTED) != stream_number(STREAMS_FORGOTTEN);
}

static __always_inline void count_streams(s64 more)
{
	int which = STREAMS_COUNTED;
	u64 *counted = stream_numbers.lookup(&which);

	if (counted)
		__sync_fetch_and_add(counted, more);
}

static __always_inline bool put_stream_close(struct stream *s)
{
	struct stream_close_event e = {};
	struct target_state *state = begin_byte_event(&e.h, EVENT_STREAM_CLOSE, s->target, s->session, 0);

	if (!state)
		return true;
	e.bytes = s->offset;
	e.stream = s->number;
	e.fd = s->fd;
	return put_byte_event(state, &e, sizeof(e));
}

#define CLOSED_STREAM (1ULL << 32) /* no inode number: of pipes these have 32 bits (get_next_ino() in fs/inode.c) */

/*
 * As close_terminal(): where the ring has no room, it stays in the map for the recorder to find. By its number, so that the
 * recorder, which may have looked before that, does not take out and count again what is no longer counted.
 */
static __always_inline void close_stream(u64 key, struct stream *s)
{
	struct stream copy = *s;

	if (streams.delete(&key))
		return;
	copy.closed = 1;
	count_streams(-1);
	if (!copy.session)
		return;
	key = CLOSED_STREAM | copy.number;
	if (!put_stream_close(&copy))
		streams.update(&key, &copy);
}

/* As put_tty_gap(). */
static __always_inline void put_stream_gap(struct stream *s, u64 offset, u64 bytes, u32 reason)
{
	struct gap_event e = {};
	struct target_state *state = begin_byte_event(&e.h, EVENT_GAP, s->target, s->session, 0);

	if (!state)
		return;
	e.first_seq = ~0ULL;
	e.events = reason == GAP_PROBE_MISSED;
	e.offset = offset;
	e.bytes = bytes;
	e.tty = s->number;
	e.direction = s->fd ? TTY_DIRECTION_OUT : TTY_DIRECTION_IN;
	e.reason = reason;
	put_byte_event(state, &e, sizeof(e));
}

/* `n` bytes went through that cannot be shown. */
static __always_inline void pass_stream_bytes(struct stream *s, u64 n, u32 reason)
{
	u64 offset = 0;

	if (take_number(&s->offset, n, COUNTER_OF_TTY_OUT(s->number), &offset))
		put_stream_gap(s, offset, n, reason);
}

/*
 * Stores the event of `size` bytes at b->left.offset. What is beyond the limit of a stream is not kept: the
 * recorder makes one event of many and adds to the hash of the whole. So that it need not account for each,
 * those have no number; that one is missing shows by the offsets.
 */
static __always_inline void put_stream_data(struct stream *s, struct stream_buffer *b, u64 size, u64 left_out)
{
	struct target_state *state = NULL;

	b->e.offset = b->left.offset;
	b->e.left_out = left_out;
	b->e.stream = s->number;
	b->e.fd = s->fd;
	b->e.data_size = size;
	b->e.reserved = 0;
	asm volatile("%0 &= 32767" : "+r"(size));
	if (size > STREAM_CHUNK)
		return; /* cannot be: for the verifier */
	if (b->left.offset < stream_number(STREAM_LIMIT)) {
		state = begin_byte_event(&b->e.h, EVENT_STREAM_DATA, s->target, s->session, current_tgid());
		if (state)
			put_byte_event(state, b, sizeof(b->e) + size);
		return;
	}
	b->e.h.time = bpf_ktime_get_ns();
	b->e.h.seq = ~0ULL;
	b->e.h.type = EVENT_STREAM_DATA;
	b->e.h.target = s->target;
	b->e.h.session = s->session;
	b->e.h.pid = current_tgid();
	byte_ring.ringbuf_output(b, sizeof(b->e) + size, 0);
}

static __always_inline long read_stream_chunk(u8 *to, u64 from, u64 size)
{
	u64 masked = size & (STREAM_CHUNK - 1);

	asm volatile("%0 &= 16383" : "+r"(masked));
	return size == STREAM_CHUNK ? read_user(to, STREAM_CHUNK, (void *)from) : read_user(to, masked, (void *)from);
}

/*
 * `n` bytes went through: at `from`, an address of the current process, or if that is 0, in the
 * segments at `segments`, an array of struct iovec. `segments_in_kernel`: whose memory that array is.
 */
static __always_inline void stream_bytes(struct stream *s, bool reading, u64 from, u64 n, u64 segments,
					 bool segments_in_kernel)
{
	u32 reason = GAP_TOO_LONG;
	struct stream_buffer *b;
	u64 segment[2], size;
	int which = reading;

	b = stream_scratch.lookup(&which);
	if (!b)
		return;
	if (!take_number(&s->offset, n, COUNTER_OF_TTY_OUT(s->number), &size))
		return; /* a hole in the offsets */
	b->left.offset = size;
	if (NO_INPUT && !s->fd) {
		put_stream_data(s, b, 0, n);
		return;
	}
	b->left.from = from;
	b->left.bytes = from ? n : 0;
	b->total = n;
	b->segments = segments;
	for (int i = 0; i < STREAM_STEPS; i++) {
		if (!b->total)
			return;
		size = b->left.bytes;
		if (!size) {
			if (!b->segments || (segments_in_kernel ? read_kernel(segment, 16, (void *)b->segments) :
								  read_user(segment, 16, (void *)b->segments))) {
				reason = GAP_UNREADABLE;
				break;
			}
			b->segments += 16;
			b->left.from = segment[0];
			b->left.bytes = segment[1] < b->total ? segment[1] : b->total;
			continue;
		}
		if (size > STREAM_CHUNK)
			size = STREAM_CHUNK;
		if (read_stream_chunk(b->data, b->left.from, size)) {
			reason = GAP_UNREADABLE;
			break;
		}
		put_stream_data(s, b, size, 0);
		b->left.offset += size;
		b->left.from += size;
		b->left.bytes -= size;
		b->total -= size;
	}
	if (b->total)
		put_stream_gap(s, b->left.offset, b->total, reason);
}

static __always_inline u64 next_stream(void)
{
	struct numbers *n;
	u64 number = 0;
	int zero = 0;

	n = numbers.lookup(&zero);
	return n && take_number(&n->next_tty, 1, COUNTER_OF_TTYS, &number) ? number : 0;
}

/*
 * Whether a stream is one of a session by now. That of a container's own program becomes one as somebody writes to its
 * stdin; its output, once somebody has attached.
 */
static __always_inline bool in_session(struct stream *s, u64 key)
{
	struct stream_open_event e = {};
	struct target_state *state;
	struct attach_key program = { s->start_time, s->owner };
	u32 first = s->owner, *session;
	struct process *p;
	u64 number;

	if (s->session)
		return true;
	if (!s->fd) {
		p = process_of(first);
		if (p && !p->session)
			attach(p, first, s->ns_pid);
	}
	session = attached.lookup(&program); /* the program may have ended before the last of its output is read */
	if (!session || !*session)
		return false;
	number = next_stream();
	state = begin_byte_event(&e.h, EVENT_STREAM_OPEN, s->target, *session, first);
	if (!number || !state)
		return false;
	s->session = *session;
	s->number = number;
	e.inode = key;
	e.stream = number;
	e.fd = s->fd;
	e.flags = s->flags;
	put_byte_event(state, &e, sizeof(e));
	return true;
}

/*
 * The stream whose bytes the current process has just moved by reading from or writing to a file; NULL if
 * it is none, or if this end of it is not the one that counts.
 */
static __always_inline struct stream *stream_at(void *file, bool reading, u64 *key)
{
	u32 pid = current_tgid();
	struct stream *s;
	bool inside;

	*key = pipe_of(file);
	if (!*key)
		return NULL;
	s = streams.lookup(key);
	if (!s)
		return NULL;
	inside = process_of(pid) != NULL;
	if (s->flags & STREAM_READ_SIDE)
		return reading ? s : NULL;
	if (inside || reading != !!s->fd)
		return NULL;
	return in_session(s, *key) ? s : NULL;
}

static __always_inline bool pipe_is_empty(void *pipe)
{
	u32 head = 0, tail = 0;

	READ(head, pipe, OFF_pipe_inode_info_head);
	READ(tail, pipe, OFF_pipe_inode_info_tail);
	return head == tail;
}

/* `input`: the struct pipe_inode_info of a stdin that may be written to by now; else NULL. */
static __always_inline void add_stream(struct process *p, u32 pid, u32 fd, u64 key, void *inode, u32 flags,
				       void *input)
{
	struct stream_open_event e = {};
	struct target_state *state;
	struct stream s = {}, *kept;
	u64 number = next_stream();

	if (input && !pipe_is_empty(input))
		flags |= STREAM_READ_SIDE;
	s.target = p->target;
	s.session = p->session;
	s.fd = fd;
	s.inode = (u64)inode;
	s.flags = flags;
	s.number = number;
	if (!number || streams.insert(&key, &s)) {
		if (streams.lookup(&key))
			return; /* stderr that is stdout */
	} else {
		count_streams(1); /* before anything else: from here on what is written counts */
	}
	kept = streams.lookup(&key);
	/* Written since the first look, and before it counted. In this order: what counts is in the pipe before its offset is. */
	if (kept && input && !pipe_is_empty(input) && !kept->offset)
		kept->flags |= STREAM_READ_SIDE;
	state = begin_byte_event(&e.h, EVENT_STREAM_OPEN, s.target, s.session, pid);
	if (!state)
		return;
	if (!kept) {
		/* The map is full, or there was no number: a hole in those of events, so that the stream is known to be missing. */
		__sync_fetch_and_add(&state->lost[LANE_BYTES], 1);
		return;
	}
	e.inode = key;
	e.stream = s.number;
	e.fd = fd;
	e.flags = kept->flags;
	put_byte_event(state, &e, sizeof(e));
}

/*
 * Learns the pipes that are stdin, stdout
 * and stderr of a session's first process. Its program has not run an instruction, so nothing has come out of it.
 */
static __always_inline void learn_streams(void)
{
	u32 pid = current_tgid();
	struct process *p = process_of(pid);
	void *file, *inode = NULL, *pipe = NULL;
	u64 key;

	if (!p || !p->newcomer)
		return;
	p->newcomer = 0;
	if (!stream_number(STREAMS_WATCHED))
		return;
	ROLLED
	for (u32 fd = 0; fd < STREAM_FDS; fd++) {
		file = file_of_fd(fd);
		key = pipe_of(file);
		if (!key)
			continue;
		READ(inode, file, OFF_file_f_inode);
		READ(pipe, inode, OFF_inode_i_pipe);
		add_stream(p, pid, fd, key, inode, 0, fd ? NULL : pipe);
	}
}

/* A step of on_exec. */
int on_exec_streams(u64 *ctx)
{
	learn_streams();
	exec_steps.call(ctx, STEP_on_exec_program);
	return 0;
}

/*
 * Run by the recorder itself (BPF_PROG_TEST_RUN) for a session that is under way: (descriptor of a pipe, as O_PATH, what
 * it is to the session's first process, target, session, ID of that process), or with session 0 for the container's own
 * program, then also with its ID in its own PID namespace. What went before is not counted.
 */
int raw_adopt_stream(u64 *ctx)
{
	struct process p = { .target = ctx[2], .session = ctx[3] };
	struct stream own = { .target = ctx[2], .fd = ctx[1], .owner = ctx[4], .flags = STREAM_UNDER_WAY };
	void *file = file_of_fd(ctx[0]), *inode = NULL;
	u64 key = pipe_of(file);
	struct process *program;

	if (!key)
		return 0;
	READ(inode, file, OFF_file_f_inode);
	own.inode = (u64)inode;
	own.ns_pid = ctx[5];
	program = process_of(own.owner);
	if (program)
		own.start_time = program->start_time;
	if (!stream_number(STREAMS_WATCHED))
		return 0;
	if (p.session)
		add_stream(&p, ctx[4], ctx[1], key, inode, STREAM_UNDER_WAY, NULL);
	else if (!streams.insert(&key, &own))
		count_streams(1);
	return 0;
}

/*
 * Run by the recorder itself: (number of the inode of a pipe in the map). Whether somebody has it open for reading. With
 * its last end the inode loses the pipe (put_pipe_info() in fs/pipe.c), and whoever gets its memory has another number.
 */
int raw_has_reader(u64 *ctx)
{
	u64 key = ctx[0], number = 0;
	struct stream *s = streams.lookup(&key);
	void *pipe = NULL;
	u32 readers = 0;

	if (!s)
		return 0;
	READ(number, s->inode, OFF_inode_i_ino);
	READ(pipe, s->inode, OFF_inode_i_pipe);
	if (number != key || !pipe)
		return 0;
	READ(readers, pipe, OFF_pipe_inode_info_readers);
	return !!readers;
}
