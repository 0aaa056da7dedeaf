// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "lake/tool/tool_compact.h"

#define POLL_MS     200u
#define SAY_FIRST_S 2u  /* a pipeline that runs looks ten times a second */
#define SAY_NEXT_S  30u /* then seldom */
/* Without a pipeline's configuration nobody knows how long its logs are kept: only a property of
 * the table may shorten them. */
#define LOG_RETENTION_US ((uint64_t)INT64_MAX / 2)

static enum cup_err open_store(const struct cup_handover *handover, struct cup_store **out_store,
                               struct cup_fault *out_fault)
{
    char staging[CUP_SHARD_BYTES];

    cup_shard_folder(handover->shard, CUP_UPKEEP_STAGING, staging);
    return cup_store_open(handover->disk, handover->options->lake, staging, out_store, out_fault);
}

/* Commits the manifest if nobody else runs the shard; LOCKED if somebody does. */
static enum cup_err take_ourselves(const struct cup_handover *handover, struct cup_fault *out_fault)
{
    char              lock[CUP_SHARD_BYTES], folder[CUP_SHARD_BYTES];
    struct cup_store *store;
    uint32_t          count;

    /* looked at first, because trying a lock takes it from one who starts just now */
    if (cup_shard_held(handover->options->lake, handover->shard, (char[CUP_HOLDER_BYTES]){0}))
        return CUP_LOCKED;
    cup_shard_folder(handover->shard, CUP_UPKEEP_SHARD, lock);
    cup_shard_folder(handover->shard, "", folder);
    enum cup_err err = open_store(handover, &store, out_fault);
    if (err != CUP_OK) return err;
    err = cup_store_lock(store, lock, out_fault);
    if (err == CUP_OK) err = cup_upkeep_commit(store, folder, LOG_RETENTION_US, &count, out_fault);
    cup_store_close(store);
    return err;
}

static void say_waiting(const struct cup_handover *handover, uint64_t since_ns, uint64_t *due_ns)
{
    uint64_t waited_ns = cup_clock_mono_ns() - since_ns;

    if (handover->options->quiet || waited_ns < *due_ns) return;
    fprintf(stderr,
            "cupel-lake: %s/%s is running and takes the merged files between two epochs; waiting "
            "for it since %llu s (they are safe: this command may be interrupted)\n",
            handover->shard->domain, handover->shard->pipeline,
            (unsigned long long)(waited_ns / CUP_NS_PER_S));
    *due_ns = waited_ns + SAY_NEXT_S * CUP_NS_PER_S;
}

/* Until the manifest is gone: whoever holds the shard's lock takes it. */
static enum cup_err wait_taken(const struct cup_handover *handover, struct cup_fault *out_fault)
{
    const struct timespec pause    = {.tv_nsec = POLL_MS * 1000000l};
    uint64_t              since_ns = cup_clock_mono_ns(), due_ns = SAY_FIRST_S * CUP_NS_PER_S;
    struct cup_store_info info;
    char                  manifest[CUP_SHARD_BYTES];

    cup_shard_folder(handover->shard, CUP_UPKEEP_MANIFEST, manifest);
    for (;;) {
        enum cup_err err = cup_store_info(handover->store, manifest, &info, out_fault);
        if (err == CUP_NOT_FOUND) return CUP_OK;
        if (err == CUP_OK) err = take_ourselves(handover, out_fault);
        if (err != CUP_OK && err != CUP_LOCKED) return err;
        if (err == CUP_OK) continue;
        say_waiting(handover, since_ns, &due_ns);
        (void)nanosleep(&pause, NULL); /* a signal only shortens it */
    }
}

static void note_name(void *arg, const char *name)
{
    cup_text_put(arg, name, strlen(name) + 1);
}

/* Files of a round that never became a manifest. */
static enum cup_err clean(struct cup_handover *handover, struct cup_fault *out_fault)
{
    char            ready[CUP_SHARD_BYTES], name[CUP_STORE_NAME_BYTES];
    struct cup_text names = {0};

    cup_shard_folder(handover->shard, "upkeep/ready", ready);
    enum cup_err err = cup_store_clean(handover->store, out_fault);
    if (err != CUP_OK) return err;
    err = cup_store_list(handover->store, ready, note_name, &names, out_fault);
    if (err == CUP_NOT_FOUND) err = CUP_OK;
    if (err == CUP_OK && names.failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "clean", ready);
    for (size_t at = 0; err == CUP_OK && at < names.bytes; at += strlen(names.at + at) + 1) {
        int bytes = snprintf(name, sizeof name, "%s/%s", ready, names.at + at);
        if (bytes < (int)sizeof name) err = cup_store_remove(handover->store, name, out_fault);
    }
    cup_text_free(&names);
    return err;
}

enum cup_err cup_handover_open(struct cup_handover *handover, struct cup_fault *out_fault)
{
    char lock[CUP_SHARD_BYTES];

    enum cup_err err = cup_disk_open(CUP_DISK_POSIX, &handover->disk, out_fault);
    if (err == CUP_OK) err = open_store(handover, &handover->store, out_fault);
    cup_shard_folder(handover->shard, CUP_UPKEEP_LOCK, lock);
    if (err == CUP_OK) err = cup_store_lock(handover->store, lock, out_fault);
    if (err == CUP_OK) err = wait_taken(handover, out_fault);
    if (err == CUP_OK) err = clean(handover, out_fault);
    if (err != CUP_OK) cup_handover_close(handover);
    return err;
}

void cup_handover_add(struct cup_handover *handover, const struct cup_upkeep_merge *merge)
{
    cup_upkeep_put(&handover->manifest, merge);
    handover->bytes += merge->bytes;
    handover->count++;
}

enum cup_err cup_handover_flush(struct cup_handover *handover, struct cup_fault *out_fault)
{
    struct cup_text *text = &handover->manifest;
    char             name[CUP_SHARD_BYTES];
    enum cup_err     err = CUP_OK;

    if (handover->count == 0) return CUP_OK;
    cup_shard_folder(handover->shard, CUP_UPKEEP_MANIFEST, name);
    if (text->failed) err = cup_fault_set(out_fault, CUP_NO_MEMORY, "manifest", name);
    if (err == CUP_OK) err = cup_store_sync(handover->store, out_fault); /* the files' names */
    if (err == CUP_OK)
        err = cup_store_replace(handover->store, name, text->at, text->bytes, out_fault);
    if (err != CUP_OK) return err;
    cup_text_clear(text);
    handover->bytes = 0;
    handover->count = 0;
    return wait_taken(handover, out_fault);
}

void cup_handover_close(struct cup_handover *handover)
{
    /* after a failure, what was not handed over: perhaps because the disk is full */
    if (handover->store != NULL && handover->count > 0) (void)!clean(handover, NULL);
    cup_store_close(handover->store);
    cup_disk_close(handover->disk);
    cup_text_free(&handover->manifest);
    handover->store = NULL;
    handover->disk  = NULL;
}
