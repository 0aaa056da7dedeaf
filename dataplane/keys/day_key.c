// SPDX-License-Identifier: Apache-2.0
#include "dataplane/keys/day_key.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rnd.h"

static bool is_day(const char *day)
{
    for (uint32_t i = 0; i < 10; i++) {
        bool dash = i == 4 || i == 7;
        if (dash ? day[i] != '-' : day[i] < '0' || day[i] > '9') return false;
    }
    return day[10] == '\0';
}

/* KEYS/<domain>/<pipeline>/<name>; shorter with fewer parts. */
static enum cup_err join(const char *folder, const char *domain, const char *pipeline,
                         const char *name, char out_path[PATH_MAX], struct cup_fault *out_fault)
{
    int bytes = snprintf(out_path, PATH_MAX, "%s/%s%s%s%s%s", folder, domain,
                         pipeline == NULL ? "" : "/", pipeline == NULL ? "" : pipeline,
                         name == NULL ? "" : "/", name == NULL ? "" : name);

    if (bytes < PATH_MAX) return CUP_OK;
    return cup_fault_set(out_fault, CUP_BAD_CONFIG, "the key folder's path is too long", folder);
}

static enum cup_err read_key(int fd, const char *path, struct cup_seal_key *out_key,
                             struct cup_fault *out_fault)
{
    uint8_t     bytes[CUP_SEAL_KEY_BYTES + 1];
    struct stat status;
    ssize_t     got;

    if (fstat(fd, &status) != 0) return cup_fault_set(out_fault, CUP_IO, "look at a key", path);
    if (!S_ISREG(status.st_mode) || (status.st_mode & 077) != 0)
        return cup_fault_set(out_fault, CUP_BAD_DATA, "others may read or change a key; chmod 0600",
                             path);
    do
        got = read(fd, bytes, sizeof bytes);
    while (got < 0 && errno == EINTR);
    if (got < 0) return cup_fault_set(out_fault, CUP_IO, "read a key", path);
    if (got != CUP_SEAL_KEY_BYTES)
        return cup_fault_set(out_fault, CUP_BAD_DATA, "a key must be 32 bytes long", path);
    cup_seal_key_take(bytes, out_key);
    memset(bytes, 0, sizeof bytes);
    return CUP_OK;
}

enum cup_err cup_day_key_load(const struct cup_day_keys *keys, const char *day,
                              struct cup_seal_key *out_key, struct cup_fault *out_fault)
{
    char path[PATH_MAX], name[16];

    if (!is_day(day)) return cup_fault_set(out_fault, CUP_BAD_DATA, "no day of a key", day);
    snprintf(name, sizeof name, "%s.key", day);
    enum cup_err err = join(keys->folder, keys->domain, keys->pipeline, name, path, out_fault);
    if (err != CUP_OK) return err;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return cup_fault_set(out_fault, CUP_NOT_FOUND, "find a key", path);
    if (fd < 0) return cup_fault_set(out_fault, CUP_IO, "open a key", path);
    err = read_key(fd, path, out_key, out_fault);
    (void)close(fd); /* nothing was written */
    return err;
}

/* --- making one --- */

static enum cup_err sync_folder(const char *path, struct cup_fault *out_fault)
{
    int  fd   = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;

    if (!good) (void)cup_fault_set(out_fault, CUP_IO, "sync the key folder", path);
    if (fd >= 0) (void)close(fd); /* nothing was written through it */
    return good ? CUP_OK : CUP_IO;
}

/* The domain's and the pipeline's folder; `above` is synced whoever made them. */
static enum cup_err make_folder(const char *above, const char *path, struct cup_fault *out_fault)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return cup_fault_set(out_fault, CUP_IO, "make a folder for keys", path);
    return sync_folder(above, out_fault);
}

static enum cup_err write_key(const char *path, struct cup_fault *out_fault)
{
    struct cup_seal_key key;
    int                 fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0) return cup_fault_set(out_fault, CUP_IO, "make a key", path);
    cup_seal_key_make(&key);
    bool good = fchmod(fd, 0600) == 0 &&
                write(fd, key.bytes, sizeof key.bytes) == (ssize_t)sizeof key.bytes &&
                fsync(fd) == 0;
    enum cup_err err = good ? CUP_OK : cup_fault_set(out_fault, CUP_IO, "write a key", path);
    cup_seal_key_forget(&key);
    if (close(fd) != 0 && good) err = cup_fault_set(out_fault, CUP_IO, "write a key", path);
    return err;
}

/* Whole under a name of its own, then linked: who comes second finds the first one's. */
static enum cup_err make_key(const char *folder, const char *path, struct cup_fault *out_fault)
{
    char own[PATH_MAX], uuid[CUP_UUID_TEXT_BYTES];

    cup_rnd_uuid(uuid);
    if (snprintf(own, sizeof own, "%s/.%s", folder, uuid) >= (int)sizeof own)
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "the key folder's path is too long",
                             folder);
    enum cup_err err = write_key(own, out_fault);
    if (err == CUP_OK && link(own, path) != 0 && errno != EEXIST)
        err = cup_fault_set(out_fault, CUP_IO, "name a key", path);
    (void)unlink(own); /* a key that nothing was sealed with */
    return err == CUP_OK ? sync_folder(folder, out_fault) : err;
}

enum cup_err cup_day_key_take(const struct cup_day_keys *keys, const char *day,
                              struct cup_seal_key *out_key, struct cup_fault *out_fault)
{
    char         domain[PATH_MAX], folder[PATH_MAX], path[PATH_MAX], name[16];
    enum cup_err err = cup_day_key_load(keys, day, out_key, out_fault);

    if (err != CUP_NOT_FOUND) return err;
    snprintf(name, sizeof name, "%s.key", day);
    err = join(keys->folder, keys->domain, NULL, NULL, domain, out_fault);
    if (err == CUP_OK)
        err = join(keys->folder, keys->domain, keys->pipeline, NULL, folder, out_fault);
    if (err == CUP_OK)
        err = join(keys->folder, keys->domain, keys->pipeline, name, path, out_fault);
    if (err == CUP_OK) err = make_folder(keys->folder, domain, out_fault);
    if (err == CUP_OK) err = make_folder(domain, folder, out_fault);
    if (err == CUP_OK) err = make_key(folder, path, out_fault);
    return err == CUP_OK ? cup_day_key_load(keys, day, out_key, out_fault) : err;
}
