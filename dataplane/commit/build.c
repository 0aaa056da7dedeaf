// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/commit_priv.h"

#include <string.h>

#include "base/clock.h"

/* A table's commit in the making. */
struct build {
    const struct cup_commit       *commit;
    const struct cup_commit_epoch *epoch;
    const struct cup_commit_table *table;
    struct cup_text                text;
};

static int64_t now_ms(const struct build *build)
{
    return build->epoch->decided_us / CUP_US_PER_MS;
}

static void put_files(struct build *build, struct cup_epoch_file *const *files, uint32_t file_count)
{
    size_t folder_bytes = strlen(build->table->folder);

    for (uint32_t i = 0; i < file_count; i++) {
        const struct cup_epoch_file *file = files[i];
        CUP_ASSERT(strncmp(file->name, build->table->folder, folder_bytes) == 0);
        CUP_ASSERT(file->name[folder_bytes] == '/');
        struct cup_delta_add add = {
            .path           = file->name + folder_bytes + 1,
            .partition_json = file->partition_json.bytes > 0 ? file->partition_json.at : NULL,
            .bytes          = file->bytes,
            .modified_ms    = now_ms(build),
            .stats          = file->stats.bytes > 0 ? file->stats.at : NULL,
            .data_change    = true};
        cup_delta_put_add(&build->text, &add);
    }
}

static void put_all(struct build *build, struct cup_epoch_file *const *files, uint32_t file_count)
{
    struct cup_delta_commit_info info = {.timestamp_ms = now_ms(build),
                                         .operation    = "WRITE",
                                         .epoch_id     = build->epoch->id,
                                         .epoch        = build->epoch->number,
                                         .blind_append = true};

    cup_delta_put_commit_info(&build->text, &info);
    cup_delta_put_txn(&build->text, build->commit->app, build->epoch->number, now_ms(build));
    put_files(build, files, file_count);
}

enum cup_err cup_commit_priv_build(struct cup_commit *commit, const struct cup_commit_epoch *epoch,
                                   const struct cup_commit_table *table,
                                   struct cup_epoch_file *const *files, uint32_t file_count,
                                   struct cup_text *payload, struct cup_fault *out_fault)
{
    struct build build = {.commit = commit, .epoch = epoch, .table = table};

    CUP_ASSERT(file_count > 0);
    CUP_ASSERT(table->state != NULL); /* declared */
    put_all(&build, files, file_count);
    struct cup_journal_line line = {.kind   = CUP_LINE_COMMIT,
                                    .name   = table->folder,
                                    .id     = table->state->id,
                                    .crc32c = cup_commit_priv_schema_crc(table),
                                    .bytes  = build.text.bytes,
                                    .commit = build.text.at};
    bool                    ok   = !build.text.failed;
    if (ok) cup_journal_put_line(payload, &line);
    cup_text_free(&build.text);
    return ok ? CUP_OK : cup_fault_set(out_fault, CUP_NO_MEMORY, "commit", table->folder);
}
