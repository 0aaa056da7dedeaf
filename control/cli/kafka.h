// SPDX-License-Identifier: Apache-2.0
/* kafka: `cupel discover`, `cupel lag`, `cupel replay`.
 *
 *   discover   cupel-kafka topics, sample --> control/kafka/discover
 *   lag        cupel-kafka lag
 *   replay     cupel-lake replay, alone, or into cupel-kafka produce, or into a run
 *
 * Threads   one.
 * Fails     by exit code; what is wrong is on stderr.
 * Tests     tests/kafka/test_tools.py, tests/oracle/test_replayed.py
 */
#ifndef CUP_CONTROL_CLI_KAFKA_H
#define CUP_CONTROL_CLI_KAFKA_H

#include "control/cli/args.h"
#include "control/supervise/supervise.h"

/* cup_kafka_command does what the words behind `command` say. */
enum cup_exit cup_kafka_command(enum cup_command command, int count, char **words);

#endif
