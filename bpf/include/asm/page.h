/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#pragma once
/* PAGE_SIZE comes from the command line. */
