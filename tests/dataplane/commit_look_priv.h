// SPDX-License-Identifier: Apache-2.0
/* commit_look: what a lake of commit_lake.h holds, compared with what it should hold. */
#ifndef CUP_TESTS_DATAPLANE_COMMIT_LOOK_PRIV_H
#define CUP_TESTS_DATAPLANE_COMMIT_LOOK_PRIV_H

#include <dirent.h>

#include "tests/dataplane/commit_lake.h"

static inline char *get(const char *name)
{
    static struct cup_text text;
    struct cup_store      *store = open_store(usual_plan());

    cup_text_clear(&text);
    enum cup_err err = cup_store_get(store, name, &text, NULL);
    cup_store_close(store);
    return err == CUP_OK ? text.at : NULL;
}

static inline char *get_version(const char *folder, uint64_t version)
{
    char name[256];

    snprintf(name, sizeof name, "%s/_delta_log/%020llu.json", folder, (unsigned long long)version);
    return get(name);
}

static inline uint32_t count_text(const char *text, const char *part)
{
    uint32_t count = 0;

    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

/* The table holds epochs 1..epochs, each with `files` live files that are there, and no other data
 * file lies in its folder. */
static inline void check_table(const char *folder, uint64_t epochs, uint32_t files)
{
    struct cup_store       *store = open_store(usual_plan());
    struct cup_commit_table table = {.store = store, .folder = folder};
    char                    path[512];
    uint32_t                seen = 0;

    CHECK(cup_commit_priv_table_look(&table, NULL) == CUP_OK);
    CHECK(table.state != NULL || epochs == 0);
    for (uint64_t i = 0; table.state != NULL && i < table.state->file_count; i++) {
        snprintf(path, sizeof path, "%s/%s/%s", lake, folder, table.state->files[i].path);
        CHECK(access(path, R_OK) == 0);
    }
    CHECK(table.state == NULL || table.state->file_count == epochs * files);
    CHECK(table.state == NULL || cup_delta_txn_version(table.state, "cupel/dom/pipe/0") == epochs);
    snprintf(path, sizeof path, "%s/%s", lake, folder);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        seen += strncmp(entry->d_name, "part-", 5) == 0;
    if (dir != NULL) closedir(dir);
    CHECK(seen == epochs * files);
    cup_commit_priv_table_close(&table);
    cup_store_close(store);
}

static inline uint32_t count_bronze(void)
{
    char     path[256];
    uint32_t seen = 0;

    snprintf(path, sizeof path, "%s/dom/bronze/pipe/date=2026-11-21", lake);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        seen += entry->d_name[0] != '.';
    if (dir != NULL) closedir(dir);
    return seen;
}

static inline void check_lake(uint64_t epochs)
{
    check_table(INDEX, epochs, 1);
    check_table(QUAR, epochs, 1);
    check_table(SILVER, epochs, 2);
    check_table("dom/silver/db/t1", epochs, 1);
    check_table(LEDGER, epochs, 1);
    CHECK(count_bronze() == epochs);
}

#endif
