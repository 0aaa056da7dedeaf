// SPDX-License-Identifier: Apache-2.0
/* cupel-kafka: looks at a cluster, and puts records into it; started by cupel, or by people. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/kafka/tool/tool.h"

#define RECORDS_STANDARD 1000u
#define RECORDS_MAX      100000000u
#define BYTES_STANDARD   (64ull << 20) /* of a topic: room for RECORDS_STANDARD of 64 KiB */
#define SECONDS_STANDARD 30u
#define SECONDS_MAX      86400u
#define PARTITIONS_MAX   100000u

static const char help_text[] =
    "usage: cupel-kafka COMMAND [options]\n"
    "\n"
    "  topics [--json]\n"
    "      Topics with their partitions, first and last offsets, and records at most.\n"
    "  sample [--records N] [--seconds N] [--oldest] [--to DIR]\n"
    "      The newest (or oldest) records of each topic, shared by its partitions, as lines of a\n"
    "      record dump: a JSON object with topic, partition, offset, timestamp, key, value,\n"
    "      headers. What is no UTF-8 is {\"base64\":\"..\"}.\n"
    "      --to: a file DIR/<topic>.dump for each topic. At most 64 MiB of one topic.\n"
    "  lag LAKE --pipeline DOMAIN/NAME [--json]\n"
    "      For each partition what the pipeline has committed, what of it is in all tables, where\n"
    "      the partition ends, and how many seconds the first record waits that is not committed.\n"
    "  produce --to TOPIC [--create PARTITIONS]\n"
    "      Writes the dump lines of standard input, with keys, headers and timestamps. {topic} in\n"
    "      TOPIC stands for the topic that a line names. By key, else by its partition's number.\n"
    "      --create: topics that are missing are created.\n"
    "\n"
    "  --brokers HOST:PORT,...   the cluster\n"
    "  --settings FILE           lines `text NAME VALUE` and `file NAME PATH`: properties of\n"
    "                            librdkafka (text bootstrap.servers HOST:PORT); `topic NAME`\n"
    "  --topics NAME,/PATTERN/   these only; a pattern is for whole names\n"
    "\n"
    "Exit code: 0 done, 1 a failure, 2 wrong usage.\n";

enum kafka_option {
    OPTION_BROKERS,
    OPTION_SETTINGS,
    OPTION_TOPICS,
    OPTION_JSON,
    OPTION_RECORDS,
    OPTION_SECONDS,
    OPTION_OLDEST,
    OPTION_TO,
    OPTION_PIPELINE,
    OPTION_CREATE,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_COUNT
};

static const struct option long_options[OPTION_COUNT + 1] = {
    [OPTION_BROKERS]  = {"brokers", required_argument, NULL, 0},
    [OPTION_SETTINGS] = {"settings", required_argument, NULL, 0},
    [OPTION_TOPICS]   = {"topics", required_argument, NULL, 0},
    [OPTION_JSON]     = {"json", no_argument, NULL, 0},
    [OPTION_RECORDS]  = {"records", required_argument, NULL, 0},
    [OPTION_SECONDS]  = {"seconds", required_argument, NULL, 0},
    [OPTION_OLDEST]   = {"oldest", no_argument, NULL, 0},
    [OPTION_TO]       = {"to", required_argument, NULL, 0},
    [OPTION_PIPELINE] = {"pipeline", required_argument, NULL, 0},
    [OPTION_CREATE]   = {"create", required_argument, NULL, 0},
    [OPTION_HELP]     = {"help", no_argument, NULL, 'h'},
    [OPTION_VERSION]  = {"version", no_argument, NULL, 0},
};
#define BIT(option)  (1u << OPTION_##option)
#define ALL_COMMANDS (BIT(BROKERS) | BIT(SETTINGS) | BIT(TOPICS))

struct arguments {
    struct cup_tool tool;
    const char     *lake;                 /* the word behind the command */
    const char     *values[OPTION_COUNT]; /* NULL: not given; "" for a switch */
};

static enum cup_exit usage(const char *what, const char *which)
{
    fprintf(stderr, "cupel-kafka: %s%s; see cupel-kafka --help\n", what, which);
    return CUP_EXIT_USAGE;
}

/* A number that is written out; `standard` when it was not given. */
static bool read_number(const struct arguments *arguments, enum kafka_option option,
                        uint64_t standard, uint64_t most, uint64_t *out_number)
{
    const char *text = arguments->values[option];
    char       *end  = NULL;

    *out_number = standard;
    if (text == NULL) return true;
    *out_number = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    return *out_number >= 1 && *out_number <= most && *end == '\0';
}

/* --- the commands --- */

static enum cup_exit topics(const struct arguments *arguments)
{
    return cup_tool_list(&arguments->tool, stdout);
}

static enum cup_exit sample(const struct arguments *arguments)
{
    uint64_t               seconds = 0;
    struct cup_tool_sample options = {.folder    = arguments->values[OPTION_TO],
                                      .oldest    = arguments->values[OPTION_OLDEST] != NULL,
                                      .bytes_max = BYTES_STANDARD};

    if (!read_number(arguments, OPTION_RECORDS, RECORDS_STANDARD, RECORDS_MAX, &options.record_max))
        return usage("--records takes a count, not ", arguments->values[OPTION_RECORDS]);
    if (!read_number(arguments, OPTION_SECONDS, SECONDS_STANDARD, SECONDS_MAX, &seconds))
        return usage("--seconds takes 1 to 86400, not ", arguments->values[OPTION_SECONDS]);
    options.ns_max = seconds * CUP_NS_PER_S;
    return cup_tool_sample(&arguments->tool, &options, stdout);
}

static enum cup_exit lag(const struct arguments *arguments)
{
    char                domain[256];
    const char         *name    = arguments->values[OPTION_PIPELINE];
    const char         *slash   = name != NULL ? strchr(name, '/') : NULL;
    struct cup_tool_lag options = {.lake = arguments->lake, .domain = domain};

    if (arguments->lake == NULL) return usage("the lake's folder is missing behind lag", "");
    if (slash == NULL || (size_t)(slash - name) >= sizeof domain)
        return usage("lag needs --pipeline DOMAIN/NAME", "");
    snprintf(domain, sizeof domain, "%.*s", (int)(slash - name), name);
    options.pipeline = slash + 1;
    return cup_tool_lag(&arguments->tool, &options, stdout);
}

static enum cup_exit produce(const struct arguments *arguments)
{
    uint64_t                partitions = 0;
    struct cup_tool_produce options    = {.to = arguments->values[OPTION_TO]};

    if (options.to == NULL || *options.to == '\0') return usage("produce needs --to TOPIC", "");
    if (!read_number(arguments, OPTION_CREATE, 0, PARTITIONS_MAX, &partitions))
        return usage("--create takes a count of partitions, not ",
                     arguments->values[OPTION_CREATE]);
    options.partition_count = (uint32_t)partitions;
    return cup_tool_produce(&arguments->tool, &options, stdin, stdout);
}

static const struct command {
    const char *name;
    uint32_t    options;
    bool        takes_lake;
    enum cup_exit (*run)(const struct arguments *arguments);
} commands[] = {
    {"topics", ALL_COMMANDS | BIT(JSON), false, topics},
    {"sample", ALL_COMMANDS | BIT(RECORDS) | BIT(SECONDS) | BIT(OLDEST) | BIT(TO), false, sample},
    {"lag", ALL_COMMANDS | BIT(PIPELINE) | BIT(JSON), true, lag},
    {"produce", BIT(BROKERS) | BIT(SETTINGS) | BIT(TO) | BIT(CREATE), false, produce},
};

/* --- the command line --- */

static enum cup_exit take_settings(struct arguments *arguments)
{
    struct cup_tool   *tool   = &arguments->tool;
    const char *const *values = arguments->values;
    struct cup_fault   fault  = {0};
    enum cup_err       err    = CUP_OK;

    tool->json = values[OPTION_JSON] != NULL;
    if (values[OPTION_SETTINGS] != NULL) err = cup_tool_read(tool, values[OPTION_SETTINGS], &fault);
    if (err == CUP_OK && values[OPTION_BROKERS] != NULL)
        err = cup_tool_set(tool, "bootstrap.servers", values[OPTION_BROKERS], false, &fault);
    if (err == CUP_OK && values[OPTION_TOPICS] != NULL)
        err = cup_tool_choose(tool, values[OPTION_TOPICS], &fault);
    if (err != CUP_OK) return cup_tool_complain(&fault);
    return tool->setting_count > 0 ? CUP_EXIT_OK : usage("--brokers is missing", "");
}

static enum cup_exit run(int argc, char **argv, struct arguments *arguments)
{
    const struct command *command = NULL;

    if (optind >= argc) return usage("a command is missing", "");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, argv[optind]) == 0) command = &commands[i];
    if (command == NULL) return usage("there is no command ", argv[optind]);
    optind++;
    if (command->takes_lake && optind < argc) arguments->lake = argv[optind++];
    if (optind < argc) return usage("one word too many: ", argv[optind]);
    for (int i = 0; i < OPTION_COUNT; i++)
        if (arguments->values[i] != NULL && (command->options & 1u << i) == 0)
            return usage("this command does not know --", long_options[i].name);
    enum cup_exit code = take_settings(arguments);
    return code == CUP_EXIT_OK ? command->run(arguments) : code;
}

int main(int argc, char **argv)
{
    static struct arguments arguments;
    enum cup_exit           code = CUP_EXIT_OK;
    int                     found, at = -1;

    while ((found = getopt_long(argc, argv, "h", long_options, &at)) != -1) {
        if (found == 'h') at = OPTION_HELP;
        if (found == '?' || at < 0) {
            fputs("see cupel-kafka --help\n", stderr);
            return CUP_EXIT_USAGE;
        }
        arguments.values[at] = optarg != NULL ? optarg : "";
        at                   = -1;
    }
    if (arguments.values[OPTION_HELP] != NULL)
        fputs(help_text, stdout);
    else if (arguments.values[OPTION_VERSION] != NULL)
        puts("cupel-kafka " CUP_VERSION);
    else
        code = run(argc, argv, &arguments);
    cup_tool_free(&arguments.tool);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("cupel-kafka: standard output cannot be written\n", stderr);
        return CUP_EXIT_PROBLEMS;
    }
    return (int)code;
}
