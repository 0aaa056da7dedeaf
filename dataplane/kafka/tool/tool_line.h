// SPDX-License-Identifier: Apache-2.0
/* line: a record as a line of a dump, and back.
 *
 *   {"topic":"pg.bank.account","partition":0,"offset":7,"timestamp":ms,"key":"{..}" | null,
 *    "value":"{..}" | null,"headers":[["name","text" | null],..]}
 *
 * The form that pipelines read as files (`form: dump`). {"base64":".."} stands for a key, value or
 * header that is no UTF-8.
 *
 * Holds     a reader: a parser and the line's texts.
 * Owner     the command.
 * Threads   one.
 * Fails     read: BAD_DATA (no line of a dump), NO_MEMORY.
 * Bounds    CUP_TOOL_LINE_BYTES_MAX; CUP_TOOL_HEADERS_MAX headers.
 * Tests     tests/kafka/test_tools.py
 */
#ifndef CUP_DATAPLANE_KAFKA_TOOL_TOOL_LINE_H
#define CUP_DATAPLANE_KAFKA_TOOL_TOOL_LINE_H

#include "base/text.h"
#include "dataplane/kafka/consumer.h"
#include "dataplane/kafka/producer.h"
#include "kernels/json/json.h"

#define CUP_TOOL_LINE_BYTES_MAX (64u << 20) /* 16 MiB, as base64 or escaped, and headers */
#define CUP_TOOL_HEADERS_MAX    256u

/* cup_tool_line_put appends the line of a record, with its LF. */
void cup_tool_line_put(struct cup_text *text, const char *topic, int32_t partition,
                       const struct cup_kafka_event *event);

struct cup_tool_line {
    struct cup_json        *json; /* for lines of up to json_bytes; remade for a longer one */
    size_t                  json_bytes;
    struct cup_text         padded; /* the line, readable behind its end */
    struct cup_text         texts;  /* unescaped or decoded */
    struct cup_kafka_header headers[CUP_TOOL_HEADERS_MAX];
    struct cup_kafka_record record; /* partition: where it was, -1 unknown */
    int64_t                 offset; /* -1: unknown */
};
/* cup_tool_line_read fills line->record, lent until the next call. A line begins as zeros. */
CUP_MUST_CHECK enum cup_err cup_tool_line_read(struct cup_tool_line *line, const char *at,
                                               size_t bytes, struct cup_fault *out_fault);
void                        cup_tool_line_close(struct cup_tool_line *line);

#endif
