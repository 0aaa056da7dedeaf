// SPDX-License-Identifier: Apache-2.0
/* topic: names of the topics that cupel publishes to, from a template.
 *
 *   "{domain}.{schema}.{table}" + default/silver/pg/bank/customer --> default.bank.customer
 *
 * Holds     nothing.
 * Threads   any.
 * Fails     a template with a brace that is no part; a name that is longer than topics may be.
 * Bounds    CUP_TOPIC_NAME_MAX.
 * Tests     tests/dataplane/test_topic.c
 */
#ifndef CUP_DATAPLANE_ABI_TOPIC_H
#define CUP_DATAPLANE_ABI_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#include "dataplane/abi/plan.h"

#define CUP_TOPIC_NAME_MAX 249u /* Kafka's own limit: a folder is named for topic and partition */

enum cup_topic_part {
    CUP_TOPIC_DOMAIN,
    CUP_TOPIC_PIPELINE,
    CUP_TOPIC_SOURCE,
    CUP_TOPIC_SCHEMA,
    CUP_TOPIC_TABLE,
    CUP_TOPIC_TOPIC,
    CUP_TOPIC_PART_COUNT
};

/* What stands for the parts; need not end with NUL. at NULL: not known. */
struct cup_topic_parts {
    struct {
        const char *at;
        size_t      bytes;
    } of[CUP_TOPIC_PART_COUNT];
};

/* cup_topic_is_legal: 1 to CUP_TOPIC_NAME_MAX of letters, digits, '.', '_' and '-'; not "." or
 * "..". */
bool cup_topic_is_legal(const char *name, size_t bytes);

/* cup_topic_template_wrong is the first byte of a template that is neither legal in a name nor the
 * brace of a part that this kind of output has; NULL: there is none. */
const char *cup_topic_template_wrong(const char *text, enum cup_output_kind kind);

/* cup_topic_template_parts lists the parts of a kind, as they are written. */
const char *cup_topic_template_parts(enum cup_output_kind kind);

/* cup_topic_parts_of takes the parts of a table from its path below the lake (of a published
 * record: topic instead of path; the other NULL). Texts are lent. */
struct cup_topic_parts cup_topic_parts_of(const char *domain, const char *pipeline,
                                          const char *path, const char *topic);

/* cup_topic_name writes the name; what is not legal in one becomes '_'.
 *
 * Returns   its bytes, or 0 when it is no legal name (longer, or nothing). */
size_t cup_topic_name(const char *text, const struct cup_topic_parts *parts,
                      char out_name[CUP_TOPIC_NAME_MAX + 1]);

/* cup_topic_is_made says whether a topic may be one that the template gives: of a part that is not
 * known, anything is; of a table's, what has no dot. */
bool cup_topic_is_made(const char *text, const struct cup_topic_parts *parts, const char *name);

/* cup_topic_is_own: the name is, or may be, a topic of the plan's own output on the cluster that
 * the plan reads; read again, its records would go round for ever. */
bool cup_topic_is_own(const struct cup_plan *plan, const char *name);

#endif
