// SPDX-License-Identifier: Apache-2.0
/* Accepted records whose rows are not in silver: bronze against the tables.
 *
 *   silver tables --_topic, _partition, _offset--> places -----+
 *   bronze index --accepted, or retried--> records ------------+--> those without a place --> file
 *   quarantine --retried--> names of records --^
 *
 * A row of any table is proof that its record is there: a record's rows go into one table in one
 * commit. The pipeline must not run, and its last epoch must be in all tables: then nothing is on
 * its way, and what is missing is missing for good. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/commit/journal.h"
#include "lake/tool/tool_commands.h"
#include "lake/tool/tool_quarantine.h"
#include "lake/tool/tool_retry.h"
#include "lake/tool/tool_tables.h"
#include "lake/tool/tool_value.h"

#define PLACES_MAX (256ull << 20) /* 2 GiB; narrower filters for larger lakes */

/* Offsets of one partition. */
struct offsets {
    int64_t *list;
    uint64_t count, cap;
};

struct missing {
    const struct cup_missing_options *options;
    struct cup_texts                  parts;   /* "partition/topic" */
    struct cup_texts                  retried; /* "first epoch/position/input" */
    struct offsets                   *offsets;
    uint32_t                          offsets_cap;
    uint64_t                          place_count, record_count, long_count, sealed_count;
    struct cup_text                   name;
    struct cup_records                records;
    struct cup_values                 values;
    struct cup_retry_file             file;
};

static enum cup_err no_memory(struct cup_fault *out_fault)
{
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "list the rows of silver", NULL);
}

/* --- places --- */

static const char *name_part(struct missing *missing, const void *topic, size_t bytes,
                             int64_t partition)
{
    cup_text_clear(&missing->name);
    cup_text_printf(&missing->name, "%" PRId64 "/", partition);
    cup_text_put(&missing->name, topic, bytes);
    return missing->name.at;
}

static struct offsets *find_part(struct missing *missing, bool add)
{
    const struct cup_text *name = &missing->name;

    if (name->failed) return NULL;
    uint32_t part = add ? cup_texts_put(&missing->parts, name->at, name->bytes)
                        : cup_texts_find(&missing->parts, name->at, name->bytes);
    if (part == CUP_NAME_NONE) return NULL;
    if (part >= missing->offsets_cap) {
        uint32_t        cap  = part * 2 + 64;
        struct offsets *list = realloc(missing->offsets, cap * sizeof *list);
        if (list == NULL) return NULL;
        memset(list + missing->offsets_cap, 0, (cap - missing->offsets_cap) * sizeof *list);
        missing->offsets     = list;
        missing->offsets_cap = cap;
    }
    return &missing->offsets[part];
}

static enum cup_err each_rows(void *arg, const struct cup_rows *rows, struct cup_fault *out_fault)
{
    struct missing *missing = arg;
    const char     *wanted  = missing->options->filter.topic;

    for (uint32_t row = 0; row < rows->row_count; row++) {
        uint32_t    bytes     = 0;
        int64_t     partition = 0, offset;
        const char *topic     = cup_cell_text(rows->columns[0], row, &bytes);
        (void)cup_cell_i64(rows->columns[1], row, &partition); /* null: 0 */
        if (topic == NULL || !cup_cell_i64(rows->columns[2], row, &offset)) continue;
        if (wanted != NULL && (strlen(wanted) != bytes || memcmp(wanted, topic, bytes) != 0))
            continue;
        (void)name_part(missing, topic, bytes, partition);
        struct offsets *part = find_part(missing, true);
        if (part == NULL) return no_memory(out_fault);
        if (part->count > 0 && part->list[part->count - 1] == offset) continue; /* many rows */
        if (part->count == part->cap) {
            uint64_t cap  = part->cap * 2 + 1024;
            int64_t *list = realloc(part->list, cap * sizeof *list);
            if (list == NULL) return no_memory(out_fault);
            part->list = list;
            part->cap  = cap;
        }
        part->list[part->count++] = offset;
        if (++missing->place_count > PLACES_MAX)
            return cup_fault_set(out_fault, CUP_UNSUPPORTED,
                                 "silver has too many rows to look at once: choose fewer records "
                                 "with --topic",
                                 missing->options->lake);
    }
    return CUP_OK;
}

static enum cup_err scan_table(struct missing *missing, const char *name,
                               struct cup_fault *out_fault)
{
    static const char *const columns[] = {"_topic", "_partition", "_offset"};
    static const uint8_t     types[]   = {CUP_TYPE_STRING, CUP_TYPE_INT, CUP_TYPE_LONG};
    struct cup_table        *table     = NULL;
    enum cup_err             err = cup_table_open(missing->options->lake, name, &table, out_fault);

    for (uint64_t i = 0; err == CUP_OK && i < table->state->file_count; i++) {
        const struct cup_scan scan = {.folder     = table->path,
                                      .file       = table->state->files[i].path,
                                      .names      = columns,
                                      .types      = types,
                                      .name_count = 3,
                                      .group      = UINT32_MAX,
                                      .each       = each_rows,
                                      .arg        = missing};
        err                        = cup_lake_scan(&scan, NULL, out_fault);
    }
    cup_table_close(table);
    return err;
}

static int compare_offsets(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static enum cup_err scan_silver(struct missing *missing, const char *domain,
                                struct cup_fault *out_fault)
{
    struct cup_tables tables = {0};
    char              prefix[CUP_PATH_BYTES];
    enum cup_err      err = cup_tables_find(missing->options->lake, NULL, &tables, out_fault);

    snprintf(prefix, sizeof prefix, "%s/silver/", domain);
    for (uint32_t i = 0; err == CUP_OK && i < tables.count; i++)
        if (strncmp(tables.list[i], prefix, strlen(prefix)) == 0)
            err = scan_table(missing, tables.list[i], out_fault);
    cup_tables_free(&tables);
    for (uint32_t i = 0; err == CUP_OK && i < missing->parts.count; i++)
        if (missing->offsets[i].count > 0)
            qsort(missing->offsets[i].list, missing->offsets[i].count, sizeof(int64_t),
                  compare_offsets);
    return err;
}

static bool is_there(struct missing *missing, const struct cup_index_record *record)
{
    const char *topic =
        record->topic == CUP_NAME_NONE ? "" : missing->records.names.list[record->topic];

    (void)name_part(missing, topic, strlen(topic), record->partition);
    const struct offsets *part = find_part(missing, false);
    return part != NULL && part->count > 0 &&
           bsearch(&record->offset, part->list, part->count, sizeof(int64_t), compare_offsets) !=
               NULL;
}

/* --- records --- */

static void name_record(struct missing *missing, int64_t epoch, int64_t position, const char *input)
{
    cup_text_clear(&missing->name);
    cup_text_printf(&missing->name, "%" PRId64 "/%" PRId64 "/%s", epoch, position, input);
}

/* Records that a retry took into silver: the bronze index knows them as refused. */
static enum cup_err list_retried(struct missing *missing, const struct cup_pipeline *of,
                                 struct cup_fault *out_fault)
{
    const struct cup_quarantine_filter filter = {.state = "retried"};
    const struct cup_text             *name   = &missing->name;
    struct cup_quarantine              quarantine;
    struct cup_fault                   fault;

    enum cup_err err =
        cup_quarantine_open(missing->options->lake, of, &filter, &quarantine, &fault);
    if (err == CUP_NOT_FOUND) return CUP_OK; /* nothing was ever refused */
    if (err != CUP_OK) {
        *out_fault = fault;
        return err;
    }
    for (uint64_t i = 0; err == CUP_OK && i < quarantine.count; i++) {
        const struct cup_quarantine_row *row = &quarantine.rows[i];
        name_record(missing, row->first_epoch, row->position,
                    cup_quarantine_name(&quarantine, row->input));
        if (name->failed ||
            cup_texts_put(&missing->retried, name->at, name->bytes) == CUP_NAME_NONE)
            err = cup_fault_set(out_fault, CUP_NO_MEMORY, "list the quarantine", NULL);
    }
    cup_quarantine_close(&quarantine);
    return err;
}

static bool was_retried(struct missing *missing, const struct cup_index_record *record)
{
    const struct cup_text *name = &missing->name;

    if (missing->retried.count == 0) return false;
    name_record(missing, record->epoch, record->position,
                missing->records.names.list[record->input]);
    return !name->failed &&
           cup_texts_find(&missing->retried, name->at, name->bytes) != CUP_NAME_NONE;
}

static const char *name_of(const struct cup_texts *names, uint32_t name)
{
    return name == CUP_NAME_NONE ? "" : names->list[name];
}

static void put_line(struct missing *missing, const struct cup_index_record *record,
                     const struct cup_value *value)
{
    const struct cup_texts       *names = &missing->records.names;
    const struct cup_retry_record line  = {.topic         = name_of(names, record->topic),
                                           .input         = names->list[record->input],
                                           .form          = record->dump ? "dump" : "ndjson",
                                           .by            = missing->file.by,
                                           .file          = name_of(names, record->file),
                                           .key           = value->key.at,
                                           .value         = value->value.at,
                                           .headers       = value->headers.at,
                                           .key_bytes     = value->key.bytes,
                                           .value_bytes   = value->value.bytes,
                                           .headers_bytes = value->headers.bytes,
                                           .partition     = record->partition,
                                           .offset        = record->offset,
                                           .timestamp_us  = record->timestamp_us,
                                           .epoch         = record->epoch,
                                           .position      = record->position,
                                           .member_at     = (int64_t)record->member_at,
                                           .at            = (int64_t)record->at,
                                           .has_timestamp = record->has_timestamp};

    cup_retry_put_record(&missing->file.text, &line);
    cup_text_puts(&missing->file.text, "}}\n");
}

static enum cup_err take(struct missing *missing, const struct cup_index_record *record,
                         struct cup_fault *out_fault)
{
    struct cup_value value = {0};

    if (!record->accepted && !was_retried(missing, record)) return CUP_OK;
    missing->record_count++;
    if (is_there(missing, record)) return CUP_OK;
    if (record->sealed != CUP_NAME_NONE) {
        missing->sealed_count++;
        return CUP_OK;
    }
    enum cup_err err = cup_values_read(&missing->values, record, &value, out_fault);
    if (err != CUP_OK) return err;
    if (cup_retry_is_long(value.value.bytes, false, missing->options->record_bytes_max)) {
        missing->long_count++;
        return CUP_OK;
    }
    if (missing->file.fd >= 0) put_line(missing, record, &value);
    return cup_retry_file_next(&missing->file, out_fault);
}

static enum cup_err take_all(struct missing *missing, struct cup_fault *out_fault)
{
    for (;;) {
        enum cup_err err = cup_records_next(&missing->records, out_fault);
        if (err == CUP_END) return CUP_OK;
        for (uint64_t i = 0; err == CUP_OK && i < missing->records.count; i++)
            err = take(missing, &missing->records.list[i], out_fault);
        if (err != CUP_OK) return err;
    }
}

/* --- one pipeline --- */

/* An epoch that is decided and not in its tables would look like missing rows. */
static enum cup_err check_settled(const char *lake, const struct cup_shard *shard,
                                  struct cup_fault *out_fault)
{
    struct cup_journal_state state = {0};
    struct cup_store        *store = NULL;
    struct cup_disk         *disk  = NULL;
    char                     name[CUP_SHARD_BYTES], holder[CUP_HOLDER_BYTES];

    if (cup_shard_held(lake, shard, holder))
        return cup_fault_set(out_fault, CUP_LOCKED,
                             "the pipeline is running; wait for its end or stop it, then replay",
                             holder);
    enum cup_err err = cup_disk_open(CUP_DISK_POSIX, &disk, out_fault);
    cup_shard_folder(shard, "", name); /* nothing is staged */
    if (err == CUP_OK) err = cup_store_open(disk, lake, name, &store, out_fault);
    cup_shard_folder(shard, "journal", name);
    if (err == CUP_OK) err = cup_journal_read(store, name, &state, out_fault);
    if (err == CUP_OK && state.open.bytes > 0)
        err = cup_fault_set(out_fault, CUP_AGAIN,
                            "its last epoch is not in all tables yet: let the pipeline run until "
                            "it is, then replay",
                            name);
    cup_journal_state_free(&state);
    if (store != NULL) cup_store_close(store);
    cup_disk_close(disk);
    return err;
}

static enum cup_err open_bronze(struct missing *missing, const struct cup_pipeline *of,
                                char bronze[CUP_PATH_BYTES], struct cup_table **out_index,
                                struct cup_fault *out_fault)
{
    char        name[CUP_PATH_BYTES];
    const char *lake = missing->options->lake;

    int used = snprintf(bronze, CUP_PATH_BYTES, "%s/%s/bronze/%s", lake, of->domain, of->name);
    snprintf(name, sizeof name, "%s/bronze/%s/_index", of->domain, of->name);
    if (used >= (int)CUP_PATH_BYTES)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a path is too long", lake);
    enum cup_err err = cup_table_open(lake, name, out_index, out_fault);
    if (err == CUP_NOT_FOUND)
        return cup_fault_set(out_fault, err, "find the bronze index; was bronze switched off?",
                             bronze);
    if (err != CUP_OK) return err;
    err = cup_values_open(&missing->values, bronze, NULL, of->domain, of->name, out_fault);
    missing->values.records = &missing->records;
    if (err == CUP_OK)
        err = cup_records_open(*out_index, &missing->options->filter, &missing->records, out_fault);
    return err;
}

/* A line for the program that called, as `quarantine export` gives it. */
static void answer(const struct missing *missing, const struct cup_pipeline *of, const char *path,
                   FILE *out)
{
    uint64_t gone = missing->file.records + missing->long_count + missing->sealed_count;

    fprintf(stderr,
            "cupel-lake: %" PRIu64 " accepted records, %" PRIu64 " have their rows in silver\n",
            missing->record_count, missing->record_count - gone);
    fprintf(out, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu32 " %s\n",
            path[0] != '\0' ? "made" : "none", missing->file.records, missing->long_count,
            missing->sealed_count, cup_shards_count(missing->options->lake, of->domain, of->name),
            path);
}

static enum cup_err write_file(struct missing *missing, const struct cup_pipeline *of,
                               const struct cup_retry_folder *folder, FILE *out,
                               struct cup_fault *out_fault)
{
    bool              dry = missing->options->dry_run;
    char              bronze[CUP_PATH_BYTES], path[CUP_PATH_BYTES] = "";
    struct cup_table *index = NULL;

    enum cup_err err = scan_silver(missing, of->domain, out_fault);
    if (err == CUP_OK) err = list_retried(missing, of, out_fault);
    if (err == CUP_OK) err = open_bronze(missing, of, bronze, &index, out_fault);
    if (err == CUP_OK) err = cup_retry_file_open(folder, dry, true, &missing->file, out_fault);
    if (err == CUP_OK) {
        err                 = take_all(missing, out_fault);
        enum cup_err closed = cup_retry_file_close(&missing->file, err == CUP_OK, path, out_fault);
        if (err == CUP_OK) err = closed;
    }
    if (err == CUP_OK) answer(missing, of, path, out);
    cup_records_close(&missing->records);
    cup_values_close(&missing->values);
    cup_table_close(index);
    return err;
}

static enum cup_err run(struct missing *missing, const struct cup_pipeline *of, FILE *out,
                        struct cup_fault *out_fault)
{
    const char             *lake   = missing->options->lake;
    struct cup_shards       shards = {0};
    struct cup_retry_folder folder;
    struct cup_shard        first = {.number = 0};

    snprintf(first.domain, sizeof first.domain, "%s", of->domain);
    snprintf(first.pipeline, sizeof first.pipeline, "%s", of->name);
    enum cup_err err =
        cup_shards_find(lake, of->domain, of->name, CUP_SHARD_ANY, &shards, out_fault);
    for (uint32_t i = 0; err == CUP_OK && i < shards.count; i++)
        err = check_settled(lake, &shards.list[i], out_fault);
    cup_shards_free(&shards);
    if (err == CUP_OK) err = cup_retry_folder_open(lake, &first, &folder, out_fault);
    if (err != CUP_OK) return err;
    if (folder.pending[0] != '\0')
        fprintf(out, "pending 0 0 0 %" PRIu32 " %s\n", cup_shards_count(lake, of->domain, of->name),
                folder.pending);
    else
        err = write_file(missing, of, &folder, out, out_fault);
    cup_retry_folder_close(&folder);
    return err;
}

static void free_all(struct missing *missing)
{
    for (uint32_t i = 0; i < missing->offsets_cap; i++)
        free(missing->offsets[i].list);
    free(missing->offsets);
    cup_texts_free(&missing->parts);
    cup_texts_free(&missing->retried);
    cup_text_free(&missing->name);
}

enum cup_exit cup_missing_run(const struct cup_missing_options *options, FILE *out)
{
    struct missing       missing   = {.options = options};
    struct cup_pipelines pipelines = {0};
    struct cup_fault     fault     = {0};

    CUP_ASSERT(options->lake != NULL);
    enum cup_err err =
        cup_pipelines_find(options->lake, options->domain, options->pipeline, &pipelines, &fault);
    if (err == CUP_OK && pipelines.count != 1)
        err = cup_fault_set(&fault, CUP_NOT_FOUND, "find one pipeline with --pipeline DOMAIN/NAME",
                            options->lake);
    if (err == CUP_OK) err = run(&missing, &pipelines.list[0], out, &fault);
    if (err != CUP_OK) cup_tables_say_fault(options->lake, &fault, "");
    cup_pipelines_free(&pipelines);
    free_all(&missing);
    return err == CUP_OK ? CUP_EXIT_OK : CUP_EXIT_PROBLEMS;
}
