// SPDX-License-Identifier: Apache-2.0
#include "lake/tool/tool_shard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the folders --- */

static int compare_shards(const void *a, const void *b)
{
    const struct cup_shard *x = a, *y = b;
    int                     order = strcmp(x->domain, y->domain);

    if (order == 0) order = strcmp(x->pipeline, y->pipeline);
    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

/* The number that a folder's name is; false when it is none. */
static bool read_number(const char *name, uint32_t *out_number)
{
    char again[16];

    *out_number = (uint32_t)strtoul(name, NULL, 10);
    snprintf(again, sizeof again, "%u", *out_number);
    return strcmp(again, name) == 0;
}

struct finding {
    const char        *names[2]; /* domain, pipeline; NULL: all */
    uint32_t           number;
    struct cup_shards *shards;
    struct cup_shard   at; /* filled level by level */
};

static enum cup_err take(struct finding *finding, const char *name, struct cup_fault *out_fault)
{
    struct cup_shards *shards = finding->shards;
    uint32_t           number;

    if (!read_number(name, &number)) return CUP_OK; /* the ledger */
    if (finding->number != CUP_SHARD_ANY && finding->number != number) return CUP_OK;
    struct cup_shard *list = realloc(shards->list, (shards->count + 1) * sizeof *list);
    if (list == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "list shards", NULL);
    shards->list               = list;
    list[shards->count]        = finding->at;
    list[shards->count].number = number;
    shards->count++;
    return CUP_OK;
}

/* Depth 0: domains, 1: pipelines, 2: shards; bounded by that. */
static enum cup_err walk(struct finding *finding, const char *path, int depth,
                         struct cup_fault *out_fault)
{
    char *const    parts[] = {finding->at.domain, finding->at.pipeline};
    char           below[CUP_PATH_BYTES];
    struct dirent *entry;
    struct stat    info;
    enum cup_err   err    = CUP_OK;
    DIR           *folder = opendir(path);

    CUP_ASSERT(depth <= 2);
    if (folder == NULL)
        return cup_fault_set(out_fault, errno == ENOENT ? CUP_NOT_FOUND : CUP_IO, "list", path);
    while (err == CUP_OK && (entry = readdir(folder)) != NULL) {
        const char *name = entry->d_name;
        if (name[0] == '.' || strlen(name) > 255) continue;
        if (depth < 2 && finding->names[depth] != NULL && strcmp(finding->names[depth], name) != 0)
            continue;
        int bytes = snprintf(below, sizeof below, "%s/%s", path, name);
        if (bytes >= (int)sizeof below || lstat(below, &info) != 0 || !S_ISDIR(info.st_mode))
            continue;
        if (depth < 2) memcpy(parts[depth], name, strlen(name) + 1);
        err =
            depth < 2 ? walk(finding, below, depth + 1, out_fault) : take(finding, name, out_fault);
    }
    closedir(folder);
    return err;
}

enum cup_err cup_shards_find(const char *lake, const char *domain, const char *pipeline,
                             uint32_t number, struct cup_shards *out_shards,
                             struct cup_fault *out_fault)
{
    struct cup_shards shards  = {0};
    struct finding    finding = {.names = {domain, pipeline}, .number = number, .shards = &shards};
    char              path[CUP_PATH_BYTES];

    if (snprintf(path, sizeof path, "%s/_cupel", lake) >= (int)sizeof path)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a path is too long", lake);
    enum cup_err err = walk(&finding, path, 0, out_fault);
    if (err != CUP_OK) {
        cup_shards_free(&shards);
        return err;
    }
    if (shards.count > 0) qsort(shards.list, shards.count, sizeof *shards.list, compare_shards);
    *out_shards = shards;
    return CUP_OK;
}

void cup_shards_free(struct cup_shards *shards)
{
    free(shards->list);
    *shards = (struct cup_shards){0};
}

uint32_t cup_shards_count(const char *lake, const char *domain, const char *pipeline)
{
    char     path[CUP_PATH_BYTES];
    char     text[16];
    uint32_t count = 1; /* a lake that was begun before the number was noted */
    FILE    *file  = NULL;

    if (snprintf(path, sizeof path, "%s/_cupel/%s/%s/shards", lake, domain, pipeline) <
        (int)sizeof path)
        file = fopen(path, "re");
    if (file != NULL && fgets(text, sizeof text, file) != NULL)
        count = (uint32_t)strtoul(text, NULL, 10);
    if (file != NULL) (void)fclose(file); /* it was only read */
    return count;
}

void cup_shard_app(const struct cup_shard *shard, char out_app[CUP_SHARD_BYTES])
{
    snprintf(out_app, CUP_SHARD_BYTES, "cupel/%s/%s/%u", shard->domain, shard->pipeline,
             shard->number);
}

void cup_shard_folder(const struct cup_shard *shard, const char *leaf,
                      char out_name[CUP_SHARD_BYTES])
{
    snprintf(out_name, CUP_SHARD_BYTES, "_cupel/%s/%s/%u%s%s", shard->domain, shard->pipeline,
             shard->number, leaf[0] != '\0' ? "/" : "", leaf);
}

static bool put_path(const char *lake, const struct cup_shard *shard, const char *leaf,
                     char out_path[CUP_PATH_BYTES])
{
    char name[CUP_SHARD_BYTES];

    cup_shard_folder(shard, leaf, name);
    return snprintf(out_path, CUP_PATH_BYTES, "%s/%s", lake, name) < (int)CUP_PATH_BYTES;
}

/* A shared lock is taken for a moment: a process that starts just then tries more than once. */
bool cup_shard_held(const char *lake, const struct cup_shard *shard,
                    char out_holder[CUP_HOLDER_BYTES])
{
    char path[CUP_PATH_BYTES];

    out_holder[0] = '\0';
    int fd        = put_path(lake, shard, "lock", path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return false;
    bool    held                      = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ssize_t bytes                     = pread(fd, out_holder, CUP_HOLDER_BYTES - 1, 0);
    out_holder[bytes > 0 ? bytes : 0] = '\0';
    out_holder[strcspn(out_holder, "\r\n")] = '\0';
    close(fd);
    return held;
}
