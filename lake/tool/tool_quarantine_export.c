// SPDX-License-Identifier: Apache-2.0
/* Writes records of a quarantine to a file that a run of the pipeline takes as its input.
 *
 *   retry/<time>-<random>.tmp --fsync, rename, fsync folder--> retry/<time>-<random>.retry
 *
 * The run's journal makes the file exactly once, as any input. It is removed when the run has
 * ended; what is in it then is either settled in the quarantine table or still open there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kernels/value/binary.h"
#include "lake/tool/tool_quarantine_priv.h"

#define SUFFIX       ".retry"
#define LINE_EXTRA   (64u << 10) /* as the data plane allows a dump line beyond twice a record */
#define FLUSH_BYTES  (1u << 20)
#define BASE64_GROUP 3u

/* --- the folder --- */

static bool has_suffix(const char *name, const char *suffix)
{
    size_t bytes = strlen(name), wanted = strlen(suffix);
    return bytes > wanted && strcmp(name + bytes - wanted, suffix) == 0;
}

/* What a crash left: an unfinished file is removed, a finished one is pending. */
static enum cup_err look(struct cup_retry_folder *folder, struct cup_fault *out_fault)
{
    struct dirent *entry;
    DIR           *dir = opendir(folder->path);

    if (dir == NULL) return cup_fault_set(out_fault, CUP_IO, "list", folder->path);
    while ((entry = readdir(dir)) != NULL) {
        if (has_suffix(entry->d_name, ".tmp"))
            (void)unlinkat(folder->fd, entry->d_name, 0); /* next time */
        if (!has_suffix(entry->d_name, SUFFIX)) continue;
        if (snprintf(folder->pending, sizeof folder->pending, "%s/%s", folder->path,
                     entry->d_name) >= (int)sizeof folder->pending) {
            closedir(dir);
            return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a path is too long", folder->path);
        }
    }
    closedir(dir);
    return CUP_OK;
}

enum cup_err cup_retry_priv_open(const char *lake, const struct cup_shard *shard,
                                 struct cup_retry_folder *out_folder, struct cup_fault *out_fault)
{
    struct cup_retry_folder folder = {.fd = -1};
    char                    name[CUP_SHARD_BYTES];

    cup_shard_folder(shard, "retry", name);
    if (snprintf(folder.path, sizeof folder.path, "%s/%s", lake, name) >= (int)sizeof folder.path)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a path is too long", lake);
    if (mkdir(folder.path, 0700) != 0 && errno != EEXIST)
        return cup_fault_set(out_fault, CUP_IO, "make a folder", folder.path);
    folder.fd = open(folder.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder.fd < 0) return cup_fault_set(out_fault, CUP_IO, "open", folder.path);
    enum cup_err err = CUP_OK;
    if (flock(folder.fd, LOCK_EX) != 0) err = cup_fault_set(out_fault, CUP_IO, "lock", folder.path);
    if (err == CUP_OK) err = look(&folder, out_fault);
    if (err != CUP_OK) {
        cup_retry_priv_close(&folder);
        return err;
    }
    *out_folder = folder;
    return CUP_OK;
}

void cup_retry_priv_close(struct cup_retry_folder *folder)
{
    if (folder->fd >= 0) close(folder->fd); /* and with it the lock */
    folder->fd = -1;
}

/* --- one line --- */

struct export
{
    struct cup_quarantine               *quarantine;
    const struct cup_quarantine_options *options;
    struct cup_retry_sums                sums;
    struct cup_text                      text;
    char                                 by[128];
    int                                  fd; /* -1: only counts */
    const char                          *path;
};

static void put_base64(struct cup_text *text, const char *bytes, size_t count)
{
    uint8_t out[4096];
    size_t  step = sizeof out / 4 * BASE64_GROUP;

    if (bytes == NULL) {
        cup_text_puts(text, "null");
        return;
    }
    cup_text_puts(text, "\"");
    for (size_t at = 0; at < count; at += step) {
        size_t some = count - at < step ? count - at : step;
        size_t made = cup_base64_encode((const uint8_t *)bytes + at, some, out);
        cup_text_put(text, out, made);
    }
    cup_text_puts(text, "\"");
}

static void put_string(struct cup_text *text, const char *member, const char *string)
{
    if (*string == '\0') return;
    cup_text_printf(text, ",\"%s\":", member);
    cup_text_json(text, string, strlen(string));
}

static void put_line(struct export *export, const struct cup_quarantine_record *record)
{
    const struct cup_quarantine     *in    = export->quarantine;
    const struct cup_quarantine_row *row   = record->row;
    struct cup_text                 *text  = &export->text;
    const char                      *topic = cup_quarantine_name(in, row->topic);

    cup_text_puts(text, "{\"topic\":");
    cup_text_json(text, topic, strlen(topic));
    cup_text_printf(text, ",\"partition\":%" PRId32 ",\"offset\":%" PRId64, row->partition,
                    row->offset);
    if (row->has_timestamp) /* Kafka's timestamps are milliseconds */
        cup_text_printf(text, ",\"timestamp\":%" PRId64, row->timestamp_us / 1000);
    cup_text_puts(text, ",\"key\":");
    put_base64(text, record->key, record->key_bytes);
    cup_text_puts(text, ",\"value\":");
    put_base64(text, record->value, record->value_bytes);
    if (record->headers != NULL) {
        cup_text_puts(text, ",\"headers\":");
        cup_text_put(text, record->headers, record->headers_bytes);
    }
    cup_text_printf(text, ",\"origin\":{\"epoch\":%" PRId64 ",\"position\":%" PRId64,
                    row->first_epoch, row->position);
    put_string(text, "input", cup_quarantine_name(in, row->input));
    put_string(text, "form", cup_quarantine_name(in, row->form));
    put_string(text, "by", export->by);
    if (row->file != CUP_NAME_NONE) {
        put_string(text, "file", cup_quarantine_name(in, row->file));
        cup_text_printf(text, ",\"member_at\":%" PRId64 ",\"at\":%" PRId64, row->member_at,
                        row->at);
    }
    if (cup_quarantine_is(in, row->kind, "line")) cup_text_puts(text, ",\"line\":true");
    if (cup_quarantine_is(in, row->reason, "truncated")) cup_text_puts(text, ",\"torn\":true");
    if (export->options->discard)
        cup_text_printf(text, ",\"discard\":true,\"bytes\":%" PRId64,
                        row->bytes > 0 ? row->bytes : 0);
    cup_text_puts(text, "}}\n");
}

static enum cup_err flush(struct export *export, struct cup_fault *out_fault)
{
    struct cup_text *text = &export->text;

    if (text->failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "write a record", NULL);
    for (size_t done = 0; export->fd >= 0 && done < text->bytes;) {
        ssize_t put = write(export->fd, text->at + done, text->bytes - done);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return cup_fault_set(out_fault, CUP_IO, "write", export->path);
        done += (size_t)put;
    }
    export->sums.bytes += text->bytes;
    cup_text_clear(text);
    return CUP_OK;
}

/* Whether the pipeline's limits let it be read at all. */
static bool is_too_long(const struct export *export, const struct cup_quarantine_row *row)
{
    uint64_t most = export->options->record_bytes_max;

    if (cup_quarantine_is(export->quarantine, row->kind, "line")) most = 2 * most + LINE_EXTRA;
    return row->bytes > 0 && (uint64_t)row->bytes > most;
}

static enum cup_err export_one(void *arg, const struct cup_quarantine_record *record,
                               struct cup_fault *out_fault)
{
    struct export *export = arg;

    if (!export->options->discard) {
        bool too_long = is_too_long(export, record->row);
        export->sums.too_long += too_long;
        bool kept = record->kept && record->row->withheld == CUP_NAME_NONE;
        export->sums.not_kept += !too_long && !kept;
        if (too_long || !kept) return CUP_OK;
    }
    export->sums.records++;
    if (export->fd < 0) return CUP_OK;
    put_line(export, record);
    return export->text.bytes < FLUSH_BYTES ? CUP_OK : flush(export, out_fault);
}

/* --- the file --- */

static void name_caller(char out[128])
{
    const struct passwd *user = getpwuid(getuid());

    snprintf(out, 128, "%.60s (uid %u)", user != NULL ? user->pw_name : "unknown", getuid());
}

/* A name that no other file of this folder ever had: the journal keeps positions by path. */
static enum cup_err make_name(char out[64], struct cup_fault *out_fault)
{
    uint64_t  random;
    time_t    now = time(NULL);
    struct tm parts;
    char      stamp[32] = "";

    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return cup_fault_set(out_fault, CUP_IO, "getrandom", NULL);
    if (gmtime_r(&now, &parts) != NULL)
        (void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &parts);
    snprintf(out, 64, "%s-%016" PRIx64, stamp, random);
    return CUP_OK;
}

static enum cup_err publish(const struct export *export, const struct cup_retry_folder *folder,
                            const char *from, const char *to, struct cup_fault *out_fault)
{
    if (fsync(export->fd) != 0) return cup_fault_set(out_fault, CUP_IO, "sync", export->path);
    if (renameat(folder->fd, from, folder->fd, to) != 0)
        return cup_fault_set(out_fault, CUP_IO, "rename", export->path);
    if (fsync(folder->fd) != 0)
        return cup_fault_set(out_fault, CUP_IO, "sync folder", folder->path);
    return CUP_OK;
}

enum cup_err cup_retry_priv_export(struct cup_quarantine               *quarantine,
                                   const struct cup_retry_folder       *folder,
                                   const struct cup_quarantine_options *options,
                                   char out_path[CUP_PATH_BYTES], struct cup_retry_sums *out_sums,
                                   struct cup_fault *out_fault)
{
    struct export export = {
        .quarantine = quarantine, .options = options, .fd = -1, .path = folder->path};
    char name[64], from[80], to[80];

    out_path[0]      = '\0';
    enum cup_err err = make_name(name, out_fault);
    if (err != CUP_OK) return err;
    snprintf(from, sizeof from, "%s.tmp", name);
    snprintf(to, sizeof to, "%s" SUFFIX, name);
    name_caller(export.by);
    if (!options->dry_run && quarantine->count > 0) {
        export.fd = openat(folder->fd, from, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (export.fd < 0) return cup_fault_set(out_fault, CUP_IO, "make a file in", folder->path);
    }
    err = cup_quarantine_each(quarantine, UINT64_MAX, !options->discard, export_one, &export,
                              out_fault);
    if (err == CUP_OK) err = flush(&export, out_fault);
    bool made = export.fd >= 0 && export.sums.records > 0;
    if (err == CUP_OK && made) err = publish(&export, folder, from, to, out_fault);
    if (err == CUP_OK && made &&
        snprintf(out_path, CUP_PATH_BYTES, "%s/%s", folder->path, to) >= (int)CUP_PATH_BYTES)
        err = cup_fault_set(out_fault, CUP_UNSUPPORTED, "a path is too long", folder->path);
    if (export.fd >= 0) {
        if (err != CUP_OK || !made) (void)unlinkat(folder->fd, from, 0); /* or the next one does */
        close(export.fd);
    }
    cup_text_free(&export.text);
    *out_sums = export.sums;
    return err;
}
