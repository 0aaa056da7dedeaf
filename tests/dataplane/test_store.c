// SPDX-License-Identifier: Apache-2.0
/* Goal:   a file has its final name whole or not at all; names are taken once; modes are those of
 *         the zone; nothing that failed is used again.
 * Method: a lake in a temporary folder, on each real disk; random appends compared with what is
 * read back and with the checksum of the whole; every refusal provoked: taken name, missing file,
 * full disk (RLIMIT_FSIZE), second lock, symbolic link in the way. */
#include "dataplane/store/store.h"

#include <signal.h>
#include <sys/resource.h>

#include "kernels/isal/isal.h"
#include "tests/dataplane/store_lake.h"

static struct cup_disk *disk;
static struct cup_rnd   rnd;

static unsigned mode_of(const char *name)
{
    char        path[512];
    struct stat info;

    snprintf(path, sizeof path, "%s/%s", lake, name);
    CHECK(lstat(path, &info) == 0);
    return info.st_mode & 07777;
}

static void count_one(void *arg, const char *name)
{
    CHECK(name[0] != '.');
    ++*(uint32_t *)arg;
}

static uint32_t count_in(struct cup_store *store, const char *folder)
{
    uint32_t count = 0;

    CHECK(cup_store_list(store, folder, count_one, &count, NULL) == CUP_OK);
    return count;
}

static struct cup_store_file *make_sealed(struct cup_store *store, const char *text)
{
    struct cup_store_file *file;
    struct cup_sealed      sealed;

    CHECK(cup_store_stage(store, &file, NULL) == CUP_OK);
    CHECK(cup_store_append(file, text, strlen(text), NULL) == CUP_OK);
    CHECK(cup_store_seal(file, &sealed, NULL) == CUP_OK);
    CHECK(sealed.bytes == strlen(text) && sealed.crc32c == cup_crc32c(0, text, strlen(text)));
    return file;
}

/* Appends of all sizes around the buffer, zero included. */
static void check_contents(struct cup_store *store)
{
    static uint8_t         bytes[3u << 20];
    struct cup_store_file *file;
    struct cup_sealed      sealed;
    struct cup_text        text = {0};

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)cup_rnd_u64(&rnd);
    for (int round = 0; round < 12; round++) {
        size_t whole = cup_rnd_below(&rnd, sizeof bytes), at = 0;
        char   name[64];
        CHECK(cup_store_stage(store, &file, NULL) == CUP_OK);
        while (at < whole) {
            size_t part = cup_rnd_below(&rnd, cup_rnd_below(&rnd, 3) == 0 ? 600u << 10 : 5000);
            part        = part < whole - at ? part : whole - at;
            CHECK(cup_store_append(file, bytes + at, part, NULL) == CUP_OK);
            at += part;
        }
        CHECK(cup_store_seal(file, &sealed, NULL) == CUP_OK);
        CHECK(sealed.bytes == whole && sealed.crc32c == cup_crc32c(0, bytes, whole));
        snprintf(name, sizeof name, "d/silver/t%d/f", round);
        CHECK(cup_store_get(store, name, &text, NULL) == CUP_NOT_FOUND);
        CHECK(cup_store_place(store, file, name, NULL) == CUP_OK);
        cup_text_clear(&text);
        CHECK(cup_store_get(store, name, &text, NULL) == CUP_OK);
        CHECK(text.bytes == whole && (whole == 0 || memcmp(text.at, bytes, whole) == 0));
    }
    CHECK(cup_store_sync(store, NULL) == CUP_OK);
    CHECK(count_in(store, STAGING) == 0);
    cup_text_free(&text);
}

static void check_modes(struct cup_store *store)
{
    static const struct {
        const char *name, *folder;
        unsigned    file_mode, folder_mode;
    } rows[] = {
        {"e/silver/a/b/f", "e/silver/a", 0640, 0750},
        {"e/gold/a/f", "e/gold", 0640, 0750},
        {"e/bronze/p/f", "e/bronze/p", 0600, 0700},
        {"e/quarantine/p/f", "e/quarantine", 0600, 0700},
        {"_cupel/silver/p/f", "_cupel/silver", 0600, 0700},
        {"e/silvery/f", "e/silvery", 0600, 0700},
    };
    mode_t old = umask(0077);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK(cup_store_place(store, make_sealed(store, "x"), rows[i].name, NULL) == CUP_OK);
        CHECK(mode_of(rows[i].name) == rows[i].file_mode);
        CHECK(mode_of(rows[i].folder) == rows[i].folder_mode);
    }
    CHECK(mode_of("e") == 0750 && mode_of("_cupel") == 0700);
    umask(old);
    /* how a tree gets its group */
    char path[512];
    snprintf(path, sizeof path, "%s/e/silver", lake);
    CHECK(chmod(path, 02750) == 0);
    CHECK(cup_store_place(store, make_sealed(store, "x"), "e/silver/g/f", NULL) == CUP_OK);
    CHECK(mode_of("e/silver/g") == 02750);
}

static void check_names(struct cup_store *store)
{
    struct cup_fault       fault;
    struct cup_text        text = {0};
    struct cup_store_file *file = make_sealed(store, "second");

    CHECK(cup_store_put_if_absent(store, "n/gold/t/f", "first", 5, &fault) == CUP_OK);
    CHECK(cup_store_place(store, file, "n/gold/t/f", &fault) == CUP_EXISTS);
    CHECK(strcmp(fault.where, "n/gold/t/f") == 0);
    cup_store_discard(store, file);
    CHECK(cup_store_put_if_absent(store, "n/gold/t/f", "third", 5, &fault) == CUP_EXISTS);
    CHECK(cup_store_get(store, "n/gold/t/f", &text, &fault) == CUP_OK);
    CHECK(strcmp(text.at, "first") == 0);
    CHECK(cup_store_replace(store, "n/gold/t/f", "fourth", 6, &fault) == CUP_OK);
    cup_text_clear(&text);
    CHECK(cup_store_get(store, "n/gold/t/f", &text, &fault) == CUP_OK);
    CHECK(strcmp(text.at, "fourth") == 0 && mode_of("n/gold/t/f") == 0640);
    CHECK(count_in(store, "n/gold/t") == 1 && count_in(store, STAGING) == 0);
    CHECK(cup_store_remove(store, "n/gold/t/f", &fault) == CUP_OK);
    CHECK(cup_store_remove(store, "n/gold/t/f", &fault) == CUP_OK);
    CHECK(cup_store_remove(store, "n/none/t/f", &fault) == CUP_OK);
    CHECK(cup_store_get(store, "n/gold/t/f", &text, &fault) == CUP_NOT_FOUND);
    CHECK(cup_store_list(store, "n/none", count_one, NULL, &fault) == CUP_NOT_FOUND);
    CHECK(cup_store_sync_folder(store, "n/gold", &fault) == CUP_OK);
    CHECK(cup_store_sync_folder(store, "n/none", &fault) == CUP_NOT_FOUND);
    cup_text_free(&text);
}

/* A link in a lake's folder must not lead a write out of it. */
static void check_links(struct cup_store *store)
{
    char             path[512];
    struct cup_fault fault;
    struct cup_text  text = {0};

    CHECK(cup_store_put_if_absent(store, "l/silver/t/f", "x", 1, &fault) == CUP_OK);
    snprintf(path, sizeof path, "%s/l/silver/away", lake);
    CHECK(symlink("/tmp", path) == 0);
    CHECK(cup_store_put_if_absent(store, "l/silver/away/f", "x", 1, &fault) == CUP_IO);
    CHECK(cup_store_list(store, "l/silver/away", count_one, NULL, &fault) == CUP_IO);
    snprintf(path, sizeof path, "%s/l/silver/t/link", lake);
    CHECK(symlink("f", path) == 0);
    CHECK(cup_store_get(store, "l/silver/t/link", &text, &fault) == CUP_IO);
    cup_text_free(&text);
}

/* RLIMIT_FSIZE cuts a write short and then refuses it, as a full disk does. */
static void check_full(struct cup_store *store)
{
    static uint8_t         bytes[512u << 10];
    struct rlimit          old, small = {.rlim_cur = 100000, .rlim_max = RLIM_INFINITY};
    struct cup_store_file *file;
    struct cup_store_log  *log;
    struct cup_sealed      sealed = {.bytes = 77};
    struct cup_fault       fault;

    CHECK(cup_store_stage(store, &file, NULL) == CUP_OK);
    CHECK(cup_store_log_create(store, "_cupel/full.cj", &log, NULL) == CUP_OK);
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    CHECK(cup_store_append(file, bytes, sizeof bytes, &fault) == CUP_IO);
    CHECK(fault.os_errno == EFBIG && strstr(fault.what, "ulimit -f") != NULL);
    CHECK(cup_store_log_append(log, bytes, sizeof bytes, &fault) == CUP_IO);
    CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
    /* room again, but both are poisoned */
    CHECK(cup_store_append(file, bytes, 1, &fault) == CUP_IO);
    CHECK(cup_store_seal(file, &sealed, &fault) == CUP_IO && sealed.bytes == 77);
    CHECK(cup_store_log_append(log, bytes, 1, &fault) == CUP_IO);
    cup_store_discard(store, file);
    cup_store_log_close(log);
}

static void check_log(struct cup_store *store)
{
    struct cup_store_log *log, *second;
    struct cup_text       text = {0};

    CHECK(cup_store_log_create(store, "_cupel/a.cj", &log, NULL) == CUP_OK);
    CHECK(cup_store_log_create(store, "_cupel/a.cj", &second, NULL) == CUP_EXISTS);
    CHECK(cup_store_log_append(log, "one", 3, NULL) == CUP_OK);
    CHECK(cup_store_log_append(log, "two", 3, NULL) == CUP_OK);
    CHECK(cup_store_get(store, "_cupel/a.cj", &text, NULL) == CUP_OK);
    CHECK(strcmp(text.at, "onetwo") == 0 && mode_of("_cupel/a.cj") == 0600);
    cup_store_log_close(log);
    cup_text_free(&text);
}

static void check_lock(struct cup_store *store)
{
    struct cup_store *other = open_store(disk);
    struct cup_fault  fault;
    char              holder[32];

    CHECK(cup_store_lock(store, "_cupel/d/lock", &fault) == CUP_OK);
    CHECK(cup_store_lock(other, "_cupel/d/lock", &fault) == CUP_LOCKED);
    snprintf(holder, sizeof holder, "(pid %ld boot ", (long)getpid());
    CHECK(strstr(fault.where, holder) != NULL);
    cup_store_close(store);
    CHECK(cup_store_lock(other, "_cupel/d/lock", &fault) == CUP_OK);
    cup_store_close(other);
}

static void check_clean(struct cup_store *store)
{
    struct cup_store_file *file;

    CHECK(cup_store_stage(store, &file, NULL) == CUP_OK);
    CHECK(count_in(store, STAGING) == 1);
    CHECK(cup_store_clean(store, NULL) == CUP_OK);
    CHECK(count_in(store, STAGING) == 0);
    cup_store_discard(store, file);
    cup_store_discard(store, NULL);
}

/* A file that another process left gets a name; it keeps the one it has. */
static void check_publish(struct cup_store *store)
{
    struct cup_fault fault;
    struct cup_text  text = {0};
    uint64_t         bytes;

    CHECK(cup_store_put_if_absent(store, "_cupel/d/made", "merged", 6, &fault) == CUP_OK);
    CHECK(cup_store_publish(store, "_cupel/d/made", "p/silver/t/f", &fault) == CUP_OK);
    CHECK(cup_store_get(store, "p/silver/t/f", &text, &fault) == CUP_OK);
    CHECK(strcmp(text.at, "merged") == 0 && mode_of("p/silver/t/f") == 0640);
    CHECK(cup_store_publish(store, "_cupel/d/made", "p/silver/t/f", &fault) == CUP_EXISTS);
    CHECK(cup_store_publish(store, "_cupel/d/none", "p/silver/t/g", &fault) == CUP_NOT_FOUND);
    CHECK(cup_store_publish(store, "_cupel/none/f", "p/silver/t/g", &fault) == CUP_NOT_FOUND);
    CHECK(cup_store_free_bytes(store, &bytes, &fault) == CUP_OK && bytes > 0);
    cup_text_free(&text);
}

static void check_info(struct cup_store *store)
{
    struct cup_store_info info;
    struct cup_fault      fault;
    struct stat           status;
    char                  path[512];

    CHECK(cup_store_put_if_absent(store, "i/silver/t/f", "12345", 5, &fault) == CUP_OK);
    CHECK(cup_store_info(store, "i/silver/t/f", &info, &fault) == CUP_OK);
    snprintf(path, sizeof path, "%s/i/silver/t/f", lake);
    CHECK(stat(path, &status) == 0 && info.bytes == 5 && !info.folder);
    CHECK(info.modified_us == status.st_mtim.tv_sec * 1000000 + status.st_mtim.tv_nsec / 1000);
    CHECK(cup_store_info(store, "i/silver/t", &info, &fault) == CUP_OK && info.folder);
    CHECK(cup_store_info(store, "i/silver/t/g", &info, &fault) == CUP_NOT_FOUND);
    CHECK(cup_store_info(store, "i/none/t/g", &info, &fault) == CUP_NOT_FOUND);
}

/* Room without a name: nothing is left of it, also not for cup_store_clean. */
static void check_scratch(struct cup_store *store)
{
    char             bytes[8] = {0};
    struct cup_fault fault;
    int              fd;

    CHECK(cup_store_scratch_open(store, &fd, &fault) == CUP_OK);
    CHECK(count_in(store, STAGING) == 0);
    CHECK(cup_store_scratch_write(store, fd, "abcdef", 6, 100000, &fault) == CUP_OK);
    CHECK(cup_store_scratch_read(store, fd, bytes, 4, 100002, &fault) == CUP_OK);
    CHECK(memcmp(bytes, "cdef", 4) == 0);
    CHECK(cup_store_scratch_read(store, fd, bytes, 4, 100003, &fault) == CUP_IO);
    cup_store_scratch_close(store, fd);
}

static void check_open(void)
{
    struct cup_store *store;
    struct cup_fault  fault;
    char              deep[400];

    snprintf(deep, sizeof deep, "%s/made//when/missing/", lake);
    CHECK(cup_store_open(disk, deep, STAGING, &store, &fault) == CUP_OK);
    cup_store_close(store);
    CHECK(cup_store_open(disk, "/proc/none/lake", STAGING, &store, &fault) == CUP_IO);
    CHECK(fault.os_errno == ENOENT);
    memset(deep + strlen(lake) + 1, 'x', 300);
    deep[strlen(lake) + 301] = '\0';
    CHECK(cup_store_open(disk, deep, STAGING, &store, &fault) == CUP_IO);
    CHECK(fault.os_errno == ENAMETOOLONG);
}

static void check_all(struct cup_disk *on)
{
    disk = on;
    check_open();
    struct cup_store *store = open_store(disk);
    check_contents(store);
    check_modes(store);
    check_names(store);
    check_links(store);
    check_log(store);
    check_full(store);
    check_clean(store);
    check_publish(store);
    check_info(store);
    check_scratch(store);
    check_lock(store);
}

int main(int argc, char **argv)
{
    rnd = cup_test_begin(argc, argv);
    return with_disk(argc, argv, check_all);
}
