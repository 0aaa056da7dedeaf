// SPDX-License-Identifier: Apache-2.0
/* Inputs of a plan that never ends: which position a found file has, whatever it is called now. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "dataplane/commit/commit_priv.h"

#define BUCKETS_MIN 256u

/* --- positions by device and inode --- */

static uint32_t bucket_of(const struct cup_commit *commit, const struct cup_input_identity *file)
{
    uint64_t hash = (file->device * 0x9E3779B97F4A7C15u ^ file->inode) * 0x9E3779B97F4A7C15u;
    uint32_t mask = commit->bucket_count - 1, at = (uint32_t)(hash >> 32) & mask;

    for (; commit->buckets[at] != 0; at = (at + 1) & mask) {
        const struct cup_input_identity *other =
            &commit->state.positions.list[commit->buckets[at] - 1]->identity;
        if (other->device == file->device && other->inode == file->inode) break;
    }
    return at;
}

/* Takes in the positions that were added since; of one file the last generation counts. */
static bool index_positions(struct cup_commit *commit)
{
    const struct cup_positions *positions = &commit->state.positions;

    if (positions->count * 2ul >= commit->bucket_count) {
        uint32_t count = commit->bucket_count == 0 ? BUCKETS_MIN : commit->bucket_count;
        while (positions->count * 2ul >= count)
            count *= 2;
        uint32_t *buckets = calloc(count, sizeof *buckets);
        if (buckets == NULL) return false;
        free(commit->buckets);
        commit->buckets      = buckets;
        commit->bucket_count = count;
        commit->indexed      = 0;
    }
    for (; commit->indexed < positions->count; commit->indexed++) {
        const struct cup_position *position                     = positions->list[commit->indexed];
        commit->buckets[bucket_of(commit, &position->identity)] = commit->indexed + 1;
    }
    return true;
}

/* --- one file --- */

size_t cup_position_base(const char *text, uint32_t generation)
{
    char suffix[16];

    if (generation == 0) return strlen(text);
    int count = snprintf(suffix, sizeof suffix, "~%u", generation);
    CUP_ASSERT(count > 0 && strlen(text) > (size_t)count);
    return strlen(text) - (size_t)count;
}

/* Is the file as it is now what was read under this position? *out_other: it was, but its bytes are
 * others now. */
static bool is_it(const struct cup_position *position, const struct cup_commit_file *file,
                  const struct cup_input_identity *now, uint64_t size, bool *out_other)
{
    const struct cup_input_identity *old = &position->identity;
    struct cup_input_identity        again;

    if (position->forgotten) return false;
    if (old->born_us != 0 && now->born_us != 0 && old->born_us != now->born_us) return false;
    bool same = size >= (file->gzip ? position->size : position->end);
    if (same && old->head_bytes > 0)
        same = cup_input_identify(file->path, old->head_bytes, &again, NULL) == CUP_OK &&
               again.head_bytes == old->head_bytes && again.head_crc32c == old->head_crc32c;
    *out_other = !same;
    return same;
}

static const char *key_of(const struct cup_commit_file *file)
{
    return file->key == NULL ? file->path : file->key;
}

/* A name that no input had: generations are counted on from those that are forgotten. */
static struct cup_position *add_generation(struct cup_commit            *commit,
                                           const struct cup_commit_file *file)
{
    struct cup_positions *positions  = &commit->state.positions;
    uint32_t              generation = commit->state.generation_min;
    char                  path[PATH_MAX + 16], topic[PATH_MAX + 16];

    for (;; generation++) {
        const char *format = generation == 0 ? "%s" : "%s~%u";
        snprintf(path, sizeof path, format, key_of(file), generation);
        snprintf(topic, sizeof topic, format, file->topic, generation);
        if (cup_positions_find(positions, path) == NULL) break;
    }
    struct cup_position *position = cup_positions_add(positions, path, topic);
    if (position != NULL) position->generation = generation;
    return position;
}

bool cup_commit_priv_put_input(struct cup_commit *commit, uint32_t input,
                               struct cup_position *position)
{
    if (input >= commit->input_count) {
        uint32_t count = commit->input_count == 0 ? 64 : commit->input_count * 2;
        if (count <= input) count = input + 1;
        void *grown = realloc(commit->inputs, count * sizeof *commit->inputs);
        if (grown == NULL) return false;
        commit->inputs = grown;
        memset(commit->inputs + commit->input_count, 0,
               (count - commit->input_count) * sizeof *commit->inputs);
        commit->input_count = count;
    }
    commit->inputs[input] = position;
    return true;
}

static void tell(const struct cup_position *position, struct cup_commit_place *out_place)
{
    out_place->path       = position->path;
    out_place->name       = position->topic;
    out_place->generation = position->generation;
    out_place->start      = position->end;
    out_place->identity   = position->identity;
}

enum cup_err cup_commit_follow(struct cup_commit *commit, uint32_t input,
                               const struct cup_commit_file *file,
                               struct cup_commit_place *out_place, struct cup_fault *out_fault)
{
    struct cup_commit_place   place    = {0};
    struct cup_position      *position = NULL;
    struct cup_input_identity now;
    struct stat               info;

    CUP_ASSERT(commit->plan->until_end == 0);
    if (cup_input_identify(file->path, 0, &now, out_fault) != CUP_OK ||
        stat(file->path, &info) != 0)
        return cup_fault_set(out_fault, CUP_NOT_FOUND, "look at input", file->path);
    if (!index_positions(commit))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "input", file->path);
    uint32_t bucket = commit->buckets[bucket_of(commit, &now)];
    uint64_t size   = (uint64_t)info.st_size;
    if (bucket > 0 && !file->anew) position = commit->state.positions.list[bucket - 1];
    if (position != NULL && !is_it(position, file, &now, size, &place.changed)) position = NULL;
    if (position == NULL && file->beside)
        return cup_fault_set(out_fault, CUP_NOT_FOUND, "input", file->path);
    if (position == NULL) {
        place.rotated = cup_positions_find(&commit->state.positions, key_of(file)) != NULL;
        position      = add_generation(commit, file);
    }
    if (position == NULL || !cup_commit_priv_put_input(commit, input, position))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "input", file->path);
    enum cup_err err = cup_commit_priv_is_ours(commit, position, out_fault);
    if (err != CUP_OK) return err;
    position->identity = now;
    position->size     = size;
    position->checked  = position->end;
    position->started  = true;
    position->gone     = false;
    if (!index_positions(commit))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "input", file->path);
    tell(position, &place);
    *out_place = place;
    return CUP_OK;
}

uint64_t cup_commit_end(const struct cup_commit *commit, uint32_t input)
{
    CUP_ASSERT(input < commit->input_count && commit->inputs[input] != NULL);
    return commit->inputs[input]->end;
}

void cup_commit_gone(struct cup_commit *commit, uint32_t input)
{
    CUP_ASSERT(input < commit->input_count && commit->inputs[input] != NULL);
    commit->inputs[input]->gone = true;
}

/* The folder must be there, on its device: a disk that is not mounted has lost nothing. */
static bool is_gone(const struct cup_position *position)
{
    size_t      bytes = cup_position_base(position->path, position->generation);
    char        path[PATH_MAX];
    struct stat info;

    if (bytes >= sizeof path) return false;
    memcpy(path, position->path, bytes);
    path[bytes] = '\0';
    if (stat(path, &info) == 0 && info.st_dev == position->identity.device &&
        info.st_ino == position->identity.inode)
        return false;
    char *slash = strrchr(path, '/');
    if (slash == NULL) return false;
    slash[slash == path] = '\0';
    return stat(path, &info) == 0 && info.st_dev == position->identity.device;
}

void cup_commit_scanned(struct cup_commit *commit)
{
    for (uint32_t i = 0; i < commit->state.positions.count; i++) {
        struct cup_position *position = commit->state.positions.list[i];
        if (position->recorded && !position->started && !position->forgotten)
            position->gone = is_gone(position);
    }
}
