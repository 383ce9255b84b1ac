/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The file that runs: where it lies, and whether it can have come with the container's image. */

#define OVERLAYFS_SUPER_MAGIC 0x794c7630 /* include/uapi/linux/magic.h */
#define TMPFS_MAGIC 0x01021994
#define MNT_INTERNAL 0x4000 /* include/linux/mount.h: a mount of the kernel's own, in no namespace */
#define MAX_FILESYSTEM_NAME 32

struct exec_file_buffer {
	struct exec_file_event e;
	u8 tail[PATH_BYTES + 256 + MAX_FILESYSTEM_NAME];
	volatile u64 path_size; /* in memory as in struct exec_buffer */
	volatile u64 inside;
};
BPF_PERCPU_ARRAY(exec_file_scratch, struct exec_file_buffer, 1);

/*
 * Whether the file of an overlay's inode lies in its writable layer. The one thing here that BTF does not tell
 * where overlayfs is a module: in struct ovl_inode (fs/overlayfs/ovl_entry.h) __upperdentry follows vfs_inode,
 * in every version since 4.8.
 */
static __always_inline bool in_upper_layer(void *inode)
{
	void *upper = NULL;

	READ(upper, inode, SIZE_inode);
	return upper;
}

/* What d_unlinked() in include/linux/dcache.h says. */
static __always_inline bool is_deleted(void *dentry)
{
	void *parent = NULL, *hashed = NULL;

	READ(parent, dentry, OFF_dentry_d_parent);
	READ(hashed, dentry, OFF_dentry_d_hash + OFF_hlist_bl_node_pprev);
	return !hashed && parent != dentry;
}

/*
 * Whether a mount is in the task's mount namespace. One that is not has a root of its own, and looks like the container's: in
 * none is what fsmount() and open_tree() make and umount() detaches, in another one what was opened before unshare().
 */
static __always_inline bool is_mounted_here(void *task, void *mnt)
{
	void *mount_ns = NULL;

	READ(mount_ns, (char *)mnt - OFF_mount_mnt, OFF_mount_mnt_ns);
	return mount_ns == mount_namespace_of(task);
}

/* The last step of on_exec. */
int on_exec_file(u64 *ctx)
{
	u32 pid = current_tgid();
	struct process *p = process_of(pid);

	if (!p || !p->session)
		return 0;

	void *task = (void *)bpf_get_current_task(), *mm = NULL, *file = NULL, *mnt = NULL, *dentry = NULL;
	void *inode = NULL, *sb = NULL, *type = NULL, *name = NULL, *fs = NULL, *root_mnt = NULL;
	struct target_state *state;
	struct exec_file_buffer *b;
	u64 magic = 0, size, at;
	int zero = 0;
	u32 mount_flags = 0, flags = 0;
	u16 mode = 0;
	long n;

	b = exec_file_scratch.lookup(&zero);
	if (!b)
		return 0;
	state = begin_process_event(&b->e.h, EVENT_EXEC_FILE, p->target, p->session, pid);
	if (!state)
		return 0;
	READ(mm, task, OFF_task_struct_mm);
	READ(file, mm, OFF_mm_struct_exe_file);
	READ(mnt, file, OFF_file_f_path + OFF_path_mnt);
	READ(dentry, file, OFF_file_f_path + OFF_path_dentry);
	READ(inode, file, OFF_file_f_inode);
	READ(mount_flags, mnt, OFF_vfsmount_mnt_flags);
	READ(sb, dentry, OFF_dentry_d_sb);
	READ(magic, sb, OFF_super_block_s_magic);
	READ(type, sb, OFF_super_block_s_type);
	READ(mode, inode, OFF_inode_i_mode);
	b->e.start_time = start_time(task);
	READ(b->e.inode, inode, OFF_inode_i_ino);
	READ(b->e.size, inode, OFF_inode_i_size);
	READ(b->e.device, sb, OFF_super_block_s_dev);
	b->e.mode = mode;
	b->e.reserved = 0;

	if (mount_flags & MNT_INTERNAL) {
		flags = FILE_MEMFD;
		READ(name, dentry, OFF_dentry_d_name + OFF_qstr_name);
		n = read_kernel_str(b->tail, 256, name);
		b->path_size = n > 0 ? n : 0;
	} else {
		if (!walk_up(mnt, dentry, NULL, NULL, b->tail, &b->path_size, &b->inside)) {
			flags = FILE_PATH_CUT;
			READ(fs, task, OFF_task_struct_fs);
			READ(root_mnt, fs, OFF_fs_struct_root + OFF_path_mnt);
		}
		/* Its mount is not at the root, or where that is too far to see, not the root's. */
		if (b->inside < b->path_size || (root_mnt && root_mnt != mnt) || !is_mounted_here(task, mnt))
			flags |= FILE_OTHER_MOUNT;
		if (magic == TMPFS_MAGIC) /* also where somebody has made it the root of a namespace of its own */
			flags |= FILE_TMPFS;
		if (is_deleted(dentry))
			flags |= FILE_DELETED;
		if (magic == OVERLAYFS_SUPER_MAGIC && in_upper_layer(inode))
			flags |= FILE_UPPER;
	}
	b->e.flags = flags;
	at = b->path_size;
	b->e.path_size = at;
	asm volatile("%0 &= 4095" : "+r"(at));
	READ(name, type, OFF_file_system_type_name);
	n = read_kernel_str(b->tail + at, MAX_FILESYSTEM_NAME, name);
	size = n > 0 ? n - 1 : 0;
	asm volatile("%0 &= 31" : "+r"(size));
	b->e.filesystem_size = size;
	put_process_event(state, b, sizeof(b->e) + at + size);
	return 0;
}

/*
 * Run by the recorder itself (BPF_PROG_TEST_RUN): (descriptor of a file). Its file system's device as in exec_file_event: what
 * stat(2) says is another number on some overlays, and on btrfs.
 */
int raw_device(u64 *ctx)
{
	void *dentry = NULL, *sb = NULL;
	u32 device = 0;

	READ(dentry, file_of_fd(ctx[0]), OFF_file_f_path + OFF_path_dentry);
	READ(sb, dentry, OFF_dentry_d_sb);
	READ(device, sb, OFF_super_block_s_dev);
	return device;
}
