// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lake/delta_priv.h"
#include "lake/tool/tool_shard.h"

#define LINE_BYTES_MAX (64u << 10) /* a table's name and a few numbers */
#define LOG_NAME       "recover.log"

static enum cup_err open_log(const char *lake, const struct cup_shard *shard, int flags,
                             char out_path[CUP_PATH_BYTES], int *out_fd,
                             struct cup_fault *out_fault)
{
    char name[CUP_SHARD_BYTES];

    cup_shard_folder(shard, LOG_NAME, name);
    if (snprintf(out_path, CUP_PATH_BYTES, "%s/%s", lake, name) >= (int)CUP_PATH_BYTES)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a path is too long", lake);
    int fd = open(out_path, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return cup_fault_set(out_fault, errno == ENOENT ? CUP_NOT_FOUND : CUP_IO, "open", out_path);
    *out_fd = fd;
    return CUP_OK;
}

/* --- reading --- */

static enum cup_err get_all(int fd, const char *path, struct cup_text *out,
                            struct cup_fault *out_fault)
{
    static const char padding[CUP_JSON_PADDING];
    char              chunk[4096];
    ssize_t           got;

    while ((got = read(fd, chunk, sizeof chunk)) > 0)
        cup_text_put(out, chunk, (size_t)got);
    if (got < 0) return cup_fault_set(out_fault, CUP_IO, "read", path);
    size_t bytes = out->bytes;
    cup_text_put(out, padding, sizeof padding); /* the parser reads a little behind the end */
    if (out->failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "read", path);
    out->bytes = bytes;
    return CUP_OK;
}

/* The text of a member, malloc'ed; NULL when it is no text or memory is short. */
static char *copy_text(const struct cup_delta_priv_json *json, const char *member)
{
    uint32_t node = cup_delta_priv_member(json, 0, member);

    if (node == 0 || json->doc.nodes[node].kind != CUP_JSON_STRING) return NULL;
    const struct cup_json_node *text = &json->doc.nodes[node];
    char                       *copy = malloc((size_t)text->bytes + 1);
    if (copy != NULL)
        copy[cup_json_unescape(json->at + text->at, text->bytes, (uint8_t *)copy)] = '\0';
    return copy;
}

/* A line that gives up epochs of a table; others are for people. A line that was cut off by a crash
 * gives up nothing: what it would have noted was not done. */
static enum cup_err take_line(struct cup_audit *audit, struct cup_delta_priv_memory *memory,
                              const char *at, size_t bytes, struct cup_fault *out_fault)
{
    struct cup_delta_priv_json json;
    int64_t                    first, last;

    if (bytes == 0 || bytes > LINE_BYTES_MAX) return CUP_OK;
    if (cup_delta_priv_parse(memory, at, bytes, &json, NULL) != CUP_OK) return CUP_OK;
    if (!cup_delta_priv_i64(&json, cup_delta_priv_member(&json, 0, "first_epoch"), &first) ||
        !cup_delta_priv_i64(&json, cup_delta_priv_member(&json, 0, "last_epoch"), &last))
        return CUP_OK;
    char                *table = copy_text(&json, "table");
    struct cup_given_up *list  = realloc(audit->list, (audit->count + 1) * sizeof *list);
    if (list != NULL) audit->list = list;
    if (table == NULL || list == NULL) {
        free(table);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "read " LOG_NAME, NULL);
    }
    list[audit->count++] = (struct cup_given_up){table, (uint64_t)first, (uint64_t)last};
    return CUP_OK;
}

enum cup_err cup_audit_read(const char *lake, const struct cup_shard *shard,
                            struct cup_audit *audit, struct cup_fault *out_fault)
{
    struct cup_delta_priv_memory memory = {.json_bytes = LINE_BYTES_MAX};
    struct cup_text              text   = {0};
    char                         path[CUP_PATH_BYTES];
    int                          fd;

    enum cup_err err = open_log(lake, shard, O_RDONLY, path, &fd, out_fault);
    if (err != CUP_OK) return err == CUP_NOT_FOUND ? CUP_OK : err;
    err = get_all(fd, path, &text, out_fault);
    close(fd);
    if (err == CUP_OK)
        err =
            cup_json_open("auto", LINE_BYTES_MAX, CUP_JSON_LIMITS_DEFAULT, &memory.json, out_fault);
    for (size_t at = 0; err == CUP_OK && at < text.bytes;) {
        const char *lf    = memchr(text.at + at, '\n', text.bytes - at);
        size_t      bytes = lf != NULL ? (size_t)(lf - text.at) - at : text.bytes - at;
        err               = take_line(audit, &memory, text.at + at, bytes, out_fault);
        at += bytes + 1;
    }
    cup_json_close(memory.json);
    cup_text_free(&memory.scratch);
    cup_text_free(&text);
    return err;
}

bool cup_audit_excuses(const struct cup_audit *audit, const char *table, uint64_t epoch)
{
    for (uint32_t i = 0; i < audit->count; i++) {
        const struct cup_given_up *given = &audit->list[i];
        if (epoch >= given->first && epoch <= given->last && strcmp(given->table, table) == 0)
            return true;
    }
    return false;
}

void cup_audit_free(struct cup_audit *audit)
{
    for (uint32_t i = 0; i < audit->count; i++)
        free(audit->list[i].table);
    free(audit->list);
    *audit = (struct cup_audit){0};
}

/* --- writing --- */

static enum cup_err sync_parent(const char *path, struct cup_fault *out_fault)
{
    char folder[CUP_PATH_BYTES];

    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    int          fd  = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool         ok  = fd >= 0 && fsync(fd) == 0;
    enum cup_err err = ok ? CUP_OK : cup_fault_set(out_fault, CUP_IO, "sync folder", folder);
    if (fd >= 0) close(fd);
    return err;
}

enum cup_err cup_audit_write(const char *lake, const struct cup_shard *shard, const char *members,
                             struct cup_fault *out_fault)
{
    struct cup_text line = {0};
    char            path[CUP_PATH_BYTES], at[32] = "";
    time_t          now = time(NULL);
    struct tm       parts;
    int             fd;

    if (gmtime_r(&now, &parts) != NULL) (void)strftime(at, sizeof at, "%FT%TZ", &parts);
    /* it begins a line of its own even behind one that a crash cut off */
    cup_text_printf(&line, "\n{\"at\":\"%s\",\"uid\":%u,\"pid\":%ld,%s}\n", at, getuid(),
                    (long)getpid(), members);
    if (line.failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "write " LOG_NAME, NULL);
    enum cup_err err = open_log(lake, shard, O_WRONLY | O_CREAT | O_APPEND, path, &fd, out_fault);
    if (err == CUP_OK) {
        bool ok = write(fd, line.at, line.bytes) == (ssize_t)line.bytes && fsync(fd) == 0;
        if (!ok) err = cup_fault_set(out_fault, CUP_IO, "write", path);
        close(fd);
    }
    cup_text_free(&line);
    return err == CUP_OK ? sync_parent(path, out_fault) : err;
}
