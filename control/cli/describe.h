// SPDX-License-Identifier: Apache-2.0
/* describe: what a configuration says of topics and output, for cupel validate.
 *
 * Files of secrets are named, never read; options that may hold one are not shown.
 *
 * Holds     nothing.
 * Threads   one.
 * Tests     tests/control/test_topics.c
 */
#ifndef CUP_CONTROL_CLI_DESCRIBE_H
#define CUP_CONTROL_CLI_DESCRIBE_H

#include "control/config/settings.h"
#include "control/schema/catalog.h"

/* cup_describe_input: topics, where they begin, cluster, group. */
void cup_describe_input(const struct cup_settings *settings, struct cup_text *text);

/* cup_describe_output: what is published where, and the topics of tables that are known. Nothing
 * without output. */
void cup_describe_output(const struct cup_settings *settings, const struct cup_catalog *catalog,
                         struct cup_text *text);

#endif
