// SPDX-License-Identifier: Apache-2.0
/* cupel-lake: looks at a lake with nothing but its files: no configuration, no running process. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "lake/tool/tool_commands.h"

static const char help[] =
    "usage: cupel-lake COMMAND LAKE [options]\n"
    "\n"
    "  verify LAKE [--domain D] [--pipeline P] [--deep]\n"
    "      Proves from the files alone that nothing is lost and nothing is double: the ledger's\n"
    "      ranges of each input leave no gap and no overlap; records = accepted + quarantined +\n"
    "      dropped by a named rule; index and quarantine hold a row for each of them; every file\n"
    "      is there with its size and row count; every live file of a table is in the ledger.\n"
    "      --deep also reads all bytes: CRC-32C of each file, CRC of each Parquet page.\n"
    "      Prints a line per pipeline, then `ok` or the problems, one per line.\n"
    "\n"
    "  replay LAKE [--domain D] [--pipeline P] [--input NAME] [--to DIR]\n"
    "      Gives back the records that came in, byte for byte, in order per input, from bronze:\n"
    "      NDJSON inputs as lines; record dumps as one JSON object a line, a tombstone as value\n"
    "      null. --input: only this one (as in the index's column `input`).\n"
    "      --to: one file per input below DIR, never over an existing one; else standard output.\n"
    "\n"
    "The lake is only read. Exit code: 0 clean, 1 problems, 2 wrong usage.\n"
    "\n"
    "  cupel-lake verify /srv/lake --deep\n"
    "  cupel-lake replay /srv/lake --pipeline bank --input 2026/06/a.ndjson | jq .\n";

static const struct option long_options[] = {
    {"domain", required_argument, NULL, 'd'}, {"pipeline", required_argument, NULL, 'p'},
    {"input", required_argument, NULL, 'i'},  {"to", required_argument, NULL, 't'},
    {"deep", no_argument, NULL, 'D'},         {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
};

struct arguments {
    const char *command, *lake, *domain, *pipeline, *input, *to;
    bool        deep;
};

static enum cup_exit usage(const char *what, const char *which)
{
    fprintf(stderr, "cupel-lake: %s%s; see cupel-lake --help\n", what, which);
    return CUP_EXIT_USAGE;
}

/* The first two words that are no options are the command and the lake. */
static enum cup_exit take_words(int argc, char **argv, struct arguments *arguments)
{
    if (optind >= argc) return usage("a command is missing: verify or replay", "");
    arguments->command = argv[optind++];
    if (optind >= argc) return usage("the lake's folder is missing behind ", arguments->command);
    arguments->lake = argv[optind++];
    if (optind < argc) return usage("one word too many: ", argv[optind]);
    return CUP_EXIT_OK;
}

static enum cup_exit run(const struct arguments *arguments)
{
    if (strcmp(arguments->command, "verify") == 0) {
        if (arguments->input != NULL || arguments->to != NULL)
            return usage("verify knows neither --input nor --to", "");
        struct cup_verify_options options = {.lake     = arguments->lake,
                                             .domain   = arguments->domain,
                                             .pipeline = arguments->pipeline,
                                             .deep     = arguments->deep};
        return cup_verify_run(&options, stdout);
    }
    if (strcmp(arguments->command, "replay") != 0)
        return usage("there is no command ", arguments->command);
    if (arguments->deep) return usage("replay always checks what it reads: no --deep", "");
    struct cup_replay_options options = {.lake     = arguments->lake,
                                         .domain   = arguments->domain,
                                         .pipeline = arguments->pipeline,
                                         .input    = arguments->input,
                                         .to       = arguments->to};
    return cup_replay_run(&options, stdout);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    int              option;

    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        switch (option) {
        case 'd': arguments.domain = optarg; break;
        case 'p': arguments.pipeline = optarg; break;
        case 'i': arguments.input = optarg; break;
        case 't': arguments.to = optarg; break;
        case 'D': arguments.deep = true; break;
        case 'h': fputs(help, stdout); return CUP_EXIT_OK;
        case 'V': puts("cupel-lake " CUP_VERSION); return CUP_EXIT_OK;
        default: fputs("see cupel-lake --help\n", stderr); return CUP_EXIT_USAGE;
        }
    }
    enum cup_exit code = take_words(argc, argv, &arguments);
    if (code == CUP_EXIT_OK) code = run(&arguments);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("cupel-lake: standard output cannot be written\n", stderr);
        return CUP_EXIT_PROBLEMS;
    }
    return (int)code;
}
