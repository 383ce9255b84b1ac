/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Maps and helpers that every probe uses. The recorder compiles the .c files of this folder as one
 * text (recorder/ladder.py names the order), since bcc rewrites map accesses only in the main text.
 *
 * OFF_STRUCT_FIELD and SIZE_STRUCT come from the running kernel's BTF (recorder/definitions.py).
 */
#include "event.h"

/*
 * The kernel's helpers by names of our own: at each mention of bpf_probe_read_* bcc reads all of
 * /proc/kallsyms to see whether the kernel has it (0.1 s each), which the ring buffer implies.
 */
static long (*read_kernel)(void *to, u32 size, const void *from) = (void *)BPF_FUNC_probe_read_kernel;
static long (*read_kernel_str)(void *to, u32 size, const void *from) = (void *)BPF_FUNC_probe_read_kernel_str;
static long (*read_user)(void *to, u32 size, const void *from) = (void *)BPF_FUNC_probe_read_user;
static long (*read_user_str)(void *to, u32 size, const void *from) = (void *)BPF_FUNC_probe_read_user_str;

/* Before a loop: its body is compiled once, since what is compiled makes the start long. Loops are bounded anyway. */
#define ROLLED _Pragma("clang loop unroll(disable)")

#define READ(dst, base, offset) read_kernel(&(dst), sizeof(dst), (char *)(base) + (offset))

/*
 * The current task, and what hangs on it, by pointers that a program may follow by itself: a helper for each takes longer
 * than all else that is done for a task of no target. Since Linux 5.11; a NULL on the way gives 0. What begins with a
 * pointer of another kind is read.
 */
#ifdef HAS_TYPED_TASK
static void *(*typed_task)(void) = (void *)158; /* bpf_get_current_task_btf(), include/uapi/linux/bpf.h */
#define FOLLOW(dst, base, offset) ((dst) = *(volatile __typeof__(dst) *)((char *)(base) + (offset)))
#else
static __always_inline void *typed_task(void)
{
	return (void *)bpf_get_current_task();
}
#define FOLLOW READ
#endif

#define MAX_TARGETS 4096
#define MAX_DEPTH 256 /* cgroups that are looked at from that of a task upwards */
#define MAX_PROCESSES 65536
#define MAX_TERMINALS 4096
#define SIEVE_WORDS 2
#define PID_GROUPS 512
#define PIDS_A_GROUP 16
#define SLAVE_GROUPS 256
#define MAX_ANCESTORS 24
#define CHUNK 4096 /* bytes of argv or of a terminal that one event holds at most */

/*
 * Events go two ways, each with a ring and numbers of its own, so that a flood of output never takes
 * the room of an exec, and so that what ran can be proven complete without what was printed.
 */
#define LANE_PROCESS 0
#define LANE_BYTES 1

/* Read by the recorder through mmap, so that looking for loss costs no system call. */
struct target_state {
	u64 next_seq[2]; /* number that the next event of each lane gets */
	u64 lost[2]; /* events of each lane that found no room in its ring */
};

/* 64 bits wide: LLVM 14 fetches and adds no less without -mcpu=v3, which bcc cannot be told. */
struct numbers {
	u64 next_session;
	u64 next_tty;
};

/*
 * What decides in most cases that something is not recorded. All of it is on one page: behind an exec hardly any page is one
 * that the processor still has the address of, and each costs more than all that is computed here. An entry of the
 * large maps is looked for where this leaves it possible. Written by the recorder through mmap, but for the counts.
 */
struct sieve {
	u64 lowest; /* the least depth of a target's cgroup; beyond all depths if there is none */
	u64 cgroups[SIEVE_WORDS]; /* a bit for each cgroup in `targets`, by sieve_bit() of its address */
	u64 mounts[SIEVE_WORDS]; /* the same for `mount_namespaces` */
	u64 own_terminals; /* 1: a target's own program has a terminal, to which somebody may attach */
	u64 host_mount_ns; /* inode number of the node's mount namespace; 0: a target shares it */
	u64 none; /* the counts begin a line of the cache */
	/* How many of the processes with such IDs are in `processes`. Neighbours share a number: of them many run at a time. */
	u32 pids[PID_GROUPS];
	u32 slaves[SLAVE_GROUPS]; /* how many terminals with such an address of the slave are in `terminals` */
};

struct process {
	u32 target;
	u32 session; /* 0: the container's own workload */
	u32 newcomer; /* 1: it has just begun its session, and nobody has looked at its pipes yet */
	u32 reserved;
	u64 start_time; /* ns of CLOCK_MONOTONIC at which it was created: the kernel gives its ID to others later */
};

#define QUIET_SEEN 1 /* when last looked at, it had echo off in canonical mode */
#define QUIET_SINCE_TYPED 2 /* it had that at some moment since something was typed last */

struct terminal {
	u64 out_offset; /* bytes that came out so far */
	u64 in_offset; /* bytes that were typed so far */
	u64 devpts; /* the superblock of its devpts, which each container has of its own */
	u32 target;
	u32 session;
	u32 number;
	u32 leader; /* host process ID of the leader of the terminal's session */
	u32 owner; /* host process ID that last read or wrote the other end */
	u32 index;
	u16 rows;
	u16 cols;
	u16 closed; /* 1: and the recorder is not told yet, since its ring was full */
	u16 quiet; /* QUIET_*, or-ed */
};

BPF_F_TABLE("array", u32, struct target_state, target_states, MAX_TARGETS, BPF_F_MMAPABLE);
BPF_HASH(targets, u64, u32, MAX_TARGETS); /* cgroup ID -> number of the target */
BPF_HASH(mount_namespaces, u64, u32, MAX_TARGETS); /* inode number -> number of the target */
BPF_F_TABLE("array", u32, struct sieve, sieve, 1, BPF_F_MMAPABLE);
BPF_ARRAY(numbers, struct numbers, 1);
BPF_HASH(processes, u32, struct process, MAX_PROCESSES); /* host process ID -> whose it is */
/* What a program goes on with, STEP_NAME (recorder/ladder.py): all in one have to be of one type, as each kind's are. */
BPF_PROG_ARRAY(exec_steps, STEPS);
BPF_PROG_ARRAY(fork_steps, STEPS);
BPF_PROG_ARRAY(exit_steps, STEPS);
BPF_HASH(terminals, u64, struct terminal, MAX_TERMINALS); /* slave tty_struct -> whose it is; of a closed one its number */

#ifdef NO_ATOMIC_FETCH
BPF_HASH(counter_locks, u64, u64, 1024); /* counters that are being read and written; see take_number() */
#endif

BPF_RINGBUF_OUTPUT(process_ring, PROCESS_RING_BYTES / PAGE_SIZE);
BPF_RINGBUF_OUTPUT(byte_ring, BYTE_RING_BYTES / PAGE_SIZE);

/* Names of counters, which no two may share: the kind of counter and which one it is. */
#define COUNTER_OF_LANE(target, lane) ((1ULL + (lane)) << 60 | (target))
#define COUNTER_OF_SESSIONS (3ULL << 60)
#define COUNTER_OF_TTYS (4ULL << 60)
#define COUNTER_OF_TTY_OUT(number) (5ULL << 60 | (number))
#define COUNTER_OF_TTY_IN(number) (6ULL << 60 | (number))

/*
 * Adds `n` to a counter; what it was before, into *was. Of several at the same time none gets what another gets.
 *
 * Before Linux 5.12 no instruction both adds and gives back, and tracing programs may hold no spin lock
 * (check_map_prog_compatibility() in kernel/bpf/verifier.c). There the counter belongs to whoever has inserted its
 * `name` into a map. Who cannot get it adds all the same, so that the numbers have a hole, and returns false: that
 * happens when the holder was interrupted, or its processor is not scheduled by a hypervisor.
 */
static __always_inline bool take_number(u64 *counter, u64 n, u64 name, u64 *was)
{
#ifndef NO_ATOMIC_FETCH
	*was = __sync_fetch_and_add(counter, n);
	return true;
#else
	bool mine = false;

	for (int i = 0; i < 32 && !mine; i++)
		mine = !counter_locks.insert(&name, &name);
	if (mine)
		*was = *(volatile u64 *)counter;
	__sync_fetch_and_add(counter, n);
	if (mine)
		counter_locks.delete(&name);
	return mine;
#endif
}

static __always_inline u32 current_tgid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

/* By what a task is known as long as it lives: a thread that runs a program may come back from that with another ID. */
static __always_inline u64 this_task(void)
{
	return bpf_get_current_task();
}

static __always_inline struct sieve *the_sieve(void)
{
	int zero = 0;

	return sieve.lookup(&zero);
}

#define SIEVE_BITS (64 * SIEVE_WORDS)

/*
 * A number for what the kernel has at an address, by its lower half: GOLDEN_RATIO_32 of include/linux/hash.h spreads it to the
 * upper ones of 32 bits. The verifier lets nothing be computed with a pointer of a known type, but for the order of its bytes.
 */
static __always_inline u64 spread(void *at)
{
	return (__builtin_bswap64((u64)at) >> 32) * 0x61C88647;
}

static __always_inline u64 sieve_bit(void *at)
{
	return spread(at) >> 25 & (SIEVE_BITS - 1);
}

/* Whether what is at that address may be one of those that these bits stand for. */
static __always_inline bool may_be_one(u64 *bits, void *at)
{
	u64 bit = sieve_bit(at);

	return bits[bit >> 6] >> (bit & 63) & 1;
}

/*
 * Fills the header and takes the next number of the target's lane. Whoever fails to store the event
 * afterwards leaves a hole in the numbers, which is how the recorder learns of it.
 */
static __always_inline struct target_state *begin_event(struct event_header *h, int lane, u32 type, u32 target,
							u32 session, u32 pid)
{
	struct target_state *state = target_states.lookup(&target);

	if (!state)
		return NULL;
	h->time = bpf_ktime_get_ns();
	if (!take_number(&state->next_seq[lane], 1, COUNTER_OF_LANE(target, lane), &h->seq)) {
		__sync_fetch_and_add(&state->lost[lane], 1);
		return NULL;
	}
	h->type = type;
	h->target = target;
	h->session = session;
	h->pid = pid;
	return state;
}

static __always_inline struct target_state *begin_process_event(struct event_header *h, u32 type, u32 target,
								u32 session, u32 pid)
{
	return begin_event(h, LANE_PROCESS, type, target, session, pid);
}

static __always_inline struct target_state *begin_byte_event(struct event_header *h, u32 type, u32 target,
							     u32 session, u32 pid)
{
	return begin_event(h, LANE_BYTES, type, target, session, pid);
}

static __always_inline void put_process_event(struct target_state *state, void *event, u64 size)
{
	if (process_ring.ringbuf_output(event, size, 0))
		__sync_fetch_and_add(&state->lost[LANE_PROCESS], 1);
}

/* False if there is no room. */
static __always_inline bool put_byte_event(struct target_state *state, void *event, u64 size)
{
	if (!byte_ring.ringbuf_output(event, size, 0))
		return true;
	__sync_fetch_and_add(&state->lost[LANE_BYTES], 1);
	return false;
}

/* Takes a number for an event that cannot be made, as where the map of processes is full: a hole, so it is told. */
static __always_inline void lose_process_event(struct process *p, u32 pid)
{
	struct event_header h;
	struct target_state *state = begin_process_event(&h, EVENT_EXEC, p->target, p->session, pid);

	if (state)
		__sync_fetch_and_add(&state->lost[LANE_PROCESS], 1);
}

/* Process ID of a struct pid in the initial namespace. */
static __always_inline u32 pid_on_host(void *pid)
{
	u32 nr = 0;

	READ(nr, pid, OFF_pid_numbers + OFF_upid_nr);
	return nr;
}

/* Process ID of a task's group leader at the given depth of PID namespaces; 0 if it has none there. */
static __always_inline u32 pid_at_level(void *task, u32 level)
{
	void *leader = NULL, *pid = NULL;
	u32 depth = 0, nr = 0;

	READ(leader, task, OFF_task_struct_group_leader);
	READ(pid, leader, OFF_task_struct_thread_pid);
	READ(depth, pid, OFF_pid_level);
	if (level > depth || level > 32)
		return 0;
	READ(nr, pid, OFF_pid_numbers + level * SIZE_upid + OFF_upid_nr);
	return nr;
}

/* Depth of PID namespaces that a task's own process ID belongs to. */
static __always_inline u32 pid_level(void *task)
{
	void *pid = NULL;
	u32 level = 0;

	READ(pid, task, OFF_task_struct_thread_pid);
	READ(level, pid, OFF_pid_level);
	return level;
}

static __always_inline u64 start_time(void *task)
{
	void *leader = NULL;
	u64 time = 0;

	READ(leader, task, OFF_task_struct_group_leader);
	READ(time, leader, OFF_task_struct_start_time);
	return time;
}

/* The struct file of a file descriptor of the current process; what is no descriptor gives anything. */
static __always_inline void *file_of_fd(u64 fd)
{
	void *task = (void *)bpf_get_current_task(), *p = NULL;

	READ(p, task, OFF_task_struct_files);
	READ(p, p, OFF_files_struct_fdt);
	READ(p, p, OFF_fdtable_fd);
	READ(p, p, 8 * fd);
	return p;
}

/* The task that a struct pid names; NULL if it has ended. */
static __always_inline void *task_of(void *pid)
{
	void *first = NULL;

	READ(first, pid, OFF_pid_tasks); /* [PIDTYPE_PID] */
	return first ? first - OFF_task_struct_pid_links : NULL;
}

static __always_inline u32 *pids_like(struct sieve *s, u32 pid)
{
	return &s->pids[pid / PIDS_A_GROUP & (PID_GROUPS - 1)];
}

static __always_inline u32 *slaves_like(struct sieve *s, void *slave)
{
	return &s->slaves[spread(slave) >> 24 & (SLAVE_GROUPS - 1)];
}

/*
 * Whether something may be known of the current process. What each fork, exit and exec of the node runs is a small program
 * that goes on with another one where this is so: the lines of the cache that its code takes count as much as what it reads.
 */
static __always_inline bool may_be_known(void)
{
	void *task = typed_task();
	struct sieve *s = the_sieve();
	u32 pid = 0;

	if (!s)
		return false;
	FOLLOW(pid, task, OFF_task_struct_tgid);
	return *pids_like(s, pid);
}

/* What is known of the process with that ID, or of one that had it before; NULL if nothing is. */
static __always_inline struct process *process_of(u32 pid)
{
	struct sieve *s = the_sieve();

	return s && *pids_like(s, pid) ? processes.lookup(&pid) : NULL;
}

/* Inserts what is known of a process; negative if something is known already, or if the map is full. */
static __always_inline long add_process(u32 pid, struct process *p)
{
	struct sieve *s = the_sieve();

	if (!s)
		return -1;
	__sync_fetch_and_add(pids_like(s, pid), 1); /* before: whoever looks must not miss one that is there */
	if (!processes.insert(&pid, p))
		return 0;
	__sync_fetch_and_add(pids_like(s, pid), -1);
	return -1;
}

/* The same, whatever was known before; negative if the map is full. */
static __always_inline long set_process(u32 pid, struct process *p)
{
	struct process *old;

	if (!add_process(pid, p))
		return 0;
	old = processes.lookup(&pid);
	if (!old)
		return -1;
	*old = *p;
	return 0;
}

/* Negative if nothing was known. Of several that do this at the same time, one gets 0. */
static __always_inline long forget_process(u32 pid)
{
	struct sieve *s = the_sieve();

	if (!s || processes.delete(&pid))
		return -1;
	__sync_fetch_and_add(pids_like(s, pid), -1);
	return 0;
}

/* What is known of process `pid`, of which `task` is one; NULL, and forgotten, if that is of one that had the ID before. */
static __always_inline struct process *known_process(void *task, u32 pid)
{
	struct process *p = process_of(pid);

	if (!p || p->start_time == start_time(task))
		return p;
	forget_process(pid);
	return NULL;
}

/* Where the bytes of a call lie. */
enum memory {
	MEMORY_KERNEL,
	MEMORY_USER, /* of the current process */
	MEMORY_VECTOR, /* the same, scattered: at `from` are struct iovec */
};

/*
 * What is left to do of a call. In memory and volatile, of which the verifier remembers nothing:
 * with a range for each path it would look at 20 times as many instructions.
 */
struct pending {
	volatile u64 from;
	volatile u64 bytes;
	volatile u64 offset;
	volatile u64 vector; /* the next struct iovec */
	volatile u64 part; /* bytes at `from` until then */
	volatile u64 skip; /* bytes before all others that are none of them */
};

/* `bytes` are to be taken, after `skip`, which is 0 or 1. */
static __always_inline void begin_pending(struct pending *left, u64 from, u64 bytes, u64 offset, enum memory memory, u64 skip)
{
	left->from = from + skip;
	left->skip = skip;
	left->bytes = left->part = bytes;
	left->offset = offset;
	if (memory == MEMORY_VECTOR) {
		left->vector = from;
		left->part = 0;
	}
}

/* Bytes to take next, at most CHUNK, from `left->from` on; 0: an empty part, look again. */
static __always_inline u64 next_size(struct pending *left, enum memory memory)
{
	u64 part[2] = {}; /* struct iovec */
	u64 size, skip;

	/* Of what is not scattered there is no part left only when nothing is. To the verifier both are one: it looks once. */
	if (memory != MEMORY_KERNEL && !left->part) {
		/* Of what cannot be read nothing can be read from its address 0 either, and so it is told. */
		if (read_user(part, sizeof(part), (void *)left->vector))
			part[1] = left->bytes;
		left->vector += sizeof(part);
		skip = left->skip & (part[1] | -part[1]) >> 63; /* of an empty part nothing; no branch, for the verifier */
		left->skip -= skip;
		left->from = part[0] + skip;
		left->part = part[1] - skip;
	}
	size = left->part;
	if (size > left->bytes)
		size = left->bytes;
	return size > CHUNK ? CHUNK : size;
}

static __always_inline void advance(struct pending *left, u64 size)
{
	left->offset += size;
	left->from += size;
	left->bytes -= size;
	left->part -= size;
}

/*
 * Copies `size` (1 to CHUNK) bytes to `to`; 0, or negative if they cannot be read. A constant where the
 * mask would make CHUNK a 0.
 */
static __always_inline long read_chunk(u8 *to, u64 from, u64 size, enum memory memory)
{
	u64 masked = size & (CHUNK - 1);
	bool kernel = memory == MEMORY_KERNEL;

	asm volatile("%0 &= 4095" : "+r"(masked));
	if (size == CHUNK)
		return kernel ? read_kernel(to, CHUNK, (void *)from) : read_user(to, CHUNK, (void *)from);
	return kernel ? read_kernel(to, masked, (void *)from) : read_user(to, masked, (void *)from);
}

/* Whether the current system call is a 32-bit one: its number and arguments mean something else. Only while it is under way. */
static __always_inline bool is_compat_call(void *regs)
{
#ifdef COMPAT_STATUS
	u32 state = 0;

	FOLLOW(state, typed_task(), OFF_task_struct_thread_info + COMPAT_STATUS);
#else
	u64 state = 0;

	READ(state, regs, COMPAT_REGISTER);
#endif
	return state & COMPAT;
}

/* Whether a system call reads, of those that read or write a descriptor; and whether what it moves is scattered. */
static __always_inline bool is_read(SYSCALL_NR_TYPE nr)
{
	return nr == SYS_READ || nr == SYS_READV || nr == SYS_PREADV2;
}

static __always_inline bool is_scattered(SYSCALL_NR_TYPE nr)
{
	return nr == SYS_READV || nr == SYS_PREADV2 || nr == SYS_WRITEV || nr == SYS_PWRITEV2;
}
