// SPDX-License-Identifier: Apache-2.0
/* Goal:   a day has one key, however many ask for it at once; it is whole, closed to others, and
 * made only when it shall be; what is no key is refused. Method: 16 processes take the key of a new
 * day at the same time; modes under umask 0; files that are short, long, open to others, links;
 * days that would lead elsewhere. */
#include "dataplane/keys/day_key.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check.h"

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status, (void)kind, (void)at; /* nftw has one form of callback */
    return remove(path);
}

static void write_file(const char *path, size_t bytes, mode_t mode)
{
    FILE *file = fopen(path, "w");

    CHECK(file != NULL);
    for (size_t i = 0; i < bytes; i++)
        CHECK(fputc('k', file) == 'k');
    CHECK(fclose(file) == 0 && chmod(path, mode) == 0);
}

static void check_race(const struct cup_day_keys *keys)
{
    struct cup_seal_key key, other;
    struct cup_fault    fault;
    int                 pipes[2];

    CHECK(pipe(pipes) == 0);
    for (int i = 0; i < 16; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child > 0) continue;
        if (cup_day_key_take(keys, "2026-11-21", &key, &fault) != CUP_OK) _exit(1);
        _exit(write(pipes[1], &key, sizeof key) == (ssize_t)sizeof key ? 0 : 1);
    }
    for (int i = 0; i < 16; i++) {
        int status;
        CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        CHECK(read(pipes[0], &other, sizeof other) == (ssize_t)sizeof other);
        if (i == 0) key = other;
        CHECK(memcmp(&key, &other, sizeof key) == 0);
    }
    CHECK(cup_day_key_load(keys, "2026-11-21", &other, &fault) == CUP_OK);
    CHECK(memcmp(&key, &other, sizeof key) == 0);
    CHECK(cup_day_key_take(keys, "2026-11-22", &other, &fault) == CUP_OK);
    CHECK(memcmp(key.bytes, other.bytes, sizeof key.bytes) != 0);
}

static void check_files(const struct cup_day_keys *keys, const char *root)
{
    static const struct {
        size_t bytes;
        mode_t mode;
        bool   good;
    } files[] = {{32, 0600, true}, {32, 0400, true},  {31, 0600, false}, {33, 0600, false},
                 {0, 0600, false}, {32, 0640, false}, {32, 0604, false}, {32, 0620, false}};
    char                path[256], link_path[256];
    struct stat         status;
    struct cup_seal_key key;
    struct cup_fault    fault;

    snprintf(path, sizeof path, "%s/d", root);
    CHECK(stat(path, &status) == 0 && (status.st_mode & 07777) == 0700);
    snprintf(path, sizeof path, "%s/d/p", root);
    CHECK(stat(path, &status) == 0 && (status.st_mode & 07777) == 0700 && status.st_nlink == 2);
    snprintf(path, sizeof path, "%s/d/p/2026-11-21.key", root);
    CHECK(stat(path, &status) == 0 && (status.st_mode & 07777) == 0600 && status.st_size == 32);
    CHECK(status.st_nlink == 1); /* the name it was made under is gone */
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        (void)unlink(path);
        write_file(path, files[i].bytes, files[i].mode);
        enum cup_err err = cup_day_key_load(keys, "2026-11-21", &key, &fault);
        CHECK(err == (files[i].good ? CUP_OK : CUP_BAD_DATA));
        err = cup_day_key_take(keys, "2026-11-21", &key, &fault);
        CHECK(err == (files[i].good ? CUP_OK : CUP_BAD_DATA)); /* never made over another */
    }
    snprintf(link_path, sizeof link_path, "%s/d/p/2026-12-01.key", root);
    CHECK(symlink(path, link_path) == 0);
    CHECK(cup_day_key_load(keys, "2026-12-01", &key, &fault) == CUP_IO);
}

int main(void)
{
    static const char *const days[] = {"",           "2026-11-2",  "2026-11-211",
                                       "../../../x", "2026/11/21", "2026-11-2x"};
    char                     root[] = "/tmp/cupel-keys-XXXXXX";
    struct cup_seal_key      key;
    struct cup_fault         fault;

    umask(0);
    CHECK(mkdtemp(root) != NULL);
    CHECK(cup_seal_init(&fault) == CUP_OK);
    const struct cup_day_keys keys = {.folder = root, .domain = "d", .pipeline = "p"};
    CHECK(cup_day_key_load(&keys, "2026-11-21", &key, &fault) == CUP_NOT_FOUND);
    for (size_t i = 0; i < sizeof days / sizeof *days; i++)
        CHECK(cup_day_key_take(&keys, days[i], &key, &fault) == CUP_BAD_DATA);
    check_race(&keys);
    check_files(&keys, root);
    const struct cup_day_keys nowhere = {.folder = "/nowhere/keys", .domain = "d", .pipeline = "p"};
    CHECK(cup_day_key_take(&nowhere, "2026-11-21", &key, &fault) == CUP_IO);
    CHECK(nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
    return 0;
}
