// SPDX-License-Identifier: Apache-2.0
/* Goal:   shards are found and told apart, their owner is seen without disturbing it, and what was
 *         given up is remembered, whatever else stands in recover.log.
 * Method: folders made by hand; a lock held by this process; a log written, cut at every byte and
 *         written on. (What recover does with a whole lake: tests/crash/test_recover.py.) */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lake/tool/tool_recover.h"
#include "tests/check.h"

static char lake[128];

static void make_folder(const char *name)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", lake, name);
    CHECK(mkdir(path, 0700) == 0);
}

static void check_found(void)
{
    static const char *const folders[] = {"_cupel",         "_cupel/b",     "_cupel/b/p",
                                          "_cupel/b/p/10",  "_cupel/b/p/9", "_cupel/b/p/ledger",
                                          "_cupel/a",       "_cupel/a/q",   "_cupel/a/q/0",
                                          "_cupel/a/q/007", "_cupel/a/q/1x"};
    struct cup_shards        shards;
    char                     name[CUP_SHARD_BYTES];

    CHECK(cup_shards_find(lake, NULL, NULL, CUP_SHARD_ANY, &shards, NULL) == CUP_NOT_FOUND);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        make_folder(folders[i]);
    CHECK(cup_shards_find(lake, NULL, NULL, CUP_SHARD_ANY, &shards, NULL) == CUP_OK);
    CHECK(shards.count == 3);
    CHECK(strcmp(shards.list[0].domain, "a") == 0 && strcmp(shards.list[0].pipeline, "q") == 0);
    CHECK(shards.list[1].number == 9 && shards.list[2].number == 10);
    cup_shard_app(&shards.list[2], name);
    CHECK(strcmp(name, "cupel/b/p/10") == 0);
    cup_shard_folder(&shards.list[2], "lock", name);
    CHECK(strcmp(name, "_cupel/b/p/10/lock") == 0);
    cup_shard_folder(&shards.list[0], "", name);
    CHECK(strcmp(name, "_cupel/a/q/0") == 0);
    cup_recover_own(&shards.list[0], CUP_OWN_INDEX, name);
    CHECK(strcmp(name, "a/bronze/q/_index") == 0);
    cup_recover_own(&shards.list[0], CUP_OWN_QUARANTINE, name);
    CHECK(strcmp(name, "a/quarantine/q") == 0);
    cup_recover_own(&shards.list[0], CUP_OWN_LEDGER, name);
    CHECK(strcmp(name, "_cupel/a/q/ledger") == 0);
    cup_shards_free(&shards);
    CHECK(cup_shards_find(lake, "b", "p", 9, &shards, NULL) == CUP_OK && shards.count == 1);
    cup_shards_free(&shards);
    CHECK(cup_shards_find(lake, "a", "p", CUP_SHARD_ANY, &shards, NULL) == CUP_OK);
    CHECK(shards.count == 0);
    cup_shards_free(&shards);
}

static const struct cup_shard shard = {.domain = "b", .pipeline = "p", .number = 9};

static void check_owner(void)
{
    char holder[CUP_HOLDER_BYTES] = "x", path[512];

    CHECK(!cup_shard_held(lake, &shard, holder) && holder[0] == '\0');
    snprintf(path, sizeof path, "%s/_cupel/b/p/9/lock", lake);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, "pid 12 boot x\nmore", 18) == 18);
    CHECK(!cup_shard_held(lake, &shard, holder) && strcmp(holder, "pid 12 boot x") == 0);
    CHECK(flock(fd, LOCK_EX | LOCK_NB) == 0);
    CHECK(cup_shard_held(lake, &shard, holder) && strcmp(holder, "pid 12 boot x") == 0);
    CHECK(flock(fd, LOCK_UN) == 0);
    CHECK(!cup_shard_held(lake, &shard, holder));
    CHECK(flock(fd, LOCK_EX | LOCK_NB) == 0); /* the look has left no lock behind */
    close(fd);
}

static uint32_t read_audit(const char *table, uint64_t epoch, bool *out_excused)
{
    struct cup_audit audit = {0};

    CHECK(cup_audit_read(lake, &shard, &audit, NULL) == CUP_OK);
    *out_excused   = cup_audit_excuses(&audit, table, epoch);
    uint32_t count = audit.count;
    cup_audit_free(&audit);
    return count;
}

static void check_audit(void)
{
    static const char given[] = "\"did\":\"discard table\",\"table\":\"a \\\"b\\\"/c\","
                                "\"first_epoch\":3,\"last_epoch\":5";
    char              path[512];
    struct stat       info;
    bool              excused;

    CHECK(read_audit("a", 1, &excused) == 0 && !excused);
    CHECK(cup_audit_write(lake, &shard, "\"did\":\"adopt\"", NULL) == CUP_OK);
    CHECK(read_audit("a", 1, &excused) == 0 && !excused);
    CHECK(cup_audit_write(lake, &shard, given, NULL) == CUP_OK);
    for (uint64_t epoch = 2; epoch <= 6; epoch++) {
        CHECK(read_audit("a \"b\"/c", epoch, &excused) == 1);
        CHECK(excused == (epoch >= 3 && epoch <= 5));
        (void)read_audit("a \"b\"", epoch, &excused);
        CHECK(!excused);
    }
    snprintf(path, sizeof path, "%s/_cupel/b/p/9/recover.log", lake);
    CHECK(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
    /* cut off anywhere: what was before it stays, and a line behind it is read */
    for (off_t bytes = info.st_size; bytes-- > info.st_size - (off_t)sizeof given;) {
        CHECK(truncate(path, bytes) == 0);
        bool whole = bytes == info.st_size - 1; /* only its line end is gone */
        CHECK(read_audit("a \"b\"/c", 4, &excused) == whole && excused == whole);
    }
    CHECK(cup_audit_write(lake, &shard, given, NULL) == CUP_OK);
    CHECK(read_audit("a \"b\"/c", 4, &excused) == 1 && excused);
}

int main(int argc, char **argv)
{
    char command[200];

    (void)cup_test_begin(argc, argv);
    snprintf(lake, sizeof lake, "/tmp/test_recover_XXXXXX");
    CHECK(mkdtemp(lake) != NULL);
    check_found();
    check_owner();
    check_audit();
    snprintf(command, sizeof command, "rm -rf %s", lake);
    CHECK(system(command) == 0);
    return 0;
}
