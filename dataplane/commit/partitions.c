// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "dataplane/abi/partition.h"
#include "dataplane/commit/commit_priv.h"
#include "kernels/json/json.h"

#define NAMES_BYTES_MAX (64u << 10) /* of the log's list; ours is far shorter */

void cup_commit_priv_partitions_name(const struct cup_plan       *plan,
                                     const struct cup_plan_table *planned,
                                     struct cup_commit_table     *table)
{
    CUP_ASSERT(planned->partitions.count <= CUP_PLAN_PARTITIONS_MAX);
    for (uint32_t i = 0; i < planned->partitions.count; i++)
        table->partitions[i] = cup_partition_name(plan, planned, i);
    table->partitions[planned->partitions.count] = NULL;
}

/* Is the list of the log that of the table, name by name? Unescaped into `scratch`. */
static bool is_same(const uint8_t *buf, const struct cup_json_doc *doc,
                    const struct cup_commit_table *table, uint8_t *scratch)
{
    uint32_t at = 1, count = doc->nodes[0].child_count, i = 0;

    for (; i < count && table->partitions[i] != NULL; i++, at = doc->nodes[at].next) {
        const struct cup_json_node *node = &doc->nodes[at];
        if (node->kind != CUP_JSON_STRING) return false;
        uint32_t bytes = cup_json_unescape(buf + node->at, node->bytes, scratch);
        if (strlen(table->partitions[i]) != bytes) return false;
        if (memcmp(table->partitions[i], scratch, bytes) != 0) return false;
    }
    return i == count && table->partitions[i] == NULL;
}

static enum cup_err compare(const struct cup_commit_table *table, const char *list, bool *out_same,
                            struct cup_fault *out_fault)
{
    static const char   padding[CUP_JSON_PADDING];
    size_t              bytes  = strlen(list);
    struct cup_text     padded = {0};
    struct cup_json    *json   = NULL;
    struct cup_json_doc doc;

    if (bytes > NAMES_BYTES_MAX) {
        *out_same = false;
        return CUP_OK;
    }
    cup_text_put(&padded, list, bytes);
    cup_text_put(&padded, padding, sizeof padding);
    cup_text_put(&padded, list, bytes + 1); /* room for one name, unescaped */
    enum cup_err err =
        padded.failed ? cup_fault_set(out_fault, CUP_NO_MEMORY, "partitions", NULL) : CUP_OK;
    if (err == CUP_OK)
        err = cup_json_open("auto", bytes + 1, CUP_JSON_LIMITS_DEFAULT, &json, out_fault);
    if (err == CUP_OK) {
        uint8_t *buf = (uint8_t *)padded.at;
        cup_json_text(json, buf, (uint32_t)bytes, &doc);
        *out_same = doc.verdict == CUP_JSON_OK && doc.nodes[0].kind == CUP_JSON_ARRAY &&
                    is_same(buf, &doc, table, buf + bytes + sizeof padding);
    }
    if (json != NULL) cup_json_close(json);
    cup_text_free(&padded);
    return err;
}

enum cup_err cup_commit_priv_partitions_check(const struct cup_commit_table *table,
                                              struct cup_fault              *out_fault)
{
    const char     *list  = table->state->partition_columns_json;
    struct cup_text where = {0};
    bool            same  = false;

    if (list == NULL) list = "[]";
    if (table->partitions[0] == NULL && strchr(list, '"') == NULL) return CUP_OK;
    enum cup_err err = compare(table, list, &same, out_fault);
    if (err != CUP_OK || same) return err;
    cup_text_printf(&where, "%s: by %s in the lake, by [", table->folder, list);
    for (uint32_t i = 0; table->partitions[i] != NULL; i++)
        cup_text_printf(&where, "%s\"%s\"", i == 0 ? "" : ",", table->partitions[i]);
    cup_text_puts(&where, "] in the contract");
    err =
        cup_fault_set(out_fault, CUP_TABLE_CHANGED,
                      "the table is partitioned in another way than its contract says; change the "
                      "contract (partitioned, partitionBy), or move the table away to have it "
                      "made anew",
                      where.failed ? table->folder : where.at);
    cup_text_free(&where);
    return err;
}
