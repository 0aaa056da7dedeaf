// SPDX-License-Identifier: Apache-2.0
/* Goal:   the disk in memory behaves as one, and loses in a crash exactly what was not synced:
 * never less than it may, never what it promised. Method: small scenes through the operations that
 * the store uses; each crash model many times, with what it leaves collected: every outcome that is
 * allowed must come up, no other may. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/store/sim.h"
#include "tests/check.h"

#define TRIES  400u
#define CREATE (O_WRONLY | O_CREAT | O_EXCL)

static struct cup_disk *open_disk(uint64_t seed, uint64_t bytes_max, bool objects)
{
    struct cup_disk_sim_options options = {
        .seed = seed, .bytes_max = bytes_max, .objects = objects};

    return cup_disk_sim_open(&options);
}

static int64_t run(struct cup_disk *disk, struct cup_disk_op op)
{
    disk->ops->run(disk, &op, 1);
    return op.result;
}

static int open_at(struct cup_disk *disk, int fd, const char *name, int flags)
{
    return (int)run(
        disk, (struct cup_disk_op){
                  .kind = CUP_DISK_OPEN, .fd = fd, .name = name, .flags = flags, .mode = 0600});
}

static int64_t write_at(struct cup_disk *disk, int fd, const char *text, uint64_t at)
{
    return run(
        disk,
        (struct cup_disk_op){
            .kind = CUP_DISK_WRITE, .fd = fd, .bytes = text, .count = strlen(text), .at = at});
}

static int64_t on_fd(struct cup_disk *disk, enum cup_disk_kind kind, int fd, uint64_t at)
{
    return run(disk, (struct cup_disk_op){.kind = kind, .fd = fd, .at = at});
}

static int64_t on_name(struct cup_disk *disk, enum cup_disk_kind kind, int fd, const char *name,
                       int to_fd, const char *to_name)
{
    return run(disk, (struct cup_disk_op){
                         .kind = kind, .fd = fd, .name = name, .to_fd = to_fd, .to_name = to_name});
}

/* The file's bytes as a text; NULL: no such file. */
static const char *text_of(struct cup_disk *disk, const char *path)
{
    static char text[64];
    const void *bytes;
    size_t      count;

    if (!cup_disk_sim_read(disk, path, &bytes, &count)) return NULL;
    CHECK(count < sizeof text);
    memcpy(text, bytes, count);
    text[count] = '\0';
    return text;
}

static bool has(struct cup_disk *disk, const char *path, const char *text)
{
    const char *found = text_of(disk, path);

    return found != NULL && strcmp(found, text) == 0;
}

/* A synced file "a" with "old", in a synced folder "d". */
static struct cup_disk *make_scene(uint64_t seed, int *out_folder, int *out_file)
{
    struct cup_disk *disk = open_disk(seed, 0, false);

    CHECK(on_name(disk, CUP_DISK_MKDIR, AT_FDCWD, "d", 0, NULL) == 0);
    *out_folder = open_at(disk, AT_FDCWD, "d", O_RDONLY | O_DIRECTORY);
    *out_file   = open_at(disk, *out_folder, "a", CREATE);
    CHECK(*out_folder >= 0 && *out_file >= 0 && *out_file != *out_folder);
    CHECK(write_at(disk, *out_file, "old", 0) == 3 &&
          on_fd(disk, CUP_DISK_SYNC, *out_file, 0) == 0);
    int root = open_at(disk, AT_FDCWD, ".", O_RDONLY | O_DIRECTORY);
    CHECK(on_fd(disk, CUP_DISK_SYNC, *out_folder, 0) == 0);
    CHECK(on_fd(disk, CUP_DISK_SYNC, root, 0) == 0 && on_fd(disk, CUP_DISK_CLOSE, root, 0) == 0);
    return disk;
}

/* --- operations --- */

static void note_name(void *arg, const char *name)
{
    *(uint32_t *)arg |= 1u << (name[0] - 'a');
}

static void check_operations(void)
{
    struct cup_disk_info info;
    int                  folder, file;
    uint32_t             names = 0;
    struct cup_disk     *disk  = make_scene(1, &folder, &file);

    CHECK(open_at(disk, folder, "a", CREATE) == -EEXIST &&
          open_at(disk, folder, "x", 0) == -ENOENT);
    CHECK(open_at(disk, folder, "a", O_DIRECTORY) == -ENOTDIR);
    CHECK(on_name(disk, CUP_DISK_MKDIR, AT_FDCWD, "d", 0, NULL) == -EEXIST);
    CHECK(on_name(disk, CUP_DISK_LINK, folder, "a", folder, "b") == 0);
    CHECK(on_name(disk, CUP_DISK_LINK, folder, "a", folder, "b") == -EEXIST);
    CHECK(on_name(disk, CUP_DISK_LINK, folder, "x", folder, "c") == -ENOENT);
    CHECK(write_at(disk, file, "NEW", 4) == 3 && memcmp(text_of(disk, "/d/b"), "old\0NEW", 7) == 0);
    CHECK(on_fd(disk, CUP_DISK_CUT, file, 2) == 0 && has(disk, "/d/b", "ol"));
    CHECK(on_name(disk, CUP_DISK_RENAME, folder, "a", folder, "c") == 0);
    CHECK(!has(disk, "/d/a", "ol") && has(disk, "/d/c", "ol"));
    CHECK(on_name(disk, CUP_DISK_UNLINK, folder, "a", 0, NULL) == -ENOENT);
    CHECK(on_name(disk, CUP_DISK_UNLINK, AT_FDCWD, "d", 0, NULL) == -EISDIR);
    CHECK(on_name(disk, CUP_DISK_UNLINK, folder, "c", 0, NULL) == 0);
    CHECK(disk->ops->list(disk, folder, note_name, &names) == 0 && names == 2);
    CHECK(disk->ops->info(disk, folder, "b", &info) == 0 && info.bytes == 2 && !info.folder);
    CHECK(disk->ops->lock(disk, file) == 0);
    int other = open_at(disk, folder, "b", O_RDWR);
    CHECK(disk->ops->lock(disk, other) == -EWOULDBLOCK);
    CHECK(on_fd(disk, CUP_DISK_CLOSE, file, 0) == 0 && disk->ops->lock(disk, other) == 0);
    CHECK(on_fd(disk, CUP_DISK_CLOSE, file, 0) == -EBADF && write_at(disk, file, "x", 0) == -EBADF);
    CHECK(cup_disk_sim_info(disk).descriptors == 2);
    disk->ops->close(disk);
}

/* --- crashes --- */

/* What is there after a crash is durable: a second one takes nothing more. */
static void check_lasts(struct cup_disk *disk, enum cup_disk_sim_model model, bool a, bool b)
{
    const char *path     = a ? "/d/a" : "/d/b";
    char        kept[64] = "";

    if (model == CUP_SIM_DEATH) return;
    if (a || b) snprintf(kept, sizeof kept, "%s", text_of(disk, path));
    cup_disk_sim_crash(disk, CUP_SIM_SUBSET, 1);
    CHECK((text_of(disk, "/d/a") != NULL) == a && (text_of(disk, "/d/b") != NULL) == b);
    CHECK(!(a || b) || strcmp(kept, text_of(disk, path)) == 0);
}

/* After the scene: "new" is written over "old" and behind it, and b is linked; none of it synced.
 */
static uint32_t crash_scene(enum cup_disk_sim_model model, uint64_t seed)
{
    static const char *const texts[] = {"old", "newer", "new", "n", "ne", "newe"};
    int                      folder, file;
    uint32_t                 outcome = 0;
    struct cup_disk         *disk    = make_scene(seed, &folder, &file);

    CHECK(write_at(disk, file, "newer", 0) == 5);
    CHECK(on_name(disk, CUP_DISK_LINK, folder, "a", folder, "b") == 0);
    CHECK(on_name(disk, CUP_DISK_UNLINK, folder, "a", 0, NULL) == 0);
    cup_disk_sim_crash(disk, model, seed);
    CHECK(cup_disk_sim_info(disk).descriptors == 0);
    bool a = text_of(disk, "/d/a") != NULL, b = text_of(disk, "/d/b") != NULL;
    for (uint32_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (has(disk, a ? "/d/a" : "/d/b", texts[i])) outcome |= 16u << i;
    outcome |= a && b ? 1 : a ? 2 : b ? 4 : 8;
    check_lasts(disk, model, a, b);
    disk->ops->close(disk);
    return outcome;
}

static void check_models(uint64_t seed)
{
    uint32_t outcomes[CUP_SIM_MODEL_COUNT] = {0};

    for (uint32_t model = 0; model < CUP_SIM_MODEL_COUNT; model++)
        for (uint32_t i = 0; i < TRIES; i++)
            outcomes[model] |= crash_scene((enum cup_disk_sim_model)model, seed + i);
    /* names: both, the old one, the new one; none only where an unlink may survive its link */
    CHECK((outcomes[CUP_SIM_PREFIX] & 15) == 7);
    CHECK((outcomes[CUP_SIM_SUBSET] & 15) == 15 && (outcomes[CUP_SIM_TORN] & 15) == 15);
    CHECK((outcomes[CUP_SIM_DEATH] & 15) == 4);
    /* bytes: old and new come up; a death keeps the new ones */
    CHECK((outcomes[CUP_SIM_PREFIX] & 48) == 48 && (outcomes[CUP_SIM_SUBSET] & 48) == 48);
    CHECK((outcomes[CUP_SIM_TORN] & 48) == 48 && outcomes[CUP_SIM_DEATH] >> 4 == 2);
}

static void check_promise(uint64_t seed)
{
    int folder, file;

    for (uint32_t i = 0; i < TRIES; i++) {
        struct cup_disk *disk = make_scene(seed + i, &folder, &file);
        CHECK(write_at(disk, file, "newer", 0) == 5 && on_fd(disk, CUP_DISK_SYNC, file, 0) == 0);
        CHECK(on_name(disk, CUP_DISK_LINK, folder, "a", folder, "b") == 0);
        CHECK(on_fd(disk, CUP_DISK_SYNC, folder, 0) == 0);
        CHECK(on_name(disk, CUP_DISK_MKDIR, AT_FDCWD, "e", 0, NULL) == 0);
        cup_disk_sim_crash(disk, (enum cup_disk_sim_model)(i % CUP_SIM_DEATH), seed + i);
        CHECK(has(disk, "/d/a", "newer") && has(disk, "/d/b", "newer"));
        disk->ops->close(disk);
    }
}

/* Whole sectors are new, old or zeros; more than one mixture comes up. */
static void check_sectors(uint64_t seed)
{
    char        text[2049];
    uint32_t    mixtures = 0, sizes = 0;
    int         folder, file;
    const void *bytes;
    size_t      count;

    memset(text, 'n', sizeof text);
    text[2048] = '\0';
    for (uint32_t i = 0; i < TRIES; i++) {
        struct cup_disk *disk    = make_scene(seed + i, &folder, &file);
        uint32_t         mixture = 0;
        CHECK(write_at(disk, file, text, 0) == 2048);
        cup_disk_sim_crash(disk, CUP_SIM_TORN, seed + i);
        CHECK(cup_disk_sim_read(disk, "/d/a", &bytes, &count) && count >= 3 && count <= 2048);
        for (size_t at = 0; at < count; at += 512) {
            const char *sector = (const char *)bytes + at;
            size_t      length = count - at < 512 ? count - at : 512;
            CHECK(sector[0] == 'n' || sector[0] == '\0' || memcmp(sector, "old", 3) == 0);
            CHECK(length < 4 || memcmp(sector + 3, sector + 4, length - 4) == 0);
            mixture = mixture * 3 + (sector[0] == 'n') + 2u * (sector[0] == 'o');
        }
        mixtures |= 1u << mixture % 32;
        sizes |= 1u << count / 512;
        disk->ops->close(disk);
    }
    CHECK(__builtin_popcount(mixtures) > 8 && __builtin_popcount(sizes) == 5);
}

/* --- faults --- */

struct once {
    enum cup_disk_kind          kind;
    struct cup_disk_sim_verdict verdict;
};

static struct cup_disk_sim_verdict judge_once(void *arg, const struct cup_disk_sim_event *event)
{
    struct once                *once    = arg;
    struct cup_disk_sim_verdict verdict = once->verdict;

    if (event->kind != once->kind) return (struct cup_disk_sim_verdict){.effect = CUP_SIM_DO};
    once->kind = CUP_DISK_KIND_COUNT;
    return verdict;
}

static void check_faults(void)
{
    int              folder, file;
    struct cup_disk *disk = make_scene(1, &folder, &file);
    struct once      once = {CUP_DISK_WRITE, {CUP_SIM_SHORT, 0, 2}};

    cup_disk_sim_judge(disk, judge_once, &once);
    CHECK(write_at(disk, file, "newer", 0) == 2 && has(disk, "/d/a", "ned"));
    once = (struct once){CUP_DISK_WRITE, {CUP_SIM_LIE, 0, 1}};
    CHECK(write_at(disk, file, "xyz", 0) == 3 && has(disk, "/d/a", "xed"));
    once = (struct once){CUP_DISK_LINK, {CUP_SIM_LATE, EIO, 0}};
    CHECK(on_name(disk, CUP_DISK_LINK, folder, "a", folder, "b") == -EIO &&
          has(disk, "/d/b", "xed"));
    once = (struct once){CUP_DISK_OPEN, {CUP_SIM_FAIL, EAGAIN, 0}};
    CHECK(open_at(disk, folder, "c", CREATE) == -EAGAIN && text_of(disk, "/d/c") == NULL);
    /* a failed sync: the second one succeeds and does nothing */
    once = (struct once){CUP_DISK_SYNC, {CUP_SIM_FAIL, EIO, 0}};
    CHECK(on_fd(disk, CUP_DISK_SYNC, file, 0) == -EIO && on_fd(disk, CUP_DISK_SYNC, file, 0) == 0);
    CHECK(has(disk, "/d/a", "xed"));
    cup_disk_sim_crash(disk, CUP_SIM_TORN, 1);
    CHECK(has(disk, "/d/a", "old"));
    once = (struct once){CUP_DISK_MKDIR, {CUP_SIM_END, 0, 0}};
    CHECK(on_name(disk, CUP_DISK_MKDIR, AT_FDCWD, "e", 0, NULL) == -EIO);
    CHECK(open_at(disk, AT_FDCWD, "d", O_RDONLY) == -EIO && cup_disk_sim_info(disk).ended);
    cup_disk_sim_crash(disk, CUP_SIM_DEATH, 1);
    CHECK(open_at(disk, AT_FDCWD, "d", O_RDONLY) >= 0 &&
          open_at(disk, AT_FDCWD, "e", 0) == -ENOENT);
    disk->ops->close(disk);
}

static void check_room(void)
{
    struct cup_disk *disk = open_disk(1, 256 * 3 + 6, false);
    uint64_t         room;
    int              a = open_at(disk, AT_FDCWD, "a", CREATE);

    CHECK(write_at(disk, a, "1234", 0) == 4 && disk->ops->free_bytes(disk, AT_FDCWD, &room) == 0);
    CHECK(room == 256 + 2 && write_at(disk, a, "5678", 4) == 4);
    int b = open_at(disk, AT_FDCWD, "b", CREATE);
    CHECK(b == -ENOSPC && on_name(disk, CUP_DISK_UNLINK, AT_FDCWD, "a", 0, NULL) == 0);
    b = open_at(disk, AT_FDCWD, "b", CREATE); /* a is open: it still takes its room */
    CHECK(b == -ENOSPC && on_fd(disk, CUP_DISK_CLOSE, a, 0) == 0);
    b     = open_at(disk, AT_FDCWD, "b", CREATE);
    int c = open_at(disk, AT_FDCWD, "c", CREATE);
    CHECK(b >= 0 && c >= 0 && write_at(disk, b, "12345678", 0) == 6);
    CHECK(write_at(disk, b, "78", 6) == -ENOSPC && write_at(disk, b, "xx", 0) == 2);
    CHECK(on_name(disk, CUP_DISK_LINK, AT_FDCWD, "b", AT_FDCWD, "d") == -ENOSPC);
    cup_disk_sim_room(disk, 0);
    CHECK(write_at(disk, b, "78", 6) == 2 && has(disk, "/b", "xx345678"));
    disk->ops->close(disk);
}

/* --- objects, copies, export --- */

static int64_t put(struct cup_disk *disk, const char *path, const char *text)
{
    return run(disk, (struct cup_disk_op){.kind    = CUP_DISK_PUT,
                                          .to_fd   = AT_FDCWD,
                                          .to_name = path,
                                          .bytes   = text,
                                          .count   = strlen(text)});
}

static void check_objects(void)
{
    struct cup_disk *disk = open_disk(1, 0, true);

    CHECK(put(disk, "x/y/z", "whole") == 0 && put(disk, "x/y/z", "other") == -EEXIST);
    CHECK(open_at(disk, AT_FDCWD, "file", CREATE) == -EOPNOTSUPP);
    CHECK(on_name(disk, CUP_DISK_MKDIR, AT_FDCWD, "_cupel", 0, NULL) == 0);
    int local = open_at(disk, AT_FDCWD, "_cupel", O_RDONLY);
    CHECK(local >= 0 && open_at(disk, local, "f", CREATE) >= 0);
    CHECK(on_name(disk, CUP_DISK_LINK, local, "f", AT_FDCWD, "f") == -EOPNOTSUPP);
    CHECK(put(disk, "_cupel/g", "no") == -EOPNOTSUPP);
    cup_disk_sim_crash(disk, CUP_SIM_PREFIX, 2);
    CHECK(has(disk, "/x/y/z", "whole"));
    disk->ops->close(disk);
}

static void check_copies(void)
{
    int              folder, file;
    struct cup_disk *disk   = make_scene(1, &folder, &file);
    struct cup_disk *copy   = cup_disk_sim_copy(disk);
    char             root[] = "/tmp/cupel-sim-XXXXXX", path[64], text[8] = "";

    CHECK(write_at(disk, file, "-disk", 3) == 5 && has(copy, "/d/a", "old"));
    folder = open_at(copy, AT_FDCWD, "d", O_RDONLY);
    int to = open_at(copy, folder, "a", O_WRONLY);
    CHECK(write_at(copy, to, "-copy", 3) == 5 && has(disk, "/d/a", "old-disk"));
    CHECK(open_at(copy, folder, "b", CREATE) >= 0 && text_of(disk, "/d/b") == NULL);
    disk->ops->close(disk);
    CHECK(has(copy, "/d/a", "old-copy"));
    CHECK(mkdtemp(root) != NULL && cup_disk_sim_export(copy, "/", root, NULL) == CUP_OK);
    snprintf(path, sizeof path, "%s/d/a", root);
    int real = open(path, O_RDONLY);
    CHECK(real >= 0 && read(real, text, 8) == 8 && memcmp(text, "old-copy", 8) == 0);
    CHECK(close(real) == 0 && unlink(path) == 0);
    snprintf(path, sizeof path, "%s/d/b", root);
    CHECK(unlink(path) == 0);
    snprintf(path, sizeof path, "%s/d", root);
    CHECK(rmdir(path) == 0 && rmdir(root) == 0);
    copy->ops->close(copy);
}

/* A batch has no order: a sync in it covers a write in it sometimes. */
static void check_batches(uint64_t seed)
{
    uint32_t covered = 0;
    int      folder, file;

    for (uint32_t i = 0; i < TRIES; i++) {
        struct cup_disk   *disk  = make_scene(seed + i, &folder, &file);
        struct cup_disk_op ops[] = {
            {.kind = CUP_DISK_WRITE, .fd = file, .bytes = "new", .count = 3},
            {.kind = CUP_DISK_SYNC, .fd = file}};
        disk->ops->run(disk, ops, 2);
        CHECK(ops[0].result == 3 && ops[1].result == 0);
        struct cup_disk *copy = cup_disk_sim_copy(disk);
        bool             all  = true;
        for (uint32_t k = 0; k < 8; k++) {
            cup_disk_sim_crash(disk, CUP_SIM_SUBSET, seed + k);
            all &= has(disk, "/d/a", "new");
            disk->ops->close(disk);
            disk = cup_disk_sim_copy(copy);
        }
        covered += all;
        copy->ops->close(copy);
        disk->ops->close(disk);
    }
    CHECK(covered > TRIES / 4 && covered < TRIES * 3 / 4);
}

/* Names and inodes come and go by the thousand; what nothing leads to is freed, the rest stays. */
static void check_many(uint64_t seed)
{
    struct cup_rnd   rnd       = cup_rnd_seed(seed);
    struct cup_disk *disk      = open_disk(seed, 0, false);
    bool             there[64] = {0};
    char             name[8];

    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t which = cup_rnd_below(&rnd, 64);
        snprintf(name, sizeof name, "%u", which);
        if (there[which]) {
            CHECK(on_name(disk, CUP_DISK_UNLINK, AT_FDCWD, name, 0, NULL) == 0);
        } else {
            int fd = open_at(disk, AT_FDCWD, name, CREATE);
            CHECK(write_at(disk, fd, name, 0) > 0 && on_fd(disk, CUP_DISK_CLOSE, fd, 0) == 0);
        }
        there[which] = !there[which];
        if (i % 97 == 0) CHECK(on_fd(disk, CUP_DISK_SYNC, AT_FDCWD, 0) == 0);
        if (i % 1009 == 0) cup_disk_sim_crash(disk, CUP_SIM_DEATH, i);
    }
    uint64_t used = 256;
    for (uint32_t i = 0; i < 64; i++) {
        snprintf(name, sizeof name, "/%u", i);
        CHECK((text_of(disk, name) != NULL) == there[i] &&
              (!there[i] || has(disk, name, name + 1)));
        used += there[i] ? 256 + strlen(name + 1) : 0;
    }
    CHECK(cup_disk_sim_info(disk).used_bytes == used);
    disk->ops->close(disk);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd  = cup_test_begin(argc, argv);
    uint64_t       seed = cup_rnd_u64(&rnd) >> 1;

    check_operations();
    check_models(seed);
    check_promise(seed);
    check_sectors(seed);
    check_faults();
    check_room();
    check_objects();
    check_copies();
    check_batches(seed);
    check_many(seed);
    return 0;
}
