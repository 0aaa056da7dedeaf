// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/upkeep_priv.h"

#include <inttypes.h>
#include <string.h>

static void put_text(struct cup_text *text, const char *name, const char *value)
{
    cup_text_printf(text, "\"%s\":", name);
    cup_text_json(text, value, strlen(value));
    cup_text_puts(text, ",");
}

void cup_upkeep_put(struct cup_text *manifest, const struct cup_upkeep_merge *merge)
{
    CUP_ASSERT(merge->input_count > 0);
    cup_text_puts(manifest, "{");
    put_text(manifest, "table", merge->table);
    put_text(manifest, "id", merge->table_id);
    put_text(manifest, "staged", merge->staged);
    put_text(manifest, "path", merge->path);
    put_text(manifest, "stats", merge->stats);
    put_text(manifest, "partition", merge->partition_json);
    cup_text_printf(manifest, "\"bytes\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"inputs\":[",
                    merge->bytes, merge->row_count);
    for (uint32_t i = 0; i < merge->input_count; i++) {
        if (i > 0) cup_text_puts(manifest, ",");
        cup_text_json(manifest, merge->inputs[i], strlen(merge->inputs[i]));
    }
    cup_text_puts(manifest, "]}\n");
}

/* --- reading --- */

/* All texts of the manifest, unescaped in a copy of it: a text is never longer than its JSON. */
struct reading {
    struct cup_json        *json;
    struct cup_json_doc     doc;
    const uint8_t          *line;
    char                   *texts;  /* where the next one goes */
    const char            **inputs; /* where the next list goes */
    struct cup_upkeep_merge merge;
};

static const char *take_text(struct reading *reading, uint32_t node)
{
    const struct cup_json_node *from = &reading->doc.nodes[node];
    char                       *text = reading->texts;

    if (node == 0 || from->kind != CUP_JSON_STRING) return NULL;
    text[cup_json_unescape(reading->line + from->at, from->bytes, (uint8_t *)text)] = '\0';
    reading->texts += strlen(text) + 1;
    return text;
}

static uint32_t member(const struct reading *reading, const char *name)
{
    return cup_json_member(reading->line, &reading->doc, 0, name, strlen(name));
}

static bool take_number(const struct reading *reading, const char *name, uint64_t *out_value)
{
    const struct cup_json_node *node  = &reading->doc.nodes[member(reading, name)];
    uint64_t                    value = 0;

    if (node->kind != CUP_JSON_NUMBER) return false;
    for (uint32_t i = 0; i < node->bytes; i++) {
        uint8_t digit = (uint8_t)(reading->line[node->at + i] - '0');
        if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value))
            return false;
    }
    *out_value = value;
    return true;
}

static bool take_inputs(struct reading *reading)
{
    uint32_t list = member(reading, "inputs"), at = list + 1;

    if (reading->doc.nodes[list].kind != CUP_JSON_ARRAY) return false;
    reading->merge.inputs      = reading->inputs;
    reading->merge.input_count = reading->doc.nodes[list].child_count;
    for (uint32_t i = 0; i < reading->merge.input_count; i++, at = reading->doc.nodes[at].next) {
        const char *path = take_text(reading, at);
        if (path == NULL) return false;
        *reading->inputs++ = path;
    }
    return reading->merge.input_count > 0;
}

static bool read_line(struct reading *reading, const uint8_t *line, uint32_t bytes)
{
    reading->line  = line;
    reading->merge = (struct cup_upkeep_merge){0};
    cup_json_text(reading->json, line, bytes, &reading->doc);
    if (reading->doc.verdict != CUP_JSON_OK || reading->doc.nodes[0].kind != CUP_JSON_OBJECT)
        return false;
    struct {
        const char  *name;
        const char **text;
    } texts[] = {{"table", &reading->merge.table},   {"id", &reading->merge.table_id},
                 {"staged", &reading->merge.staged}, {"path", &reading->merge.path},
                 {"stats", &reading->merge.stats},   {"partition", &reading->merge.partition_json}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i].text = take_text(reading, member(reading, texts[i].name));
        if (*texts[i].text == NULL) return false;
    }
    return take_number(reading, "bytes", &reading->merge.bytes) &&
           take_number(reading, "rows", &reading->merge.row_count) && take_inputs(reading);
}

static uint64_t count_of(const struct cup_text *text, char wanted)
{
    uint64_t count = 0;

    for (size_t i = 0; i < text->bytes; i++)
        count += text->at[i] == wanted;
    return count;
}

/* One block: the merges, the inputs' pointers, the bytes with padding, the unescaped texts. */
struct block {
    size_t merges, inputs, bytes, texts, total;
};

static struct block measure(const struct cup_text *manifest)
{
    struct block block  = {0};
    size_t       texts  = count_of(manifest, '"'); /* at most */
    size_t       merges = count_of(manifest, '\n') + 1;

    block.inputs = merges * sizeof(struct cup_upkeep_merge);
    block.bytes  = block.inputs + texts * sizeof(char *);
    block.texts  = block.bytes + manifest->bytes + CUP_JSON_PADDING;
    block.total  = block.texts + manifest->bytes + 1;
    return block;
}

enum cup_err cup_commit_priv_merges_read(const struct cup_text    *manifest,
                                         struct cup_upkeep_merges *out_merges,
                                         struct cup_fault         *out_fault)
{
    struct cup_upkeep_merges merges  = {0};
    struct reading           reading = {0};
    struct block             block   = measure(manifest);
    char                    *memory  = calloc(1, block.total);

    if (memory == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "manifest", NULL);
    merges.memory      = memory;
    merges.list        = (struct cup_upkeep_merge *)(void *)(memory + block.merges);
    reading.inputs     = (const char **)(void *)(memory + block.inputs);
    reading.texts      = memory + block.texts;
    uint8_t     *bytes = (uint8_t *)memory + block.bytes;
    size_t       at    = 0;
    enum cup_err err   = cup_json_open("auto", manifest->bytes + 1, CUP_JSON_LIMITS_DEFAULT,
                                       &reading.json, out_fault);
    if (manifest->bytes > 0) memcpy(bytes, manifest->at, manifest->bytes);
    while (err == CUP_OK && at < manifest->bytes) {
        const uint8_t *lf    = memchr(bytes + at, '\n', manifest->bytes - at);
        size_t         count = lf == NULL ? manifest->bytes - at : (size_t)(lf - bytes) - at;
        if (!read_line(&reading, bytes + at, (uint32_t)count))
            err = cup_fault_set(out_fault, CUP_BAD_DATA, "read a manifest", NULL);
        else
            merges.list[merges.count++] = reading.merge;
        at += count + 1;
    }
    if (reading.json != NULL) cup_json_close(reading.json);
    if (err != CUP_OK) {
        cup_commit_priv_merges_free(&merges);
        return err;
    }
    *out_merges = merges;
    return CUP_OK;
}

void cup_commit_priv_merges_free(struct cup_upkeep_merges *merges)
{
    free(merges->memory);
    *merges = (struct cup_upkeep_merges){0};
}
