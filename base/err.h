// SPDX-License-Identifier: Apache-2.0
/* err: the closed list of errors, and the one place that says what each means. */
#ifndef CUP_BASE_ERR_H
#define CUP_BASE_ERR_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum cup_err {
#define CUP_ERR(id, value, text) CUP_##id = (value),
#include "base/err.def"
#undef CUP_ERR
};

#define CUP_FAULT_WHERE_BYTES 240u /* a lake path of usual length; longer ones lose their front */

/* Where and why, for the one caller that reports it. */
struct cup_fault {
    enum cup_err err;
    int          os_errno;  /* 0 unless err is CUP_IO or CUP_NO_SPACE */
    uint64_t     at_offset; /* byte in the input, line in the file; 0 when meaningless */
    const char  *what;      /* string literal: what was tried */
    char         where[CUP_FAULT_WHERE_BYTES]; /* file, table or key; "" when meaningless */
};

#define CUP_MUST_CHECK __attribute__((warn_unused_result))

/* CUP_ASSERT stays on in release: it guards against our own bugs, never against input bytes. */
#define CUP_ASSERT(cond) ((cond) ? (void)0 : cup_panic(#cond, __FILE__, __LINE__))

_Noreturn static inline void cup_panic(const char *cond, const char *file, int line)
{
    fprintf(stderr, "cupel: bug: %s at %s:%d\n", cond, file, line);
    abort();
}

/* cup_err_text is the operator's sentence for err. Lends a string literal. */
const char *cup_err_text(enum cup_err err);

/* cup_fault_set fills *out_fault (NULL is allowed) and returns err, so that a failing function ends
 * with `return cup_fault_set(out_fault, CUP_IO, "write", path);`. Takes os_errno from errno when
 * err is CUP_IO, and turns an errno of ENOSPC or EDQUOT into CUP_NO_SPACE. `what` must be a
 * literal; `where` is copied (NULL = ""). */
enum cup_err cup_fault_set(struct cup_fault *out_fault, enum cup_err err, const char *what,
                           const char *where);

#endif
