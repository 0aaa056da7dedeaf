// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "dataplane/commit/upkeep.h"
#include "dataplane/store/disk.h"
#include "lake/tool/tool_recover.h"

/* Segments vanish while a running shard turns its journal: then it is looked at again. */
#define READ_TRIES 5

/* --- the store --- */

enum cup_err cup_recover_store(const char *lake, const struct cup_shard *shard, bool write,
                               struct cup_recover_store *out_store, struct cup_fault *out_fault)
{
    struct cup_recover_store open = {0};
    char                     name[CUP_SHARD_BYTES];

    /* A store makes its staging folder. Who only reads names one that is there, and stages nothing.
     */
    cup_shard_folder(shard, write ? "staging" : "", name);
    enum cup_err err = cup_disk_open(CUP_DISK_POSIX, &open.disk, out_fault);
    if (err == CUP_OK) err = cup_store_open(open.disk, lake, name, &open.store, out_fault);
    cup_shard_folder(shard, "lock", name);
    if (err == CUP_OK && write) err = cup_store_lock(open.store, name, out_fault);
    if (err != CUP_OK)
        cup_recover_unstore(&open);
    else
        *out_store = open;
    return err;
}

void cup_recover_unstore(struct cup_recover_store *store)
{
    if (store->store != NULL) cup_store_close(store->store);
    cup_disk_close(store->disk);
    *store = (struct cup_recover_store){0};
}

/* --- the journal --- */

struct names {
    struct cup_text text; /* each with its NUL */
};

static void note_name(void *arg, const char *name)
{
    struct names *names = arg;
    cup_text_put(&names->text, name, strlen(name) + 1);
}

/* Walks the good frames. */
static void measure(const struct cup_text *bytes, struct cup_recover_segment *segment)
{
    struct cup_frame frame;
    size_t           at = 0;

    while (at < bytes->bytes && cup_frame_get(bytes->at, bytes->bytes, at, &frame)) {
        size_t count = CUP_FRAME_HEADER_BYTES + frame.payload_bytes;
        at += (count + CUP_FRAME_ALIGN - 1) / CUP_FRAME_ALIGN * CUP_FRAME_ALIGN;
        segment->frames++;
    }
    segment->bytes  = bytes->bytes;
    segment->bad_at = at < bytes->bytes ? at : bytes->bytes;
}

static int compare_segments(const void *a, const void *b)
{
    const struct cup_recover_segment *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static enum cup_err add_segment(struct cup_recover *recover, struct cup_store *store,
                                const char *folder, const char *leaf, struct cup_fault *out_fault)
{
    struct cup_recover_segment segment = {.number = (uint32_t)strtoul(leaf, NULL, 10)};
    struct cup_text            bytes   = {0};
    char                       name[CUP_STORE_NAME_BYTES], again[24];

    snprintf(again, sizeof again, "%08u.cj", segment.number);
    if (strcmp(again, leaf) != 0) return CUP_OK;
    if (snprintf(name, sizeof name, "%s/%s", folder, leaf) >= (int)sizeof name)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a path is too long", folder);
    enum cup_err err = cup_store_get(store, name, &bytes, out_fault);
    if (err == CUP_NOT_FOUND) return CUP_OK; /* its writer was done with it */
    if (err == CUP_OK) {
        struct cup_recover_segment *list =
            realloc(recover->segments, (recover->segment_count + 1) * sizeof *list);
        if (list == NULL) {
            err = cup_fault_set(out_fault, CUP_NO_MEMORY, "list the journal", NULL);
        } else {
            measure(&bytes, &segment);
            recover->segments              = list;
            list[recover->segment_count++] = segment;
        }
    }
    cup_text_free(&bytes);
    return err;
}

static enum cup_err list_segments(struct cup_recover *recover, struct cup_store *store,
                                  const char *folder, struct cup_fault *out_fault)
{
    struct names names = {0};
    enum cup_err err   = cup_store_list(store, folder, note_name, &names, out_fault);

    if (err == CUP_NOT_FOUND) err = CUP_OK;
    if (err == CUP_OK && names.text.failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "list the journal", NULL);
    for (size_t at = 0; err == CUP_OK && at < names.text.bytes;
         at += strlen(names.text.at + at) + 1)
        err = add_segment(recover, store, folder, names.text.at + at, out_fault);
    cup_text_free(&names.text);
    if (recover->segment_count > 1)
        qsort(recover->segments, recover->segment_count, sizeof *recover->segments,
              compare_segments);
    return err;
}

static enum cup_err read_journal(struct cup_recover *recover, struct cup_store *store,
                                 struct cup_fault *out_fault)
{
    struct cup_fault *fault = &recover->journal_fault;
    char              folder[CUP_SHARD_BYTES];

    cup_shard_folder(&recover->shard, "journal", folder);
    for (int tries = 0; tries < READ_TRIES; tries++) {
        recover->journal_err = cup_journal_read(store, folder, &recover->journal, fault);
        if (recover->journal_err == CUP_OK || !recover->held) break;
    }
    if (recover->journal_err == CUP_NO_MEMORY || recover->journal_err == CUP_IO) {
        *out_fault = *fault;
        return recover->journal_err;
    }
    return list_segments(recover, store, folder, out_fault);
}

/* --- leftovers --- */

static void count_name(void *arg, const char *name)
{
    (void)name;
    ++*(uint64_t *)arg;
}

static enum cup_err count_in(const struct cup_recover *recover, struct cup_store *store,
                             const char *leaf, uint64_t *out_count, struct cup_fault *out_fault)
{
    char         folder[CUP_SHARD_BYTES];
    uint64_t     count = 0;
    enum cup_err err;

    cup_shard_folder(&recover->shard, leaf, folder);
    err = cup_store_list(store, folder, count_name, &count, out_fault);
    if (err != CUP_OK && err != CUP_NOT_FOUND) return err;
    *out_count = count;
    return CUP_OK;
}

static enum cup_err count_placing(struct cup_recover *recover, struct cup_fault *out_fault)
{
    const struct cup_text  *placing = &recover->journal.placing;
    struct cup_journal_line line;
    enum cup_err            err;

    cup_journal_reader_start(&recover->reader, placing->at, placing->bytes);
    while ((err = cup_journal_reader_next(&recover->reader, &line, out_fault)) == CUP_OK)
        recover->placing_files += line.kind == CUP_LINE_PLACE;
    return err == CUP_END ? CUP_OK : err;
}

/* --- all of it --- */

void cup_recover_open_start(struct cup_recover *recover)
{
    cup_journal_reader_start(&recover->reader, recover->journal.open.at,
                             recover->journal.open.bytes);
}

static enum cup_err read_open_id(struct cup_recover *recover, struct cup_fault *out_fault)
{
    struct cup_journal_line line;

    if (recover->journal.open.bytes == 0) return CUP_OK;
    cup_recover_open_start(recover);
    enum cup_err err = cup_journal_reader_next(&recover->reader, &line, out_fault);
    if (err == CUP_OK && line.kind == CUP_LINE_EPOCH)
        snprintf(recover->open_id, sizeof recover->open_id, "%s", line.id);
    return err;
}

enum cup_err cup_recover_look(const char *lake, const struct cup_shard *shard, bool mine,
                              struct cup_recover *out_recover, struct cup_fault *out_fault)
{
    struct cup_recover      *recover = out_recover;
    struct cup_recover_store store;

    *recover = (struct cup_recover){.lake = lake, .shard = *shard};
    cup_shard_app(shard, recover->app);
    recover->held    = cup_shard_held(lake, shard, recover->holder) && !mine;
    enum cup_err err = cup_journal_reader_open(&recover->reader, out_fault);
    if (err == CUP_OK) err = cup_recover_store(lake, shard, false, &store, out_fault);
    if (err != CUP_OK) return err;
    err = read_journal(recover, store.store, out_fault);
    if (err == CUP_OK) err = read_open_id(recover, out_fault);
    if (err == CUP_OK)
        err = count_in(recover, store.store, "staging", &recover->staged_files, out_fault);
    if (err == CUP_OK)
        err = count_in(recover, store.store, CUP_UPKEEP_STAGING, &recover->upkeep_files, out_fault);
    if (err == CUP_OK) err = count_placing(recover, out_fault);
    cup_recover_unstore(&store);
    if (err == CUP_OK) err = cup_recover_find_tables(recover, out_fault);
    if (err == CUP_OK) cup_recover_judge(recover);
    return err;
}

void cup_recover_close(struct cup_recover *recover)
{
    for (uint32_t i = 0; i < recover->table_count; i++) {
        cup_table_close(recover->tables[i].table);
        free(recover->tables[i].folder);
        free(recover->tables[i].expected_id);
    }
    for (uint32_t i = 0; i < recover->finding_count; i++) {
        free(recover->findings[i].what);
        free(recover->findings[i].way);
    }
    free(recover->tables);
    free(recover->findings);
    free(recover->segments);
    cup_journal_state_free(&recover->journal);
    cup_journal_reader_close(&recover->reader);
    *recover = (struct cup_recover){0};
}

/* --- changing it --- */

enum cup_exit cup_recover_fail(const struct cup_fault *fault)
{
    fprintf(stderr, "cupel-lake: %s: %s %s\n", cup_err_text(fault->err), fault->what, fault->where);
    return CUP_EXIT_PROBLEMS;
}

enum cup_exit cup_recover_commit(const struct cup_recover_act   *act,
                                 const struct cup_journal_state *state, const char *members)
{
    const struct cup_recover *recover = act->recover;
    char                      folder[CUP_SHARD_BYTES];
    struct cup_fault          fault;

    if (act->store == NULL) {
        fputs("nothing was changed; the same command with --yes does it\n", act->out);
        return CUP_EXIT_OK;
    }
    enum cup_err err = cup_audit_write(recover->lake, &recover->shard, members, &fault);
    cup_shard_folder(&recover->shard, "journal", folder);
    if (err == CUP_OK && state != NULL) err = cup_journal_adopt(act->store, folder, state, &fault);
    if (err != CUP_OK) return cup_recover_fail(&fault);
    fputs("done; recover.log has it\n", act->out);
    return CUP_EXIT_OK;
}
