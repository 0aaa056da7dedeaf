// SPDX-License-Identifier: Apache-2.0
#include "dataplane/deliver/backlog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/deliver/publish.h"

#define SUFFIX ".spool"
#define NOTE   "delivered"

enum cup_err cup_backlog_open(struct cup_backlog *backlog, const struct cup_plan *plan,
                              struct cup_disk *disk, struct cup_fault *out_fault)
{
    *backlog = (struct cup_backlog){.plan = plan};
    cup_publish_folder(plan, backlog->folder);
    return cup_store_open(disk, cup_plan_text(plan, plan->lake), backlog->folder, &backlog->store,
                          out_fault);
}

static void forget(struct cup_backlog *backlog)
{
    for (uint32_t i = 0; i < backlog->file_count; i++)
        free(backlog->files[i].name);
    backlog->file_count = 0;
    backlog->bytes      = 0;
    backlog->failed     = false;
}

void cup_backlog_close(struct cup_backlog *backlog)
{
    forget(backlog);
    free(backlog->files);
    cup_store_close(backlog->store);
    *backlog = (struct cup_backlog){0};
}

/* 20 digits, and the suffix; everything else in the folder is not ours to send. */
static bool parse(const char *leaf, uint64_t *out_epoch)
{
    size_t bytes = strlen(leaf);
    char  *end;

    if (bytes < 21 + strlen(SUFFIX) || strcmp(leaf + bytes - strlen(SUFFIX), SUFFIX) != 0)
        return false;
    errno      = 0;
    *out_epoch = strtoull(leaf, &end, 10);
    return errno == 0 && end == leaf + 20 && *end == '-';
}

static void add(void *arg, const char *leaf)
{
    struct cup_backlog *backlog = arg;
    uint64_t            epoch;
    char               *name = NULL;

    if (!parse(leaf, &epoch)) return;
    if (backlog->file_count == backlog->file_cap) {
        uint32_t cap   = backlog->file_cap == 0 ? 64 : backlog->file_cap * 2;
        void    *grown = realloc(backlog->files, cap * sizeof *backlog->files);
        backlog->failed |= grown == NULL;
        if (grown == NULL) return;
        backlog->files    = grown;
        backlog->file_cap = cap;
    }
    int bytes = asprintf(&name, "%s/%s", backlog->folder, leaf);
    backlog->failed |= bytes < 0;
    if (bytes < 0) return;
    backlog->files[backlog->file_count++] = (struct cup_backlog_file){.epoch = epoch, .name = name};
}

static int compare(const void *a, const void *b)
{
    const struct cup_backlog_file *left = a, *right = b;

    if (left->epoch != right->epoch) return left->epoch < right->epoch ? -1 : 1;
    return strcmp(left->name, right->name);
}

enum cup_err cup_backlog_list(struct cup_backlog *backlog, struct cup_fault *out_fault)
{
    struct cup_store_info info;

    forget(backlog);
    enum cup_err err = cup_store_list(backlog->store, backlog->folder, add, backlog, out_fault);
    if (err == CUP_OK && backlog->failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "list of spool files", backlog->folder);
    for (uint32_t i = 0; err == CUP_OK && i < backlog->file_count; i++) {
        err = cup_store_info(backlog->store, backlog->files[i].name, &info, out_fault);
        if (err != CUP_OK) break;
        backlog->files[i].bytes = info.bytes;
        backlog->bytes += info.bytes;
    }
    if (err == CUP_OK && backlog->file_count > 0)
        qsort(backlog->files, backlog->file_count, sizeof *backlog->files, compare);
    return err;
}

enum cup_err cup_backlog_remove(struct cup_backlog *backlog, uint32_t from, uint32_t to,
                                struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    for (uint32_t i = from; err == CUP_OK && i < to; i++) {
        err = cup_store_remove(backlog->store, backlog->files[i].name, out_fault);
        if (err == CUP_OK) backlog->bytes -= backlog->files[i].bytes;
    }
    return err;
}

/* --- the note: epoch, control topic, brokers; a line each --- */

static const char *brokers_of(const struct cup_plan *plan)
{
    const struct cup_plan_setting *settings =
        cup_plan_settings(plan, plan->output.cluster.settings);

    for (uint32_t i = 0; i < plan->output.cluster.settings.count; i++)
        if (strcmp(cup_plan_text(plan, settings[i].name), "bootstrap.servers") == 0)
            return cup_plan_text(plan, settings[i].value);
    return "";
}

static void put_destination(const struct cup_plan *plan, struct cup_text *out)
{
    cup_text_printf(out, "%s\n%s\n", cup_plan_text(plan, plan->output.control_topic),
                    brokers_of(plan));
}

static void name_note(const struct cup_backlog *backlog, char out[CUP_STORE_NAME_BYTES])
{
    int bytes = snprintf(out, CUP_STORE_NAME_BYTES, "%s/" NOTE, backlog->folder);

    CUP_ASSERT(bytes > 0 && (size_t)bytes < CUP_STORE_NAME_BYTES); /* as the spool files' names */
}

enum cup_err cup_backlog_noted(struct cup_backlog *backlog, uint64_t *out_epoch,
                               struct cup_fault *out_fault)
{
    char            name[CUP_STORE_NAME_BYTES];
    struct cup_text text = {0}, destination = {0};

    *out_epoch = 0;
    name_note(backlog, name);
    enum cup_err err = cup_store_get(backlog->store, name, &text, out_fault);
    if (err == CUP_OK) {
        char    *line;
        uint64_t epoch = strtoull(text.at == NULL ? "" : text.at, &line, 10);
        put_destination(backlog->plan, &destination);
        if (destination.at != NULL && line != NULL && *line == '\n' &&
            strcmp(line + 1, destination.at) == 0)
            *out_epoch = epoch;
    }
    cup_text_free(&text);
    cup_text_free(&destination);
    return err == CUP_NOT_FOUND ? CUP_OK : err;
}

enum cup_err cup_backlog_note(struct cup_backlog *backlog, uint64_t epoch,
                              struct cup_fault *out_fault)
{
    char            name[CUP_STORE_NAME_BYTES];
    struct cup_text text = {0};

    name_note(backlog, name);
    cup_text_printf(&text, "%" PRIu64 "\n", epoch);
    put_destination(backlog->plan, &text);
    enum cup_err err =
        text.failed ? cup_fault_set(out_fault, CUP_NO_MEMORY, "note of the output", name)
                    : cup_store_replace(backlog->store, name, text.at, text.bytes, out_fault);
    cup_text_free(&text);
    return err;
}
