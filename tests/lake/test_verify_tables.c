// SPDX-License-Identifier: Apache-2.0
/* Goal:   a Delta table that is damaged is told from a good one, by a sentence that fits the
 * damage. Method: each sample table stands where a pipeline's quarantine would, in a lake whose
 * ledger is empty: every live file is then looked at for itself. Of each damage the sentence is
 * known; what only a check of values against statistics can see is listed as not seen. */
#include <sys/stat.h>
#include <unistd.h>

#include "lake/tool/tool_check.h"
#include "tests/check.h"

#define NO_LEDGER "is in no ledger; its rows have no evidence"

static char        lake[128];
static const char *examples;

/* What verify says of a sample, all files read. */
static char *judge(const char *name)
{
    const struct cup_pipeline      pipeline = {(char[]){"default"}, (char[]){"run"}};
    const struct cup_check_reaches reaches  = {0};
    const struct cup_audit         audit    = {0};
    struct cup_texts               owned    = {0};
    struct cup_report              report   = {0};
    struct cup_ledger             *ledger   = calloc(1, sizeof *ledger);
    struct cup_check               check    = {.lake     = lake,
                                               .pipeline = &pipeline,
                                               .deep     = true,
                                               .ledger   = ledger,
                                               .owned    = &owned,
                                               .reaches  = &reaches,
                                               .audit    = &audit,
                                               .report   = &report};
    struct cup_fault               fault;
    char                           from[512], to[256];

    snprintf(from, sizeof from, "%s/%s", examples, name);
    snprintf(to, sizeof to, "%s/default/quarantine/run", lake);
    CHECK(ledger != NULL && symlink(from, to) == 0);
    CHECK(cup_check_open_tables(&check, &fault) == CUP_OK);
    CHECK(check.table_count == 1);
    CHECK(cup_check_files(&check, &fault) == CUP_OK);
    cup_check_close_tables(&check);
    cup_ledger_free(ledger);
    CHECK(unlink(to) == 0 && report.text.at != NULL && !report.text.failed);
    return report.text.at;
}

static uint32_t count(const char *text, const char *needle)
{
    uint32_t found = 0;

    for (; (text = strstr(text, needle)) != NULL; text++)
        found++;
    return found;
}

/* Nothing is said of a good table, but that no ledger knows its files. */
static void check_good(void)
{
    static const char *const names[] = {"ntz", "partitioned", "checkpointed"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char    *text     = judge(names[i]);
        uint32_t known    = count(text, NO_LEDGER) + count(text, "the log no longer tells");
        uint32_t problems = count(text, "problem: ") + count(text, "note: ");
        if (known != problems || known == 0) fprintf(stderr, "%s: %s", names[i], text);
        CHECK(known == problems && known > 0);
        free(text);
    }
}

static void check_broken(void)
{
    static const struct {
        const char *name, *needle; /* NULL: nothing is said */
    } samples[] = {
        {"flipped-byte", "a file of the lake is damaged (read of a Parquet column)"},
        {"missing-file", "there is nothing with that name (open)"},
        {"size-mismatch", "file p2.parquet has 611 bytes, the log says 604"},
        {"stat-lie-numrecords", "file p2.parquet holds 10 rows, the log says 11"},
        {"footer-rows", "(number of rows in a Parquet footer)"},
        {"page-size-plus2", "a file of the lake is damaged (read of a Parquet column)"},
        {"version-gap", "(a version of the log is missing): _delta_log/00000000000000000003.json"},
        {"torn-commit", "(read a JSON object): _delta_log/00000000000000000005.json"},
        {"features-on-r1w2", "(protocol versions and feature lists do not fit)"},
        {"dv-bad-crc", "deletionVectors"},
        {"dv-cardinality", "deletionVectors"},
        {"dv-native-magic", "deletionVectors"},
        /* seen by tests/oracle/check_delta.py only: values against statistics, habits of writers,
         * and checkpoints that no reader needs while the commits are there */
        {"no-file-offset", NULL},
        {"duplicate-add", NULL},
        {"duplicate-add-same-commit", NULL},
        {"txn-backwards", NULL},
        {"undeclared-ntz", NULL},
        {"path-not-encoded", NULL},
        {"partition-empty-string", NULL},
        {"last-checkpoint-dangling", NULL},
        {"checkpoint-torn", NULL},
        {"checkpoint-lost-file", NULL},
        {"checkpoint-empty-features", NULL},
        {"orphan-file", NULL},
        {"stat-lie-delta", NULL},
        {"stat-lie-footer", NULL},
        {"stat-lie-nullcount", NULL},
        {"nan-with-max", NULL},
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const char *needle = samples[i].needle;
        char        name[64];
        snprintf(name, sizeof name, "broken/%s", samples[i].name);
        char    *text     = judge(name);
        uint32_t problems = count(text, "problem: ") - count(text, NO_LEDGER);
        bool ok = problems == (needle != NULL) && (needle == NULL || strstr(text, needle) != NULL);
        if (!ok) fprintf(stderr, "%s: expected '%s' in:\n%s", name, needle ? needle : "", text);
        CHECK(ok);
        free(text);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    examples = argv[1];
    snprintf(lake, sizeof lake, "/tmp/test_verify_tables_XXXXXX");
    CHECK(mkdtemp(lake) != NULL);
    char path[256];
    snprintf(path, sizeof path, "%s/default", lake);
    CHECK(mkdir(path, 0700) == 0);
    snprintf(path, sizeof path, "%s/default/quarantine", lake);
    CHECK(mkdir(path, 0700) == 0);
    check_good();
    check_broken();
    CHECK(rmdir(path) == 0);
    snprintf(path, sizeof path, "%s/default", lake);
    CHECK(rmdir(path) == 0 && rmdir(lake) == 0);
    return 0;
}
