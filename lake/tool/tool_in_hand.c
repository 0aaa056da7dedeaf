// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "dataplane/commit/journal.h"
#include "dataplane/commit/upkeep.h"
#include "lake/tool/tool_vacuum.h"

static enum cup_err read_shard(struct cup_store *store, const struct cup_shard *shard,
                               struct cup_text *text, struct cup_fault *out_fault)
{
    struct cup_journal_state state = {0};
    char                     name[CUP_SHARD_BYTES];

    cup_shard_folder(shard, "journal", name);
    enum cup_err err = cup_journal_read(store, name, &state, out_fault);
    if (err == CUP_NOT_FOUND) err = CUP_OK; /* a shard that never decided anything */
    if (err == CUP_OK) {
        cup_text_put(text, state.open.at, state.open.bytes);
        cup_text_put(text, state.placing.at, state.placing.bytes);
    }
    cup_journal_state_free(&state);
    cup_shard_folder(shard, CUP_UPKEEP_MANIFEST, name);
    if (err == CUP_OK) err = cup_store_get(store, name, text, out_fault);
    return err == CUP_NOT_FOUND ? CUP_OK : err;
}

enum cup_err cup_in_hand_read(const char *lake, const struct cup_shards *shards,
                              struct cup_in_hand *out_hand, struct cup_fault *out_fault)
{
    struct cup_in_hand hand = {0};
    struct cup_disk   *disk;

    enum cup_err err = cup_disk_open(CUP_DISK_POSIX, &disk, out_fault);
    if (err != CUP_OK) return err;
    for (uint32_t i = 0; err == CUP_OK && i < shards->count; i++) {
        char              staging[CUP_SHARD_BYTES];
        struct cup_store *store;
        cup_shard_folder(&shards->list[i], CUP_UPKEEP_STAGING, staging);
        err = cup_store_open(disk, lake, staging, &store, out_fault);
        if (err != CUP_OK) break;
        err = read_shard(store, &shards->list[i], &hand.text, out_fault);
        cup_store_close(store);
    }
    cup_disk_close(disk);
    if (err == CUP_OK && hand.text.failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "read journals", lake);
    if (err != CUP_OK) {
        cup_in_hand_free(&hand);
        return err;
    }
    *out_hand = hand;
    return CUP_OK;
}

bool cup_in_hand_names(const struct cup_in_hand *hand, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *leaf  = slash == NULL ? path : slash + 1;

    return hand->text.bytes > 0 &&
           memmem(hand->text.at, hand->text.bytes, leaf, strlen(leaf)) != NULL;
}

void cup_in_hand_free(struct cup_in_hand *hand)
{
    cup_text_free(&hand->text);
}
