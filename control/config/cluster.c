// SPDX-License-Identifier: Apache-2.0
#include "control/config/cluster.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/abi/topic.h"

#define INPUT_KEY  "kafka"
#define OUTPUT_KEY "output.kafka"
/* No access for others; the group may read: containers mount secrets so. */
#define MODE_REFUSED 027

enum kind { TEXT, WORD, READ, PRIVATE, CONTENT };
enum need { ANY, SASL, TLS };

static const struct property {
    enum cup_key key;
    enum kind    kind;
    enum need    need;
    const char  *words, *name;
} known[] = {
#define CUP_PROPERTY(key, kind, need, words, name) {CUP_KEY_##key, kind, need, words, name},
#include "control/config/property.def"
#undef CUP_PROPERTY
};
#define KNOWN_COUNT (sizeof known / sizeof known[0])

static const struct {
    const char *name, *instead;
} refused[] = {
#define CUP_REFUSED(name, instead) {name, instead},
#include "control/config/refused.def"
#undef CUP_REFUSED
};

/* Values of options that let a man in the middle pass. */
static const struct {
    const char *name, *value;
} weak[] = {
    {"enable.ssl.certificate.verification", "false"},
    {"enable.ssl.certificate.verification", "f"},
    {"enable.ssl.certificate.verification", "0"},
    {"ssl.endpoint.identification.algorithm", "none"},
};

/* The key without the group that it stands in: password_file. */
static const char *leaf(const struct property *property)
{
    return cup_key_row(property->key)->key + strlen(INPUT_KEY ".");
}

static const struct property *property_of(enum cup_key key)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        if (known[i].key == key) return &known[i];
    return NULL;
}

const char *cup_cluster_find(const struct cup_settings_properties *properties, const char *name)
{
    for (uint32_t i = 0; i < properties->count; i++)
        if (strcmp(properties->list[i].name, name) == 0) return properties->list[i].value;
    return NULL;
}

static const char *find_key(const struct cup_settings_properties *properties, enum cup_key key)
{
    return cup_cluster_find(properties, property_of(key)->name);
}

void cup_cluster_put(struct cup_keep *keep, struct cup_settings_properties *properties,
                     const struct cup_settings_property *property)
{
    for (uint32_t i = 0; i < properties->count; i++) {
        if (strcmp(properties->list[i].name, property->name) != 0) continue;
        properties->list[i] = *property;
        return;
    }
    properties->list = cup_keep_grow(keep, properties->list, properties->count, &properties->cap,
                                     sizeof(*properties->list));
    properties->list[properties->count++] = *property;
}

/* --- brokers --- */

/* HOST:PORT, [ADDRESS]:PORT, or without port. */
static bool is_broker(const char *text, size_t bytes)
{
    size_t host = bytes > 0 && text[0] == '[' ? 0 : bytes;
    size_t port = 0;

    for (size_t i = 0; i < bytes; i++) {
        if (isspace((unsigned char)text[i]) || text[i] == '/' || !isprint((unsigned char)text[i]))
            return false;
        if (text[0] == '[' && text[i] == ']' && host == 0) host = i + 1;
        if (text[0] != '[' && text[i] == ':' && host == bytes) host = i;
    }
    if (host == 0 || (text[0] == '[' && host < 4)) return false;
    if (host == bytes) return true;
    if (text[host] != ':' || bytes - host < 2 || bytes - host > 6) return false;
    for (size_t i = host + 1; i < bytes; i++) {
        if (!isdigit((unsigned char)text[i])) return false;
        port = port * 10 + (size_t)(text[i] - '0');
    }
    return port > 0 && port <= UINT16_MAX;
}

static bool check_brokers(const char *text, struct cup_text *says)
{
    for (;;) {
        size_t bytes = strcspn(text, ",");
        if (!is_broker(text, bytes)) {
            cup_text_printf(says,
                            "\"%.*s\" is no broker; allowed: HOST:PORT or a list of them, without "
                            "protocol (kafka.security says it)",
                            (int)bytes, text);
            return false;
        }
        if (text[bytes] == '\0') return true;
        text += bytes + 1;
    }
}

/* --- keys --- */

/* Word number `index` of "a | b | c". */
static const char *word_at(struct cup_keep *keep, const char *words, uint32_t index)
{
    for (; index > 0; index--)
        words = strstr(words, " | ") + strlen(" | ");
    return cup_keep_text(keep, words, strcspn(words, " "));
}

bool cup_cluster_set(struct cup_keep *keep, struct cup_settings_properties *cluster,
                     enum cup_key key, const char *text, struct cup_text *says)
{
    const struct property *property = property_of(key);
    uint32_t               index    = 0;

    CUP_ASSERT(property != NULL);
    if (property->kind == WORD) {
        if (!cup_settings_word(key, text, &index, says)) return false;
        text = word_at(keep, property->words, index);
    }
    if (key == CUP_KEY_KAFKA_BROKERS && !check_brokers(text, says)) return false;
    if (*text == '\0') {
        cup_text_puts(says, "nothing is not allowed");
        return false;
    }
    const struct cup_settings_property put = {
        .name = property->name, .value = text, .is_file = property->kind == CONTENT};
    cup_cluster_put(keep, cluster, &put);
    return true;
}

bool cup_cluster_option(struct cup_keep *keep, struct cup_settings_properties *cluster,
                        const char *name, const char *value, struct cup_text *says)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (strcmp(known[i].name, name) != 0) continue;
        cup_text_printf(says, "cannot be set here: use %s", leaf(&known[i]));
        return false;
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (strcmp(refused[i].name, name) != 0) continue;
        cup_text_printf(says, "cannot be set: %s", refused[i].instead);
        return false;
    }
    if (*name == '\0' || cluster->count >= CUP_PLAN_SETTINGS_MAX) {
        cup_text_puts(says, *name == '\0' ? "a property must have a name" : "are too many");
        return false;
    }
    const struct cup_settings_property put = {.name = name, .value = value};
    cup_cluster_put(keep, cluster, &put);
    return true;
}

/* --- the whole --- */

const struct cup_settings_properties *cup_cluster_of_output(const struct cup_settings *settings)
{
    return settings->output.has_cluster ? &settings->output.cluster : &settings->kafka;
}

static bool has(const struct cup_settings_properties *cluster, enum need need)
{
    const char *protocol = find_key(cluster, CUP_KEY_KAFKA_SECURITY);

    if (need == ANY) return true;
    return protocol != NULL && strstr(protocol, need == SASL ? "sasl" : "ssl") != NULL;
}

static void complete_cluster(struct cup_keep *keep, struct cup_settings_properties *cluster)
{
    struct cup_text says = {0}; /* the defaults are good */

    if (cluster->count == 0) return;
    if (find_key(cluster, CUP_KEY_KAFKA_SECURITY) == NULL)
        (void)cup_cluster_set(keep, cluster, CUP_KEY_KAFKA_SECURITY,
                              cup_key_row(CUP_KEY_KAFKA_SECURITY)->standard, &says);
    if (has(cluster, SASL) && find_key(cluster, CUP_KEY_KAFKA_MECHANISM) == NULL)
        (void)cup_cluster_set(keep, cluster, CUP_KEY_KAFKA_MECHANISM,
                              cup_key_row(CUP_KEY_KAFKA_MECHANISM)->standard, &says);
    CUP_ASSERT(says.bytes == 0);
}

static const char *of_pipeline(struct cup_keep *keep, const char *front,
                               const struct cup_settings *settings)
{
    struct cup_text text = {0};

    cup_text_printf(&text, "%s%s.%s", front, settings->domain, settings->name);
    const char *kept = text.failed ? front : cup_keep_text(keep, text.at, text.bytes);
    cup_text_free(&text);
    return kept;
}

void cup_cluster_complete(struct cup_keep *keep, struct cup_settings *settings)
{
    struct cup_settings_output *output = &settings->output;

    complete_cluster(keep, &settings->kafka);
    complete_cluster(keep, &output->cluster);
    if (settings->group == NULL) settings->group = of_pipeline(keep, "cupel.", settings);
    if (output->control_topic == NULL)
        output->control_topic = of_pipeline(keep, "_cupel.", settings);
    if (output->topic == NULL)
        output->topic =
            output->kind == CUP_OUTPUT_RAW ? "{topic}.copy" : "{domain}.{source}.{schema}.{table}";
}

static void check_sasl(const struct cup_settings_properties *cluster, const char *at,
                       struct cup_text *says)
{
    const char *mechanism = find_key(cluster, CUP_KEY_KAFKA_MECHANISM);
    const char *insecure  = find_key(cluster, CUP_KEY_KAFKA_INSECURE);
    bool        trusting  = insecure != NULL && strcmp(insecure, "true") == 0;

    if (has(cluster, SASL) && find_key(cluster, CUP_KEY_KAFKA_USERNAME) == NULL)
        cup_text_printf(says, "%s.username: is missing; %s.security says sasl\n", at, at);
    if (has(cluster, SASL) && find_key(cluster, CUP_KEY_KAFKA_PASSWORD_FILE) == NULL)
        cup_text_printf(says, "%s.password_file: is missing; %s.security says sasl\n", at, at);
    if (trusting) return;
    if (has(cluster, SASL) && !has(cluster, TLS) && mechanism != NULL &&
        strcmp(mechanism, "PLAIN") == 0)
        cup_text_printf(says,
                        "%s.security: sasl_plaintext with mechanism plain shows the password to "
                        "everybody on the way; use sasl_tls or a scram mechanism, or say %s."
                        "insecure: true\n",
                        at, at);
    for (size_t i = 0; i < sizeof weak / sizeof weak[0]; i++) {
        const char *value = cup_cluster_find(cluster, weak[i].name);
        if (value == NULL || strcasecmp(value, weak[i].value) != 0) continue;
        cup_text_printf(says,
                        "%s.options.%s: %s lets anybody pose as a broker; leave it out, or say "
                        "%s.insecure: true\n",
                        at, weak[i].name, value, at);
    }
}

static void check_cluster(const struct cup_settings_properties *cluster, const char *at,
                          struct cup_text *says)
{
    static const char *const missing[] = {[SASL] = "sasl_tls (or sasl_plaintext)", [TLS] = "tls"};

    if (find_key(cluster, CUP_KEY_KAFKA_BROKERS) == NULL)
        cup_text_printf(says, "%s.brokers: is missing; give HOST:PORT%s\n", at,
                        strcmp(at, INPUT_KEY) == 0 ? ", or --brokers" : "");
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        if (find_key(cluster, known[i].key) != NULL && !has(cluster, known[i].need))
            cup_text_printf(says,
                            "%s.%s: would not be used with %s.security: %s; use %s, or leave "
                            "it out\n",
                            at, leaf(&known[i]), at,
                            has(cluster, SASL)  ? "sasl_plaintext"
                            : has(cluster, TLS) ? "tls"
                                                : "plaintext",
                            missing[known[i].need]);
    if ((find_key(cluster, CUP_KEY_KAFKA_KEY_FILE) == NULL) !=
        (find_key(cluster, CUP_KEY_KAFKA_CERTIFICATE_FILE) == NULL))
        cup_text_printf(says, "%s.key_file: must be given with %s.certificate_file\n", at, at);
    if (find_key(cluster, CUP_KEY_KAFKA_KEY_PASSWORD_FILE) != NULL &&
        find_key(cluster, CUP_KEY_KAFKA_KEY_FILE) == NULL)
        cup_text_printf(says, "%s.key_password_file: there is no %s.key_file\n", at, at);
    check_sasl(cluster, at, says);
}

/* {a|b|...} of a template that is wrong, or the byte. */
static void say_template(const struct cup_settings_output *output, struct cup_text *says)
{
    enum cup_output_kind kind  = (enum cup_output_kind)output->kind;
    const char          *wrong = cup_topic_template_wrong(output->topic, kind);
    size_t               bytes = 1;

    if (*output->topic == '\0') {
        cup_text_puts(says, "output.topic: nothing is not allowed\n");
        return;
    }
    if (wrong == NULL) return;
    if (*wrong == '{') bytes = strcspn(wrong, "}") + (strchr(wrong, '}') != NULL);
    cup_text_printf(says,
                    "output.topic: \"%.*s\" in \"%s\" is not allowed; allowed: letters, digits, "
                    ". _ - and %s\n",
                    (int)bytes, wrong, output->topic, cup_topic_template_parts(kind));
}

/* Its own records, read again, would go round for ever. Patterns leave such topics out. */
static void check_circle(const struct cup_settings *settings, struct cup_text *says)
{
    const struct cup_settings_output *output = &settings->output;
    const struct cup_topic_parts      parts =
        cup_topic_parts_of(settings->domain, settings->name, NULL, NULL);

    if (output->topic == NULL || output->control_topic == NULL || output->has_cluster ||
        !cup_settings_consumes(settings))
        return;
    if (strcmp(output->topic, "{topic}") == 0) {
        cup_text_puts(says, "output.topic: a topic of the input may be called so, and would be "
                            "read again: give it another front or end\n");
        return;
    }
    for (uint32_t i = 0; i < settings->input_count; i++) {
        for (uint32_t t = 0; t < settings->inputs[i].topic_count; t++) {
            const struct cup_settings_topic *topic = &settings->inputs[i].topics[t];
            if (topic->is_pattern || (!cup_topic_is_made(output->topic, &parts, topic->name) &&
                                      strcmp(output->control_topic, topic->name) != 0))
                continue;
            cup_text_printf(says,
                            "input[].topics: %s is called as topics of the output are, and would "
                            "be read again: give output.topic another front or end\n",
                            topic->name);
        }
    }
}

static void check_output(const struct cup_settings *settings, struct cup_text *says)
{
    const struct cup_settings_output *output = &settings->output;

    if (output->kind == CUP_OUTPUT_NONE) return;
    if (output->kind == CUP_OUTPUT_CHANGES && !settings->silver)
        cup_text_puts(says, "output.publish: changes are rows of silver, which is off; use raw, or "
                            "leave silver on\n");
    if (output->kind == CUP_OUTPUT_RAW &&
        (output->schema != CUP_OUTPUT_SCHEMALESS || output->deletes != CUP_OUTPUT_TOMBSTONE))
        cup_text_puts(says, "output.publish: raw records go on as they came: schema and deletes "
                            "are for changes\n");
    if (output->topic != NULL) say_template(output, says);
    if (output->control_topic != NULL &&
        !cup_topic_is_legal(output->control_topic, strlen(output->control_topic)))
        cup_text_printf(says,
                        "output.control_topic: \"%s\" is no name of a topic; give one of 1 to %u "
                        "letters, digits, . _ -\n",
                        output->control_topic, CUP_TOPIC_NAME_MAX);
    check_circle(settings, says);
}

void cup_cluster_check(const struct cup_settings *settings, struct cup_text *says)
{
    const struct cup_settings_output *output    = &settings->output;
    bool                              publishes = output->kind != CUP_OUTPUT_NONE;

    if (cup_settings_consumes(settings) || (publishes && !output->has_cluster))
        check_cluster(&settings->kafka, INPUT_KEY, says);
    if (publishes && output->has_cluster) check_cluster(&output->cluster, OUTPUT_KEY, says);
    check_output(settings, says);
    if (settings->group != NULL && *settings->group == '\0')
        cup_text_puts(says, "kafka.group: nothing is not allowed\n");
}

/* --- files --- */

static void check_file(const struct property *property, const char *at, const char *path,
                       struct cup_text *says)
{
    struct stat status;

    if (stat(path, &status) != 0 || access(path, R_OK) != 0)
        cup_text_printf(says, "%s.%s: %s: %s\n", at, leaf(property), path, strerror(errno));
    else if (!S_ISREG(status.st_mode))
        cup_text_printf(says, "%s.%s: %s is no file\n", at, leaf(property), path);
    else if (property->kind != READ && (status.st_mode & MODE_REFUSED) != 0)
        cup_text_printf(says, "%s.%s: %s: others may read or change it; chmod 0600 (or 0640)\n", at,
                        leaf(property), path);
    else if (property->kind == CONTENT && status.st_size == 0)
        cup_text_printf(says, "%s.%s: %s is empty\n", at, leaf(property), path);
}

bool cup_cluster_check_files(const struct cup_settings *settings, struct cup_text *says)
{
    const struct cup_settings_properties *clusters[] = {&settings->kafka,
                                                        &settings->output.cluster};
    static const char *const              at[]       = {INPUT_KEY, OUTPUT_KEY};
    size_t                                before     = says->bytes;

    for (size_t c = 0; c < 2; c++) {
        for (size_t i = 0; i < KNOWN_COUNT; i++) {
            const char *path = cup_cluster_find(clusters[c], known[i].name);
            if (known[i].kind >= READ && path != NULL) check_file(&known[i], at[c], path, says);
        }
    }
    return says->bytes == before;
}
