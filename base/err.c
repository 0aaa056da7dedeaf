// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"

#include <errno.h>
#include <string.h>

const char *cup_err_text(enum cup_err err)
{
    switch (err) {
#define CUP_ERR(id, value, text)                                                                   \
    case CUP_##id:                                                                                 \
        return text;
#include "base/err.def"
#undef CUP_ERR
    }
    return "unknown error";
}

enum cup_err cup_fault_set(struct cup_fault *out_fault, enum cup_err err, const char *what,
                           const char *where)
{
    int os_errno = err == CUP_IO ? errno : 0;

    CUP_ASSERT(err != CUP_OK);
    CUP_ASSERT(what != NULL);
    if (os_errno == ENOSPC || os_errno == EDQUOT) err = CUP_NO_SPACE;
    if (out_fault == NULL) return err;
    *out_fault = (struct cup_fault){.err = err, .os_errno = os_errno, .what = what};
    if (where != NULL) {
        size_t bytes = strlen(where);
        size_t skip  = bytes < CUP_FAULT_WHERE_BYTES ? 0 : bytes - (CUP_FAULT_WHERE_BYTES - 1);
        memcpy(out_fault->where, where + skip, bytes - skip + 1);
    }
    return err;
}
