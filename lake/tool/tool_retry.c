// SPDX-License-Identifier: Apache-2.0
/* Records that a run of the pipeline takes as its input.
 *
 *   retry/<time>-<random>.tmp --fsync, rename, fsync folder--> retry/<time>-<random>.retry
 *                                                         or retry/<time>-<random>-missing.retry
 *
 * The run's journal makes the file exactly once, as any input. It is removed when the run has
 * ended; what is in it then is settled in the lake's tables, or still open there. */
#include "lake/tool/tool_retry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/abi/plan.h"
#include "lake/tool/tool_value.h"

#define SUFFIX      ".retry"
#define LINE_EXTRA  (64u << 10) /* as the data plane allows a dump line beyond twice a record */
#define FLUSH_BYTES (1u << 20)

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

enum cup_err cup_retry_folder_open(const char *lake, const struct cup_shard *shard,
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
        cup_retry_folder_close(&folder);
        return err;
    }
    *out_folder = folder;
    return CUP_OK;
}

void cup_retry_folder_close(struct cup_retry_folder *folder)
{
    if (folder->fd >= 0) close(folder->fd); /* and with it the lock */
    folder->fd = -1;
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

enum cup_err cup_retry_file_open(const struct cup_retry_folder *folder, bool dry_run, bool accepted,
                                 struct cup_retry_file *out_file, struct cup_fault *out_fault)
{
    struct cup_retry_file file = {.folder = folder, .fd = -1, .accepted = accepted};
    char                  from[sizeof file.name + 8];
    enum cup_err          err = make_name(file.name, out_fault);

    if (err != CUP_OK) return err;
    name_caller(file.by);
    snprintf(from, sizeof from, "%s.tmp", file.name);
    if (!dry_run) {
        file.fd = openat(folder->fd, from, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file.fd < 0) return cup_fault_set(out_fault, CUP_IO, "make a file in", folder->path);
    }
    *out_file = file;
    return CUP_OK;
}

static enum cup_err flush(struct cup_retry_file *file, struct cup_fault *out_fault)
{
    struct cup_text *text = &file->text;

    if (text->failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "write a record", NULL);
    for (size_t done = 0; file->fd >= 0 && done < text->bytes;) {
        ssize_t put = write(file->fd, text->at + done, text->bytes - done);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return cup_fault_set(out_fault, CUP_IO, "write", file->folder->path);
        done += (size_t)put;
    }
    file->bytes += text->bytes;
    cup_text_clear(text);
    return CUP_OK;
}

enum cup_err cup_retry_file_next(struct cup_retry_file *file, struct cup_fault *out_fault)
{
    file->records++;
    return file->text.bytes < FLUSH_BYTES ? CUP_OK : flush(file, out_fault);
}

static enum cup_err publish(const struct cup_retry_file *file, const char *from, const char *to,
                            struct cup_fault *out_fault)
{
    const struct cup_retry_folder *folder = file->folder;

    if (fsync(file->fd) != 0) return cup_fault_set(out_fault, CUP_IO, "sync", folder->path);
    if (renameat(folder->fd, from, folder->fd, to) != 0)
        return cup_fault_set(out_fault, CUP_IO, "rename", folder->path);
    if (fsync(folder->fd) != 0)
        return cup_fault_set(out_fault, CUP_IO, "sync folder", folder->path);
    return CUP_OK;
}

enum cup_err cup_retry_file_close(struct cup_retry_file *file, bool keep,
                                  char out_path[CUP_PATH_BYTES], struct cup_fault *out_fault)
{
    char         from[sizeof file->name + 8], to[sizeof file->name + sizeof CUP_RETRY_ACCEPTED];
    enum cup_err err  = keep ? flush(file, out_fault) : CUP_OK;
    bool         made = keep && file->fd >= 0 && file->records > 0;

    out_path[0] = '\0';
    snprintf(from, sizeof from, "%s.tmp", file->name);
    snprintf(to, sizeof to, "%s%s", file->name, file->accepted ? CUP_RETRY_ACCEPTED : SUFFIX);
    if (err == CUP_OK && made) err = publish(file, from, to, out_fault);
    if (err == CUP_OK && made &&
        snprintf(out_path, CUP_PATH_BYTES, "%s/%s", file->folder->path, to) >= (int)CUP_PATH_BYTES)
        err = cup_fault_set(out_fault, CUP_UNSUPPORTED, "a path is too long", file->folder->path);
    if (file->fd >= 0) {
        if (err != CUP_OK || !made)
            (void)unlinkat(file->folder->fd, from, 0); /* or the next one does */
        close(file->fd);
    }
    file->fd = -1;
    cup_text_free(&file->text);
    return err;
}

static void put_string(struct cup_text *text, const char *member, const char *string)
{
    if (*string == '\0') return;
    cup_text_printf(text, ",\"%s\":", member);
    cup_text_json(text, string, strlen(string));
}

void cup_retry_put_record(struct cup_text *text, const struct cup_retry_record *record)
{
    cup_text_puts(text, "{\"topic\":");
    cup_text_json(text, record->topic, strlen(record->topic));
    cup_text_printf(text, ",\"partition\":%" PRId64 ",\"offset\":%" PRId64, record->partition,
                    record->offset);
    if (record->has_timestamp) /* Kafka's timestamps are milliseconds */
        cup_text_printf(text, ",\"timestamp\":%" PRId64, record->timestamp_us / 1000);
    cup_text_puts(text, ",\"key\":");
    cup_value_put_base64(text, record->key, record->key_bytes);
    cup_text_puts(text, ",\"value\":");
    cup_value_put_base64(text, record->value, record->value_bytes);
    if (record->headers != NULL) {
        cup_text_puts(text, ",\"headers\":");
        cup_text_put(text, record->headers, record->headers_bytes);
    }
    cup_text_printf(text, ",\"origin\":{\"epoch\":%" PRId64 ",\"position\":%" PRId64, record->epoch,
                    record->position);
    put_string(text, "input", record->input);
    put_string(text, "form", record->form);
    put_string(text, "by", record->by);
    if (record->file[0] == '\0') return;
    put_string(text, "file", record->file);
    cup_text_printf(text, ",\"member_at\":%" PRId64 ",\"at\":%" PRId64, record->member_at,
                    record->at);
}

bool cup_retry_is_long(uint64_t bytes, bool is_line, uint64_t record_bytes_max)
{
    return bytes > (is_line ? 2 * record_bytes_max + LINE_EXTRA : record_bytes_max);
}
