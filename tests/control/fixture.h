// SPDX-License-Identifier: Apache-2.0
/* fixture: embedded schemas and folders that several tests of control need. */
#ifndef CUP_TESTS_CONTROL_FIXTURE_H
#define CUP_TESTS_CONTROL_FIXTURE_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "control/schema/catalog.h"
#include "tests/check.h"

#define INT32(name)  "{\"type\":\"int32\",\"optional\":false,\"field\":\"" name "\"}"
#define INT64(name)  "{\"type\":\"int64\",\"optional\":false,\"field\":\"" name "\"}"
#define STRING(name) "{\"type\":\"string\",\"optional\":true,\"field\":\"" name "\"}"
#define DECIMAL(name, precision, scale)                                                            \
    "{\"type\":\"bytes\",\"optional\":false,\"name\":\"org.apache.kafka.connect.data.Decimal\","   \
    "\"version\":1,\"parameters\":{\"scale\":\"" scale                                             \
    "\",\"connect.decimal.precision\":\"" precision "\"},\"default\":\"AA==\",\"field\":\"" name   \
    "\"}"
#define SEMANTIC(type, semantic, name)                                                             \
    "{\"type\":\"" type "\",\"optional\":true,\"name\":\"" semantic                                \
    "\",\"version\":1,\"field\":\"" name "\"}"
#define ROW(fields, member)                                                                        \
    "{\"type\":\"struct\",\"fields\":[" fields "],\"optional\":true,\"name\":\"v\","               \
    "\"field\":\"" member "\"}"
#define ENVELOPE(fields)                                                                           \
    "{\"type\":\"struct\",\"fields\":[" ROW(fields, "before") "," ROW(                             \
        fields, "after") "],"                                                                      \
                         "\"optional\":false,\"name\":\"e\",\"version\":2}"
#define KEY(fields)                                                                                \
    "{\"type\":\"struct\",\"fields\":[" fields "],\"optional\":false,\"name\":\"k\"}"

static inline struct cup_keep fixture_keep(void)
{
    struct cup_keep  keep = {0};
    struct cup_fault fault;

    CHECK(cup_keep_open(&keep, &fault) == CUP_OK);
    return keep;
}

static inline int fixture_remove_one(const char *path, const struct stat *status, int kind,
                                     struct FTW *at)
{
    (void)status, (void)kind, (void)at; /* nftw has one form of callback */
    return remove(path);
}

static inline void fixture_remove(const char *folder)
{
    CHECK(nftw(folder, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

/* A new empty folder below /tmp, until fixture_remove. */
static inline const char *fixture_folder(struct cup_keep *keep)
{
    char path[] = "/tmp/cupel-test-XXXXXX";

    CHECK(mkdtemp(path) != NULL);
    return cup_keep_string(keep, path);
}

/* folder/name with this text; folders on the way are made. */
static inline const char *fixture_file(struct cup_keep *keep, const char *folder, const char *name,
                                       const char *text)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash != NULL;
         slash       = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755); /* it may be there */
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    CHECK(fputs(text, file) >= 0 && fclose(file) == 0);
    return cup_keep_string(keep, path);
}

static inline struct cup_catalog fixture_catalog(struct cup_keep *keep)
{
    return (struct cup_catalog){.keep = keep, .lake = "/nonexistent-lake", .domain = "default"};
}

static inline struct cup_catalog_unknown fixture_unknown(const char *table, const char *schema,
                                                         const char *key_schema)
{
    return (struct cup_catalog_unknown){.source_name   = "pg",
                                        .source_db     = "db",
                                        .source_schema = "bank",
                                        .source_table  = table,
                                        .connector     = "postgresql",
                                        .topic         = "pg.bank.t",
                                        .schema        = schema,
                                        .key_schema    = key_schema};
}

/* says holds the piece; and is empty again after. */
static inline bool fixture_said(struct cup_text *says, const char *piece)
{
    bool said = says->at != NULL && strstr(says->at, piece) != NULL;

    if (!said) fprintf(stderr, "wanted: %s\nsaid:   %s\n", piece, says->at == NULL ? "" : says->at);
    cup_text_free(says);
    return said;
}

#endif
