// SPDX-License-Identifier: Apache-2.0
/* tool: what cupel-kafka can do with a cluster; each command writes to standard output.
 *
 *   settings, topics (lines of --settings, which may hold secrets) --> chosen topics
 *        --> topics    a line each: partitions, offsets
 *        --> sample    some records of each, as dump lines
 *        --> lag       journals of a pipeline against the ends of its partitions
 *        --> produce   dump lines from standard input, as records
 *
 * Holds     the settings and the words that choose topics.
 * Owner     main.
 * Threads   one.
 * Fails     exit 1: a failure, told on standard error; 2: wrong usage.
 * Tests     tests/kafka/test_tools.py
 */
#ifndef CUP_DATAPLANE_KAFKA_TOOL_TOOL_H
#define CUP_DATAPLANE_KAFKA_TOOL_TOOL_H

#include "base/text.h"
#include "dataplane/kafka/cluster.h"

enum cup_exit { CUP_EXIT_OK, CUP_EXIT_PROBLEMS, CUP_EXIT_USAGE };

#define CUP_TOOL_TIMEOUT_MS                                                                        \
    15000                      /* for one answer of the cluster; a broker that starts takes 10 s */
#define CUP_TOOL_FIRST_MS 3000 /* for the first answer, when an error is known by then */

struct cup_tool {
    struct cup_kafka_setting settings[CUP_KAFKA_SETTINGS_MAX];
    uint32_t                 setting_count;
    char                   **topics; /* names and /patterns/; none: all */
    uint32_t                 topic_count;
    char                   **texts; /* what the settings point to */
    uint32_t                 text_count;
    bool                     json;
};

/* cup_tool_read takes the lines of a settings file: `text NAME VALUE`, `file NAME PATH`, `topic
 * NAME`. */
CUP_MUST_CHECK enum cup_err cup_tool_read(struct cup_tool *tool, const char *path,
                                          struct cup_fault *out_fault);
/* cup_tool_set adds one property; cup_tool_choose names and patterns, divided by commas. */
CUP_MUST_CHECK enum cup_err cup_tool_set(struct cup_tool *tool, const char *name, const char *value,
                                         bool is_file, struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_tool_choose(struct cup_tool *tool, const char *names,
                                            struct cup_fault *out_fault);
void                        cup_tool_free(struct cup_tool *tool);

/* cup_tool_list_all lists all topics. Whoever types a wrong port or password does not wait as long
 * as for a cluster that is slow. */
CUP_MUST_CHECK enum cup_err cup_tool_list_all(struct cup_kafka_client *client,
                                              struct cup_kafka_topics *out_topics,
                                              struct cup_fault        *out_fault);

/* Topics that were chosen, of those that the cluster lists. A name that is not there is told. */
struct cup_tool_topics {
    struct cup_kafka_topics all;
    uint32_t               *list; /* indexes in all */
    uint32_t                count;
};
CUP_MUST_CHECK enum cup_err cup_tool_topics(const struct cup_tool   *tool,
                                            struct cup_kafka_client *client,
                                            struct cup_tool_topics  *out_topics,
                                            struct cup_fault        *out_fault);
void                        cup_tool_topics_free(struct cup_tool_topics *topics);

/* cup_tool_complain tells a fault on standard error; CUP_EXIT_PROBLEMS. */
enum cup_exit cup_tool_complain(const struct cup_fault *fault);

enum cup_exit cup_tool_list(const struct cup_tool *tool, FILE *out);

struct cup_tool_sample {
    const char *folder;     /* a file for each topic, <topic>.dump; NULL: all to standard output */
    uint64_t    record_max; /* of each topic; its partitions share it */
    uint64_t    bytes_max;  /* of each topic */
    uint64_t    ns_max;     /* in all */
    bool        oldest;
};
enum cup_exit cup_tool_sample(const struct cup_tool *tool, const struct cup_tool_sample *sample,
                              FILE *out);

struct cup_tool_lag {
    const char *lake, *domain, *pipeline;
};
enum cup_exit cup_tool_lag(const struct cup_tool *tool, const struct cup_tool_lag *lag, FILE *out);

struct cup_tool_produce {
    const char *to;              /* of each record; {topic}: the topic it came from */
    uint32_t    partition_count; /* of topics that are missing; 0: none is made */
};
enum cup_exit cup_tool_produce(const struct cup_tool *tool, const struct cup_tool_produce *produce,
                               FILE *in, FILE *out);

#endif
