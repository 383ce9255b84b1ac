/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The second way: kprobes, whose context is struct pt_regs; ARGn are its words on this machine. For warn_functions.c. */
#define ARGS(n) ctx[ARG##n]
#define AT_BEGINNING_OF(function) int kprobe_##function(u64 *ctx)
