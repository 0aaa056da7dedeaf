// SPDX-License-Identifier: Apache-2.0
/* Goal:   names of topics are legal whatever tables are called, and a wrong template is seen.
 * Method: templates with the names they give, lengths around the limit; Kafka's rule for names, as
 * its class Topic states it, byte by byte. */
#include "dataplane/abi/topic.h"

#include <string.h>

#include "tests/check.h"
#include "tests/dataplane/plan_maker.h"

static void check_legal(void)
{
    char name[CUP_TOPIC_NAME_MAX + 2];

    for (int byte = 0; byte < 256; byte++) {
        const char one[2] = {'a', (char)byte};
        bool       legal  = byte != 0 && strchr("._-0123456789abcdefghijklmnopqrstuvwxyz"
                                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                                byte) != NULL;
        CHECK(cup_topic_is_legal(one, 2) == legal);
    }
    memset(name, 'x', sizeof name);
    CHECK(cup_topic_is_legal(name, CUP_TOPIC_NAME_MAX));
    CHECK(!cup_topic_is_legal(name, CUP_TOPIC_NAME_MAX + 1));
    CHECK(!cup_topic_is_legal("", 0) && !cup_topic_is_legal(".", 1));
    CHECK(!cup_topic_is_legal("..", 2) && cup_topic_is_legal("...", 3));
}

static void check_templates(void)
{
    const char *bad = "a{what}";

    CHECK(cup_topic_template_wrong("{domain}.{source}.{schema}.{table}", CUP_OUTPUT_CHANGES) ==
          NULL);
    CHECK(cup_topic_template_wrong("{pipeline}-{topic}.copy", CUP_OUTPUT_RAW) == NULL);
    CHECK(cup_topic_template_wrong(bad, CUP_OUTPUT_CHANGES) == bad + 1);
    bad = "x.{topic}";
    CHECK(cup_topic_template_wrong(bad, CUP_OUTPUT_CHANGES) == bad + 2);
    bad = "{domain}.{table}";
    CHECK(cup_topic_template_wrong(bad, CUP_OUTPUT_RAW) == bad + 9);
    bad = "{table} ";
    CHECK(cup_topic_template_wrong(bad, CUP_OUTPUT_CHANGES) == bad + 7);
    CHECK(strstr(cup_topic_template_parts(CUP_OUTPUT_RAW), "{topic}") != NULL);
    CHECK(strstr(cup_topic_template_parts(CUP_OUTPUT_CHANGES), "{table}") != NULL);
}

static bool gives(const char *text, const char *path, const char *topic, const char *wanted)
{
    char                         name[CUP_TOPIC_NAME_MAX + 1] = "before";
    const struct cup_topic_parts parts = cup_topic_parts_of("sales", "eu", path, topic);
    size_t                       bytes = cup_topic_name(text, &parts, name);

    if (wanted == NULL) return bytes == 0 && strcmp(name, "before") == 0;
    return bytes == strlen(wanted) && strcmp(name, wanted) == 0;
}

static void check_names(void)
{
    const char *path = "sales/silver/pg/bank/customer";
    char        text[CUP_TOPIC_NAME_MAX + 2];

    CHECK(gives("{domain}.{source}.{schema}.{table}", path, NULL, "sales.pg.bank.customer"));
    CHECK(gives("{pipeline}_{table}_{table}", path, NULL, "eu_customer_customer"));
    CHECK(gives("{schema}{table}", "sales/silver/pg/b\xC3\xA4nk/a b", NULL, "b__nka_b"));
    CHECK(gives("{source}.{schema}.{table}", "sales/silver/bank/customer", NULL,
                ".bank.customer")); /* tables of tests have no source */
    CHECK(gives("{topic}.copy", NULL, "a/b.ndjson", "a_b.ndjson.copy"));
    CHECK(gives("{source}", "x/silver/a/b", NULL, NULL));
    memset(text, 'y', sizeof text - 1);
    text[CUP_TOPIC_NAME_MAX + 1] = '\0';
    CHECK(gives(text, path, NULL, NULL));
    text[CUP_TOPIC_NAME_MAX] = '\0';
    CHECK(gives(text, path, NULL, text));
}

static bool made(const char *text, const char *name)
{
    const struct cup_topic_parts parts = cup_topic_parts_of("sales", "e u", NULL, NULL);

    return cup_topic_is_made(text, &parts, name);
}

static void check_own(void)
{
    CHECK(made("{topic}.copy", "a.copy") && made("{topic}.copy", "a.copy.copy"));
    CHECK(!made("{topic}.copy", ".copy") && !made("{topic}.copy", "a.copies"));
    CHECK(made("{domain}.{source}.{schema}.{table}", "sales.pg.bank.customer"));
    CHECK(!made("{domain}.{source}.{schema}.{table}", "sales.bank.customer"));
    CHECK(!made("{domain}.{source}.{schema}.{table}", "bank.pg.bank.customer"));
    CHECK(!made("{schema}.{table}", "pg.bank.customer"));
    CHECK(made("{table}{table}b", "aaab") && !made("{table}{table}b", "ab"));
    CHECK(!made("{topic}{topic}{topic}{topic}{topic}{topic}{topic}{topic}{topic}{topic}{topic}b",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    CHECK(made("{pipeline}-{table}", "e_u-x") && !made("{pipeline}-{table}", "e u-x"));

    static const struct cup_spec_topic topics[] = {{.name = "a"}};
    struct cup_spec                    spec     = {.brokers = "b:1"};
    spec.topics                                 = topics;
    spec.topic_count                            = 1;
    spec.output.kind                            = CUP_OUTPUT_RAW;
    struct cup_plan *plan                       = cup_spec_plan(&spec);
    CHECK(cup_topic_is_own(plan, "a.copy") && cup_topic_is_own(plan, "_cupel.test"));
    CHECK(!cup_topic_is_own(plan, "a"));
    free(plan);
    spec.output.brokers = "c:1"; /* another cluster */
    plan                = cup_spec_plan(&spec);
    CHECK(!cup_topic_is_own(plan, "a.copy"));
    free(plan);
    spec.output = (struct cup_spec_output){.kind = CUP_OUTPUT_NONE};
    plan        = cup_spec_plan(&spec);
    CHECK(!cup_topic_is_own(plan, "_cupel.test"));
    free(plan);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    check_legal();
    check_templates();
    check_names();
    check_own();
    return 0;
}
