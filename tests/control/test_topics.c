// SPDX-License-Identifier: Apache-2.0
/* Goal:   what pipeline.yaml says of clusters, topics and output arrives in the plan as librdkafka
 *         and the data plane want it; each mistake is told with its line, key and the way out.
 * Method: a folder with every key, compiled and read back; one text per mistake; files of secrets
 *         with every mode. */
#include <fcntl.h>

#include "control/cli/args.h"
#include "control/cli/describe.h"
#include "control/config/cluster.h"
#include "control/config/pipeline.h"
#include "control/config/topics.h"
#include "control/plan/compile.h"
#include "control/plan/published.h"
#include "tests/control/fixture.h"

#define INPUT "input:\n  - topics: a\n"

static struct cup_keep keep;
static struct cup_text says;
static const char     *folder;

/* What job does with a folder, without its lake and contracts. */
static enum cup_err load(const char *text, struct cup_settings *settings)
{
    char path[512];

    (void)fixture_file(&keep, folder, "p/pipeline.yaml", text);
    snprintf(path, sizeof(path), "%s/p", folder);
    cup_settings_default(settings);
    settings->lake   = "/lake";
    enum cup_err err = cup_pipeline_load(&keep, cup_keep_string(&keep, path), settings, &says);
    if (err != CUP_OK) return err;
    cup_cluster_complete(&keep, settings);
    return cup_settings_check(settings, &says);
}

static struct cup_text compile(const struct cup_settings *settings)
{
    struct cup_catalog       catalog = fixture_catalog(&keep);
    const struct cup_compile job     = {
            .settings = settings, .lake = "/lake", .catalog = &catalog, .generation = 1};
    struct cup_text  blob = {0};
    struct cup_fault fault;

    if (cup_compile_blob(&job, &blob, &fault) != CUP_OK) {
        fprintf(stderr, "%s\n", fault.what);
        CHECK(false);
    }
    return blob;
}

/* The value of a property in the plan; "<file>" in front when it is a file's. */
static bool has(const struct cup_plan *plan, struct cup_plan_list list, const char *name,
                const char *value, bool is_file)
{
    for (uint32_t i = 0; i < list.count; i++) {
        const struct cup_plan_setting *setting = &cup_plan_settings(plan, list)[i];
        const char                    *is      = cup_plan_text(plan, setting->value);
        if (strcmp(cup_plan_text(plan, setting->name), name) != 0) continue;
        if (is_file) return setting->is_file && *is == '/' && strstr(is, value) != NULL;
        return !setting->is_file && strcmp(is, value) == 0;
    }
    return false;
}

static void check_input(const struct cup_plan *plan)
{
    const struct cup_plan_topic  *topics  = cup_plan_topics(plan);
    const struct cup_plan_offset *offsets = cup_plan_offsets(plan, &topics[2]);
    const struct cup_plan_list    kafka   = plan->kafka.settings;

    CHECK(cup_plan_consumes(plan) && plan->topics.count == 4 && plan->inputs.count == 0);
    CHECK(strcmp(cup_plan_text(plan, topics[0].name), "bank.customer") == 0);
    CHECK(strcmp(cup_plan_text(plan, topics[1].name), "bank\\.acc.*") == 0);
    CHECK(!topics[0].is_pattern && topics[1].is_pattern == 1);
    CHECK(topics[0].start == CUP_START_TIMESTAMP && topics[1].start_ms == 1795219200124);
    CHECK(topics[2].start == CUP_START_OFFSETS && topics[2].offsets.count == 3);
    CHECK(offsets[0].partition == 0 && offsets[0].offset == 100 && offsets[1].partition == 1);
    CHECK(offsets[2].partition == 7 && offsets[2].offset == 9223372036854775807);
    CHECK(topics[3].start == CUP_START_LATEST);
    CHECK(strcmp(cup_plan_text(plan, plan->group), "lag") == 0 && plan->gaps == CUP_GAPS_SKIP);
    CHECK(kafka.count == 11);
    CHECK(has(plan, kafka, "bootstrap.servers", "a:1,[::1]:9092,c", false));
    CHECK(has(plan, kafka, "security.protocol", "sasl_ssl", false));
    CHECK(has(plan, kafka, "sasl.mechanisms", "SCRAM-SHA-512", false));
    CHECK(has(plan, kafka, "sasl.username", "me", false));
    CHECK(has(plan, kafka, "sasl.password", "/p/secret", true));
    CHECK(has(plan, kafka, "ssl.key.password", "/p/word", true));
    CHECK(has(plan, kafka, "cupel.insecure", "true", false));
    CHECK(has(plan, kafka, "enable.ssl.certificate.verification", "false", false));
    CHECK(has(plan, kafka, "ssl.certificate.location", "/certificate", false));
    CHECK(has(plan, kafka, "ssl.key.location", "/key", false));
    CHECK(has(plan, kafka, "ssl.ca.location", "/ca", false));
}

static void check_output(const struct cup_plan *plan)
{
    const struct cup_plan_output *output = &plan->output;

    CHECK(output->kind == CUP_OUTPUT_CHANGES && output->schema == CUP_OUTPUT_SCHEMA);
    CHECK(output->deletes == CUP_OUTPUT_BOTH && output->create == 0);
    CHECK(output->partition_count == 12 && output->replication == 3);
    CHECK(strcmp(cup_plan_text(plan, output->topic), "x.{table}") == 0);
    CHECK(strcmp(cup_plan_text(plan, output->control_topic), "control") == 0);
    CHECK(output->topic_settings.count == 1);
    CHECK(has(plan, output->topic_settings, "cleanup.policy", "compact", false));
    CHECK(output->cluster.settings.count == 4);
    CHECK(has(plan, output->cluster.settings, "bootstrap.servers", "d:4", false));
    CHECK(has(plan, output->cluster.settings, "security.protocol", "plaintext", false));
    CHECK(has(plan, output->cluster.settings, "linger.ms", "5", false));
    CHECK(has(plan, output->cluster.settings, "cupel.insecure", "false", false));
}

static void check_all_keys(void)
{
    struct cup_settings s;

    CHECK(load("kafka:\n  brokers: ['a:1', '[::1]:9092', c]\n  security: sasl_tls\n"
               "  mechanism: scram-sha-512\n  username: me\n  password_file: secret\n"
               "  ca_file: /ca\n  certificate_file: /certificate\n  key_file: /key\n"
               "  key_password_file: word\n  insecure: true\n  group: lag\n  gaps: skip\n"
               "  options: {enable.ssl.certificate.verification: false}\n"
               "input:\n  - topics: [bank.customer, '/bank\\.acc.*/']\n"
               "    start: 2026-11-21T01:00:00.1230001+01:00\n"
               "  - topics: b\n    start: {1: 250, 7: 9223372036854775807, 0: 100}\n"
               "  - topics: c\n    start: latest\n"
               "output:\n  publish: changes\n  topic: 'x.{table}'\n  schema: true\n"
               "  deletes: both\n  create: false\n  partitions: 12\n  replication: 3\n"
               "  settings: {cleanup.policy: compact}\n  control_topic: control\n"
               "  kafka: {brokers: 'd:4', insecure: false, options: {linger.ms: 5}}\n",
               &s) == CUP_OK);
    CHECK(says.bytes == 0);
    struct cup_text blob = compile(&s);
    check_input((const void *)blob.at);
    check_output((const void *)blob.at);
    cup_text_free(&blob);
}

static void check_defaults(void)
{
    struct cup_settings s;

    CHECK(load("name: n\ndomain: d\nkafka: {brokers: b}\n" INPUT "output: {}\n", &s) == CUP_OK);
    struct cup_text        blob = compile(&s);
    const struct cup_plan *plan = (const void *)blob.at;
    CHECK(cup_plan_topics(plan)[0].start == CUP_START_EARLIEST && plan->gaps == CUP_GAPS_HALT);
    CHECK(plan->kafka.settings.count == 2 && plan->output.cluster.settings.count == 2);
    CHECK(has(plan, plan->kafka.settings, "security.protocol", "plaintext", false));
    CHECK(has(plan, plan->output.cluster.settings, "bootstrap.servers", "b", false));
    CHECK(strcmp(cup_plan_text(plan, plan->group), "cupel.d.n") == 0);
    CHECK(plan->output.kind == CUP_OUTPUT_CHANGES && plan->output.schema == 0);
    CHECK(plan->output.deletes == CUP_OUTPUT_TOMBSTONE && plan->output.create == 1);
    CHECK(plan->output.partition_count == 1 && plan->output.replication == 0);
    CHECK(strcmp(cup_plan_text(plan, plan->output.control_topic), "_cupel.d.n") == 0);
    CHECK(strcmp(cup_plan_text(plan, plan->output.topic), "{domain}.{source}.{schema}.{table}") ==
          0);
    cup_text_free(&blob);
    CHECK(s.output.cluster.count == 0); /* nothing was said of another one */
    CHECK(load("kafka: {brokers: b, security: sasl_tls, username: u, password_file: s}\n" INPUT
               "output: {publish: raw}\n",
               &s) == CUP_OK);
    blob = compile(&s);
    plan = (const void *)blob.at;
    CHECK(has(plan, plan->kafka.settings, "sasl.mechanisms", "PLAIN", false));
    CHECK(plan->output.kind == CUP_OUTPUT_RAW);
    CHECK(strcmp(cup_plan_text(plan, plan->output.topic), "{topic}.copy") == 0);
    cup_text_free(&blob);
    CHECK(load("kafka: {brokers: b}\ninput: [{files: x}]\n", &s) == CUP_OK); /* nobody uses it */
    blob = compile(&s);
    plan = (const void *)blob.at;
    CHECK(plan->kafka.settings.count == 0 && !cup_plan_consumes(plan));
    CHECK(plan->output.kind == CUP_OUTPUT_NONE && plan->shard_count == 1);
    cup_text_free(&blob);
}

struct mistake {
    const char *text, *said;
};

static void check_each(const struct mistake *mistakes, size_t count)
{
    struct cup_settings settings;

    for (size_t i = 0; i < count; i++) {
        CHECK(load(mistakes[i].text, &settings) == CUP_BAD_CONFIG);
        CHECK(fixture_said(&says, mistakes[i].said));
    }
}
#define CHECK_EACH(mistakes) check_each(mistakes, sizeof(mistakes) / sizeof((mistakes)[0]))

static void check_input_mistakes(void)
{
    static const struct mistake cases[] = {
        {"input:\n  - topic: a\n", ":2: input[].topic: there is no such key; allowed here: files, "
                                   "form, independent, topics, start (did you mean topics?)"},
        {"input:\n  - topics: []\n", ":2: input[].topics: must be a topic, a /pattern/ or a list"},
        {"input:\n  - topics: {a: b}\n", ":2: input[].topics: must be a topic"},
        {"input:\n  - topics:\n    - a\n    -\n", ":4: input[].topics: must be a topic"},
        {"input:\n  - topics: a b\n",
         ":2: input[].topics: \"a b\" is no name of a topic; allowed: 1 to 249 letters, digits, "
         ". _ - or a pattern between slashes, as /bank\\..*/"},
        {"input:\n  - topics: bank/.*\n", "\"bank/.*\" is no name of a topic"},
        {"input:\n  - topics:\n    - a\n    - '/b(c/'\n",
         ":4: input[].topics: /b(c/ is no pattern: missing closing parenthesis at character 4"},
        {"input:\n  - topics: a\n    files: b\n",
         ":2: input[].topics: stands beside files; an entry has one of them"},
        {"input:\n  - files: b\n  - topics: a\n",
         ":3: input[].topics: a pipeline reads files or topics, not both; make two pipelines"},
        {"input:\n  - start: latest\n", ":2: input[].files: is missing; give a glob, or topics"},
        {"input:\n  - files: b\n    start: latest\n", ":2: input[].start: is for topics"},
        {"input:\n  - topics: b\n    form: dump\n", "form and independent are for files"},
        {"input:\n  - topics: b\n    independent: true\n", "form and independent are for files"},
        {"input:\n  - topics: a\n    start: oldest\n",
         ":3: input[].start: \"oldest\" is not known; allowed: earliest | latest | a time as "
         "2026-11-21T00:00:00Z | {PARTITION: OFFSET}"},
        {"input:\n  - topics: a\n    start: 2026-11-21T00:00:00\n", "is not known; allowed: ear"},
        {"input:\n  - topics: a\n    start: 1969-12-31T23:59:59Z\n", "is not known; allowed: ear"},
        {"input:\n  - topics: a\n    start: [1]\n", ":3: input[].start: a list is not allowed"},
        {"input:\n  - topics: a\n    start:\n      0: 5\n      x: 6\n",
         ":5: input[].start: x: 6 is no partition and offset; allowed: {0: 100, 1: 250}"},
        {"input:\n  - topics: a\n    start: {0: -1}\n", "0: -1 is no partition and offset"},
        {"input:\n  - topics: a\n    start: {2147483648: 1}\n", "is no partition and offset"},
        {"input:\n  - topics: a\n    start: {0: 1, 00: 2}\n", "partition 00 stands twice"},
        {"input:\n  - topics: [a, b]\n    start: {0: 1}\n",
         ":2: input[].start: offsets are of one topic; give it an entry of its own"},
        {"input:\n  - topics: /a/\n    start: {0: 1}\n", "offsets are of one topic"},
        {INPUT, "kafka.brokers: is missing; give HOST:PORT, or --brokers"},
    };
    CHECK_EACH(cases);

    struct cup_settings settings;
    CHECK(load("input:\n  - topics: []\n", &settings) == CUP_BAD_CONFIG);
    CHECK(strchr(says.at, '\n') == says.at + says.bytes - 1); /* one mistake, one line */
    cup_text_clear(&says);
}

static void check_cluster_mistakes(void)
{
    static const struct mistake cases[] = {
        {"kafka:\n  broker: a\n", ":2: kafka.broker: there is no such key; allowed here: brokers, "
                                  "security, mechanism, username, password_file, ca_file, "
                                  "certificate_file, key_file, key_password_file, insecure, group, "
                                  "gaps, options (did you mean brokers?)"},
        {"kafka: a\n", ":1: kafka: must be a mapping; allowed here: brokers, "},
        {"kafka: {brokers: 'kafka://a:1'}\n",
         ":1: kafka.brokers: \"kafka://a:1\" is no broker; allowed: HOST:PORT or a list of them, "
         "without protocol (kafka.security says it)"},
        {"kafka: {brokers: 'a:1,,b'}\n", "\"\" is no broker"},
        {"kafka: {brokers: 'a:0'}\n", "\"a:0\" is no broker"},
        {"kafka: {brokers: 'a:65536'}\n", "\"a:65536\" is no broker"},
        {"kafka: {brokers: 'a b'}\n", "\"a b\" is no broker"},
        {"kafka: {brokers: '[::1'}\n", "\"[::1\" is no broker"},
        {"kafka: {brokers: ':9'}\n", "\":9\" is no broker"},
        {"kafka: {brokers: 'a:'}\n", "\"a:\" is no broker"},
        {"kafka: {brokers: '[::1]9092'}\n", "\"[::1]9092\" is no broker"},
        {"kafka: {brokers: 'a:9x'}\n", "\"a:9x\" is no broker"},
        {"kafka: {brokers: []}\n", ":1: kafka.brokers: must be HOST:PORT or a list of them"},
        {"kafka: {brokers: [[a]]}\n", ":1: kafka.brokers: must be HOST:PORT or a list of them"},
        {"kafka: {security: ssl}\n", ":1: kafka.security: \"ssl\" is not known; allowed: plaintext "
                                     "| tls | sasl_plaintext | sasl_tls"},
        {"kafka: {mechanism: gssapi}\n",
         "\"gssapi\" is not known; allowed: plain | scram-sha-256 | scram-sha-512"},
        {"kafka: {insecure: yes}\n", "kafka.insecure: \"yes\" is not known; allowed: false | true"},
        {"kafka: {username: ''}\n", ":1: kafka.username: nothing is not allowed"},
        {"kafka: {password_file: ''}\n", ":1: kafka.password_file: nothing is not allowed"},
        {"kafka: {gaps: jump}\n", ":1: kafka.gaps: \"jump\" is not known; allowed: halt | skip"},
        {"kafka: {options: [a]}\n", ":1: kafka.options: must be a mapping; allowed: PROPERTY: "
                                    "VALUE"},
        {"kafka: {options: {a: [b]}}\n", ":1: kafka.options.a: must be a text or number"},
        {"kafka:\n  options:\n    sasl.password: x\n",
         ":3: kafka.options.sasl.password: cannot be set here: use password_file"},
        {"kafka: {options: {group.id: x}}\n",
         "kafka.options.group.id: cannot be set: use group; it is for lag tools only"},
        {"kafka: {options: {isolation.level: x}}\n", "cannot be set: cupel reads committed"},
        {"kafka: {brokers: b, group: ''}\n" INPUT, "kafka.group: nothing is not allowed"},
        {"kafka: {brokers: b, username: me}\n" INPUT,
         "kafka.username: would not be used with kafka.security: plaintext; use sasl_tls (or "
         "sasl_plaintext), or leave it out"},
        {"kafka: {brokers: b, ca_file: /c}\n" INPUT, "kafka.ca_file: would not be used with "
                                                     "kafka.security: plaintext; use tls, or"},
        {"kafka: {brokers: b, security: tls, mechanism: plain}\n" INPUT,
         "kafka.mechanism: would not be used with kafka.security: tls; use sasl_tls"},
        {"kafka: {brokers: b, security: sasl_tls, password_file: p}\n" INPUT,
         "kafka.username: is missing; kafka.security says sasl"},
        {"kafka: {brokers: b, security: sasl_tls, username: u}\n" INPUT,
         "kafka.password_file: is missing; kafka.security says sasl"},
        {"kafka: {brokers: b, security: tls, key_file: k}\n" INPUT,
         "kafka.key_file: must be given with kafka.certificate_file"},
        {"kafka: {brokers: b, security: tls, certificate_file: k}\n" INPUT,
         "kafka.key_file: must be given with kafka.certificate_file"},
        {"kafka: {brokers: b, security: tls, key_password_file: k}\n" INPUT,
         "kafka.key_password_file: there is no kafka.key_file"},
        {"kafka: {brokers: b, security: sasl_plaintext, username: u, password_file: p}\n" INPUT,
         "kafka.security: sasl_plaintext with mechanism plain shows the password to everybody on "
         "the way; use sasl_tls or a scram mechanism, or say kafka.insecure: true"},
        {"kafka: {brokers: b, security: tls, options: {enable.ssl.certificate.verification: "
         "False}}\n" INPUT,
         "kafka.options.enable.ssl.certificate.verification: False lets anybody pose as a broker; "
         "leave it out, or say kafka.insecure: true"},
        {"kafka: {brokers: b, security: tls, options: {ssl.endpoint.identification.algorithm: "
         "none}}\n" INPUT,
         "algorithm: none lets anybody pose as a broker"},
    };
    CHECK_EACH(cases);
}

static void check_output_mistakes(void)
{
    static const struct mistake cases[] = {
        {"output: {publsh: raw}\n", ":1: output.publsh: there is no such key; allowed here: "
                                    "publish, topic, schema, deletes, create, partitions, "
                                    "replication, settings, control_topic, kafka (did you mean "
                                    "publish?)"},
        {"output: {publish: all}\n", "\"all\" is not known; allowed: changes | raw"},
        {"output: {deletes: none}\n", "\"none\" is not known; allowed: tombstone | row | both"},
        {"output: {partitions: 0}\n", "output.partitions: 0 is out of range; allowed: 1 to"},
        {"output: {replication: 32768}\n", "output.replication: 32768 is out of range"},
        {"output: {settings: x}\n", "output.settings: must be a mapping; allowed: PROPERTY: VALUE"},
        {"output: {settings: {a: {}}}\n", "output.settings.a: must be a text or number"},
        {"output:\n  kafka:\n    security: ssl\n", ":3: output.kafka.security: \"ssl\" is not"},
        {"output: {kafka: {group: x}}\n", "output.kafka.group: is for the input's cluster only"},
        {"output: {kafka: {gaps: x}}\n", "output.kafka.gaps: is for the input's cluster only"},
        {"output: {kafka: {brokrs: x}}\n", "output.kafka.brokrs: there is no such key; allowed"},
        {"output: {kafka: x}\n", "output.kafka: must be a mapping; allowed here: brokers"},
        {"input: [{files: x}]\noutput: {}\n", "kafka.brokers: is missing"},
        {"input: [{files: x}]\noutput: {kafka: {}}\n",
         "output.kafka.brokers: is missing; give HOST:PORT\n"},
        {"kafka: {brokers: b}\n" INPUT "output: {topic: 'a{tabel}'}\n",
         "output.topic: \"{tabel}\" in \"a{tabel}\" is not allowed; allowed: letters, digits, "
         ". _ - and {domain} {pipeline} {source} {schema} {table}"},
        {"kafka: {brokers: b}\n" INPUT "output: {topic: 'a b'}\n", "\" \" in \"a b\" is not"},
        {"kafka: {brokers: b}\n" INPUT "output: {topic: ''}\n", "output.topic: nothing is not"},
        {"kafka: {brokers: b}\n" INPUT "output: {publish: raw, topic: '{table}'}\n",
         "\"{table}\" in \"{table}\" is not allowed; allowed: letters, digits, . _ - and {domain} "
         "{pipeline} {topic}"},
        {"kafka: {brokers: b}\n" INPUT "output: {publish: raw, topic: '{topic}'}\n",
         "output.topic: a topic of the input may be called so, and would be read again: give it "
         "another front or end"},
        {"kafka: {brokers: b}\n" INPUT "output: {publish: raw, deletes: row}\n",
         "output.publish: raw records go on as they came: schema and deletes are for changes"},
        {"kafka: {brokers: b}\n" INPUT "silver: {enabled: false}\noutput: {}\n",
         "output.publish: changes are rows of silver, which is off; use raw, or leave silver on"},
        {"kafka: {brokers: b}\n" INPUT "output: {control_topic: a/b}\n",
         "output.control_topic: \"a/b\" is no name of a topic; give one of 1 to 249 letters"},
        {"domain: b\xC3\xA4\nkafka: {brokers: b}\n" INPUT "output: {}\n", "output.control_topic: "},
        {"kafka: {brokers: b}\ninput: [{topics: x.copy}]\noutput: {publish: raw}\n",
         "input[].topics: x.copy is called as topics of the output are, and would be read again"},
        {"kafka: {brokers: b}\ninput: [{topics: _cupel.default.p}]\noutput: {publish: raw}\n",
         "input[].topics: _cupel.default.p is called as topics of the output are"},
    };
    CHECK_EACH(cases);
}

/* chmod of the secret, then what is said of it. */
static void check_files(void)
{
    struct cup_settings s;
    const char         *secret = fixture_file(&keep, folder, "p/secret", "hunter2");
    static const struct {
        mode_t mode;
        bool   good;
    } modes[] = {{0600, true},  {0400, true},  {0640, true},  {0440, true}, {0644, false},
                 {0660, false}, {0602, false}, {0601, false}, {0777, false}};

    CHECK(
        load("kafka: {brokers: b, security: sasl_tls, username: u, password_file: secret}\n" INPUT,
             &s) == CUP_OK);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        CHECK(chmod(secret, modes[i].mode) == 0);
        CHECK(cup_cluster_check_files(&s, &says) == modes[i].good);
        CHECK(modes[i].good ? says.bytes == 0
                            : fixture_said(&says, "/p/secret: others may read or change it; chmod "
                                                  "0600 (or 0640)"));
    }
    CHECK(chmod(secret, 0600) == 0);
    CHECK(truncate(secret, 0) == 0 && !cup_cluster_check_files(&s, &says));
    CHECK(strstr(says.at, "hunter2") == NULL);
    CHECK(fixture_said(&says, "kafka.password_file: ") && unlink(secret) == 0);
    CHECK(!cup_cluster_check_files(&s, &says) && fixture_said(&says, "No such file"));
    CHECK(mkdir(secret, 0700) == 0 && !cup_cluster_check_files(&s, &says));
    CHECK(fixture_said(&says, "/p/secret is no file"));
    CHECK(load("kafka: {brokers: b}\n" INPUT "output: {kafka: {brokers: c, security: tls, "
               "ca_file: ca}}\n",
               &s) == CUP_OK);
    CHECK(!cup_cluster_check_files(&s, &says) && fixture_said(&says, "output.kafka.ca_file: "));
    CHECK(chmod(fixture_file(&keep, folder, "p/ca", "x"), 0644) == 0); /* no secret */
    CHECK(cup_cluster_check_files(&s, &says));
}

/* --- what it comes to --- */

static bool describes(const struct cup_text *text, const char *piece)
{
    if (strstr(text->at, piece) == NULL) fprintf(stderr, "wanted: %s\nsaid: %s\n", piece, text->at);
    return strstr(text->at, piece) != NULL;
}

static void check_description(void)
{
    struct cup_settings s;
    struct cup_text     text    = {0};
    struct cup_catalog  catalog = fixture_catalog(&keep);

    CHECK(load("kafka: {brokers: b, security: sasl_tls, username: me, password_file: /s/w,\n"
               "  options: {sasl.oauthbearer.config: hunter2, linger.ms: 5}}\n"
               "input: [{topics: [a, /b/], start: 2026-11-21T01:02:03.4Z}, {topics: c, start: {0: "
               "7}},\n  {topics: d, start: latest}]\n"
               "output: {publish: raw, create: false}\n",
               &s) == CUP_OK);
    cup_describe_input(&s, &text);
    cup_describe_output(&s, &catalog, &text);
    CHECK(describes(&text, "topics a /b/: behind what the lake has; new ones from "
                           "2026-11-21T01:02:03.400Z\n"));
    CHECK(describes(&text, "topics c: behind what the lake has; new ones from 0:7\n"));
    CHECK(describes(&text, "topics d: behind what the lake has; new ones from their end\n"));
    CHECK(describes(&text, "  sasl.password = what is in /s/w\n"));
    CHECK(describes(&text, "  sasl.oauthbearer.config = (not shown)\n  linger.ms = 5\n"));
    CHECK(strstr(text.at, "hunter2") == NULL);
    CHECK(describes(&text, "group cupel.default.p\n"));
    CHECK(describes(&text, "output: records as they came, to {topic}.copy\n"));
    CHECK(describes(&text, "  on the cluster of the input\n"));
    CHECK(describes(&text, "are not created: the output waits\n"));
    cup_text_clear(&text);
    CHECK(load("kafka: {brokers: b}\ninput: [{files: a}]\n"
               "output: {partitions: 3, replication: 2, schema: true, deletes: both}\n",
               &s) == CUP_OK);
    cup_describe_output(&s, &catalog, &text);
    CHECK(describes(&text, "output: rows of silver as JSON with their schema, to {domain}.{source}."
                           "{schema}.{table}; deletes as rows and tombstones\n"
                           "  bootstrap.servers = b\n"));
    CHECK(describes(&text, "created with 3 partitions, 2 copies\n"));
    cup_text_free(&text);
}

/* Tables are published to one topic each. */
static void check_published(void)
{
    struct cup_catalog_table tables[] = {{.path = "d/silver/pg/a/t"}, {.path = "d/silver/pg/b/t"}};
    struct cup_catalog       catalog  = fixture_catalog(&keep);
    struct cup_settings      s;
    struct cup_fault         fault = {0};
    struct cup_text          text  = {0};

    CHECK(load("kafka: {brokers: b}\n" INPUT "output: {topic: 'x.{table}'}\n", &s) == CUP_OK);
    catalog.tables      = tables;
    catalog.table_count = 2;
    CHECK(cup_published_check(&s, &catalog, &fault) == CUP_BAD_CONFIG);
    CHECK(strcmp(fault.where, "x.t: d/silver/pg/a/t and d/silver/pg/b/t") == 0 ||
          strcmp(fault.where, "x.t: d/silver/pg/b/t and d/silver/pg/a/t") == 0);
    CHECK(strstr(fault.what, "output.topic gives two tables one topic") != NULL);
    s.output.topic = "{schema}.{table}";
    CHECK(cup_published_check(&s, &catalog, &fault) == CUP_OK);
    cup_published_list(&s, &catalog, &text);
    CHECK(describes(&text, "  d/silver/pg/a/t to a.t\n  d/silver/pg/b/t to b.t\n"));
    tables[0].path = "d/silver/pg/a-b/t"; /* a character that names do not have becomes _ */
    tables[1].path = "d/silver/pg/a+b/t";
    CHECK(cup_published_check(&s, &catalog, &fault) == CUP_OK);
    tables[0].path = "d/silver/pg/a@b/t";
    CHECK(cup_published_check(&s, &catalog, &fault) == CUP_BAD_CONFIG);
    char path[300] = "d/silver/pg/";
    memset(path + strlen(path), 'y', sizeof path - 1 - strlen(path));
    tables[0].path = path;
    CHECK(cup_published_check(&s, &catalog, &fault) == CUP_BAD_CONFIG);
    CHECK(strstr(fault.what, "no name of a topic") != NULL);
    s.output.kind = CUP_OUTPUT_RAW;
    CHECK(cup_published_check(&s, &catalog, &fault) == CUP_OK);
    cup_text_clear(&text);
    cup_published_list(&s, &catalog, &text);
    CHECK(text.bytes == 0); /* records as they came have no table */
    cup_text_free(&text);
}

/* --- the command line --- */

static enum cup_err apply(const char *line, struct cup_settings *settings)
{
    char            copy[256], *words[16];
    int             count = 0;
    struct cup_args args;

    snprintf(copy, sizeof copy, "%s", line);
    for (char *at = copy; *at != '\0'; count++) {
        words[count] = cup_keep_bytes(&keep, strlen(at) + 1);
        size_t bytes = strcspn(at, " ");
        memcpy(words[count], at, bytes);
        at += bytes + (at[bytes] != '\0');
    }
    cup_settings_default(settings);
    enum cup_err err = cup_args_parse(&keep, count, words, &args, &says);
    if (err == CUP_OK) err = cup_args_apply(&keep, &args, settings, &says);
    return err;
}

static void check_command_line(void)
{
    static const struct mistake cases[] = {
        {"--topics a,,b", "\"\" is no name of a topic; allowed: "},
        {"--topics a,/b(/", "/b(/ is no pattern: missing closing parenthesis"},
        {"--topics a,/b", "\"/b\" is no name of a topic"},
        {"--topics a --input b", "a run reads one of them"},
        {"--brokers a:b --topics a", "\"a:b\" is no broker"},
        {"--start latest", "--start is for topics"},
        {"--start soon --topics a", "\"soon\" is not known; allowed: earliest | latest | a time"},
        {"--shard 1", "\"1\" is no shard; allowed: I/N, I from 0 to N-1, N from 1 to 1024"},
        {"--shard 2/2", "\"2/2\" is no shard"},
        {"--shard 0/0", "\"0/0\" is no shard"},
        {"--shard 0/1025", "\"0/1025\" is no shard"},
        {"--shard -1/2", "\"-1/2\" is no shard"},
        {"--shard 0/2x", "\"0/2x\" is no shard"},
    };
    struct cup_settings s;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(apply(cases[i].text, &s) == CUP_BAD_CONFIG);
        CHECK(fixture_said(&says, cases[i].said));
    }
    CHECK(apply("--brokers a:1,b:2 --topics x,/y{1,2}/,z --start latest --shard 1/3", &s) ==
          CUP_OK);
    CHECK(s.input_count == 1 && s.inputs[0].topic_count == 3 && s.shard == 1);
    CHECK(s.shard_count == 3 && s.inputs[0].start.kind == CUP_START_LATEST);
    CHECK(strcmp(s.inputs[0].topics[1].name, "y{1,2}") == 0 && s.inputs[0].topics[1].is_pattern);
    CHECK(strcmp(cup_cluster_find(&s.kafka, "bootstrap.servers"), "a:1,b:2") == 0);
    s.lake = "/lake";
    cup_cluster_complete(&keep, &s);
    CHECK(cup_settings_check(&s, &says) == CUP_OK && says.bytes == 0);
    struct cup_text        blob = compile(&s);
    const struct cup_plan *plan = (const void *)blob.at;
    CHECK(plan->shard == 1 && plan->shard_count == 3 && plan->topics.count == 3);
    cup_text_free(&blob);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    keep   = fixture_keep();
    folder = fixture_folder(&keep);
    check_all_keys();
    check_defaults();
    check_input_mistakes();
    check_cluster_mistakes();
    check_output_mistakes();
    check_files();
    check_description();
    check_published();
    check_command_line();
    fixture_remove(folder);
    cup_keep_close(&keep);
    return 0;
}
