// SPDX-License-Identifier: Apache-2.0
/* What people see of a quarantine: groups with counts, and records with the byte that failed. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/abi/plan.h"
#include "lake/tool/tool_ledger.h"
#include "lake/tool/tool_quarantine_priv.h"

#define BYTES_BEFORE 60u /* of a long record around the byte that failed */
#define BYTES_BEHIND 40u

/* --- times, and bytes as printable text --- */

static const char *put_time(int64_t us, char out[32])
{
    time_t    seconds = (time_t)(us / 1000000);
    struct tm parts;

    out[0] = '\0';
    if (us > 0 && gmtime_r(&seconds, &parts) != NULL) (void)strftime(out, 32, "%FT%TZ", &parts);
    return out;
}

/* One byte as a terminal may see it: no control bytes, nothing that moves the text or its caret. */
static void put_safe(struct cup_text *text, uint8_t byte)
{
    if (byte == '\\')
        cup_text_puts(text, "\\\\");
    else if (byte >= 0x20 && byte < 0x7f)
        cup_text_put(text, &byte, 1);
    else
        cup_text_printf(text, "\\x%02x", byte);
}

static void put_safe_all(struct cup_text *text, const char *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        put_safe(text, (uint8_t)at[i]);
}

/* A JSON string of bytes that may be no UTF-8: bytes from 0x80 up are shown as \xNN. */
static void put_json_safe(struct cup_text *out, const char *at, size_t bytes)
{
    struct cup_text safe = {0};

    put_safe_all(&safe, at, bytes);
    cup_text_json(out, safe.at, safe.bytes);
    out->failed |= safe.failed;
    cup_text_free(&safe);
}

/* --- ls --- */

struct group {
    uint32_t reason, table;
    uint64_t records, bytes;
    int64_t  first_us, last_us;
};

static int compare_groups(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    return (x->records < y->records) - (x->records > y->records);
}

static struct group *find_group(struct group *groups, uint32_t *count,
                                const struct cup_quarantine_row *row)
{
    for (uint32_t i = 0; i < *count; i++)
        if (groups[i].reason == row->reason && groups[i].table == row->table) return &groups[i];
    groups[*count] = (struct group){
        .reason = row->reason, .table = row->table, .first_us = INT64_MAX, .last_us = INT64_MIN};
    return &groups[(*count)++];
}

static enum cup_err make_groups(const struct cup_quarantine *quarantine, struct group **out_groups,
                                uint32_t *out_count, struct cup_fault *out_fault)
{
    struct group *groups = calloc(quarantine->count + 1, sizeof *groups);
    uint32_t      count  = 0;

    if (groups == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "count reasons", NULL);
    for (uint64_t i = 0; i < quarantine->count; i++) {
        const struct cup_quarantine_row *row   = &quarantine->rows[i];
        struct group                    *group = find_group(groups, &count, row);
        group->records++;
        group->bytes += row->bytes > 0 ? (uint64_t)row->bytes : 0;
        if (row->ingested_us < group->first_us) group->first_us = row->ingested_us;
        if (row->ingested_us > group->last_us) group->last_us = row->ingested_us;
    }
    qsort(groups, count, sizeof *groups, compare_groups);
    *out_groups = groups;
    *out_count  = count;
    return CUP_OK;
}

static const char *help_of(const char *reason)
{
    enum cup_outcome outcome = cup_ledger_outcome(reason, strlen(reason));
    return outcome == CUP_OUTCOME_COUNT ? "" : cup_outcome_text(outcome);
}

static void put_group(const struct cup_quarantine *quarantine, const struct cup_pipeline *of,
                      const struct group *group, bool json, struct cup_text *text)
{
    const char *reason = cup_quarantine_name(quarantine, group->reason);
    const char *table  = cup_quarantine_name(quarantine, group->table);
    char        first[32], last[32];

    put_time(group->first_us, first);
    put_time(group->last_us, last);
    if (!json) {
        cup_text_printf(text, "%10" PRIu64 "  %-20s %-40s %s  %s\n", group->records, reason,
                        *table != '\0' ? table : "-", first, last);
        cup_text_printf(text, "            %s\n", help_of(reason));
        return;
    }
    cup_text_puts(text, "{\"domain\":");
    cup_text_json(text, of->domain, strlen(of->domain));
    cup_text_puts(text, ",\"pipeline\":");
    cup_text_json(text, of->name, strlen(of->name));
    cup_text_puts(text, ",\"reason\":");
    cup_text_json(text, reason, strlen(reason));
    cup_text_puts(text, ",\"table\":");
    if (*table != '\0')
        cup_text_json(text, table, strlen(table));
    else
        cup_text_puts(text, "null");
    cup_text_printf(text,
                    ",\"records\":%" PRIu64 ",\"bytes\":%" PRIu64
                    ",\"first\":\"%s\",\"last\":\"%s\",\"help\":",
                    group->records, group->bytes, first, last);
    cup_text_json(text, help_of(reason), strlen(help_of(reason)));
    cup_text_puts(text, "}\n");
}

enum cup_err cup_quarantine_priv_ls(const struct cup_quarantine *quarantine,
                                    const struct cup_pipeline *of, bool json, FILE *out,
                                    struct cup_fault *out_fault)
{
    struct cup_text text   = {0};
    struct group   *groups = NULL;
    uint32_t        count  = 0;
    uint64_t        bytes  = 0;

    enum cup_err err = make_groups(quarantine, &groups, &count, out_fault);
    if (err != CUP_OK) return err;
    for (uint32_t i = 0; i < count; i++)
        bytes += groups[i].bytes;
    if (!json)
        cup_text_printf(&text, "%s/%s: %" PRIu64 " open records, %" PRIu64 " bytes\n", of->domain,
                        of->name, quarantine->count, bytes);
    if (!json && count > 0)
        cup_text_printf(&text, "%10s  %-20s %-40s %-20s  %s\n", "records", "reason", "table",
                        "first", "last");
    for (uint32_t i = 0; i < count; i++)
        put_group(quarantine, of, &groups[i], json, &text);
    free(groups);
    if (text.failed) err = cup_fault_set(out_fault, CUP_NO_MEMORY, "list the quarantine", NULL);
    if (err == CUP_OK && text.at != NULL) fputs(text.at, out);
    cup_text_free(&text);
    return err;
}

/* --- show --- */

struct show {
    const struct cup_quarantine *quarantine;
    enum cup_quarantine_as       as;
    uint64_t                     limit, count;
    FILE                        *out;
    struct cup_text              text;
};

/* The record's bytes on one line, cut to what lies around the byte that failed, and below it a
 * caret that marks the byte. */
static void put_excerpt(struct cup_text *text, const char *value, size_t bytes, int64_t byte)
{
    size_t mark = byte >= 0 && (size_t)byte <= bytes ? (size_t)byte : 0;
    size_t from = mark > BYTES_BEFORE ? mark - BYTES_BEFORE : 0;
    size_t to   = mark + BYTES_BEHIND < bytes ? mark + BYTES_BEHIND : bytes;

    if (from == 0 && to < BYTES_BEFORE + BYTES_BEHIND)
        to = bytes < BYTES_BEFORE + BYTES_BEHIND ? bytes : BYTES_BEFORE + BYTES_BEHIND;
    size_t start = text->bytes;
    cup_text_puts(text, from > 0 ? "  ..." : "  ");
    put_safe_all(text, value + from, mark - from);
    size_t column = text->bytes - start;
    put_safe_all(text, value + mark, to - mark);
    cup_text_puts(text, to < bytes ? "...\n" : "\n");
    if (byte >= 0) cup_text_printf(text, "%*s^ byte %" PRId64 "\n", (int)column, "", byte);
}

static void put_name(struct cup_text *text, const char *what, const char *name)
{
    if (*name == '\0') return;
    cup_text_printf(text, "  %-8s ", what);
    put_safe_all(text, name, strlen(name));
    cup_text_puts(text, "\n");
}

/* Of a partition the position is an offset. */
static bool is_partition(const struct cup_quarantine *in, const struct cup_quarantine_row *row)
{
    char        behind[16];
    const char *topic = cup_quarantine_name(in, row->topic);
    const char *input = cup_quarantine_name(in, row->input);
    size_t      bytes = strlen(topic);

    snprintf(behind, sizeof behind, "/%" PRId32, row->partition);
    return strncmp(input, topic, bytes) == 0 && strcmp(input + bytes, behind) == 0;
}

static void put_text(struct show *show, const struct cup_quarantine_record *record)
{
    const struct cup_quarantine_row *row  = record->row;
    const struct cup_quarantine     *in   = show->quarantine;
    struct cup_text                 *text = &show->text;
    const char                      *path = cup_quarantine_name(in, row->path);
    char                             time[32];

    put_safe_all(text, cup_quarantine_name(in, row->topic),
                 strlen(cup_quarantine_name(in, row->topic)));
    cup_text_printf(text, "/%" PRId32 "/%" PRId64 ": %s%s%s\n", row->partition, row->offset,
                    cup_quarantine_name(in, row->reason), *path != '\0' ? ", " : "", path);
    put_name(text, "help", help_of(cup_quarantine_name(in, row->reason)));
    put_name(text, "rule", cup_quarantine_name(in, row->rule));
    put_name(text, "table", cup_quarantine_name(in, row->table));
    put_name(text, "input", cup_quarantine_name(in, row->input));
    cup_text_printf(text, "  at       %s %" PRId64 " of the input; epoch %" PRId64,
                    is_partition(in, row) ? "offset" : "byte", row->position, row->epoch);
    if (row->first_epoch != row->epoch)
        cup_text_printf(text, ", first in %" PRId64, row->first_epoch);
    cup_text_printf(text, "; %s; %" PRId64 " bytes\n", put_time(row->ingested_us, time),
                    row->bytes);
    if (row->file != CUP_NAME_NONE)
        cup_text_printf(text, "  bronze   %s, member at byte %" PRId64 ", byte %" PRId64 " in it\n",
                        cup_quarantine_name(in, row->file), row->member_at, row->at);
    if (record->key != NULL) {
        cup_text_puts(text, "  key      ");
        put_safe_all(text, record->key, record->key_bytes);
        cup_text_puts(text, "\n");
    }
    if (record->value != NULL) put_excerpt(text, record->value, record->value_bytes, row->byte);
    if (row->sealed != CUP_NAME_NONE)
        cup_text_puts(text, "  its bytes are sealed: cupel replay LAKE --keys DIR gives them\n");
    else if (!record->kept && record->value_bytes > 0)
        cup_text_puts(text, "  only its beginning was kept: it is longer than any limit allows\n");
    cup_text_puts(text, "\n");
}

static void put_json(struct show *show, const struct cup_quarantine_record *record)
{
    const struct cup_quarantine_row *row  = record->row;
    const struct cup_quarantine     *in   = show->quarantine;
    struct cup_text                 *text = &show->text;
    const struct {
        const char *name;
        uint32_t    value;
    } names[] = {{"topic", row->topic}, {"input", row->input}, {"reason", row->reason},
                 {"path", row->path},   {"rule", row->rule},   {"table", row->table},
                 {"file", row->file},   {"form", row->form},   {"kind", row->kind}};
    const struct {
        const char *name;
        int64_t     value;
    } numbers[] = {{"partition", row->partition},
                   {"offset", row->offset},
                   {"position", row->position},
                   {"epoch", row->epoch},
                   {"first_epoch", row->first_epoch},
                   {"member_at", row->member_at},
                   {"at", row->at},
                   {"bytes", row->bytes},
                   {"byte", row->byte}};
    char time[32];

    cup_text_printf(text, "{\"time\":\"%s\"", put_time(row->ingested_us, time));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *name = cup_quarantine_name(in, names[i].value);
        cup_text_printf(text, ",\"%s\":", names[i].name);
        if (names[i].value == CUP_NAME_NONE)
            cup_text_puts(text, "null");
        else
            put_json_safe(text, name, strlen(name));
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i].value < 0)
            cup_text_printf(text, ",\"%s\":null", numbers[i].name);
        else
            cup_text_printf(text, ",\"%s\":%" PRId64, numbers[i].name, numbers[i].value);
    }
    cup_text_puts(text, ",\"key\":");
    if (record->key != NULL)
        put_json_safe(text, record->key, record->key_bytes);
    else
        cup_text_puts(text, "null");
    cup_text_puts(text, ",\"value\":");
    if (record->value != NULL)
        put_json_safe(text, record->value, record->value_bytes);
    else
        cup_text_puts(text, "null");
    cup_text_puts(text, "}\n");
}

static enum cup_err show_one(void *arg, const struct cup_quarantine_record *record,
                             struct cup_fault *out_fault)
{
    struct show *show = arg;

    cup_text_clear(&show->text);
    switch (show->as) {
    case CUP_QUARANTINE_TEXT: put_text(show, record); break;
    case CUP_QUARANTINE_JSON: put_json(show, record); break;
    case CUP_QUARANTINE_RAW:
        if (record->value != NULL) cup_text_put(&show->text, record->value, record->value_bytes);
        if (show->limit > 1) cup_text_puts(&show->text, "\n");
        break;
    }
    show->count++;
    if (show->text.failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "show a record", NULL);
    if (fwrite(show->text.at, 1, show->text.bytes, show->out) != show->text.bytes)
        return cup_fault_set(out_fault, CUP_IO, "write", "standard output");
    return CUP_OK;
}

enum cup_err cup_quarantine_priv_show(struct cup_quarantine *quarantine, enum cup_quarantine_as as,
                                      uint64_t limit, FILE *out, struct cup_fault *out_fault)
{
    struct show show = {.quarantine = quarantine, .as = as, .limit = limit, .out = out};

    enum cup_err err = cup_quarantine_each(quarantine, limit, true, show_one, &show, out_fault);
    if (err == CUP_OK && as == CUP_QUARANTINE_TEXT && show.count < quarantine->count)
        fprintf(out, "%" PRIu64 " more; --limit N shows them\n", quarantine->count - show.count);
    cup_text_free(&show.text);
    return err;
}
