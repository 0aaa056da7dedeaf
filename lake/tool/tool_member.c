// SPDX-License-Identifier: Apache-2.0
#include "lake/tool/tool_member.h"

#include <stdlib.h>

#define IN_BYTES     (64u << 10)
#define OUT_BYTES    (256u << 10)
#define SEALED_BYTES (CUP_SEAL_CHUNK_BYTES + CUP_SEAL_EXTRA_BYTES)
_Static_assert(IN_BYTES == CUP_SEAL_CHUNK_BYTES, "a chunk is inflated at a time");

enum cup_err cup_member_open(const char *folder, struct cup_member *out_member,
                             struct cup_fault *out_fault)
{
    struct cup_member member = {.folder = folder, .file_name = UINT32_MAX};

    CUP_ASSERT(folder != NULL);
    enum cup_err err = cup_inflate_open(&member.inflate, out_fault);
    if (err != CUP_OK) return err;
    member.in  = malloc(IN_BYTES);
    member.out = malloc(OUT_BYTES + SEALED_BYTES); /* and a sealed chunk behind it */
    if (member.in == NULL || member.out == NULL) {
        cup_member_close(&member);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "replay", NULL);
    }
    *out_member = member;
    return CUP_OK;
}

void cup_member_close(struct cup_member *member)
{
    cup_inflate_close(member->inflate);
    if (member->file_name != UINT32_MAX) cup_lake_file_close(&member->file);
    free(member->in);
    free(member->out);
    cup_text_free(&member->text);
    *member = (struct cup_member){.file_name = UINT32_MAX};
}

static enum cup_err corrupt(const struct cup_member *member, const char *what,
                            struct cup_fault *out_fault)
{
    (void)cup_fault_set(out_fault, CUP_CORRUPT, what, member->file.path);
    out_fault->at_offset = member->member_at;
    return CUP_CORRUPT;
}

/* Inflates in[0..count) to the text; *ended: a member ended, with the last byte unless `alone`. */
static enum cup_err inflate_piece(struct cup_member *member, size_t count, bool alone, bool *ended,
                                  struct cup_fault *out_fault)
{
    size_t at = 0;

    *ended = false;
    for (;;) {
        size_t       taken = 0, written = 0;
        enum cup_err err = cup_inflate_more(member->inflate, member->in + at, count - at,
                                            member->out, OUT_BYTES, &taken, &written);
        if (err != CUP_OK && err != CUP_END)
            return corrupt(member, "inflate a member: it is damaged; restore the file", out_fault);
        at += taken;
        cup_text_put(&member->text, member->out, written);
        if (member->text.failed)
            return cup_fault_set(out_fault, CUP_NO_MEMORY, "inflate a member", member->file.path);
        *ended = err == CUP_END;
        if (*ended || (at == count && written < OUT_BYTES)) break;
    }
    if (at < count && !alone)
        return corrupt(member, "a member ends before the next one starts; restore the file",
                       out_fault);
    return CUP_OK;
}

/* The same of a sealed member: head, then chunk after chunk. */
static enum cup_err inflate_sealed(struct cup_member *member, uint64_t at, uint64_t end,
                                   bool *ended, struct cup_fault *out_fault)
{
    struct cup_bytes_source *source = &member->file.source;
    struct cup_seal          seal;
    uint8_t                  head[CUP_SEAL_HEAD_BYTES], *sealed = member->out + OUT_BYTES;

    if (end - at < sizeof head)
        return corrupt(member, "open a member: it is cut off; restore the file", out_fault);
    enum cup_err err = source->read(source->arg, at, head, sizeof head, out_fault);
    if (err != CUP_OK) return err;
    if (cup_seal_is(head, sizeof head) && !cup_seal_is_of(member->key, head))
        return cup_fault_set(out_fault, CUP_END, "another key", member->file.path);
    if (!cup_seal_open(&seal, member->key, at, CUP_SEAL_MEMBER, head))
        return corrupt(member, "open a member: it is damaged; restore the file", out_fault);
    for (at += sizeof head; err == CUP_OK && at < end;) {
        size_t count = end - at < SEALED_BYTES ? (size_t)(end - at) : SEALED_BYTES;
        err          = source->read(source->arg, at, sealed, count, out_fault);
        if (err != CUP_OK) return err;
        at += count;
        if (!cup_seal_open_chunk(&seal, sealed, count, at == end, member->in))
            return corrupt(member, "open a member: it is damaged; restore the file", out_fault);
        if (count > CUP_SEAL_EXTRA_BYTES)
            err = inflate_piece(member, count - CUP_SEAL_EXTRA_BYTES, false, ended, out_fault);
    }
    return err;
}

static enum cup_err inflate_range(struct cup_member *member, uint64_t at, uint64_t end, bool alone,
                                  struct cup_fault *out_fault)
{
    bool ended = false;

    cup_inflate_reset(member->inflate);
    cup_text_clear(&member->text);
    if (member->key != NULL) {
        enum cup_err err = inflate_sealed(member, at, end, &ended, out_fault);
        if (err != CUP_OK) return err;
        at = end;
    }
    while (at < end && !(alone && ended)) {
        size_t       count = end - at < IN_BYTES ? (size_t)(end - at) : IN_BYTES;
        enum cup_err err =
            member->file.source.read(member->file.source.arg, at, member->in, count, out_fault);
        if (err == CUP_OK) err = inflate_piece(member, count, alone, &ended, out_fault);
        if (err != CUP_OK) return err;
        at += count;
    }
    if (!ended)
        return corrupt(member, "inflate a member: it is cut off; restore the file", out_fault);
    return CUP_OK;
}

enum cup_err cup_member_load(struct cup_member *member, const char *file, uint32_t file_name,
                             uint64_t at, uint64_t end, struct cup_fault *out_fault)
{
    CUP_ASSERT(file_name != UINT32_MAX);
    CUP_ASSERT(at < end);
    if (member->loaded && member->file_name == file_name && member->member_at == at) return CUP_OK;
    member->loaded = false;
    if (member->file_name != file_name) {
        if (member->file_name != UINT32_MAX) cup_lake_file_close(&member->file);
        member->file_name = UINT32_MAX;
        enum cup_err err  = cup_lake_file_open(member->folder, file, &member->file, out_fault);
        if (err != CUP_OK) return err;
        /* The source's argument must be the struct's final place. */
        member->file_name = file_name;
    }
    member->member_at = at;
    bool alone        = end == CUP_MEMBER_END_UNKNOWN;
    if (end >= CUP_MEMBER_END_UNKNOWN) end = member->file.source.bytes;
    if (at >= end || end > member->file.source.bytes)
        return corrupt(member, "a member lies behind the file's end; restore the file", out_fault);
    enum cup_err err = inflate_range(member, at, end, alone, out_fault);
    if (err == CUP_OK) member->loaded = true;
    return err;
}
