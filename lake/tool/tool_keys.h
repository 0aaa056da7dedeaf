// SPDX-License-Identifier: Apache-2.0
/* keys: opens what a pipeline sealed, as far as the keys are there.
 *
 * A day whose key file is gone, or was made anew, is erased: nothing of it can be read, and that is
 * no error of the lake.
 *
 * Holds     the key of the last day asked for; how many records were erased, and of which days.
 * Owner     replay or verify.
 * Threads   one.
 * Fails     NOT_FOUND: erased (counted by the caller with cup_keys_erased). BAD_CONFIG: no key
 * folder was given. CORRUPT: the key fits, the bytes do not. What reading a key fails with. Tests
 * tests/oracle/test_sealed.py
 */
#ifndef CUP_LAKE_TOOL_TOOL_KEYS_H
#define CUP_LAKE_TOOL_TOOL_KEYS_H

#include "base/text.h"
#include "dataplane/keys/day_key.h"
#include "lake/tool/tool_texts.h"

struct cup_keys {
    struct cup_day_keys place; /* folder NULL: none was given */
    char                day[16];
    bool                has_key;
    struct cup_seal_key key;
    uint64_t            erased;
    struct cup_texts    erased_days;
};

/* cup_keys_init: folder NULL: none. domain and pipeline are lent until cup_keys_free. */
CUP_MUST_CHECK enum cup_err cup_keys_init(struct cup_keys *keys, const char *folder,
                                          const char *domain, const char *pipeline,
                                          struct cup_fault *out_fault);
void                        cup_keys_free(struct cup_keys *keys);

/* cup_keys_day makes keys->key that of a day. */
CUP_MUST_CHECK enum cup_err cup_keys_day(struct cup_keys *keys, const char *day,
                                         struct cup_fault *out_fault);

/* cup_keys_open appends to *out what is sealed in bytes under the key of the day that was asked for
 * last. kind HEADERS: bytes are base64 of it. */
CUP_MUST_CHECK enum cup_err cup_keys_open(struct cup_keys *keys, enum cup_seal_kind kind,
                                          uint64_t position, const uint8_t *bytes, size_t count,
                                          struct cup_text *out, struct cup_fault *out_fault);

/* cup_keys_erased counts a record of the day that was asked for last. cup_keys_put_erased appends
 * "12 records are erased: the keys of 2026-11-21, 2026-11-22 are gone", nothing if there are none.
 */
void cup_keys_erased(struct cup_keys *keys);
void cup_keys_put_erased(const struct cup_keys *keys, struct cup_text *out);

#endif
