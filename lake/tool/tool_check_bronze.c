// SPDX-License-Identifier: Apache-2.0
/* With keys at hand: every record of bronze can be read, or is erased. */
#include <inttypes.h>

#include "lake/tool/tool_check.h"
#include "lake/tool/tool_value.h"

static enum cup_err read_all(struct cup_check *check, struct cup_records *records,
                             struct cup_values *values, struct cup_fault *out_fault)
{
    uint64_t         read = 0;
    struct cup_value value;
    struct cup_text  erased = {0};
    enum cup_err     err    = cup_records_next(records, out_fault);

    for (; err == CUP_OK; err = cup_records_next(records, out_fault)) {
        for (uint64_t i = 0; i < records->count; i++) {
            struct cup_fault fault = {0};
            enum cup_err     got   = cup_values_read(values, &records->list[i], &value, &fault);
            read += got == CUP_OK;
            if (got == CUP_CORRUPT || got == CUP_BAD_DATA) {
                cup_report_fault(check->report, "bronze", &fault);
                continue;
            }
            if (got == CUP_OK || got == CUP_NOT_FOUND) continue;
            *out_fault = fault;
            return got;
        }
    }
    if (err != CUP_END) return err;
    cup_keys_put_erased(&values->keys, &erased);
    cup_report_note(check->report, "bronze: %" PRIu64 " records can be read%s%s", read,
                    erased.bytes > 0 ? "; " : "", erased.bytes > 0 ? erased.at : "");
    cup_text_free(&erased);
    return CUP_OK;
}

enum cup_err cup_check_bronze(struct cup_check *check, struct cup_fault *out_fault)
{
    char               bronze[CUP_PATH_BYTES];
    struct cup_records records = {0};
    struct cup_values  values  = {0};

    if (check->keys == NULL || check->index == UINT32_MAX) return CUP_OK;
    const struct cup_table *index = check->tables[check->index].table;
    if (index == NULL) return CUP_OK; /* reported */
    int used = snprintf(bronze, sizeof bronze, "%s/%s/bronze/%s", check->lake,
                        check->pipeline->domain, check->pipeline->name);
    if (used >= (int)sizeof bronze)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a path is too long", check->lake);
    enum cup_err err = cup_values_open(&values, bronze, check->keys, check->pipeline->domain,
                                       check->pipeline->name, out_fault);
    if (err == CUP_OK) err = cup_records_open(index, NULL, &records, out_fault);
    values.records = &records;
    if (err == CUP_OK) err = read_all(check, &records, &values, out_fault);
    cup_records_close(&records);
    cup_values_close(&values);
    return err;
}
