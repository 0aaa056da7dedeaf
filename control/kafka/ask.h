// SPDX-License-Identifier: Apache-2.0
/* ask: cupel's short-lived programs as children: cupel-kafka, cupel-lake.
 *
 *   words --argv--> program --stdout--> a text, a pipe, or ours
 *   lines of settings --memfd, --settings /dev/fd/N--^   secrets stand in no argument
 *
 * Holds     nothing between calls.
 * Owner     the command that runs.
 * Threads   one.
 * Fails     IO, NOT_FOUND (no such program); told on stderr. How a child ended is its exit code.
 * Tests     tests/kafka/test_tools.py
 */
#ifndef CUP_CONTROL_KAFKA_ASK_H
#define CUP_CONTROL_KAFKA_ASK_H

#include <stdint.h>
#include <sys/types.h>

#include "base/text.h"

#define CUP_ASK_WORDS_MAX 64u
#define CUP_ASK_LOST      127 /* the program did not run, or a signal ended it */

struct cup_ask {
    const char *words[CUP_ASK_WORDS_MAX + 1]; /* the first is the program's name */
    uint32_t    count;
    const char *settings; /* lines for cupel-kafka; NULL: none */
};

/* cup_ask_add appends a word, which is lent. */
void cup_ask_add(struct cup_ask *ask, const char *word);

/* cup_ask_start runs the program with `in` and `out` as its standard input and output (-1: ours).
 * Returns its process; -1 when it could not be started, which is told. */
pid_t cup_ask_start(const struct cup_ask *ask, int in, int out);
/* cup_ask_wait gives the exit code, CUP_ASK_LOST when it has none. */
int cup_ask_wait(pid_t process);

/* cup_ask_run runs it to its end. out NULL: our standard output; else what it wrote is appended. */
int cup_ask_run(const struct cup_ask *ask, struct cup_text *out);

/* cup_ask_pipe runs two, the first one's output into the second's input. Returns the first exit
 * code that is not 0. */
int cup_ask_pipe(const struct cup_ask *from, const struct cup_ask *to);

#endif
