// SPDX-License-Identifier: Apache-2.0
/* published: the topics that tables are published to: each one has its own, with a legal name.
 *
 * Holds     nothing.
 * Threads   one.
 * Fails     BAD_CONFIG: where names the tables and the topic; NO_MEMORY.
 * Tests     tests/control/test_topics.c
 */
#ifndef CUP_CONTROL_PLAN_PUBLISHED_H
#define CUP_CONTROL_PLAN_PUBLISHED_H

#include "control/config/settings.h"
#include "control/schema/catalog.h"

/* cup_published_check looks at all tables that are known; new ones ask again. */
CUP_MUST_CHECK enum cup_err cup_published_check(const struct cup_settings *settings,
                                                const struct cup_catalog  *catalog,
                                                struct cup_fault          *out_fault);

/* cup_published_list appends a line for each table: what it is published to. */
void cup_published_list(const struct cup_settings *settings, const struct cup_catalog *catalog,
                        struct cup_text *text);

#endif
