// SPDX-License-Identifier: Apache-2.0
#include "lake/tool/tool_keys.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernels/value/binary.h"

enum cup_err cup_keys_init(struct cup_keys *keys, const char *folder, const char *domain,
                           const char *pipeline, struct cup_fault *out_fault)
{
    *keys = (struct cup_keys){.place = {.folder = folder, .domain = domain, .pipeline = pipeline}};
    struct stat status;

    /* a folder that is not there is a mistake; a key that is not there is an erasure */
    if (folder != NULL && stat(folder, &status) != 0)
        return cup_fault_set(out_fault, CUP_IO, "find the key folder", folder);
    if (folder != NULL && !S_ISDIR(status.st_mode))
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "--keys needs a folder", folder);
    return cup_seal_init(out_fault);
}

void cup_keys_free(struct cup_keys *keys)
{
    cup_seal_key_forget(&keys->key);
    cup_texts_free(&keys->erased_days);
    *keys = (struct cup_keys){0};
}

enum cup_err cup_keys_day(struct cup_keys *keys, const char *day, struct cup_fault *out_fault)
{
    if (keys->place.folder == NULL)
        return cup_fault_set(out_fault, CUP_BAD_CONFIG,
                             "the records are sealed: give --keys FOLDER; sealed on", day);
    if (strcmp(keys->day, day) != 0) {
        enum cup_err err = cup_day_key_load(&keys->place, day, &keys->key, out_fault);
        if (err != CUP_OK && err != CUP_NOT_FOUND) return err;
        keys->has_key = err == CUP_OK;
        snprintf(keys->day, sizeof keys->day, "%s", day);
    }
    return keys->has_key ? CUP_OK : cup_fault_set(out_fault, CUP_NOT_FOUND, "find a key of", day);
}

enum cup_err cup_keys_open(struct cup_keys *keys, enum cup_seal_kind kind, uint64_t position,
                           const uint8_t *bytes, size_t count, struct cup_text *out,
                           struct cup_fault *out_fault)
{
    uint8_t *decoded = NULL;
    size_t   made    = count;
    bool     good    = true;

    CUP_ASSERT(keys->has_key);
    if (kind == CUP_SEAL_HEADERS) {
        decoded = malloc(count / 4 * 3 + 1);
        if (decoded == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "open headers", NULL);
        good  = cup_base64_decode(bytes, count, false, decoded, &made);
        bytes = decoded;
    }
    good         = good && cup_seal_is(bytes, made);
    bool   ours  = good && cup_seal_is_of(&keys->key, bytes);
    size_t plain = cup_seal_unsealed(made);
    void  *room  = good && ours ? cup_text_room(out, plain) : NULL;
    if (good && ours && room == NULL)
        good = false;
    else if (good && ours)
        good = cup_seal_open_whole(&keys->key, position, kind, bytes, made, room);
    free(decoded);
    if (good && !ours) return cup_fault_set(out_fault, CUP_NOT_FOUND, "find a key of", keys->day);
    if (good) return CUP_OK;
    return cup_fault_set(out_fault, out->failed ? CUP_NO_MEMORY : CUP_CORRUPT,
                         "open a sealed cell of the index: it is damaged; restore the file",
                         keys->place.pipeline);
}

void cup_keys_erased(struct cup_keys *keys)
{
    keys->erased++;
    (void)cup_texts_put(&keys->erased_days, keys->day,
                        strlen(keys->day)); /* only for the message */
}

void cup_keys_put_erased(const struct cup_keys *keys, struct cup_text *out)
{
    bool many = keys->erased_days.count > 1;

    if (keys->erased == 0) return;
    cup_text_printf(out, "%" PRIu64 " records are erased: the key%s of", keys->erased,
                    many ? "s" : "");
    for (uint32_t i = 0; i < keys->erased_days.count; i++)
        cup_text_printf(out, "%s %s", i == 0 ? "" : ",", keys->erased_days.list[i]);
    cup_text_printf(out, " %s gone", many ? "are" : "is");
}
