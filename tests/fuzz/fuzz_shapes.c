// SPDX-License-Identifier: Apache-2.0
/* Goal:   a record that is recognised by its shape gets what the walker would have said of it.
 * Method: lines are records of one slice, which is read several times, so that shapes are learnt
 * and met again. One parser knows shapes, one never does: verdict, place and nodes must be equal.
 */
#include <string.h>

#include "kernels/json/json_priv.h"
#include "tests/fuzz/fuzz.h"

#define SLICE_BYTES 16384u
#define READS       3u

static struct cup_json *open_parser(void)
{
    const struct cup_json_limits limits = CUP_JSON_LIMITS_DEFAULT;
    struct cup_json             *json;
    struct cup_fault             fault;

    FUZZ_CHECK(cup_json_open("auto", SLICE_BYTES, limits, &json, &fault) == CUP_OK);
    return json;
}

static void compare_record(struct cup_json *warm, struct cup_json *cold, uint32_t at,
                           uint32_t bytes)
{
    static const struct cup_json_known known = {(const uint8_t *)"{\"t\":[1,2]}", 11, 9};
    struct cup_json_doc                a, b;

    cold->shape_credit = 0; /* it learns no shape */
    cup_json_parse(warm, at, bytes, &known, 1, &a);
    cup_json_parse(cold, at, bytes, &known, 1, &b);
    FUZZ_CHECK(a.verdict == b.verdict && a.bad_at == b.bad_at && a.node_count == b.node_count);
    FUZZ_CHECK(a.node_count == 0 || memcmp(a.nodes, b.nodes, a.node_count * sizeof *a.nodes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static uint8_t          buf[SLICE_BYTES + CUP_JSON_PADDING];
    static struct cup_json *warm, *cold; /* kept: opening costs more than reading */

    if (count > SLICE_BYTES) return 0;
    if (warm == NULL) {
        warm = open_parser();
        cold = open_parser();
    }
    cup_json_priv_forget_shapes(warm);
    memcpy(buf, bytes, count);
    memset(buf + count, '"', CUP_JSON_PADDING);
    for (uint32_t read = 0; read < READS; read++) {
        uint32_t at = 0;
        cup_json_index(warm, buf, 0, (uint32_t)count);
        cup_json_index(cold, buf, 0, (uint32_t)count);
        for (uint32_t end = 0; end <= count; end++) {
            if (end < count && buf[end] != '\n') continue;
            compare_record(warm, cold, at, end - at);
            at = end + 1;
        }
    }
    return 0;
}
