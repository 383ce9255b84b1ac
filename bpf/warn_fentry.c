/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The best way: fentry, whose context is the arguments (kernel/bpf/trampoline.c). For warn_functions.c. */
#define ARGS(n) ctx[n]
#define AT_BEGINNING_OF(function) int kfunc__##function(u64 *ctx)
