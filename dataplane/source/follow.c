// SPDX-License-Identifier: Apache-2.0
#include "dataplane/source/follow_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define SCAN_BYTES     (16u << 10) /* read backwards at a time, in search of an LF */
#define INFLATE_CHUNKS 64u         /* at a time: an epoch's end does not wait longer */
#define LIST_MIN       64u

/* --- the list --- */

/* A quarter of what the process may open, for all workers: the rest is for what they write. */
void cup_follow_priv_open(struct cup_follow *follow, uint32_t worker_count)
{
    struct rlimit limit = {.rlim_cur = 1024};

    CUP_ASSERT(worker_count > 0);
    (void)getrlimit(RLIMIT_NOFILE, &limit); /* else what is usual */
    uint64_t most       = limit.rlim_cur / 4 / worker_count;
    *follow             = (struct cup_follow){.open_max = CUP_FOLLOW_OPEN_MAX};
    follow->inflater.fd = -1;
    if (most < follow->open_max) follow->open_max = (uint32_t)most;
    if (follow->open_max < CUP_FOLLOW_OPEN_MIN) follow->open_max = CUP_FOLLOW_OPEN_MIN;
}

static void close_held(struct cup_follow *follow, struct cup_follow_file *file)
{
    if (file->fd < 0) return;
    close(file->fd);
    file->fd = -1;
    follow->open_count--;
}

static void free_file(struct cup_follow_file *file)
{
    if (file == NULL) return;
    free((void *)(uintptr_t)file->what.path);
    free((void *)(uintptr_t)file->what.first);
    free((void *)(uintptr_t)file->what.topic);
    free((void *)(uintptr_t)file->what.name);
    free(file);
}

void cup_follow_priv_close(struct cup_follow *follow)
{
    for (uint32_t i = 0; i < follow->count; i++) {
        close_held(follow, follow->files[i]);
        free_file(follow->files[i]);
    }
    free(follow->files);
    free(follow->ends);
    *follow = (struct cup_follow){0};
}

static int compare(const struct cup_source_file *a, const struct cup_source_file *b)
{
    if (a->group != b->group) return a->group < b->group ? -1 : 1;
    int order = strcmp(a->first, b->first);
    if (order != 0) return order;
    if (a->generation != b->generation) return a->generation < b->generation ? -1 : 1;
    return a->input < b->input ? -1 : a->input > b->input;
}

/* Where it is, or belongs. */
static uint32_t place_of(const struct cup_follow *follow, const struct cup_source_file *what)
{
    uint32_t from = 0, to = follow->count;

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (compare(&follow->files[middle]->what, what) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* Room for one more in each list: what ends later can then be told. */
static bool make_room(struct cup_follow *follow)
{
    if (follow->count + follow->end_count < follow->cap) return true;
    uint32_t cap   = follow->cap == 0 ? LIST_MIN : follow->cap * 2;
    void    *files = realloc(follow->files, cap * sizeof *follow->files);
    if (files != NULL) follow->files = files;
    void *ends = realloc(follow->ends, cap * sizeof *follow->ends);
    if (ends != NULL) follow->ends = ends;
    if (files == NULL || ends == NULL) return false;
    follow->cap = cap;
    return true;
}

static struct cup_follow_file *make_file(const struct cup_source_file *what)
{
    struct cup_follow_file *file = calloc(1, sizeof *file);

    if (file == NULL) return NULL;
    file->fd         = -1;
    file->what       = *what;
    file->what.path  = strdup(what->path);
    file->what.first = strdup(what->first);
    file->what.topic = strdup(what->topic);
    file->what.name  = strdup(what->name);
    if (file->what.path != NULL && file->what.first != NULL && file->what.topic != NULL &&
        file->what.name != NULL)
        return file;
    free_file(file);
    return NULL;
}

/* A new file may be the one that a writer went on with: what stands before it may have grown. */
enum cup_err cup_follow_priv_add(struct cup_follow *follow, const struct cup_source_file *what,
                                 uint32_t topic, struct cup_fault *out_fault)
{
    struct cup_follow_file *file = make_room(follow) ? make_file(what) : NULL;

    if (file == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "list of files", what->path);
    file->topic    = topic;
    file->position = file->limit = what->start;
    uint32_t at                  = place_of(follow, what);
    memmove(&follow->files[at + 1], &follow->files[at],
            (follow->count - at) * sizeof *follow->files);
    follow->files[at] = file;
    follow->count++;
    if (at < follow->round) follow->round++;
    for (uint32_t i = at + 1; i > 0 && follow->files[i - 1]->what.group == what->group; i--)
        follow->files[i - 1]->look = true;
    follow->due_ns = 0;
    return CUP_OK;
}

struct cup_follow_file *cup_follow_priv_find(const struct cup_follow *follow, uint32_t input)
{
    for (uint32_t i = 0; i < follow->count; i++)
        if (follow->files[i]->what.input == input) return follow->files[i];
    return NULL;
}

/* The file is over: told, and forgotten. */
static void end_file(struct cup_follow *follow, struct cup_follow_file *file)
{
    uint32_t              at  = place_of(follow, &file->what);
    struct cup_source_end end = {
        .input = file->what.input, .truncated = file->truncated, .position = file->position};

    CUP_ASSERT(at < follow->count && follow->files[at] == file);
    CUP_ASSERT(follow->end_count < follow->cap);
    if (!file->what.gzip && file->looked > file->position)
        end.lost_bytes = file->looked - file->position;
    follow->ends[follow->end_count++] = end;
    follow->count--;
    memmove(&follow->files[at], &follow->files[at + 1],
            (follow->count - at) * sizeof *follow->files);
    if (at < follow->round) follow->round--;
    close_held(follow, file);
    free_file(file);
}

/* --- descriptors --- */

/* The one that was idle longest gives its descriptor up. */
static void make_descriptor(struct cup_follow *follow)
{
    struct cup_follow_file *idle = NULL;

    if (follow->open_count < follow->open_max) return;
    for (uint32_t i = 0; i < follow->count; i++) {
        struct cup_follow_file *file = follow->files[i];
        bool used = file->fd < 0 || file == follow->reading || file == follow->inflating;
        if (!used && (idle == NULL || file->active_ns < idle->active_ns)) idle = file;
    }
    CUP_ASSERT(idle != NULL); /* there are more than two */
    close_held(follow, idle);
}

/* True when the file has a descriptor now. It may be gone, or its path lead elsewhere: then its new
 * path, or that it is gone, will be heard. */
static bool hold(struct cup_follow *follow, struct cup_follow_file *file)
{
    struct stat stat;
    uint64_t    bytes;

    if (file->fd >= 0) return true;
    make_descriptor(follow);
    if (cup_reader_priv_file(file->what.path, &file->fd, &bytes, NULL) != CUP_OK) {
        file->fd = -1;
        return false;
    }
    follow->open_count++;
    bool same = fstat(file->fd, &stat) == 0 && stat.st_dev == file->what.device &&
                stat.st_ino == file->what.inode;
    if (!same) close_held(follow, file);
    return same;
}

/* --- looking --- */

static enum cup_err read_at(const struct cup_follow_file *file, uint8_t *to, uint32_t count,
                            uint64_t at, uint32_t *out_bytes, struct cup_fault *out_fault)
{
    ssize_t got;

    do {
        got = pread(file->fd, to, count, (off_t)at);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return cup_fault_set(out_fault, CUP_IO, "read an input", file->what.path);
    *out_bytes = (uint32_t)got;
    return CUP_OK;
}

/* Keeps the bytes before the position, or compares with those that were kept: others mean that the
 * file was truncated and has grown again. */
static enum cup_err check_tail(struct cup_follow_file *file, bool keep, struct cup_fault *out_fault)
{
    uint8_t  tail[CUP_FOLLOW_TAIL];
    uint32_t got   = 0;
    uint32_t bytes = keep ? CUP_FOLLOW_TAIL : file->tail_bytes;

    if (file->what.gzip || file->fd < 0) return CUP_OK;
    if (bytes > file->position) bytes = (uint32_t)file->position;
    if (bytes == 0) return CUP_OK;
    enum cup_err err = read_at(file, tail, bytes, file->position - bytes, &got, out_fault);
    if (err != CUP_OK) return err;
    if (!keep)
        file->truncated = got != bytes || memcmp(tail, file->tail, bytes) != 0;
    else if (got == bytes)
        memcpy(file->tail, tail, bytes);
    if (keep) file->tail_bytes = got == bytes ? bytes : 0;
    return CUP_OK;
}

/* The limit is behind the last LF of [from, to). */
static enum cup_err find_lf(struct cup_follow_file *file, uint64_t from, uint64_t to,
                            struct cup_fault *out_fault)
{
    uint8_t bytes[SCAN_BYTES];

    while (to > from) {
        uint32_t     count = to - from < SCAN_BYTES ? (uint32_t)(to - from) : SCAN_BYTES, got = 0;
        enum cup_err err = read_at(file, bytes, count, to - count, &got, out_fault);
        if (err != CUP_OK) return err;
        const uint8_t *lf = memrchr(bytes, '\n', got);
        if (lf != NULL) {
            file->limit = to - count + (uint64_t)(lf - bytes) + 1;
            return CUP_OK;
        }
        to -= count;
    }
    return CUP_OK;
}

static enum cup_err take_growth(struct cup_follow *follow, struct cup_follow_file *file,
                                uint64_t size, uint64_t now, struct cup_fault *out_fault)
{
    uint64_t from = file->looked > file->position ? file->looked : file->position;

    if (!hold(follow, file)) return CUP_OK;
    enum cup_err err = check_tail(file, file->tail_bytes == 0, out_fault);
    if (err != CUP_OK || file->truncated) return err;
    file->active_ns = now;
    file->look      = false;
    if (file->what.gzip)
        file->inflate = true;
    else
        err = find_lf(file, from, size, out_fault);
    if (err == CUP_OK) file->looked = size;
    return err;
}

/* A removed file that is quiet is over. What is left is handed out, a line without LF too. */
static void take_leave(struct cup_follow_file *file, uint64_t now)
{
    uint64_t quiet_since = file->gone_ns > file->active_ns ? file->gone_ns : file->active_ns;

    if (file->gone_ns == 0 || file->inflate || now - quiet_since < CUP_FOLLOW_GRACE_NS) return;
    file->ending = true;
    if (file->fd >= 0) file->limit = file->what.gzip ? UINT64_MAX : file->looked;
}

static enum cup_err take_size(struct cup_follow *follow, struct cup_follow_file *file,
                              uint64_t size, uint64_t now, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    file->truncated = size < (file->what.gzip ? file->looked : file->position);
    if (file->truncated) return CUP_OK;
    if (size < file->looked) { /* what was seen and not handed out is other now */
        uint64_t seen = file->looked;
        file->looked = file->limit = file->position;
        if (hold(follow, file)) err = check_tail(file, false, out_fault);
        if (file->truncated) file->looked = seen; /* the rest of it is lost */
        if (err != CUP_OK || file->truncated) return err;
    }
    if (size > file->looked) return take_growth(follow, file, size, now, out_fault);
    file->look = false;
    return CUP_OK;
}

static enum cup_err look_at(struct cup_follow *follow, struct cup_follow_file *file, uint64_t now,
                            struct cup_fault *out_fault)
{
    struct stat  status;
    enum cup_err err = CUP_OK;

    /* while there are enough, a descriptor saves waiting until growth is told */
    if (follow->open_count < follow->open_max) (void)hold(follow, file);
    bool there = file->fd >= 0
                     ? fstat(file->fd, &status) == 0
                     : stat(file->what.path, &status) == 0 && status.st_dev == file->what.device &&
                           status.st_ino == file->what.inode;
    if (there) err = take_size(follow, file, (uint64_t)status.st_size, now, out_fault);
    if (err == CUP_OK && !file->truncated) take_leave(file, now);
    return err;
}

/* From the last to the first; see above. */
static enum cup_err look_all(struct cup_follow *follow, struct cup_fault *out_fault)
{
    uint64_t     now = cup_clock_mono_ns();
    enum cup_err err = CUP_OK;

    follow->behind = 0;
    for (uint32_t i = follow->count; err == CUP_OK && i > 0; i--) {
        struct cup_follow_file *file = follow->files[i - 1];
        if (file->ended) { /* damaged: it was kept because it still lay there */
            if (file->gone_ns != 0) end_file(follow, file);
            continue;
        }
        if (file->fd >= 0 || file->look || file->gone_ns != 0)
            err = look_at(follow, file, now, out_fault);
        if (!file->what.gzip && file->looked > file->position)
            follow->behind += file->looked - file->position;
    }
    uint64_t rest       = follow->round_bytes > CUP_FOLLOW_BUSY ? 0
                          : follow->round_bytes > 0             ? CUP_FOLLOW_BUSY_NS
                                                                : CUP_FOLLOW_LOOK_NS;
    follow->due_ns      = now + rest;
    follow->round_bytes = 0;
    follow->round       = 0;
    return err;
}

/* --- the limit of a gzip --- */

static enum cup_err begin_inflating(struct cup_follow *follow, struct cup_follow_file *file,
                                    struct cup_fault *out_fault)
{
    follow->began_ns    = cup_clock_mono_ns();
    follow->began_bytes = file->looked;
    follow->lf_all = follow->lf_members = 0;
    follow->inflating                   = file;
    return cup_reader_priv_take(&follow->inflater, file->what.path, file->fd, true, 0, UINT64_MAX,
                                out_fault);
}

/* Notes the LFs of the bytes that end at the reader's position. */
static void note_lf(struct cup_follow *follow, const uint8_t *bytes, uint32_t count)
{
    const struct cup_reader *reader = &follow->inflater;
    uint64_t                 start  = reader->position - count;
    uint64_t                 whole  = reader->member_end;

    if (whole > start && whole <= reader->position) {
        const uint8_t *lf  = memrchr(bytes, '\n', (size_t)(whole - start));
        follow->lf_members = lf == NULL ? follow->lf_all : start + (uint64_t)(lf - bytes) + 1;
    } else if (whole == start && whole > 0) {
        follow->lf_members = follow->lf_all;
    }
    const uint8_t *lf = memrchr(bytes, '\n', count);
    if (lf != NULL) follow->lf_all = start + (uint64_t)(lf - bytes) + 1;
}

/* A damaged file is read as far as it goes; one that ends inside a member waits. */
static void settle(struct cup_follow *follow)
{
    struct cup_follow_file *file  = follow->inflating;
    uint64_t                now   = cup_clock_mono_ns();
    uint64_t                limit = UINT64_MAX;

    if (follow->inflater.state == CUP_READER_END) limit = follow->lf_all;
    if (follow->inflater.state == CUP_READER_CUT) limit = follow->lf_members;
    if (limit > file->limit) file->limit = limit;
    file->inflate    = false;
    file->inflate_ns = now + (now - follow->began_ns) * CUP_FOLLOW_AGAIN_MUL;
    cup_reader_priv_close(&follow->inflater);
    follow->inflating = NULL;
}

static enum cup_err inflate_some(struct cup_follow *follow, uint8_t *scratch,
                                 struct cup_fault *out_fault)
{
    struct cup_reader *reader = &follow->inflater;
    enum cup_err       err    = CUP_OK;

    for (uint32_t i = 0; err == CUP_OK && i < INFLATE_CHUNKS && reader->state == CUP_READER_OPEN;
         i++) {
        uint32_t got = 0;
        err          = cup_reader_priv_read(reader, scratch, CUP_READER_CHUNK, &got, out_fault);
        if (err == CUP_OK) note_lf(follow, scratch, got);
    }
    if (err == CUP_OK && reader->state != CUP_READER_OPEN) settle(follow);
    follow->due_ns = 0;
    return err;
}

/* --- the next file --- */

/* What a file of the round asks for: AGAIN: nothing; OK: follow->reading or ->inflating is set. */
static enum cup_err consider(struct cup_follow *follow, struct cup_follow_file *file,
                             struct cup_fault *out_fault)
{
    if (file->ended) return CUP_AGAIN;
    if (!file->truncated && file->inflate && cup_clock_mono_ns() >= file->inflate_ns) {
        if (hold(follow, file)) return begin_inflating(follow, file, out_fault);
        file->look = true;
    }
    bool over = file->truncated || file->ending;
    if (file->position >= file->limit && !over) return CUP_AGAIN;
    if (!hold(follow, file) && !over) {
        file->look = true;
        return CUP_AGAIN;
    }
    if (file->position >= file->limit || file->truncated) close_held(follow, file);
    follow->reading = file;
    return CUP_OK;
}

enum cup_err cup_follow_priv_next(struct cup_follow *follow, uint8_t *scratch,
                                  struct cup_fault *out_fault)
{
    CUP_ASSERT(follow->reading == NULL);
    for (bool looked = false;;) {
        enum cup_err err = CUP_AGAIN;
        if (follow->inflating != NULL) {
            err = inflate_some(follow, scratch, out_fault);
            return err == CUP_OK ? CUP_AGAIN : err;
        }
        while (err == CUP_AGAIN && follow->round < follow->count) {
            err = consider(follow, follow->files[follow->round], out_fault);
            follow->round += err == CUP_AGAIN;
        }
        if (err == CUP_OK && follow->reading == NULL) continue; /* a gzip is looked into first */
        if (err != CUP_AGAIN) return err;
        if (looked || cup_clock_mono_ns() < follow->due_ns) return CUP_AGAIN;
        err = look_all(follow, out_fault);
        if (err != CUP_OK) return err;
        looked = true;
    }
}

void cup_follow_priv_took(struct cup_follow *follow, uint64_t position, bool ended)
{
    struct cup_follow_file *file = follow->reading;

    CUP_ASSERT(file != NULL);
    CUP_ASSERT(position >= file->position);
    follow->round_bytes += position - file->position;
    file->position = position;
    file->ended    = ended;
}

void cup_follow_priv_leave(struct cup_follow *follow)
{
    struct cup_follow_file *file = follow->reading;

    CUP_ASSERT(file != NULL);
    follow->reading = NULL;
    /* a file that cannot be read says so when it is read */
    if (!file->ended)
        (void)check_tail(file, true, NULL);
    else if (file->truncated || file->ending)
        end_file(follow, file);
    else
        close_held(follow, file);
}
