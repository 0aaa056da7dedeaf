// SPDX-License-Identifier: Apache-2.0
/* cupel-lake: looks at a lake with nothing but its files: no configuration, no running process; and
 * helps it up again. */
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#include "lake/tool/tool_commands.h"
#include "lake/tool/tool_tables.h"

static const char help_head[] =
    "usage: cupel-lake COMMAND LAKE [options]\n"
    "\n"
    "  verify LAKE [--domain D] [--pipeline P] [--deep] [--keys DIR]\n"
    "      Proves from the files alone that nothing is lost and nothing is double: the ledger's\n"
    "      ranges of each input leave no gap and no overlap; records = accepted + quarantined +\n"
    "      dropped by a named rule; index and quarantine hold a row for each of them; every file\n"
    "      is there with its size and row count; every live file of a table is in the ledger, or\n"
    "      holds the rows of files that it replaced.\n"
    "      --deep also reads all bytes: CRC-32C of each file of the ledger, CRC of each Parquet\n"
    "      page of the others; and finds two rows of one place.\n"
    "      --keys DIR also reads every record of bronze; records of a day whose key is gone are\n"
    "      counted as erased, which is no problem.\n"
    "      Prints a line per pipeline, then `ok` or the problems, one per line. It may be run\n"
    "      while the pipeline runs.\n"
    "\n"
    "  replay LAKE [--domain D] [--pipeline P] [which] [--to DIR] [--keys DIR] [--dump]\n"
    "      Gives back the records that came in, byte for byte, in order per input, from bronze:\n"
    "      NDJSON inputs as lines; record dumps as one JSON object a line, a tombstone as value\n"
    "      null. Which: --input NAME, --topic NAME (as in the index), --since TIME, --until TIME\n"
    "      (of the message), --offsets FIRST-LAST; all of them must fit.\n"
    "      --dump: every record as such an object; {\"base64\":\"..\"} stands for what is no "
    "UTF-8.\n"
    "      --to: one file per input below DIR, never over an existing one; else standard output.\n"
    "      --keys: the pipeline's key folder, for sealed bronze; erased records are left out and\n"
    "      counted.\n"
    "\n"
    "  missing LAKE [--pipeline D/P] [which] --record-max BYTES [--dry-run]\n"
    "      For `cupel replay FOLDER --missing`: the accepted records of bronze whose rows are not\n"
    "      in silver, written to a file that the pipeline reads.\n"
    "\n"
    "  recover LAKE [--pipeline D/P] [--shard N] [explain] [--json]\n"
    "      Says of each shard who runs it, how far its journal, its inputs and its tables are,\n"
    "      what the next run will do, and, if that would refuse, why and which command is the way\n"
    "      out. Changes nothing; may be run while the pipeline runs. Exit 1: a run would refuse.\n"
    "  recover LAKE [--pipeline D/P] [--shard N] adopt [--yes]\n"
    "      The journal is lost, damaged, or older than the tables: makes a new one from the "
    "ledger\n"
    "      and the tables, if they prove how far each input was read. The old one is kept "
    "(*.old).\n"
    "  recover LAKE [--pipeline D/P] [--shard N] discard --epoch E [--yes]\n"
    "      Gives up a decided epoch that cannot come into its tables and is in none yet; its\n"
    "      records are read again.\n"
    "  recover LAKE [--pipeline D/P] [--shard N] discard --table PATH [--yes]\n"
    "      A table was put back from a backup, replaced or removed on purpose: takes it as it is;\n"
    "      the epochs that it lost stay missing from it. PATH is as `explain` lists it.\n"
    "      Without --yes, adopt and discard only say what they would do. What they did stands in\n"
    "      LAKE/_cupel/<domain>/<pipeline>/<shard>/recover.log.\n"
    "\n"
    "  compact LAKE [--table PATH] [--target SIZE] [--min-files N] [--dry-run] [--auto]\n"
    "      Merges the small files of each partition into files of about the target size (128MiB;\n"
    "      three quarters of it is large enough) where there are N or more of them (4). No row\n"
    "      changes: old and new files change places in one commit (OPTIMIZE, dataChange false).\n"
    "      A pipeline that runs goes on; it commits the merged files between two epochs. The old\n"
    "      files stay for readers of older versions until `vacuum`.\n"
    "      --dry-run only says what would be done. --auto: lowest priority, few words.\n"
    "\n"
    "  vacuum LAKE [--table PATH] [--retain TIME] [--dry-run] [--force]\n"
    "      Removes data files that are part of no table any more: neither live nor removed within\n"
    "      the retention, and themselves older. TIME is e.g. 168h or 7d; without it the table's\n"
    "      delta.deletedFileRetentionDuration counts, or 7 days. Below 24h only with --force and\n"
    "      with no pipeline running. Archives of bronze and names that begin with _ or . are "
    "never\n"
    "      touched.\n"
    "\n"
    "";
static const char help_tail[] =
    "  quarantine LAKE ls [--pipeline D/P] [--since TIME] [--reason R] [--table T] [--json]\n"
    "      The refused records that wait, counted by reason and table.\n"
    "  quarantine LAKE show [filters] [--offset TOPIC/PARTITION/OFFSET] [--limit N] [--json | "
    "--raw]\n"
    "      Each of them: where it is, why it was refused, and its bytes with a mark under the one\n"
    "      that failed. --raw: nothing but the bytes, exactly. N is 10; 1 for --raw.\n"
    "  quarantine LAKE export [filters] --record-max BYTES [--discard] [--dry-run]\n"
    "      For `cupel quarantine retry` and `drop`: writes them to a file that the pipeline "
    "reads.\n"
    "\n"
    "verify, replay and explain only read. Exit code: 0 clean or done, 1 problems, 2 wrong usage.\n"
    "\n"
    "  cupel-lake verify /srv/lake --deep\n"
    "  cupel-lake replay /srv/lake --pipeline bank --input 2026/06/a.ndjson | jq .\n"
    "  cupel-lake recover /srv/lake\n"
    "  cupel-lake compact /srv/lake --dry-run\n";

enum lake_option {
    OPTION_DOMAIN,
    OPTION_PIPELINE,
    OPTION_INPUT,
    OPTION_TO,
    OPTION_KEYS,
    OPTION_DEEP,
    OPTION_SHARD,
    OPTION_EPOCH,
    OPTION_TABLE,
    OPTION_YES,
    OPTION_JSON,
    OPTION_TARGET,
    OPTION_MIN_FILES,
    OPTION_RETAIN,
    OPTION_DRY_RUN,
    OPTION_AUTO,
    OPTION_FORCE,
    OPTION_REASON,
    OPTION_SINCE,
    OPTION_OFFSET,
    OPTION_LIMIT,
    OPTION_RAW,
    OPTION_RECORD_MAX,
    OPTION_DISCARD,
    OPTION_TOPIC,
    OPTION_UNTIL,
    OPTION_OFFSETS,
    OPTION_DUMP,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_COUNT
};
static const struct option long_options[OPTION_COUNT + 1] = {
    [OPTION_DOMAIN]     = {"domain", required_argument, NULL, 0},
    [OPTION_PIPELINE]   = {"pipeline", required_argument, NULL, 0},
    [OPTION_INPUT]      = {"input", required_argument, NULL, 0},
    [OPTION_TO]         = {"to", required_argument, NULL, 0},
    [OPTION_KEYS]       = {"keys", required_argument, NULL, 0},
    [OPTION_DEEP]       = {"deep", no_argument, NULL, 0},
    [OPTION_SHARD]      = {"shard", required_argument, NULL, 0},
    [OPTION_EPOCH]      = {"epoch", required_argument, NULL, 0},
    [OPTION_TABLE]      = {"table", required_argument, NULL, 0},
    [OPTION_YES]        = {"yes", no_argument, NULL, 0},
    [OPTION_JSON]       = {"json", no_argument, NULL, 0},
    [OPTION_TARGET]     = {"target", required_argument, NULL, 0},
    [OPTION_MIN_FILES]  = {"min-files", required_argument, NULL, 0},
    [OPTION_RETAIN]     = {"retain", required_argument, NULL, 0},
    [OPTION_DRY_RUN]    = {"dry-run", no_argument, NULL, 0},
    [OPTION_AUTO]       = {"auto", no_argument, NULL, 0},
    [OPTION_FORCE]      = {"force", no_argument, NULL, 0},
    [OPTION_REASON]     = {"reason", required_argument, NULL, 0},
    [OPTION_SINCE]      = {"since", required_argument, NULL, 0},
    [OPTION_OFFSET]     = {"offset", required_argument, NULL, 0},
    [OPTION_LIMIT]      = {"limit", required_argument, NULL, 0},
    [OPTION_RAW]        = {"raw", no_argument, NULL, 0},
    [OPTION_RECORD_MAX] = {"record-max", required_argument, NULL, 0},
    [OPTION_DISCARD]    = {"discard", no_argument, NULL, 0},
    [OPTION_TOPIC]      = {"topic", required_argument, NULL, 0},
    [OPTION_UNTIL]      = {"until", required_argument, NULL, 0},
    [OPTION_OFFSETS]    = {"offsets", required_argument, NULL, 0},
    [OPTION_DUMP]       = {"dump", no_argument, NULL, 0},
    [OPTION_HELP]       = {"help", no_argument, NULL, 'h'},
    [OPTION_VERSION]    = {"version", no_argument, NULL, 0},
};
#define BIT(option) (1u << OPTION_##option)

struct arguments {
    const char *lake, *action;        /* action: the word behind the lake */
    const char *values[OPTION_COUNT]; /* NULL: not given; "" for a switch */
    char        domain[256];          /* of --pipeline DOMAIN/NAME */
};

static enum cup_exit usage(const char *what, const char *which)
{
    fprintf(stderr, "cupel-lake: %s%s; see cupel-lake --help\n", what, which);
    return CUP_EXIT_USAGE;
}

/* --- the commands --- */

static enum cup_exit verify(const struct arguments *arguments)
{
    struct cup_verify_options options = {.lake     = arguments->lake,
                                         .domain   = arguments->values[OPTION_DOMAIN],
                                         .pipeline = arguments->values[OPTION_PIPELINE],
                                         .keys     = arguments->values[OPTION_KEYS],
                                         .deep     = arguments->values[OPTION_DEEP] != NULL};
    return cup_verify_run(&options, stdout);
}

/* A number that is written out, nothing before or behind it. */
static bool read_number(const char *text, uint64_t most, uint64_t *out_number)
{
    char *end;

    if (text[0] < '0' || text[0] > '9') return false;
    *out_number = strtoull(text, &end, 10);
    return *end == '\0' && *out_number <= most;
}

/* A moment as ISO text (2026-11-21, 2026-11-21T10:00:00Z), or how long ago it was (2h). */
static bool read_since(const char *text, int64_t *out_us)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S",
                                        "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"};
    uint64_t                 age_us;

    if (cup_units_time(text, &age_us) && age_us < INT64_MAX) {
        *out_us = cup_clock_wall_us() - (int64_t)age_us;
        return true;
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm   parts = {0};
        const char *end   = strptime(text, forms[i], &parts);
        if (end == NULL || *end != '\0') continue;
        *out_us = (int64_t)timegm(&parts) * CUP_US_PER_S;
        return true;
    }
    return false;
}

#define WHICH (BIT(INPUT) | BIT(TOPIC) | BIT(SINCE) | BIT(UNTIL) | BIT(OFFSETS))

/* FIRST-LAST, or one number. */
static bool read_offsets(const char *text, struct cup_records_filter *filter)
{
    const char *dash = strchr(text, '-');
    char        one[24];
    uint64_t    first = 0, last = 0;

    if (dash != NULL && (size_t)(dash - text) >= sizeof one) return false;
    snprintf(one, sizeof one, "%.*s", dash == NULL ? 23 : (int)(dash - text), text);
    if (!read_number(one, INT64_MAX, &first)) return false;
    last = first;
    if (dash != NULL && !read_number(dash + 1, INT64_MAX, &last)) return false;
    filter->has_offsets = true;
    filter->first       = (int64_t)first;
    filter->last        = (int64_t)last;
    return first <= last;
}

static enum cup_exit read_filter(const struct arguments    *arguments,
                                 struct cup_records_filter *out_filter)
{
    const char *const        *values = arguments->values;
    struct cup_records_filter filter = {.input = values[OPTION_INPUT],
                                        .topic = values[OPTION_TOPIC]};

    if (values[OPTION_SINCE] != NULL && !read_since(values[OPTION_SINCE], &filter.since_us))
        return usage("--since takes a moment (2026-11-21T10:00:00Z) or an age (2h), not ",
                     values[OPTION_SINCE]);
    if (values[OPTION_UNTIL] != NULL && !read_since(values[OPTION_UNTIL], &filter.until_us))
        return usage("--until takes a moment (2026-11-21T10:00:00Z) or an age (2h), not ",
                     values[OPTION_UNTIL]);
    if (values[OPTION_OFFSETS] != NULL && !read_offsets(values[OPTION_OFFSETS], &filter))
        return usage("--offsets takes FIRST-LAST, not ", values[OPTION_OFFSETS]);
    *out_filter = filter;
    return CUP_EXIT_OK;
}

static enum cup_exit replay(const struct arguments *arguments)
{
    struct cup_replay_options options = {.lake     = arguments->lake,
                                         .domain   = arguments->values[OPTION_DOMAIN],
                                         .pipeline = arguments->values[OPTION_PIPELINE],
                                         .to       = arguments->values[OPTION_TO],
                                         .keys     = arguments->values[OPTION_KEYS],
                                         .dump     = arguments->values[OPTION_DUMP] != NULL};
    enum cup_exit             code    = read_filter(arguments, &options.filter);
    return code == CUP_EXIT_OK ? cup_replay_run(&options, stdout) : code;
}

static enum cup_exit missing(const struct arguments *arguments)
{
    const char                *most    = arguments->values[OPTION_RECORD_MAX];
    struct cup_missing_options options = {.lake     = arguments->lake,
                                          .domain   = arguments->values[OPTION_DOMAIN],
                                          .pipeline = arguments->values[OPTION_PIPELINE],
                                          .dry_run  = arguments->values[OPTION_DRY_RUN] != NULL,
                                          .record_bytes_max = UINT64_MAX / 4};
    if (most != NULL && !cup_units_bytes(most, &options.record_bytes_max))
        return usage("--record-max takes a size, not ", most);
    enum cup_exit code = read_filter(arguments, &options.filter);
    return code == CUP_EXIT_OK ? cup_missing_run(&options, stdout) : code;
}

static enum cup_exit recover(const struct arguments *arguments)
{
    static const char *const   actions[] = {"explain", "adopt", "discard"};
    struct cup_recover_options options   = {.lake     = arguments->lake,
                                            .domain   = arguments->values[OPTION_DOMAIN],
                                            .pipeline = arguments->values[OPTION_PIPELINE],
                                            .table    = arguments->values[OPTION_TABLE],
                                            .json     = arguments->values[OPTION_JSON] != NULL,
                                            .yes      = arguments->values[OPTION_YES] != NULL};
    const char *epoch = arguments->values[OPTION_EPOCH], *shard = arguments->values[OPTION_SHARD];
    uint64_t    number = UINT32_MAX;
    uint32_t    action = 0;

    while (arguments->action != NULL && action < 3 &&
           strcmp(arguments->action, actions[action]) != 0)
        action++;
    if (action == 3)
        return usage("recover knows explain, adopt and discard, not ", arguments->action);
    options.action = (enum cup_recover_action)action;
    if (shard != NULL && !read_number(shard, UINT32_MAX - 1, &number))
        return usage("--shard takes a number, not ", shard);
    options.shard = (uint32_t)number;
    if (epoch != NULL && !read_number(epoch, INT64_MAX, &options.epoch))
        return usage("--epoch takes a number, not ", epoch);
    bool discards = options.action == CUP_RECOVER_DISCARD;
    if (discards != ((epoch != NULL) != (options.table != NULL)) ||
        (!discards && (epoch != NULL || options.table != NULL)))
        return usage("discard, and only it, takes --epoch or --table", "");
    if (options.yes && options.action == CUP_RECOVER_EXPLAIN)
        return usage("explain changes nothing: no --yes", "");
    if (options.json && options.action != CUP_RECOVER_EXPLAIN)
        return usage("only explain knows --json", "");
    return cup_recover_run(&options, stdout);
}

#define SHOW_LIMIT 10u

#define COMPACT_BYTES     (128ull << 20) /* what others aim at, more or less */
#define COMPACT_BYTES_MIN (64ull << 10)
#define COMPACT_FILES     4u /* less is not worth a commit */

static enum cup_exit compact(const struct arguments *arguments)
{
    const char *target = arguments->values[OPTION_TARGET];
    const char *files  = arguments->values[OPTION_MIN_FILES];
    uint64_t    number = COMPACT_FILES;

    struct cup_compact_options options = {.lake         = arguments->lake,
                                          .table        = arguments->values[OPTION_TABLE],
                                          .target_bytes = COMPACT_BYTES,
                                          .dry_run      = arguments->values[OPTION_DRY_RUN] != NULL,
                                          .quiet        = arguments->values[OPTION_AUTO] != NULL};
    if (target != NULL && (!cup_units_bytes(target, &options.target_bytes) ||
                           options.target_bytes < COMPACT_BYTES_MIN))
        return usage("--target takes a size of 64KiB or more, e.g. 128MiB, not ", target);
    if (files != NULL && (!read_number(files, UINT32_MAX, &number) || number < 2))
        return usage("--min-files takes a number of 2 or more, not ", files);
    options.files_min = (uint32_t)number;
    return cup_compact_run(&options, stdout);
}

static enum cup_exit vacuum(const struct arguments *arguments)
{
    const char *retain    = arguments->values[OPTION_RETAIN];
    uint64_t    retain_us = 0;

    if (retain != NULL && (!cup_units_time(retain, &retain_us) || retain_us > INT64_MAX / 2))
        return usage("--retain takes a time, e.g. 168h or 7d, not ", retain);
    struct cup_vacuum_options options = {.lake      = arguments->lake,
                                         .table     = arguments->values[OPTION_TABLE],
                                         .retain_us = retain == NULL ? -1 : (int64_t)retain_us,
                                         .dry_run   = arguments->values[OPTION_DRY_RUN] != NULL,
                                         .force     = arguments->values[OPTION_FORCE] != NULL};
    return cup_vacuum_run(&options, stdout);
}

static enum cup_exit quarantine(const struct arguments *arguments)
{
    static const char *const actions[] = {"ls", "show", "export"};
    const char *const       *values    = arguments->values;
    uint32_t                 action    = 0;
    uint64_t                 number    = values[OPTION_RAW] != NULL ? 1 : SHOW_LIMIT;

    struct cup_quarantine_options options = {.lake     = arguments->lake,
                                             .domain   = values[OPTION_DOMAIN],
                                             .pipeline = values[OPTION_PIPELINE],
                                             .reason   = values[OPTION_REASON],
                                             .table    = values[OPTION_TABLE],
                                             .input    = values[OPTION_INPUT],
                                             .place    = values[OPTION_OFFSET],
                                             .json     = values[OPTION_JSON] != NULL,
                                             .raw      = values[OPTION_RAW] != NULL,
                                             .discard  = values[OPTION_DISCARD] != NULL,
                                             .dry_run  = values[OPTION_DRY_RUN] != NULL};
    while (arguments->action != NULL && action < 3 &&
           strcmp(arguments->action, actions[action]) != 0)
        action++;
    if (action == 3) return usage("quarantine knows ls, show and export, not ", arguments->action);
    options.action = (enum cup_quarantine_action)action;
    if (options.json && options.raw) return usage("--json and --raw exclude each other", "");
    if (values[OPTION_LIMIT] != NULL &&
        (!read_number(values[OPTION_LIMIT], UINT64_MAX / 2, &number) || number == 0))
        return usage("--limit takes a number of 1 or more, not ", values[OPTION_LIMIT]);
    options.limit = number;
    if (values[OPTION_SINCE] != NULL && !read_since(values[OPTION_SINCE], &options.since_us))
        return usage("--since takes a moment (2026-11-21T10:00:00Z) or an age (2h), not ",
                     values[OPTION_SINCE]);
    options.record_bytes_max = UINT64_MAX / 4;
    if (values[OPTION_RECORD_MAX] != NULL &&
        !cup_units_bytes(values[OPTION_RECORD_MAX], &options.record_bytes_max))
        return usage("--record-max takes a size, not ", values[OPTION_RECORD_MAX]);
    return cup_quarantine_run(&options, stdout);
}

static const struct command {
    const char *name;
    uint32_t    options;
    bool        takes_action;
    enum cup_exit (*run)(const struct arguments *arguments);
} commands[] = {
    {"verify", BIT(DOMAIN) | BIT(PIPELINE) | BIT(DEEP) | BIT(KEYS), false, verify},
    {"replay", BIT(DOMAIN) | BIT(PIPELINE) | WHICH | BIT(TO) | BIT(KEYS) | BIT(DUMP), false,
     replay},
    {"missing", BIT(DOMAIN) | BIT(PIPELINE) | WHICH | BIT(RECORD_MAX) | BIT(DRY_RUN), false,
     missing},
    {"recover",
     BIT(DOMAIN) | BIT(PIPELINE) | BIT(SHARD) | BIT(EPOCH) | BIT(TABLE) | BIT(YES) | BIT(JSON),
     true, recover},
    {"compact", BIT(TABLE) | BIT(TARGET) | BIT(MIN_FILES) | BIT(DRY_RUN) | BIT(AUTO), false,
     compact},
    {"quarantine",
     BIT(DOMAIN) | BIT(PIPELINE) | BIT(REASON) | BIT(TABLE) | BIT(INPUT) | BIT(OFFSET) |
         BIT(SINCE) | BIT(LIMIT) | BIT(JSON) | BIT(RAW) | BIT(RECORD_MAX) | BIT(DISCARD) |
         BIT(DRY_RUN),
     true, quarantine},
    {"vacuum", BIT(TABLE) | BIT(RETAIN) | BIT(DRY_RUN) | BIT(FORCE), false, vacuum},
};

/* --- the command line --- */

/* --pipeline may name its domain too. */
static enum cup_exit split_pipeline(struct arguments *arguments)
{
    const char *name  = arguments->values[OPTION_PIPELINE];
    const char *slash = name != NULL ? strchr(name, '/') : NULL;

    if (slash == NULL) return CUP_EXIT_OK;
    if (arguments->values[OPTION_DOMAIN] != NULL)
        return usage("--domain and --pipeline both name a domain", "");
    if ((size_t)(slash - name) >= sizeof arguments->domain)
        return usage("no domain has so long a name: ", name);
    snprintf(arguments->domain, sizeof arguments->domain, "%.*s", (int)(slash - name), name);
    arguments->values[OPTION_DOMAIN]   = arguments->domain;
    arguments->values[OPTION_PIPELINE] = slash + 1;
    return CUP_EXIT_OK;
}

/* The words that are no options: the command, the lake, and for some an action. */
static enum cup_exit take_words(int argc, char **argv, struct arguments *arguments,
                                const struct command **out_command)
{
    const struct command *command = NULL;

    if (optind >= argc) return usage("a command is missing", "");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, argv[optind]) == 0) command = &commands[i];
    if (command == NULL) return usage("there is no command ", argv[optind]);
    if (++optind >= argc) return usage("the lake's folder is missing behind ", command->name);
    arguments->lake = argv[optind++];
    if (command->takes_action && optind < argc) arguments->action = argv[optind++];
    if (optind < argc) return usage("one word too many: ", argv[optind]);
    for (int i = 0; i < OPTION_COUNT; i++)
        if (arguments->values[i] != NULL && (command->options & 1u << i) == 0)
            return usage("this command does not know --", long_options[i].name);
    *out_command = command;
    return split_pipeline(arguments);
}

int main(int argc, char **argv)
{
    struct arguments      arguments = {0};
    const struct command *command   = NULL;
    int                   found, at = -1;

    while ((found = getopt_long(argc, argv, "h", long_options, &at)) != -1) {
        if (found == 'h') at = OPTION_HELP;
        if (found == '?' || at < 0) {
            fputs("see cupel-lake --help\n", stderr);
            return CUP_EXIT_USAGE;
        }
        arguments.values[at] = optarg != NULL ? optarg : "";
        at                   = -1;
    }
    enum cup_exit code = CUP_EXIT_OK;
    if (arguments.values[OPTION_HELP] != NULL) {
        fputs(help_head, stdout);
        fputs(help_tail, stdout);
    } else if (arguments.values[OPTION_VERSION] != NULL) {
        puts("cupel-lake " CUP_VERSION);
    } else {
        code = take_words(argc, argv, &arguments, &command);
        if (code == CUP_EXIT_OK) code = command->run(&arguments);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("cupel-lake: standard output cannot be written\n", stderr);
        return CUP_EXIT_PROBLEMS;
    }
    return (int)code;
}
