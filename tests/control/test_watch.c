// SPDX-License-Identifier: Apache-2.0
/* Goal:   every file that matches is told once, with its form, when its first line is whole; again
 *         when it has grown or another name; that it is gone when it is, and not before.
 * Method: files made, renamed and removed in a folder; the rows that are due are read after each
 *         step and compared with what was done. */
#include "control/supervise/watch.h"

#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/check.h"

#define DUE_NS_MAX (120 * CUP_NS_PER_S) /* far above what a busy machine makes of it */

static char folder[] = "/tmp/cupel-watch-XXXXXX";

struct told {
    struct cup_wire_input row;
    char                  name[64], topic[64];
};

static struct told told[64];
static uint32_t    told_count;

static const char *path_of(const char *name)
{
    static char paths[2][PATH_MAX];
    static int  next;
    char       *path = paths[next++ % 2];

    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "ab");

    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void read_rows(const struct cup_text *rows)
{
    told_count = 0;
    for (size_t at = 0; at < rows->bytes;) {
        struct told *one = &told[told_count++];
        char         path[PATH_MAX];
        CHECK(told_count < 64 && rows->bytes - at >= sizeof one->row);
        memcpy(&one->row, rows->at + at, sizeof one->row);
        at += sizeof one->row;
        snprintf(path, sizeof path, "%.*s", (int)one->row.path_bytes, rows->at + at);
        at += one->row.path_bytes;
        snprintf(one->topic, sizeof one->topic, "%.*s", (int)one->row.topic_bytes, rows->at + at);
        at += one->row.topic_bytes;
        const char *slash = strrchr(path, '/');
        snprintf(one->name, sizeof one->name, "%.60s", slash == NULL ? "" : slash + 1);
    }
}

/* Until a scan is due: a second behind the last one, or a hundred times what two in a row took. */
static void await_due(const struct cup_watch *watch)
{
    while (cup_clock_mono_ns() < cup_watch_due(watch)) {
        CHECK(cup_watch_due(watch) < cup_clock_mono_ns() + DUE_NS_MAX);
        (void)poll(NULL, 0, 10); /* ms */
    }
}

/* What the next scan tells. */
static void scan(struct cup_watch *watch)
{
    struct cup_text rows = {0};

    if (cup_watch_fd(watch) >= 0) {
        struct pollfd ready = {.fd = cup_watch_fd(watch), .events = POLLIN};
        if (poll(&ready, 1, 0) > 0) cup_watch_heard(watch);
    }
    await_due(watch);
    do
        CHECK(cup_watch_rows(watch, &rows, NULL) == CUP_OK);
    while (cup_watch_due(watch) == 0);
    read_rows(&rows);
    cup_text_free(&rows);
}

static const struct told *find(const char *name, enum cup_wire_input_kind kind)
{
    const struct told *found = NULL;

    for (uint32_t i = 0; i < told_count; i++) {
        if (strcmp(told[i].name, name) != 0 || told[i].row.kind != (uint32_t)kind) continue;
        CHECK(found == NULL);
        found = &told[i];
    }
    return found;
}

static void check_story(struct cup_watch *watch)
{
    scan(watch);
    CHECK(told_count == 3 && find("", CUP_INPUT_SCANNED) != NULL);
    const struct told *one = find("a.json", CUP_INPUT_FOUND);
    CHECK(one != NULL && one->row.form == CUP_INPUT_DUMP && one->row.gzip == 0);
    CHECK(strcmp(one->topic, "a.json") == 0 && one->row.group == 0);
    uint64_t inode = one->row.inode;
    CHECK(find("beside.txt", CUP_INPUT_BESIDE) != NULL);
    CHECK(cup_watch_matched(watch) == 2); /* the empty one too */

    put("empty.json", "{\"op\":\"c\"");
    scan(watch);
    CHECK(told_count == 0);
    put("empty.json", "}\n");
    put("a.json", "{}\n");
    scan(watch);
    CHECK(told_count == 2);
    one = find("empty.json", CUP_INPUT_FOUND);
    CHECK(one != NULL && one->row.form == CUP_INPUT_NDJSON);
    CHECK(find("a.json", CUP_INPUT_FOUND) != NULL);
    scan(watch);
    CHECK(told_count == 0);

    CHECK(rename(path_of("a.json"), path_of("a.json.1")) == 0);
    put("a.json", "{}\n");
    scan(watch);
    CHECK(told_count == 2);
    one = find("a.json.1", CUP_INPUT_BESIDE);
    CHECK(one != NULL && one->row.inode == inode && one->row.form == CUP_INPUT_DUMP);
    one = find("a.json", CUP_INPUT_FOUND);
    CHECK(one != NULL && one->row.inode != inode);

    CHECK(unlink(path_of("a.json.1")) == 0);
    scan(watch);
    CHECK(told_count == 0); /* it may have been on its way to another name */
    scan(watch);
    CHECK(told_count == 1 && told[0].row.kind == CUP_INPUT_GONE && told[0].row.inode == inode);
    scan(watch);
    CHECK(told_count == 0);
}

/* Many at once: in messages of bounded size. */
static void check_many(struct cup_watch *watch)
{
    struct cup_text rows = {0};
    uint32_t        seen = 0, messages = 0;
    char            name[32];

    for (uint32_t i = 0; i < 1500; i++) {
        snprintf(name, sizeof name, "m%04u.json", i);
        put(name, "{}\n");
    }
    await_due(watch);
    while (seen < 1500) {
        cup_text_clear(&rows);
        CHECK(cup_watch_rows(watch, &rows, NULL) == CUP_OK);
        CHECK(rows.bytes < CUP_WIRE_INPUTS_BYTES + sizeof(struct cup_wire_input) + 2 * PATH_MAX);
        for (size_t at = 0; at < rows.bytes; seen++) {
            struct cup_wire_input row;
            memcpy(&row, rows.at + at, sizeof row);
            at += sizeof row + row.path_bytes + row.topic_bytes;
        }
        CHECK(++messages < 100);
    }
    CHECK(seen == 1500 && messages >= 2);
    cup_text_free(&rows);
}

int main(void)
{
    char                      pattern[PATH_MAX];
    const char               *patterns[] = {pattern};
    struct cup_settings_input input      = {.patterns = patterns, .pattern_count = 1};
    struct cup_settings       settings   = {.inputs = &input, .input_count = 1, .shard_count = 1};
    struct cup_watch         *watch;

    CHECK(mkdtemp(folder) != NULL);
    snprintf(pattern, sizeof pattern, "%s/*.json", folder);
    put("a.json", "{\"topic\":\"t\",\"offset\":1,\"value\":null}\n");
    put("empty.json", "");
    put("beside.txt", "text\n");
    CHECK(cup_watch_open(&settings, &watch, NULL) == CUP_OK);
    check_story(watch);
    check_many(watch);
    cup_watch_close(watch);
    snprintf(pattern, sizeof pattern, "rm -rf %s", folder);
    return system(pattern) == 0 ? 0 : 1;
}
