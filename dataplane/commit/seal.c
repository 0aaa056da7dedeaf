// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/commit_priv.h"

void cup_commit_priv_sum(struct cup_epoch_part *part)
{
    for (uint32_t i = part->sealed_count; i < part->file_count; i++) {
        struct cup_epoch_file *file = &part->files[i];
        struct cup_sealed      sum  = cup_store_sum(file->staged);
        CUP_ASSERT(sum.bytes == file->bytes);
        file->crc32c = sum.crc32c;
    }
}

/* What a table's log will have is known now: later only its name is missing. */
static enum cup_err stage_commits(struct cup_commit *commit, const struct cup_text *payload,
                                  uint32_t *out_count, struct cup_fault *out_fault)
{
    struct cup_journal_line line;
    uint32_t                count = 0;
    enum cup_err            err   = CUP_OK;

    cup_journal_reader_start(&commit->reader, payload->at, payload->bytes);
    while (err == CUP_OK && count < CUP_COMMIT_SEALED_MAX) {
        err = cup_journal_reader_next(&commit->reader, &line, out_fault);
        if (err != CUP_OK || line.kind != CUP_LINE_COMMIT) continue;
        err = cup_store_stage_bytes(commit->store, line.commit, line.bytes, &commit->sealed[count],
                                    out_fault);
        count += err == CUP_OK;
    }
    *out_count = count;
    return err == CUP_END ? CUP_OK : err;
}

enum cup_err cup_commit_priv_write(struct cup_epoch_file *const *files, uint32_t count,
                                   struct cup_fault *out_fault)
{
    struct cup_store_file **staged = calloc(count, sizeof(struct cup_store_file *));

    if (staged == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "files", NULL);
    for (uint32_t i = 0; i < count; i++)
        staged[i] = files[i]->staged;
    enum cup_err err = cup_store_write_all(staged, count, out_fault);
    free(staged);
    return err;
}

enum cup_err cup_commit_priv_seal(struct cup_commit *commit, struct cup_epoch_file *const *files,
                                  uint32_t count, const struct cup_text *payload,
                                  struct cup_fault *out_fault)
{
    struct cup_store_file **all =
        calloc(count + CUP_COMMIT_SEALED_MAX, sizeof(struct cup_store_file *));
    struct cup_sealed *sealed       = calloc(count + CUP_COMMIT_SEALED_MAX, sizeof *sealed);
    uint32_t           commit_count = 0;
    enum cup_err       err          = CUP_OK;

    if (all == NULL || sealed == NULL)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "files", NULL);
    else
        err = stage_commits(commit, payload, &commit_count, out_fault);
    if (err == CUP_OK) {
        for (uint32_t i = 0; i < count; i++)
            all[i] = files[i]->staged;
        for (uint32_t i = 0; i < commit_count; i++)
            all[count + i] = commit->sealed[i];
        err = cup_store_seal_all(all, count + commit_count, sealed, out_fault);
    }
    free(all);
    free(sealed);
    return err;
}

void cup_commit_priv_unseal(struct cup_commit *commit)
{
    for (uint32_t i = 0; i < CUP_COMMIT_SEALED_MAX; i++) {
        cup_store_discard(commit->store, commit->sealed[i]);
        commit->sealed[i] = NULL;
    }
}
