// SPDX-License-Identifier: Apache-2.0
#include "lake/tool/tool_compact.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/rnd.h"
#include "lake/tool/tool_merge.h"
#include "lake/tool/tool_tables.h"

#define ROUND_BYTES (2ull << 30) /* handed over at once: bounds the disk that is needed on top */
#define ROUND_FILES 1024u        /* and the time that a running pipeline spends on it */
#define NO_OWNER    UINT32_MAX

#define IOPRIO_PROCESS 1         /* ioprio_set(2) has no header */
#define IOPRIO_IDLE    (3 << 13) /* IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0) */

struct compact {
    const struct cup_compact_options *options;
    FILE                             *out;
    struct cup_tables                 tables;
    struct cup_shards                 shards;
    uint32_t                         *owners; /* per table: index of its shard */
    struct cup_pool                   pool;
    uint64_t                          table_count, file_count, merged_count; /* done */
    bool                              troubled;
};

static void complain(struct compact *compact, const char *table, const struct cup_fault *fault)
{
    compact->troubled = true;
    cup_tables_say_fault(table, fault, "");
}

static void skip(struct compact *compact, const char *table, const char *why, const char *what)
{
    if (!compact->options->quiet)
        fprintf(compact->out, "%s: left as it is: %s%s%s\n", table, why, what[0] ? ": " : "", what);
}

/* --- one merged file --- */

/* A table being compacted. */
struct subject {
    struct compact      *compact;
    struct cup_handover *handover;
    struct cup_table    *table;
    const char          *name; /* below the lake */
    uint64_t             file_count, merged_count;
};

static enum cup_err append(void *arg, const void *bytes, size_t count, struct cup_fault *out_fault)
{
    return cup_store_append(arg, bytes, count, out_fault);
}

/* In the folder of the first input, with its epoch: a partition's files lie together, and the order
 * of the rows can be read from the names again. */
static bool name_file(const struct cup_group *group, enum cup_codec codec,
                      char out_path[CUP_STORE_NAME_BYTES])
{
    const char *first = group->inputs[0]->path, *slash = strrchr(first, '/');
    int         folder_bytes = slash == NULL ? 0 : (int)(slash - first) + 1;
    char        uuid[CUP_UUID_TEXT_BYTES];

    cup_rnd_uuid(uuid);
    return snprintf(out_path, CUP_STORE_NAME_BYTES, "%.*spart-%010llu-m-%s.%s.parquet",
                    folder_bytes, first, (unsigned long long)cup_group_epoch(first), uuid,
                    codec == CUP_CODEC_SNAPPY ? "snappy" : "zstd") < (int)CUP_STORE_NAME_BYTES;
}

/* The merged file as a staged one. *out_bad: see cup_merge_write. */
static enum cup_err write_file(struct subject *subject, const struct cup_merge *merge,
                               struct cup_text *stats, struct cup_store_file **out_file,
                               struct cup_parquet_done *out_done, uint32_t *out_bad,
                               struct cup_fault *out_fault)
{
    struct cup_store      *store = subject->handover->store;
    struct cup_store_file *file;
    struct cup_sealed      sealed;

    enum cup_err err = cup_store_stage(store, &file, out_fault);
    if (err != CUP_OK) return err;
    struct cup_sink sink = {.arg = file, .put = append};
    err =
        cup_merge_write(merge, &subject->compact->pool, sink, stats, out_done, out_bad, out_fault);
    if (err == CUP_OK) err = cup_store_seal(file, &sealed, out_fault);
    if (err == CUP_OK && stats->failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "statistics", subject->name);
    if (err != CUP_OK) {
        cup_store_discard(store, file);
        return err;
    }
    CUP_ASSERT(sealed.bytes == out_done->bytes);
    *out_file = file;
    return CUP_OK;
}

static enum cup_err hand_over(struct subject *subject, const struct cup_group *group,
                              const char *path, const struct cup_text *stats,
                              struct cup_store_file *file, const struct cup_parquet_done *done,
                              struct cup_fault *out_fault)
{
    struct cup_handover *handover = subject->handover;
    char                 leaf[CUP_UUID_TEXT_BYTES + 16], staged[CUP_SHARD_BYTES];
    char                 uuid[CUP_UUID_TEXT_BYTES];
    const char         **inputs = calloc(group->count, sizeof *inputs);

    cup_rnd_uuid(uuid);
    snprintf(leaf, sizeof leaf, "upkeep/ready/%s", uuid);
    cup_shard_folder(handover->shard, leaf, staged);
    enum cup_err err = CUP_OK;
    if (inputs == NULL) err = cup_fault_set(out_fault, CUP_NO_MEMORY, "manifest", subject->name);
    if (err == CUP_OK) err = cup_store_place(handover->store, file, staged, out_fault);
    if (err != CUP_OK) {
        cup_store_discard(handover->store, file);
        free(inputs);
        return err;
    }
    for (uint32_t i = 0; i < group->count; i++)
        inputs[i] = group->inputs[i]->path;
    struct cup_upkeep_merge merge = {.table          = subject->name,
                                     .table_id       = subject->table->state->id,
                                     .staged         = staged,
                                     .path           = path,
                                     .stats          = stats->at,
                                     .partition_json = group->inputs[0]->partition_json,
                                     .bytes          = done->bytes,
                                     .row_count      = done->row_count,
                                     .inputs         = inputs,
                                     .input_count    = group->count};
    cup_handover_add(handover, &merge);
    free(inputs);
    subject->file_count += group->count;
    subject->merged_count++;
    return CUP_OK;
}

/* As the files are. */
static enum cup_codec codec_of(const struct cup_group *group)
{
    return strstr(group->inputs[0]->path, ".snappy.") != NULL ? CUP_CODEC_SNAPPY : CUP_CODEC_ZSTD;
}

/* A file that cannot be merged (another engine's types, damage) stays; the others go on without. */
static enum cup_err merge_group(struct subject *subject, struct cup_group group,
                                struct cup_fault *out_fault)
{
    char path[CUP_STORE_NAME_BYTES];

    while (group.count >= 2) {
        struct cup_merge        merge = {.table       = subject->table,
                                         .inputs      = group.inputs,
                                         .input_count = group.count,
                                         .codec       = codec_of(&group)};
        struct cup_text         stats = {0};
        struct cup_store_file  *file;
        struct cup_parquet_done done;
        uint32_t                bad = UINT32_MAX;
        enum cup_err err = write_file(subject, &merge, &stats, &file, &done, &bad, out_fault);
        if (err == CUP_OK && !name_file(&group, merge.codec, path)) {
            cup_store_discard(subject->handover->store, file);
            err = cup_fault_set(out_fault, CUP_UNSUPPORTED, "a name is too long",
                                group.inputs[0]->path);
        } else if (err == CUP_OK) {
            err = hand_over(subject, &group, path, &stats, file, &done, out_fault);
        }
        cup_text_free(&stats);
        if (bad == UINT32_MAX || (err != CUP_UNSUPPORTED && err != CUP_CORRUPT)) return err;
        skip(subject->compact, group.inputs[bad]->path, out_fault->what, out_fault->where);
        group.count--;
        memmove(&group.inputs[bad], &group.inputs[bad + 1],
                (group.count - bad) * sizeof *group.inputs);
    }
    return CUP_OK;
}

/* --- one table --- */

static void print_table(struct compact *compact, const char *name, uint64_t files, uint64_t merged,
                        const char *verb)
{
    fprintf(compact->out, "%s: %" PRIu64 " files %s %" PRIu64 "\n", name, files, verb, merged);
}

static enum cup_err merge_groups(struct subject *subject, const struct cup_groups *groups,
                                 struct cup_fault *out_fault)
{
    struct cup_handover *handover = subject->handover;
    enum cup_err         err      = CUP_OK;

    for (uint32_t i = 0; err == CUP_OK && i < groups->count; i++) {
        err = merge_group(subject, groups->list[i], out_fault);
        if (err == CUP_OK && (handover->bytes >= ROUND_BYTES || handover->count >= ROUND_FILES))
            err = cup_handover_flush(handover, out_fault);
    }
    return err;
}

/* NULL: this table is left alone, and why was said. */
static struct cup_table *open_table(struct compact *compact, const char *name)
{
    struct cup_table *table;
    struct cup_fault  fault;

    enum cup_err err = cup_table_open(compact->options->lake, name, &table, &fault);
    if (err == CUP_UNSUPPORTED) skip(compact, name, fault.what, fault.where);
    if (err != CUP_OK && err != CUP_UNSUPPORTED) complain(compact, name, &fault);
    if (err != CUP_OK) return NULL;
    const char *feature = cup_delta_unwritable(table->state);
    if (feature == NULL) return table;
    skip(compact, name, "the table demands of writers what cupel does not know", feature);
    cup_table_close(table);
    return NULL;
}

/* Failures of the disk end the work on this shard; all else concerns one table. */
static enum cup_err compact_table(struct compact *compact, struct cup_handover *handover,
                                  const char *name, struct cup_fault *out_fault)
{
    struct subject    subject = {.compact = compact, .handover = handover, .name = name};
    struct cup_groups groups  = {0};

    subject.table = open_table(compact, name);
    if (subject.table == NULL) return CUP_OK;
    enum cup_err err = cup_groups_plan(subject.table->state, compact->options->target_bytes,
                                       compact->options->files_min, &groups, out_fault);
    if (err == CUP_OK) err = merge_groups(&subject, &groups, out_fault);
    if (subject.merged_count > 0 && !compact->options->quiet)
        print_table(compact, name, subject.file_count, subject.merged_count, "become");
    compact->table_count += subject.merged_count > 0;
    compact->file_count += subject.file_count;
    compact->merged_count += subject.merged_count;
    cup_groups_free(&groups);
    cup_table_close(subject.table);
    if (err != CUP_UNSUPPORTED && err != CUP_CORRUPT) return err;
    skip(compact, name, out_fault->what, out_fault->where);
    return CUP_OK;
}

/* --- who owns what --- */

static uint32_t owner_of(const struct compact *compact, const struct cup_delta_state *state)
{
    char app[CUP_SHARD_BYTES];

    for (uint32_t s = 0; s < compact->shards.count; s++) {
        cup_shard_app(&compact->shards.list[s], app);
        for (uint32_t i = 0; i < state->txn_count; i++)
            if (strcmp(state->txns[i].app_id, app) == 0) return s;
    }
    return NO_OWNER;
}

/* Finds the owner of a table that has something to merge; says what would be done in a dry run. */
static enum cup_err look_at(struct compact *compact, uint32_t at, struct cup_fault *out_fault)
{
    const char       *name   = compact->tables.list[at];
    struct cup_groups groups = {0};

    compact->owners[at]     = NO_OWNER;
    struct cup_table *table = open_table(compact, name);
    if (table == NULL) return CUP_OK;
    enum cup_err err = cup_groups_plan(table->state, compact->options->target_bytes,
                                       compact->options->files_min, &groups, out_fault);
    if (err == CUP_OK && groups.count > 0) {
        compact->owners[at] = owner_of(compact, table->state);
        if (compact->owners[at] == NO_OWNER)
            skip(compact, name,
                 "no pipeline of this lake writes it; compact it with its own engine", "");
        else if (compact->options->dry_run)
            print_table(compact, name, groups.file_count, groups.count, "would become");
    }
    cup_groups_free(&groups);
    cup_table_close(table);
    return err;
}

static enum cup_err compact_shard(struct compact *compact, uint32_t shard,
                                  struct cup_fault *out_fault)
{
    struct cup_handover handover = {.options = compact->options,
                                    .shard   = &compact->shards.list[shard]};

    enum cup_err err = cup_handover_open(&handover, out_fault);
    if (err != CUP_OK) return err;
    for (uint32_t i = 0; err == CUP_OK && i < compact->tables.count; i++)
        if (compact->owners[i] == shard)
            err = compact_table(compact, &handover, compact->tables.list[i], out_fault);
    if (err == CUP_OK) err = cup_handover_flush(&handover, out_fault);
    cup_handover_close(&handover);
    return err;
}

/* A shard with nothing to merge may still have a manifest that a killed process left. */
static bool has_work(const struct compact *compact, uint32_t shard)
{
    char                 manifest[CUP_SHARD_BYTES];
    struct cup_lake_file file;

    for (uint32_t i = 0; i < compact->tables.count; i++)
        if (compact->owners[i] == shard) return true;
    cup_shard_folder(&compact->shards.list[shard], CUP_UPKEEP_MANIFEST, manifest);
    if (cup_lake_file_open(compact->options->lake, manifest, &file, NULL) != CUP_OK) return false;
    cup_lake_file_close(&file);
    return true;
}

static void compact_shards(struct compact *compact)
{
    struct cup_fault fault;

    for (uint32_t s = 0; s < compact->shards.count; s++) {
        if (!has_work(compact, s)) continue;
        const struct cup_shard *shard = &compact->shards.list[s];
        enum cup_err            err   = compact_shard(compact, s, &fault);
        if (err == CUP_LOCKED && compact->options->quiet) continue;
        if (err == CUP_LOCKED)
            fprintf(stderr, "cupel-lake: %s/%s: another compaction is running: wait for it\n",
                    shard->domain, shard->pipeline);
        else if (err != CUP_OK)
            complain(compact, shard->pipeline, &fault);
        compact->troubled |= err != CUP_OK;
    }
}

static enum cup_err compact_lake(struct compact *compact, struct cup_fault *out_fault)
{
    const struct cup_compact_options *options = compact->options;

    enum cup_err err =
        cup_shards_find(options->lake, NULL, NULL, CUP_SHARD_ANY, &compact->shards, out_fault);
    if (err == CUP_OK)
        err = cup_tables_find(options->lake, options->table, &compact->tables, out_fault);
    if (err != CUP_OK) return err;
    compact->owners = calloc(compact->tables.count + 1ul, sizeof *compact->owners);
    if (compact->owners == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "list tables", options->lake);
    for (uint32_t i = 0; err == CUP_OK && i < compact->tables.count; i++)
        err = look_at(compact, i, out_fault);
    if (err != CUP_OK || options->dry_run) return err;
    err = cup_pool_init(&compact->pool, CUP_MERGE_POOL_BYTES, out_fault);
    if (err != CUP_OK) return err;
    compact_shards(compact);
    cup_pool_fini(&compact->pool);
    if (!options->quiet || compact->merged_count > 0)
        fprintf(compact->out,
                "%" PRIu64 " tables compacted: %" PRIu64 " files became %" PRIu64 "\n",
                compact->table_count, compact->file_count, compact->merged_count);
    return CUP_OK;
}

/* Refused by some kernels and containers: then it is only not as polite. */
static void step_back(void)
{
    (void)setpriority(PRIO_PROCESS, 0, 19);
    (void)syscall(SYS_ioprio_set, IOPRIO_PROCESS, 0, IOPRIO_IDLE);
}

enum cup_exit cup_compact_run(const struct cup_compact_options *options, FILE *out)
{
    struct compact   compact = {.options = options, .out = out};
    struct cup_fault fault;

    CUP_ASSERT(options->lake != NULL && options->target_bytes > 0);
    if (options->quiet) step_back();
    enum cup_err err = compact_lake(&compact, &fault);
    if (err == CUP_NOT_FOUND)
        cup_tables_say_missing(options->lake, options->table);
    else if (err != CUP_OK)
        complain(&compact, options->lake, &fault);
    cup_tables_free(&compact.tables);
    cup_shards_free(&compact.shards);
    free(compact.owners);
    return err != CUP_OK || compact.troubled ? CUP_EXIT_PROBLEMS : CUP_EXIT_OK;
}
