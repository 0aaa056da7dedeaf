// SPDX-License-Identifier: Apache-2.0
/* Goal:   verify is silent about a good lake and finds each kind of fault.
 * Method: a small lake is made, good or with exactly one fault (while it is made, or afterwards in
 *         its files); verify must answer with the exit code and the sentence that belong to it. */
#include "tests/lake/small_lake_priv.h"

#include <sys/file.h>

#include "lake/tool/tool_commands.h"

static char                     folder[128];
static uint32_t                 lake_number_next;
static const struct small_lake *last_lake;

struct answer {
    enum cup_exit code;
    char         *text;
    size_t        bytes;
};

static struct answer verify(const char *root, bool deep)
{
    struct cup_verify_options options = {.lake = root, .deep = deep};
    struct answer             answer  = {0};

    FILE *out = open_memstream(&answer.text, &answer.bytes);
    CHECK(out != NULL);
    answer.code = cup_verify_run(&options, out);
    CHECK(fclose(out) == 0);
    return answer;
}

static struct small_lake *make(enum lake_fault fault, bool no_bronze, bool no_silver)
{
    struct small_lake *lake = calloc(1, sizeof *lake);
    char               root[200];

    CHECK(lake != NULL);
    snprintf(root, sizeof root, "%s/%u", folder, lake_number_next++);
    lake->no_bronze = no_bronze;
    lake->no_silver = no_silver;
    lake_make(lake, root, fault, cup_test_seed);
    last_lake = lake;
    return lake;
}

static void give_back(struct small_lake *lake)
{
    lake_free(lake);
    free(lake);
}

static void expect_clean(const char *root, bool deep)
{
    struct answer answer = verify(root, deep);

    if (answer.code != CUP_EXIT_OK) fputs(answer.text, stderr);
    CHECK(answer.code == CUP_EXIT_OK);
    CHECK(strstr(answer.text, "\nok\n") != NULL);
    CHECK(strstr(answer.text, "problem") == NULL);
    free(answer.text);
}

static void expect_problem(const char *root, bool deep, const char *needle)
{
    struct answer answer = verify(root, deep);

    if (answer.code != CUP_EXIT_PROBLEMS || strstr(answer.text, needle) == NULL)
        fprintf(stderr, "expected '%s' in:\n%s", needle, answer.text);
    CHECK(answer.code == CUP_EXIT_PROBLEMS);
    CHECK(strstr(answer.text, needle) != NULL);
    CHECK(strstr(answer.text, "\nok\n") == NULL);
    free(answer.text);
}

static void check_totals(void)
{
    struct small_lake *lake     = make(FAULT_NONE, false, false);
    struct answer      answer   = verify(lake->root, true);
    uint64_t           kinds[3] = {0};
    char               head[200];

    for (uint32_t i = 0; i < lake->record_count; i++)
        kinds[cup_outcome_class(lake->records[i].outcome)]++;
    snprintf(head, sizeof head,
             "default/run: 4 epochs, %u records = %" PRIu64 " accepted + %" PRIu64 " quarantined (",
             lake->record_count, kinds[CUP_CLASS_ACCEPTED], kinds[CUP_CLASS_QUARANTINED]);
    CHECK(strncmp(answer.text, head, strlen(head)) == 0);
    snprintf(head, sizeof head, ") + %" PRIu64 " dropped (tombstone ", kinds[CUP_CLASS_DROPPED]);
    CHECK(strstr(answer.text, head) != NULL);
    CHECK(strstr(answer.text, "; 0 blank lines, 16 files, ") != NULL);
    free(answer.text);
    expect_clean(lake->root, false);
    give_back(lake);
}

/* Zones that are switched off have nothing to compare. */
static void check_zones(void)
{
    struct small_lake *no_bronze = make(FAULT_NONE, true, false);
    struct small_lake *no_silver = make(FAULT_NONE, false, true);
    struct small_lake *neither   = make(FAULT_NONE, true, true);

    expect_clean(no_bronze->root, true);
    expect_clean(no_silver->root, true);
    expect_clean(neither->root, true);
    give_back(no_bronze);
    give_back(no_silver);
    give_back(neither);
}

static void check_faults(void)
{
    static const struct {
        enum lake_fault fault;
        const char     *needle;
    } faults[] = {
        {FAULT_GAP, "gap: bytes"},
        {FAULT_OVERLAP, "overlap: bytes"},
        {FAULT_BACKWARDS, "before its start"},
        {FAULT_OTHER_FILE, "goes on in another file"},
        {FAULT_SUM, "records, but accepted"},
        {FAULT_OUTCOMES, "the outcomes sum to"},
        {FAULT_OUTCOME_NAME, "names an unknown outcome"},
        {FAULT_LEDGER_NULL, "epoch_id or kind is missing"},
        {FAULT_EPOCH_HOLE, "epochs 3 to 3 are missing"},
        {FAULT_TWO_IDS, "carries two identities"},
        {FAULT_INDEX_ROW_MISSING, "restore the index"},
        {FAULT_INDEX_OUTCOME, "index: epoch 2: 1 rows too many with outcome depth"},
        {FAULT_INDEX_POSITION, "lies outside of the ledger's range"},
        {FAULT_INDEX_INPUT, "1 of ranges that the ledger does not know"},
        {FAULT_INDEX_EPOCH, "1 rows of epochs"},
        {FAULT_QUARANTINE_ROW_MISSING, "; restore the table"},
        {FAULT_QUARANTINE_REASON, "quarantine: epoch 2: 1 rows too many with outcome depth"},
        {FAULT_QUARANTINE_NO_FILE, "but no quarantine file"},
        {FAULT_SILVER_EPOCH, "rows do not carry the file's epoch 2"},
        {FAULT_SILVER_FEW, "but its silver files hold"},
        {FAULT_LEDGER_ROWS, "rows, the ledger says"},
        {FAULT_LEDGER_TWICE, "is in epoch 2 too"},
        {FAULT_NOT_ADDED, "but no commit of table"},
        {FAULT_ORPHAN, "is in no ledger; its rows have no evidence"},
        {FAULT_ADD_SIZE, "the log says"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct small_lake *lake = make(faults[i].fault, false, false);
        expect_problem(lake->root, false, faults[i].needle);
        give_back(lake);
    }
}

/* --- faults in finished files --- */

static void full(const struct small_lake *lake, const char *name, char *out)
{
    snprintf(out, 1024, "%s/%s", lake->root, name);
}

static void drop(const struct small_lake *lake, const char *name, const char *needle)
{
    char path[1024], aside[1040];

    full(lake, name, path);
    snprintf(aside, sizeof aside, "%s.aside", path);
    CHECK(rename(path, aside) == 0);
    expect_problem(lake->root, false, needle);
    CHECK(rename(aside, path) == 0);
    expect_clean(lake->root, false);
}

/* Flips one bit; `at` < 0 counts from the end. */
static void flip(const struct small_lake *lake, const char *name, int64_t at)
{
    char    path[1024];
    uint8_t byte;

    full(lake, name, path);
    int fd = open(path, O_RDWR);
    CHECK(fd >= 0);
    off_t to = at >= 0 ? at : lseek(fd, 0, SEEK_END) + at;
    CHECK(pread(fd, &byte, 1, to) == 1);
    byte ^= 4;
    CHECK(pwrite(fd, &byte, 1, to) == 1 && close(fd) == 0);
}

static void check_files(void)
{
    static const char *const names[] = {
        LAKE_SILVER "/part 2-2.zstd.parquet", LAKE_INDEX "/part 2-0.zstd.parquet",
        LAKE_QUARANTINE "/part 2-1.zstd.parquet", "default/bronze/run/date=2026-11-21/2.ndjson.gz"};
    struct small_lake *lake = make(FAULT_NONE, false, false);
    char               path[1024];

    for (size_t i = 0; i < 4; i++) {
        drop(lake, names[i], "the file is missing");
        full(lake, names[i], path);
        struct stat info;
        CHECK(stat(path, &info) == 0);
        flip(lake, names[i], 60); /* only a reader of all bytes sees it */
        expect_problem(lake->root, true, "bytes changed");
        flip(lake, names[i], 60);
        FILE *file = fopen(path, "ab");
        CHECK(file != NULL && fputc('x', file) == 'x' && fclose(file) == 0);
        expect_problem(lake->root, false, "it has");
        CHECK(truncate(path, info.st_size) == 0);
        expect_clean(lake->root, true);
    }
    flip(lake, names[0], -1); /* the last letter of PAR1 */
    expect_problem(lake->root, false, "a file cannot be read");
    flip(lake, names[0], -1);
    drop(lake, LAKE_SILVER "/_delta_log/00000000000000000001.json",
         "a version of the log is missing");
    drop(lake, LAKE_LEDGER "/_delta_log/00000000000000000000.json",
         "the ledger's log cannot be read");
    drop(lake, LAKE_LEDGER "/part-2.parquet", "the ledger cannot be read");
    drop(lake, LAKE_QUARANTINE "/_delta_log", "no folder above it has a _delta_log");
    drop(lake, LAKE_INDEX "/_delta_log", "no folder above it has a _delta_log");
    give_back(lake);
}

/* --- other engines --- */

static void commit(const struct small_lake *lake, uint64_t version, const char *text)
{
    char name[512], file[CUP_DELTA_NAME_BYTES];

    cup_delta_version_name(file, version);
    snprintf(name, sizeof name, LAKE_SILVER "/%s", file);
    lake_write(lake, name, text, strlen(text));
}

/* What another engine makes of files of ours: "other.parquet" with `rows` rows of each epoch in
 * [first, last], `rows` less or more than there were; then the commit that replaces our files. */
struct merge {
    uint32_t    first, last;
    int         change;
    bool        data_change;
    int64_t     later; /* epoch of one more row; 0: none */
    const char *tail;  /* lines of the commit; NULL: another engine's commitInfo */
};

static void merge(struct small_lake *lake, const struct merge *how)
{
    const char                   *truth    = how->data_change ? "true" : "false";
    int                           change   = how->change;
    static const struct cup_field fields[] = {{.name = "id", .type = CUP_TYPE_LONG},
                                              {.name = "_epoch", .type = CUP_TYPE_LONG}};
    struct cup_delta_priv_rows    rows;
    char                          line[512];
    struct cup_text               text = {0};

    CHECK(cup_delta_priv_rows_init(&rows, fields, 2));
    for (uint32_t i = 0; i < lake->record_count; i++) {
        const struct lake_record *record = &lake->records[i];
        if (record->epoch < how->first || record->epoch > how->last) continue;
        if (record->outcome != CUP_OUTCOME_ACCEPTED) continue;
        uint32_t times = change < 0 ? 0 : change > 0 ? 2 : 1;
        for (uint32_t k = 0; k < times; k++) {
            lake_number(&rows, 0, i);
            lake_number(&rows, 1, record->epoch);
        }
        change = 0; /* the first row only */
    }
    if (how->later > 0) {
        lake_number(&rows, 0, -1);
        lake_number(&rows, 1, how->later);
    }
    struct lake_file file = lake_parquet(lake, LAKE_SILVER "/other.parquet", fields, 2, &rows);
    cup_delta_priv_rows_free(&rows);
    cup_text_printf(&text,
                    "{\"add\":{\"path\":\"other.parquet\",\"partitionValues\":{},\"size\":%" PRIu64
                    ",\"modificationTime\":1,\"dataChange\":%s}}\n",
                    file.bytes, truth);
    for (uint32_t epoch = how->first; epoch <= how->last; epoch++) {
        snprintf(line, sizeof line,
                 "{\"remove\":{\"path\":\"part%%20%u-2.zstd.parquet\",\"dataChange\":%s}}\n", epoch,
                 truth);
        cup_text_puts(&text, line);
    }
    cup_text_puts(&text,
                  how->tail != NULL
                      ? how->tail
                      : "{\"commitInfo\":{\"engineInfo\":\"Other/1.0\",\"operation\":\"X\"}}\n");
    commit(lake, LAKE_EPOCHS, text.at);
    cup_text_free(&text);
    cup_text_free(&file.stats);
}

/* Rows decide whether files were replaced well, whoever did it. */
static void check_merged(void)
{
    static const struct {
        int         change;
        bool        data_change;
        const char *problem, *note;
    } cases[] = {
        {0, false, NULL, NULL},
        {-1, false, "the files that replaced it lack rows", NULL},
        {1, false, "epoch 2: 1 rows more than the ledger says", NULL},
        {-1, true, NULL, "another engine replaced it (epoch 2) and deleted or changed rows"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct small_lake *lake = make(FAULT_NONE, false, false);
        char               path[1024];
        const struct merge how = {2, 3, cases[i].change, cases[i].data_change, 0, NULL};
        merge(lake, &how);
        full(lake, LAKE_SILVER "/part 2-2.zstd.parquet", path);
        CHECK(unlink(path) == 0); /* vacuumed: nothing needs it */
        for (int deep = 0; deep < 2; deep++) {
            struct answer answer = verify(lake->root, deep);
            const char   *needle = cases[i].problem != NULL ? cases[i].problem : "\nok\n";
            if (strstr(answer.text, needle) == NULL) fputs(answer.text, stderr);
            CHECK(strstr(answer.text, needle) != NULL);
            CHECK((answer.code == CUP_EXIT_OK) == (cases[i].problem == NULL));
            CHECK((strstr(answer.text, "note:") != NULL) == (cases[i].note != NULL));
            CHECK(cases[i].note == NULL || strstr(answer.text, cases[i].note) != NULL);
            free(answer.text);
        }
        flip(lake, LAKE_SILVER "/other.parquet", 20);
        expect_problem(lake->root, true, "a live file that is in no ledger cannot be read");
        give_back(lake);
    }
}

/* Files that a running pipeline merged since the ledger was read hold rows of later epochs too:
 * its transactions say so. */
static void check_later(void)
{
#define MERGED_BY_US "{\"commitInfo\":{\"engineInfo\":\"cupel/1\",\"operation\":\"OPTIMIZE\"}}\n"
    static const struct {
        const char *tail;
        bool        clean;
    } cases[] = {
        {"{\"txn\":{\"appId\":\"cupel/default/run/0\",\"version\":5}}\n" MERGED_BY_US, true},
        {"{\"txn\":{\"appId\":\"cupel/default/run/0\",\"version\":4}}\n" MERGED_BY_US, false},
        {"{\"txn\":{\"appId\":\"cupel/default/other/0\",\"version\":5}}\n" MERGED_BY_US, false},
        {MERGED_BY_US, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct small_lake *lake = make(FAULT_NONE, false, false);
        const struct merge how  = {LAKE_EPOCHS, LAKE_EPOCHS, 0, false, 5, cases[i].tail};
        merge(lake, &how);
        if (cases[i].clean)
            expect_clean(lake->root, true);
        else
            expect_problem(lake->root, false, "other.parquet is in no ledger");
        give_back(lake);
    }
}

/* Rows of others are theirs. */
static void check_foreign(void)
{
    struct small_lake *lake = make(FAULT_NONE, false, false);

    const struct merge none = {LAKE_EPOCHS + 1, LAKE_EPOCHS, 0, true, 0, NULL};
    merge(lake, &none);
    struct cup_text text = {0};
    cup_text_puts(&text, "{\"add\":{\"path\":\"more.parquet\",\"partitionValues\":{},\"size\":1,"
                         "\"modificationTime\":1,\"dataChange\":true}}\n"
                         "{\"commitInfo\":{\"engineInfo\":\"Other/1.0\"}}\n");
    expect_clean(lake->root, true);
    commit(lake, LAKE_EPOCHS + 1, text.at);
    expect_problem(lake->root, false, "a live file that is in no ledger cannot be read");
    cup_text_free(&text);
    give_back(lake);
}

/* An epoch that the ledger has and a table has not: while the shard runs it is on its way. Only the
 * last one can be. */
static void check_coming(void)
{
    for (uint32_t epoch = LAKE_EPOCHS - 1; epoch <= LAKE_EPOCHS; epoch++) {
        struct small_lake *lake = make(FAULT_NONE, false, false);
        char               line[256], path[1024];
        snprintf(line, sizeof line,
                 "{\"remove\":{\"path\":\"part%%20%u-2.zstd.parquet\",\"dataChange\":false}}\n",
                 epoch);
        commit(lake, LAKE_EPOCHS, line);
        expect_problem(lake->root, false, "the files that replaced it lack rows");
        lake_write(lake, "_cupel/default/run/0/lock", "pid 1\n", 6);
        full(lake, "_cupel/default/run/0/lock", path);
        int fd = open(path, O_RDWR);
        CHECK(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
        struct answer answer = verify(lake->root, false);
        bool          last   = epoch == LAKE_EPOCHS;
        CHECK((answer.code == CUP_EXIT_OK) == last);
        CHECK((strstr(answer.text, "is bringing an epoch into it") != NULL) == last);
        free(answer.text);
        CHECK(close(fd) == 0);
        give_back(lake);
    }
}

/* What an operator gave up is a note; only for the epochs and the table that he named. */
static void check_given_up(void)
{
    static const struct {
        const char *line;
        bool        excused;
    } cases[] = {
        {"{\"did\":\"discard table\",\"table\":\"" LAKE_SILVER
         "\",\"first_epoch\":2,\"last_epoch\":3}\n",
         true},
        {"{\"table\":\"" LAKE_SILVER "\",\"first_epoch\":2,\"last_epoch\":2}\n", false},
        {"{\"table\":\"" LAKE_INDEX "\",\"first_epoch\":1,\"last_epoch\":9}\n", false},
        {"{\"table\":\"" LAKE_SILVER "\",\"first_epoch\":2,\"last_epo", false}, /* torn */
        {"{\"did\":\"adopt\"}\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct small_lake *lake = make(FAULT_NONE, false, false);
        commit(lake, LAKE_EPOCHS,
               "{\"remove\":{\"path\":\"part%202-2.zstd.parquet\",\"dataChange\":false}}\n"
               "{\"remove\":{\"path\":\"part%203-2.zstd.parquet\",\"dataChange\":false}}\n");
        lake_write(lake, "_cupel/default/run/0/recover.log", cases[i].line, strlen(cases[i].line));
        struct answer answer = verify(lake->root, false);
        CHECK((answer.code == CUP_EXIT_OK) == cases[i].excused);
        CHECK((strstr(answer.text, "2 files were given up") != NULL) == cases[i].excused);
        free(answer.text);
        give_back(lake);
    }
}

static void check_usage(void)
{
    struct small_lake        *lake    = make(FAULT_NONE, false, false);
    struct cup_verify_options options = {.lake = lake->root, .pipeline = "other"};
    FILE                     *nothing = fopen("/dev/null", "w");

    CHECK(cup_verify_run(&options, nothing) == CUP_EXIT_PROBLEMS);
    options.pipeline = "run";
    options.domain   = "default";
    CHECK(cup_verify_run(&options, nothing) == CUP_EXIT_OK);
    options.lake = "/nonexistent";
    CHECK(cup_verify_run(&options, nothing) == CUP_EXIT_PROBLEMS);
    fclose(nothing);
    give_back(lake);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    snprintf(folder, sizeof folder, "/tmp/test_verify_XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    check_totals();
    check_zones();
    check_faults();
    check_files();
    check_merged();
    check_later();
    check_foreign();
    check_coming();
    check_given_up();
    check_usage();
    char command[200];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(system(command) == 0);
    return 0;
}
