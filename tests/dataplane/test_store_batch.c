// SPDX-License-Identifier: Apache-2.0
/* Goal:   many files take exactly the fsyncs that they need, in the right order and in few batches;
 *         each fault of the disk falls on the files it belongs to, and nothing that failed is used
 *         or synced again.
 * Method: a disk that counts and fails on demand over a real one; counts are compared with what
 *         files and folders need, and contents with what was appended. Threads share one disk. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "kernels/isal/isal.h"
#include "tests/dataplane/store_lake.h"

#define MANY       300u /* more than a piece, more than a ring */
#define FILE_BYTES 5000u
#define RACERS     4u
#define RACES      24u

static struct cup_disk  *real_disk;
static struct cup_store *store;
static struct cup_fault  fault;
static uint8_t           bytes[FILE_BYTES], large[300000];
static char              name_bytes[MANY][64];
static const char       *names[MANY];

static void make_names(const char *table, uint32_t folders)
{
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(name_bytes[i], sizeof name_bytes[i], "d/silver/%s%u/f%u", table, i % folders, i);
        names[i] = name_bytes[i];
    }
}

static void stage_some(struct cup_store_file **files, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        CHECK(cup_store_stage(store, &files[i], &fault) == CUP_OK);
        CHECK(cup_store_append(files[i], bytes, FILE_BYTES - i, &fault) == CUP_OK);
    }
}

static void check_file(const char *name, size_t count)
{
    struct cup_text text = {0};

    CHECK(cup_store_get(store, name, &text, &fault) == CUP_OK);
    CHECK(text.bytes == count && (count == 0 || memcmp(text.at, bytes, count) == 0));
    cup_text_free(&text);
}

static void count_one(void *arg, const char *name)
{
    CHECK(name[0] != '\0');
    ++*(uint32_t *)arg;
}

static uint32_t staged_count(void)
{
    uint32_t count = 0;

    CHECK(cup_store_list(store, STAGING, count_one, &count, &fault) == CUP_OK);
    return count;
}

static void discard_some(struct cup_store_file **files, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        cup_store_discard(store, files[i]);
    CHECK(staged_count() == 0);
}

/* --- what it costs --- */

/* N files in K folders: N + K fsyncs, and those of new folders' parents once. */
static void check_counts(void)
{
    static struct cup_store_file *files[MANY];
    static struct cup_sealed      sealed[MANY];
    const uint32_t                folders = 5;

    make_names("count", folders);
    CHECK(cup_store_sync(store, &fault) == CUP_OK);
    for (uint32_t round = 0; round < 2; round++) {
        stage_some(files, MANY);
        probe_clear();
        CHECK(cup_store_seal_all(files, MANY, sealed, &fault) == CUP_OK);
        CHECK(probe.done[CUP_DISK_SYNC] == MANY && probe.batches[CUP_DISK_SYNC] == 3);
        CHECK(probe.done[CUP_DISK_WRITE] == MANY && probe.done[CUP_DISK_CLOSE] == MANY);
        for (uint32_t i = 0; i < MANY; i++)
            CHECK(sealed[i].bytes == FILE_BYTES - i &&
                  sealed[i].crc32c == cup_crc32c(0, bytes, FILE_BYTES - i));
        probe_clear();
        CHECK(cup_store_place_all(store, files, names, MANY, &fault) == CUP_OK);
        for (uint32_t i = 0; i < MANY; i++)
            CHECK(files[i] == NULL);
        CHECK(probe.done[CUP_DISK_SYNC] == 0 && probe.done[CUP_DISK_LINK] == MANY);
        CHECK(probe.done[CUP_DISK_MKDIR] == (round == 0 ? folders + 2 : 0)); /* d, d/silver */
        CHECK(probe.done[CUP_DISK_CHMOD] == MANY); /* no folder: the umask cut nothing */
        probe_clear();
        CHECK(cup_store_sync(store, &fault) == CUP_OK);
        /* the first time also the lake, d and d/silver */
        CHECK(probe.done[CUP_DISK_SYNC] == folders + (round == 0 ? 3 : 0));
        CHECK(probe.batches[CUP_DISK_SYNC] == 1);
        CHECK(cup_store_sync(store, &fault) == CUP_OK);
        CHECK(probe.batches[CUP_DISK_SYNC] == 1); /* nothing is left to do */
        for (uint32_t i = 0; i < MANY; i++) {
            check_file(names[i], FILE_BYTES - i);
            CHECK(cup_store_remove(store, names[i], &fault) == CUP_OK);
        }
        probe_clear();
        CHECK(cup_store_sync(store, &fault) == CUP_OK); /* of the removals */
        CHECK(probe.done[CUP_DISK_SYNC] == folders && staged_count() == 0);
    }
}

/* A put syncs its own folders only; what else is dirty stays so. */
static void check_put_counts(void)
{
    static struct cup_store_put   puts[MANY];
    static struct cup_store_file *other;
    struct cup_sealed             sealed;

    make_names("put", 7);
    CHECK(cup_store_sync(store, &fault) == CUP_OK);
    stage_some(&other, 1);
    CHECK(cup_store_seal(other, &sealed, &fault) == CUP_OK);
    CHECK(cup_store_place(store, other, "d/silver/other/f", &fault) == CUP_OK);
    CHECK(cup_store_put_if_absent(store, names[3], "taken", 5, &fault) == CUP_OK);
    for (uint32_t i = 0; i < MANY; i++)
        puts[i] = (struct cup_store_put){.name = names[i], .bytes = bytes, .count = i};
    puts[4].count = 0;
    probe_clear();
    cup_store_put_all(store, puts, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        CHECK(puts[i].err == (i == 3 ? CUP_EXISTS : CUP_OK));
        if (i != 3) check_file(names[i], puts[i].count);
    }
    CHECK(strcmp(puts[3].fault.where, names[3]) == 0);
    /* three pieces of at most 128: each its files, one folder more each than the first put made;
     * d/silver because six of them are new */
    CHECK(probe.done[CUP_DISK_SYNC] == MANY + 3 * 7 + 1);
    CHECK(probe.batches[CUP_DISK_SYNC] == 6 && staged_count() == 0);
    probe_clear();
    CHECK(cup_store_sync(store, &fault) == CUP_OK);
    CHECK(probe.done[CUP_DISK_SYNC] == 1); /* d/silver/other */
    CHECK(cup_store_sync_folder(store, "d/silver/put1", &fault) == CUP_OK);
    CHECK(probe.done[CUP_DISK_SYNC] == 2);
}

/* Bytes that were sealed before only want a name: who is late keeps the file for another name, and
 * sealing once more costs nothing. */
static void check_sealed_puts(void)
{
    struct cup_store_file *files[3];
    struct cup_sealed      sealed[3];
    struct cup_store_put   puts[3];

    make_names("sealed", 1);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(cup_store_stage_bytes(store, bytes, 100 + i, &files[i], &fault) == CUP_OK);
        CHECK(cup_store_sum(files[i]).bytes == 100 + i);
        puts[i] = (struct cup_store_put){
            .name = names[i], .bytes = bytes, .count = 100 + i, .sealed = &files[i]};
    }
    CHECK(cup_store_seal_all(files, 2, sealed, &fault) == CUP_OK);
    CHECK(sealed[1].bytes == 101 && sealed[1].crc32c == cup_crc32c(0, bytes, 101));
    probe_clear();
    CHECK(cup_store_seal_all(files, 3, sealed, &fault) == CUP_OK);
    CHECK(probe.done[CUP_DISK_SYNC] == 1 && sealed[0].bytes == 100);
    CHECK(cup_store_put_if_absent(store, names[2], bytes, 7, &fault) == CUP_OK);
    CHECK(cup_store_sync(store, &fault) == CUP_OK);
    probe_clear();
    cup_store_put_all(store, puts, 3);
    CHECK(puts[0].err == CUP_OK && puts[1].err == CUP_OK && puts[2].err == CUP_EXISTS);
    CHECK(probe.done[CUP_DISK_SYNC] == 1 && probe.done[CUP_DISK_WRITE] == 0); /* the folder */
    CHECK(files[0] == NULL && files[1] == NULL && files[2] != NULL && staged_count() == 1);
    puts[2].name = names[3];
    cup_store_put_all(store, puts + 2, 1);
    CHECK(puts[2].err == CUP_OK && files[2] == NULL && staged_count() == 0);
    puts[0].name = names[4]; /* there is no sealed file any more: from the bytes */
    cup_store_put_all(store, puts, 1);
    CHECK(puts[0].err == CUP_OK && staged_count() == 0);
    for (uint32_t i = 0; i < 2; i++)
        check_file(names[i], 100 + i);
    check_file(names[2], 7);
    check_file(names[3], 102);
    check_file(names[4], 100);
}

/* --- faults of writes and fsyncs --- */

static void check_short_writes(void)
{
    struct cup_store_file *files[3];
    struct cup_sealed      sealed[3];

    make_names("short", 1);
    stage_some(files, 3);
    probe_shorten(1, 7, 999);
    CHECK(cup_store_seal_all(files, 3, sealed, &fault) == CUP_OK);
    CHECK(probe.left == 0 && probe.done[CUP_DISK_SYNC] == 3);
    CHECK(cup_store_place_all(store, files, names, 3, &fault) == CUP_OK);
    for (uint32_t i = 0; i < 3; i++)
        check_file(names[i], FILE_BYTES - i);
    /* a write of nothing, again and again, is a full disk */
    stage_some(files, 3);
    probe_shorten(1, 1, 0);
    CHECK(cup_store_seal_all(files, 3, sealed, &fault) == CUP_NO_SPACE);
    CHECK(probe.done[CUP_DISK_SYNC] == 2 && fault.os_errno == ENOSPC);
    probe_clear();
    CHECK(cup_store_append(files[1], large, sizeof large, &fault) == CUP_NO_SPACE);
    CHECK(probe.done[CUP_DISK_WRITE] == 0);
    discard_some(files, 3);
}

static void check_failed_fsync(void)
{
    struct cup_store_file *files[3];
    struct cup_sealed      sealed[3] = {{.bytes = 77}, {.bytes = 77}, {.bytes = 77}};

    make_names("sync", 1);
    stage_some(files, 3);
    probe_fail(CUP_DISK_SYNC, 1, 1, EIO);
    CHECK(cup_store_seal_all(files, 3, sealed, &fault) == CUP_IO && fault.os_errno == EIO);
    CHECK(sealed[0].bytes == 77 && sealed[2].bytes == 77);
    /* the poisoned one is never synced again, and gives its first fault */
    probe_clear();
    fault = (struct cup_fault){0};
    CHECK(cup_store_append(files[1], bytes, 1, &fault) == CUP_IO && fault.os_errno == EIO);
    CHECK(cup_store_seal(files[1], sealed, &fault) == CUP_IO && strcmp(fault.what, "sync") == 0);
    CHECK(probe.done[CUP_DISK_SYNC] == 0 && probe.done[CUP_DISK_WRITE] == 0);
    CHECK(cup_store_place(store, files[2], names[2], &fault) == CUP_OK);
    CHECK(cup_store_place(store, files[0], names[0], &fault) == CUP_OK);
    discard_some(&files[1], 1);
}

/* A full disk is a full disk wherever it shows, and what failed can be tried again later. */
static void check_no_space(void)
{
    static const enum cup_disk_kind kinds[]  = {CUP_DISK_MKDIR, CUP_DISK_CHMOD, CUP_DISK_LINK};
    static const int                errors[] = {ENOSPC, EDQUOT};
    struct cup_store_file          *files[2];
    struct cup_sealed               sealed[2];
    char                            table[16];

    for (uint32_t i = 0; i < 6; i++) {
        snprintf(table, sizeof table, "full%u-", i);
        make_names(table, 2);
        stage_some(files, 2);
        CHECK(cup_store_seal_all(files, 2, sealed, &fault) == CUP_OK);
        probe_fail(kinds[i / 2], 1, 1, errors[i % 2]);
        CHECK(cup_store_place_all(store, files, names, 2, &fault) == CUP_NO_SPACE);
        CHECK(files[0] == NULL && files[1] != NULL && fault.os_errno == errors[i % 2]);
        CHECK(cup_store_sync(store, &fault) == CUP_OK); /* what was not made is not missed */
        CHECK(cup_store_place_all(store, files + 1, names + 1, 1, &fault) == CUP_OK);
        check_file(names[1], FILE_BYTES - 1);
    }
    probe_fail(CUP_DISK_OPEN, 0, 1, ENOSPC);
    CHECK(cup_store_stage(store, &files[0], &fault) == CUP_NO_SPACE);
    probe_clear();
}

/* --- faults of puts --- */

static void check_put_faults(void)
{
    struct cup_store_put puts[4];
    static const struct {
        enum cup_disk_kind kind;
        uint32_t           skip;
        int                error;
        enum cup_err       err;
        bool               exists;
    } rows[] = {
        {CUP_DISK_OPEN, 1, EIO, CUP_IO, false}, {CUP_DISK_WRITE, 1, ENOSPC, CUP_NO_SPACE, false},
        {CUP_DISK_SYNC, 1, EIO, CUP_IO, false}, {CUP_DISK_CLOSE, 1, EIO, CUP_IO, false},
        {CUP_DISK_LINK, 1, EIO, CUP_IO, false}, {CUP_DISK_LINK, 1, ETIMEDOUT, CUP_IO, false},
        {CUP_DISK_SYNC, 5, EIO, CUP_IO, true},  {CUP_DISK_UNLINK, 1, EIO, CUP_OK, true}};

    CHECK(cup_store_sync(store, &fault) == CUP_OK);
    for (uint32_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        char            table[16];
        struct cup_text text = {0};
        snprintf(table, sizeof table, "fault%u-", row);
        make_names(table, 4);
        for (uint32_t i = 0; i < 4; i++) /* the folders are there and durable */
            CHECK(cup_store_put_if_absent(store, names[i + 4], "x", 1, &fault) == CUP_OK);
        for (uint32_t i = 0; i < 4; i++)
            puts[i] = (struct cup_store_put){.name = names[i], .bytes = bytes, .count = 100};
        probe_fail(rows[row].kind, rows[row].skip, 1, rows[row].error);
        cup_store_put_all(store, puts, 4);
        CHECK(probe.left == 0);
        for (uint32_t i = 0; i < 4; i++)
            CHECK(puts[i].err == (i == 1 ? rows[row].err : CUP_OK));
        CHECK(rows[row].err == CUP_OK || puts[1].fault.os_errno == rows[row].error);
        CHECK((cup_store_get(store, names[1], &text, &fault) == CUP_OK) == rows[row].exists);
        cup_text_free(&text);
        probe_clear();
        CHECK(cup_store_sync(store, &fault) == CUP_OK);
        /* a failed link may have been done: its folder is synced; a failed sync is not repeated */
        CHECK(probe.done[CUP_DISK_SYNC] == (rows[row].kind == CUP_DISK_LINK));
        CHECK(cup_store_clean(store, &fault) == CUP_OK);
    }
}

/* The name of a new folder above is as much as that of the file. */
static void check_chain_faults(void)
{
    char name[64];

    for (uint32_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "chain%u/silver/t/f", i);
        probe_fail(CUP_DISK_SYNC, 2 + i, 1, EIO);
        CHECK(cup_store_put_if_absent(store, name, bytes, 10, &fault) == (i < 3 ? CUP_IO : CUP_OK));
        CHECK(probe.done[CUP_DISK_SYNC] == 5); /* the file, t, silver, chain, the lake */
        probe_clear();
        CHECK(cup_store_sync(store, &fault) == CUP_OK && probe.done[CUP_DISK_SYNC] == 0);
        /* what a folder holds whose sync failed cannot be proved by a later one */
        CHECK(cup_store_replace(store, name, bytes, 10, &fault) == (i < 3 ? CUP_IO : CUP_OK));
        CHECK(probe.done[CUP_DISK_SYNC] == 2);
    }
    probe_clear();
    /* folders that somebody removed are made again, and synced again */
    char path[128];
    snprintf(path, sizeof path, "%s/chain3/silver/t/f", lake);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(remove(path) == 0);
        *strrchr(path, '/') = '\0';
    }
    CHECK(cup_store_put_if_absent(store, name, bytes, 10, &fault) == CUP_OK);
    CHECK(probe.done[CUP_DISK_SYNC] == 4); /* the file, t, silver, chain3 */
    check_file(name, 10);
}

/* A lake whose own name may not be durable is none; a file system without such syncs is. */
static void check_open_faults(void)
{
    struct cup_store *other;

    probe_fail(CUP_DISK_SYNC, 1, 1, EIO);
    CHECK(cup_store_open(&probe.disk, lake, STAGING, &other, &fault) == CUP_IO);
    CHECK(fault.os_errno == EIO && strcmp(fault.where, lake) == 0);
    probe_fail(CUP_DISK_SYNC, 0, 1, EINVAL);
    CHECK(cup_store_open(&probe.disk, lake, STAGING, &other, &fault) == CUP_OK);
    cup_store_close(other);
    probe_clear();
}

/* An error that came behind the link: reported, and who looks finds it. */
static void check_late_error(void)
{
    make_names("late", 1);
    probe_fail(CUP_DISK_LINK, 0, 1, EIO);
    probe.late = true;
    CHECK(cup_store_put_if_absent(store, names[0], bytes, 10, &fault) == CUP_IO);
    check_file(names[0], 10);
    CHECK(cup_store_put_if_absent(store, names[1], bytes, 10, &fault) == CUP_OK);
    CHECK(cup_store_put_if_absent(store, names[1], bytes, 10, &fault) == CUP_EXISTS);
    probe_clear();
    CHECK(cup_store_sync(store, &fault) == CUP_OK && probe.done[CUP_DISK_SYNC] == 0);
    CHECK(cup_store_sync_folder(store, "d/silver/late0", &fault) == CUP_OK);
    CHECK(probe.done[CUP_DISK_SYNC] == 1);
    CHECK(cup_store_sync_folder(store, "d/silver/never", &fault) == CUP_NOT_FOUND);
    CHECK(cup_store_sync(store, &fault) == CUP_OK && probe.done[CUP_DISK_SYNC] == 1);
    /* the same in a new folder: its name counts too */
    probe_fail(CUP_DISK_LINK, 0, 1, EIO);
    probe.late = true;
    CHECK(cup_store_put_if_absent(store, "d/silver/later/f", bytes, 10, &fault) == CUP_IO);
    probe_clear();
    CHECK(cup_store_sync_folder(store, "d/silver/later", &fault) == CUP_OK);
    CHECK(probe.done[CUP_DISK_SYNC] == 2);
    CHECK(cup_store_put_if_absent(store, names[0], bytes, 10, &fault) == CUP_EXISTS);
    CHECK(cup_store_remove(store, names[0], &fault) == CUP_OK);
    probe_fail(CUP_DISK_SYNC, 0, 1, EIO); /* of a folder, in cup_store_sync */
    CHECK(cup_store_sync(store, &fault) == CUP_IO && strcmp(fault.where, "d/silver/late0") == 0);
    CHECK(cup_store_sync(store, &fault) == CUP_OK);
    CHECK(probe.done[CUP_DISK_SYNC] == 1);                                        /* not repeated */
    CHECK(cup_store_put_if_absent(store, names[0], bytes, 10, &fault) == CUP_IO); /* nor believed */
    CHECK(staged_count() == 0);
}

/* --- the log --- */

static void check_log(void)
{
    static const struct {
        enum cup_disk_kind kind;
        size_t             short_to; /* bytes that go in before */
        int                error, cut_error;
        enum cup_err       err;
        uint32_t           cuts;
    } rows[] = {{CUP_DISK_WRITE, 600, ENOSPC, 0, CUP_NO_SPACE, 1},
                {CUP_DISK_WRITE, 600, EDQUOT, 0, CUP_NO_SPACE, 1},
                {CUP_DISK_WRITE, 0, ENOSPC, 0, CUP_NO_SPACE, 0},
                {CUP_DISK_WRITE, 600, ENOSPC, EIO, CUP_IO, 1},
                {CUP_DISK_WRITE, 600, EIO, 0, CUP_IO, 0},
                {CUP_DISK_SYNC, 0, EIO, 0, CUP_IO, 0},
                {CUP_DISK_SYNC, 0, ENOSPC, 0, CUP_IO, 0}};
    struct cup_store_log *log;
    char                  name[64];

    for (uint32_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        bool good = rows[row].err == CUP_NO_SPACE; /* it can go on */
        snprintf(name, sizeof name, "_cupel/d/log%u", row);
        CHECK(cup_store_log_create(store, name, &log, &fault) == CUP_OK);
        CHECK(cup_store_log_append(log, bytes, 1000, &fault) == CUP_OK);
        probe_fail(rows[row].kind, 0, 1 + (rows[row].short_to > 0), rows[row].error);
        probe.short_to  = rows[row].short_to;
        probe.cut_error = rows[row].cut_error;
        CHECK(cup_store_log_append(log, bytes + 1000, 1000, &fault) == rows[row].err);
        CHECK(fault.os_errno == (good ? rows[row].error : EIO) && probe.left == 0);
        CHECK(probe.done[CUP_DISK_CUT] == rows[row].cuts);
        if (good) check_file(name, 1000);
        probe_clear();
        CHECK(cup_store_log_append(log, bytes + 1000, 1000, &fault) == (good ? CUP_OK : CUP_IO));
        if (good) check_file(name, 2000);
        CHECK(probe.done[CUP_DISK_SYNC] == good && probe.done[CUP_DISK_WRITE] == good);
        cup_store_log_close(log);
    }
    CHECK(cup_store_log_create(store, "_cupel/d/short", &log, &fault) == CUP_OK);
    probe_shorten(0, 1, 600);
    CHECK(cup_store_log_append(log, bytes, 1000, &fault) == CUP_OK); /* 600 and 400 */
    CHECK(probe.done[CUP_DISK_WRITE] == 2 && probe.done[CUP_DISK_SYNC] == 1);
    check_file("_cupel/d/short", 1000);
    cup_store_log_close(log);
}

/* The segment's name must be durable before anything is in it. */
static void check_log_name(void)
{
    struct cup_store_log *log;

    probe_clear();
    CHECK(cup_store_log_create(store, "_cupel/j/new/1.cj", &log, &fault) == CUP_OK);
    CHECK(probe.done[CUP_DISK_SYNC] == 3); /* _cupel, j and new */
    cup_store_log_close(log);
    probe_fail(CUP_DISK_SYNC, 0, 1, EIO);
    CHECK(cup_store_log_create(store, "_cupel/j/new/2.cj", &log, &fault) == CUP_IO);
    CHECK(strcmp(fault.where, "_cupel/j/new") == 0 && fault.os_errno == EIO);
    probe_clear();
}

/* --- threads --- */

struct racer {
    struct cup_store *store;
    uint32_t          index;
    uint32_t          won;
};

static _Atomic uint32_t racing;

static void *race(void *arg)
{
    struct racer          *racer = arg;
    struct cup_fault       own;
    struct cup_store_put   puts[RACES];
    struct cup_store_file *files[RACES];
    struct cup_sealed      sealed[RACES];
    char                   names_own[RACES][64], names_all[RACES][64];
    const char            *list[RACES];

    for (uint32_t i = 0; i < RACES; i++) {
        snprintf(names_own[i], 64, "r/silver/t%u/own%u-%u", i % 3, racer->index, i);
        snprintf(names_all[i], 64, "r/silver/t%u/all%u", i % 3, i);
        list[i] = names_own[i];
        puts[i] = (struct cup_store_put){
            .name = names_all[i], .bytes = &racer->index, .count = sizeof racer->index};
        CHECK(cup_store_stage(racer->store, &files[i], &own) == CUP_OK);
        CHECK(cup_store_append(files[i], bytes, 1000 + racer->index, &own) == CUP_OK);
    }
    atomic_fetch_add_explicit(&racing, 1, memory_order_acq_rel);
    while (atomic_load_explicit(&racing, memory_order_acquire) < RACERS) { /* all at once */
    }
    CHECK(cup_store_seal_all(files, RACES, sealed, &own) == CUP_OK);
    CHECK(cup_store_place_all(racer->store, files, list, RACES, &own) == CUP_OK);
    CHECK(cup_store_sync(racer->store, &own) == CUP_OK);
    cup_store_put_all(racer->store, puts, RACES);
    for (uint32_t i = 0; i < RACES; i++) {
        CHECK(puts[i].err == CUP_OK || puts[i].err == CUP_EXISTS);
        if (puts[i].err != CUP_OK) continue;
        struct cup_text text = {0};
        racer->won++;
        CHECK(cup_store_get(racer->store, names_all[i], &text, &own) == CUP_OK);
        CHECK(text.bytes == 4 && memcmp(text.at, &racer->index, 4) == 0);
        cup_text_free(&text);
    }
    return NULL;
}

/* Four committers on one disk: each name has one winner, whose bytes it holds. */
static void check_races(void)
{
    struct racer racers[RACERS];
    pthread_t    threads[RACERS];
    uint32_t     won = 0;
    char         name[64];

    for (uint32_t i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.store = open_store(real_disk), .index = i};
        CHECK(pthread_create(&threads[i], NULL, race, &racers[i]) == 0);
    }
    for (uint32_t i = 0; i < RACERS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        won += racers[i].won;
        cup_store_close(racers[i].store);
    }
    CHECK(won == RACES);
    for (uint32_t i = 0; i < RACERS; i++)
        for (uint32_t file = 0; file < RACES; file++) {
            snprintf(name, sizeof name, "r/silver/t%u/own%u-%u", file % 3, i, file);
            check_file(name, 1000 + i);
        }
}

/* --- limits --- */

/* RLIMIT_FSIZE cuts one of the writes short and then refuses it; the others are sealed. */
static void check_limit(void)
{
    struct cup_store_file *files[8];
    struct cup_sealed      sealed[8];
    struct rlimit          old, small;

    make_names("limit", 1);
    for (uint32_t i = 0; i < 8; i++) {
        CHECK(cup_store_stage(store, &files[i], &fault) == CUP_OK);
        CHECK(cup_store_append(files[i], large, i == 5 ? 200000 : 90000, &fault) == CUP_OK);
    }
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    small = (struct rlimit){.rlim_cur = 100000, .rlim_max = old.rlim_max};
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    probe_clear();
    CHECK(cup_store_seal_all(files, 8, sealed, &fault) == CUP_IO);
    CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
    CHECK(fault.os_errno == EFBIG && strstr(fault.what, "ulimit -f") != NULL);
    CHECK(probe.done[CUP_DISK_SYNC] == 7 && probe.done[CUP_DISK_WRITE] == 9);
    for (uint32_t i = 0; i < 8; i++)
        if (i != 5) CHECK(cup_store_place(store, files[i], names[i], &fault) == CUP_OK);
    discard_some(&files[5], 1);
}

/* --- the object store --- */

static void check_objects(void)
{
    struct cup_store_file *files[3];
    struct cup_sealed      sealed[3];
    struct cup_store_put   puts[3];
    const char            *objects[] = {"o/silver/t/f0", "_cupel/d/f1", "o/silver/t/f2"};

    stage_some(files, 3);
    CHECK(cup_store_seal_all(files, 3, sealed, &fault) == CUP_OK);
    CHECK(cup_store_sync(store, &fault) == CUP_OK);
    probe_clear();
    CHECK(cup_store_place_all(store, files, objects, 3, &fault) == CUP_OK);
    CHECK(probe.done[CUP_DISK_PUT] == 2 && probe.done[CUP_DISK_LINK] == 1);
    CHECK(probe.done[CUP_DISK_MKDIR] == 0 && probe.done[CUP_DISK_UNLINK] == 3);
    CHECK(cup_store_sync(store, &fault) == CUP_OK);
    CHECK(probe.done[CUP_DISK_SYNC] == 1); /* _cupel/d */
    for (uint32_t i = 0; i < 3; i++)
        check_file(objects[i], FILE_BYTES - i);
    CHECK(cup_store_sync_folder(store, "o/silver/t", &fault) == CUP_OK);
    CHECK(cup_store_sync_folder(store, "o/silver/none", &fault) == CUP_OK);
    CHECK(probe.done[CUP_DISK_SYNC] == 1);
    /* a name that is taken: the file is still the caller's */
    stage_some(files, 1);
    CHECK(cup_store_seal(files[0], sealed, &fault) == CUP_OK);
    CHECK(cup_store_place_all(store, files, objects, 1, &fault) == CUP_EXISTS);
    CHECK(files[0] != NULL);
    discard_some(files, 1);
    /* the others of a call get their names; the one that did not stays */
    const char *mixed[] = {"o/silver/t/f3", "_cupel/d/f4", objects[0]};
    stage_some(files, 3);
    CHECK(cup_store_seal_all(files, 3, sealed, &fault) == CUP_OK);
    CHECK(cup_store_place_all(store, files, mixed, 3, &fault) == CUP_EXISTS);
    CHECK(files[0] == NULL && files[1] == NULL && files[2] != NULL);
    CHECK(strcmp(fault.where, objects[0]) == 0);
    discard_some(files + 2, 1);
    check_file(mixed[1], FILE_BYTES - 1);

    for (uint32_t i = 0; i < 3; i++)
        puts[i] = (struct cup_store_put){.name = objects[i], .bytes = bytes, .count = 10 + i};
    puts[2].name = "o/silver/t/_delta_log/2";
    puts[1].name = "_cupel/d/p1";
    probe_clear();
    cup_store_put_all(store, puts, 3);
    CHECK(puts[0].err == CUP_EXISTS && puts[1].err == CUP_OK && puts[2].err == CUP_OK);
    CHECK(probe.done[CUP_DISK_PUT] == 2 && probe.batches[CUP_DISK_PUT] == 1);
    CHECK(cup_store_replace(store, objects[0], bytes, 7, &fault) == CUP_OK);
    check_file(objects[0], 7);
    CHECK(probe.done[CUP_DISK_RENAME] == 0);
    CHECK(cup_store_publish(store, "_cupel/d/p1", "o/silver/t/published", &fault) == CUP_OK);
    check_file("o/silver/t/published", 11);
    CHECK(cup_store_publish(store, "_cupel/d/p1", objects[0], &fault) == CUP_EXISTS);
    CHECK(cup_store_remove(store, objects[0], &fault) == CUP_OK);
    /* unknown whether it was done: IO */
    probe_fail(CUP_DISK_PUT, 0, 1, ETIMEDOUT);
    probe.late = true;
    CHECK(cup_store_put_if_absent(store, objects[0], bytes, 9, &fault) == CUP_IO);
    CHECK(fault.os_errno == ETIMEDOUT);
    check_file(objects[0], 9);
    probe_clear();
}

static void check_all(struct cup_disk *disk)
{
    real_disk = disk;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 256);
    (void)signal(SIGXFSZ, SIG_IGN); /* as the data plane does */
    (void)umask(0022);
    open_probe(disk, false);
    store = open_store(&probe.disk);
    check_counts();
    check_put_counts();
    check_sealed_puts();
    check_short_writes();
    check_failed_fsync();
    check_no_space();
    check_put_faults();
    check_late_error();
    check_chain_faults();
    check_open_faults();
    check_log();
    check_log_name();
    check_limit();
    check_races();
    cup_store_close(store);
    open_probe(disk, true);
    store = open_store(&probe.disk);
    check_objects();
    cup_store_close(store);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv); /* nothing is random here */
    return with_disk(argc, argv, check_all);
}
