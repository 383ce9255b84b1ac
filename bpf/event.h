/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Every event that a recording can hold, field by field. This is the only such list: the decoder
 * (recorder/events.py), the field names in a log's header and the table in docs/log-format.md are
 * made from it.
 *
 * Rules, which the decoder relies on and a test proves against the compiler:
 *  - fixed-width types only, each naturally aligned, no padding, sizes a multiple of 8 bytes;
 *  - one field a line, each with one comment;
 *  - TAIL(x) is the size in bytes of x; the bytes themselves follow the struct, in the order of
 *    their TAIL lines;
 *  - `struct NAME_event` belongs to `EVENT_NAME`; a retired number is never used again.
 */
#pragma once

#define TAIL(name) __u32 name##_size

enum event_type {
	EVENT_SESSION_START = 1, /* something entered a target from outside */
	EVENT_SESSION_END = 2, /* a session's first process has ended and its terminal is closed */
	EVENT_FORK = 3, /* a process of a session started a process */
	EVENT_EXEC = 4, /* a process of a session began to run a program */
	EVENT_EXEC_FAILED = 5, /* a process of a session could not run a program */
	EVENT_EXIT = 6, /* a process of a session ended */
	EVENT_TTY_OPEN = 7, /* a terminal of a session was seen for the first time */
	EVENT_TTY_OUT = 8, /* bytes to the screen, after line discipline, kernel echo included */
	EVENT_TTY_IN = 9, /* bytes typed, before line discipline */
	EVENT_TTY_RESIZE = 10, /* the size of a terminal's window changed */
	EVENT_TTY_CLOSE = 11, /* a terminal is closed: nothing can come out of it any more */
	EVENT_GAP = 12, /* something is missing here, and how much */
	EVENT_CLOCK = 13, /* what the wall clock showed */
	EVENT_TARGET_END = 14, /* a target is gone */
	EVENT_EXEC_ARGV = 15, /* more of the argv of the exec event before it */
	EVENT_TARGET_START = 16, /* a target came under watch after the header was written, or more is known of one */
	EVENT_STREAM_OPEN = 17, /* a session without a terminal has a pipe for its input, output or errors */
	EVENT_STREAM_DATA = 18, /* bytes that went through such a pipe */
	EVENT_STREAM_CLOSE = 19, /* a pipe of a session has ended: nothing can come through it any more */
	EVENT_EXEC_FILE = 24, /* the file that the exec event before it runs */
	EVENT_EXEC_HASH = 25, /* what was in the file of an exec_file event that did not come with the container's image */
	EVENT_WARNING = 26, /* something that may be meant to get round the recording, or at somebody else, succeeded or not */
};

enum exec_flag {
	EXEC_ARGV_CUT = 1, /* argv is longer than what was kept */
	EXEC_ARGV_UNREADABLE = 2, /* the memory that holds argv could not be read */
	EXEC_CWD_CUT = 4, /* the working directory is deeper than what was kept */
	EXEC_UNDER_WAY = 8, /* was already running when recording started; taken from /proc */
};

enum file_flag {
	FILE_MEMFD = 1, /* a file in memory that never had a place in any folder (memfd_create) */
	FILE_DELETED = 2, /* was removed from its folder before it was run */
	FILE_UPPER = 4, /* in the writable layer of the container's overlay: not, or not so, in its image */
	FILE_TMPFS = 8, /* on a tmpfs that is not the container's root */
	FILE_OTHER_MOUNT = 16, /* on another mount than the container's root */
	FILE_PATH_CUT = 32, /* the file is deeper than the path that was kept */
};

enum hash_result {
	HASH_TAKEN = 1, /* from the running image */
	HASH_TAKEN_BY_PATH = 2, /* the process had ended: from the same file by its path, unchanged since the exec */
	HASH_GONE = 3, /* not taken: the process had ended, or ran something else, and the file was not found by its path */
	HASH_CHANGED = 4, /* not taken: the file was changed after the exec, or while it was read */
	HASH_TOO_LARGE = 5, /* not taken: the file is larger than what is read */
	HASH_TOO_MANY = 6, /* not taken: more, or more bytes, were to be read than the recorder has time for */
	HASH_UNREADABLE = 7, /* not taken: the recorder could not read the file */
	HASH_TAKEN_UNSURE = 8, /* of the same file, but it lies in memory, where nothing tells whether it was changed since it ran */
};

enum warning_kind {
	WARNING_SIGNAL = 1, /* a signal to the recorder; value is its number */
	WARNING_PTRACE = 2, /* took hold of another process: ptrace, process_vm_writev, /proc/PID/mem; value is the request or mode */
	WARNING_BPF = 3, /* called bpf; value is the command */
	WARNING_MOUNT = 4, /* mounted, moved or unmounted something; value is 0 */
	WARNING_NAMESPACE = 5, /* moved itself to other namespaces, or made a process in others; value is CLONE_NEW* flags */
	WARNING_TYPED = 6, /* put input into a terminal as if it were typed (TIOCSTI); value is the character, where it is known */
	WARNING_FOREIGN_WRITE = 7, /* a process that is not of the session wrote to its terminal; value is how many bytes */
	WARNING_CGROUP = 8, /* moved a process to another cgroup; value is that cgroup's ID */
	WARNING_FTRACE = 9, /* wrote to the sysctl kernel.ftrace_enabled, which turns fexit, fentry and kprobes off and on; value is 0 */
};

enum session_flag {
	SESSION_UNDER_WAY = 1, /* was already running when recording started */
	SESSION_FROM_NODE = 2, /* its first process is in the container's mount namespace, and not in its cgroup: nsenter on the node */
	SESSION_ATTACHED = 4, /* somebody is at the terminal or stdin of the container's own program, its first process here: kubectl attach */
};

enum session_end_flag {
	SESSION_END_UNSEEN = 1, /* the end of the first process was not seen: exit code and signal are not known */
};

enum gap_reason {
	GAP_RING_FULL = 1, /* events came faster than the recorder could take them, or more processes, terminals, pipes or failed execs than it follows */
	GAP_UNREADABLE = 2, /* the kernel could not read the bytes at that moment */
	GAP_TOO_LONG = 3, /* one write was larger than what a probe can take */
	GAP_PROBE_MISSED = 4, /* the kernel skipped a run of a probe */
	GAP_BEFORE_RECORDING = 5, /* the session had begun before the recording; no loss, so its counts are 0 */
	GAP_SPOOL_FULL = 6, /* the recorder's spool was full: nobody fetched the log in time */
	GAP_RECORDER_DIED = 7, /* the recorder was killed, or its node went away: nothing is known from here on */
	GAP_PROBES_OFF = 8, /* somebody has turned ftrace or kprobes off on the node: from here on what they tell is missing, nobody knows how much */
	GAP_PROBES_ON = 9, /* they are on again; no loss of its own, so its counts are 0 */
};

enum tty_direction {
	TTY_DIRECTION_NONE = 0, /* no terminal and no stream: the gap is in events */
	TTY_DIRECTION_OUT = 1, /* to the screen, or stdout and stderr */
	TTY_DIRECTION_IN = 2, /* typed, or stdin */
};

enum stream_flag {
	STREAM_UNDER_WAY = 1, /* was there before recording started: what went before is not counted */
	STREAM_READ_SIDE = 2, /* input that was sent before the program ran: taken as the container reads it */
};

enum target_end_reason {
	TARGET_EXITED = 1, /* the last process of the container has ended */
	TARGET_NOT_FOUND = 2, /* no such container ran on the node when the recorder looked for it */
	TARGET_TOO_MANY = 3, /* not recorded: the recorder has had as many containers as one can watch, 4,095 */
};

struct event_header {
	__u64 time; /* ns of CLOCK_MONOTONIC on the node; `clock` events relate it to the wall clock */
	__u64 seq; /* number of the event in its target and lane, from 0 without holes; nil if the recorder made it */
	__u32 type; /* enum event_type; in a log it is the first element of the event */
	__u32 target; /* number of the target in the header's list, from 1 */
	__u32 session; /* number of the session, from 1 in order of start; 0 if it is about none */
	__u32 pid; /* process ID on the host; 0 if there is none */
};

struct session_start_event {
	struct event_header h;
	__u64 start_time; /* ns of CLOCK_MONOTONIC at which the first process was created */
	__u32 ns_pid; /* process ID of the first process in its own PID namespace */
	__u32 flags; /* enum session_flag */
};

struct session_end_event {
	struct event_header h;
	__u32 exit_code; /* 0 to 255, of the session's first process */
	__u32 signal; /* signal that ended the first process, else 0 */
	__u32 flags; /* enum session_end_flag */
	__u32 reserved; /* 0 */
};

struct fork_event {
	struct event_header h;
	__u64 child_start_time; /* ns of CLOCK_MONOTONIC at which the child was created */
	__u32 child; /* process ID of the child on the host */
	__u32 child_ns_pid; /* process ID of the child in its own PID namespace */
};

struct exec_event {
	struct event_header h;
	__u64 start_time; /* ns of CLOCK_MONOTONIC at which the process was created */
	__u64 cgroup; /* ID of the cgroup that the process is in */
	__u64 argv_total; /* true length of argv in bytes */
	__u64 capabilities; /* effective capabilities: bit N is capability N of capabilities(7) */
	__u32 ppid; /* process ID of the parent on the host */
	__u32 ns_pid; /* process ID in the process's own PID namespace */
	__u32 ns_ppid; /* process ID of the parent there; 0 if the parent is outside of it */
	__u32 uid; /* real user ID, in the initial user namespace */
	__u32 gid; /* real group ID, in the initial user namespace */
	__u32 euid; /* effective user ID: another one than uid after a set-user-ID program was run */
	__u32 egid; /* effective group ID */
	__u32 no_new_privs; /* 1: no program that it runs can give it more privileges */
	__u32 tty; /* number of the controlling terminal in the recording; 0 if none */
	__u32 flags; /* enum exec_flag, or-ed */
	TAIL(filename); /* path as given to execve, bytes */
	TAIL(interpreter); /* path of the file that really runs, where it is another one, bytes */
	TAIL(cwd); /* working directory as the process sees it, bytes */
	TAIL(argv); /* arguments, each ended by a NUL, bytes */
};

struct exec_file_event {
	struct event_header h;
	__u64 start_time; /* ns of CLOCK_MONOTONIC at which the process was created */
	__u64 inode; /* inode number of the file that runs: of a script, its interpreter's */
	__u64 size; /* its size in bytes */
	__u32 device; /* of its file system: major number << 20 | minor number */
	__u32 mode; /* its type and permissions, st_mode of stat(2) */
	__u32 flags; /* enum file_flag, or-ed */
	TAIL(path); /* its path from the container's root, without symbolic links, also after a chroot; a memfd's name */
	TAIL(filesystem); /* kind of file system, as in /proc/filesystems */
	__u32 reserved; /* 0 */
};

struct exec_hash_event {
	struct event_header h;
	__u64 exec_time; /* time of the exec_file event that this is about */
	__u64 size; /* bytes of the file */
	__u32 result; /* enum hash_result */
	TAIL(sha256); /* SHA-256 of the file, 32 bytes; empty if it was not taken */
};

struct exec_argv_event {
	struct event_header h;
	__u64 offset; /* byte of argv at which these bytes begin */
	TAIL(argv); /* the bytes */
	__u32 reserved; /* 0 */
};

struct warning_event {
	struct event_header h;
	__u64 start_time; /* ns of CLOCK_MONOTONIC at which the process that did it was created */
	__u64 value; /* what it is depends on the kind */
	__u32 kind; /* enum warning_kind */
	__u32 other; /* process ID on the host of whom it was done to, if that is another process; else 0 */
	__u32 other_session; /* session that this one belongs to, or that a foreign writer does; 0 if none */
	__u32 tty; /* number of the terminal that it was done to; 0 if none */
	TAIL(comm); /* name of the thread that did it, which it may choose, bytes */
	__u32 reserved; /* 0 */
};

struct exec_failed_event {
	struct event_header h;
	__u32 error; /* errno that execve or execveat gave */
	TAIL(filename); /* path as given to it, bytes */
};

struct exit_event {
	struct event_header h;
	__u64 start_time; /* ns of CLOCK_MONOTONIC at which the process was created */
	__u32 exit_code; /* 0 to 255 */
	__u32 signal; /* signal that ended the process, else 0 */
};

struct tty_open_event {
	struct event_header h;
	__u32 tty; /* number of the terminal in the recording, from 1 */
	__u32 index; /* N of its /dev/pts/N */
	__u16 rows; /* height of the window in characters */
	__u16 cols; /* width of the window in characters */
	__u32 reserved; /* 0 */
};

struct tty_out_event {
	struct event_header h;
	__u64 offset; /* bytes that came out of the terminal before these */
	__u32 tty; /* number of the terminal */
	TAIL(data); /* the bytes */
};

struct tty_in_event {
	struct event_header h;
	__u64 offset; /* bytes that were typed before these */
	__u32 tty; /* number of the terminal */
	__u32 lflag; /* c_lflag of the terminal's termios at that moment (ICANON 2, ECHO 8) */
	__u32 hidden; /* bytes typed while echo was off in canonical mode, or input is not wanted: not kept */
	TAIL(data); /* the bytes */
};

struct tty_resize_event {
	struct event_header h;
	__u32 tty; /* number of the terminal */
	__u16 rows; /* height of the window in characters */
	__u16 cols; /* width of the window in characters */
};

struct tty_close_event {
	struct event_header h;
	__u64 out_bytes; /* bytes that came out of the terminal in all */
	__u64 in_bytes; /* bytes that were typed in all */
	__u32 tty; /* number of the terminal */
	__u32 reserved; /* 0 */
};

struct gap_event {
	struct event_header h;
	__u64 first_seq; /* seq of the first missing event of this lane; nil if no event is missing */
	__u64 events; /* how many events are missing */
	__u64 offset; /* byte of the stream at which the hole begins */
	__u64 bytes; /* how many bytes of the stream are missing */
	__u32 tty; /* number of the terminal or stream whose bytes are missing; 0 if the gap is in events */
	__u32 direction; /* enum tty_direction */
	__u32 reason; /* enum gap_reason */
	__u32 reserved; /* 0 */
};

struct clock_event {
	struct event_header h;
	__u64 realtime; /* ns since 1970-01-01 UTC at the event's time */
};

struct target_end_event {
	struct event_header h;
	__u32 reason; /* enum target_end_reason */
	__u32 reserved; /* 0 */
};

struct target_start_event {
	struct event_header h;
	__u64 cgroup; /* ID of its cgroup; 0 if it was not found */
	TAIL(about); /* what is known of it: a JSON object with the keys of an entry of the header's targets */
	__u32 reserved; /* 0 */
};

struct stream_open_event {
	struct event_header h;
	__u64 inode; /* number of the pipe's inode, as in pipe:[N] of /proc/PID/fd */
	__u32 stream; /* number of the pipe in the recording, counted with the terminals */
	__u32 fd; /* what it is to the session's first process: 0 stdin, 1 stdout, 2 stderr */
	__u32 flags; /* enum stream_flag, or-ed */
	__u32 reserved; /* 0 */
};

struct stream_data_event {
	struct event_header h;
	__u64 offset; /* bytes that went through the pipe before these */
	__u64 left_out; /* bytes that are not kept: beyond the limit of a stream, or input is not wanted; then without data */
	__u32 stream; /* number of the pipe */
	__u32 fd; /* 0 stdin, 1 stdout, 2 stderr */
	TAIL(data); /* the bytes */
	__u32 reserved; /* 0 */
};

struct stream_close_event {
	struct event_header h;
	__u64 bytes; /* bytes that went through the pipe in all */
	__u32 stream; /* number of the pipe */
	__u32 fd; /* 0 stdin, 1 stdout, 2 stderr */
	TAIL(sha256); /* of all of them, also those that are not kept; empty if not all of them were seen, bytes */
	__u32 reserved; /* 0 */
};
