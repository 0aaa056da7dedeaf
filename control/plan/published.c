// SPDX-License-Identifier: Apache-2.0
#include "control/plan/published.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/abi/topic.h"

struct published {
    const char *path;
    char        topic[CUP_TOPIC_NAME_MAX + 1];
};

static int by_topic(const void *a, const void *b)
{
    const struct published *left = a, *right = b;
    return strcmp(left->topic, right->topic);
}

/* False: the template gives no legal name. */
static bool name(const struct cup_settings *settings, const char *path, struct published *out)
{
    const struct cup_topic_parts parts =
        cup_topic_parts_of(settings->domain, settings->name, path, NULL);

    out->path = path;
    return cup_topic_name(settings->output.topic, &parts, out->topic) > 0;
}

static enum cup_err is_twice(const struct published *one, const struct published *other,
                             struct cup_fault *out_fault)
{
    struct cup_text where = {0};

    cup_text_printf(&where, "%s: %s and %s", one->topic, one->path, other->path);
    (void)cup_fault_set(out_fault, CUP_BAD_CONFIG,
                        "output.topic gives two tables one topic, where their rows could not be "
                        "told apart; name more parts",
                        where.failed ? one->topic : where.at); /* a long one is cut */
    cup_text_free(&where);
    return CUP_BAD_CONFIG;
}

enum cup_err cup_published_check(const struct cup_settings *settings,
                                 const struct cup_catalog *catalog, struct cup_fault *out_fault)
{
    uint32_t     count = catalog->table_count;
    enum cup_err err   = CUP_OK;

    if (settings->output.kind != CUP_OUTPUT_CHANGES || count == 0) return CUP_OK;
    struct published *list = calloc(count, sizeof(*list));
    if (list == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "name the topics", NULL);
    for (uint32_t i = 0; err == CUP_OK && i < count; i++)
        if (!name(settings, catalog->tables[i].path, &list[i]))
            err = cup_fault_set(out_fault, CUP_BAD_CONFIG,
                                "output.topic gives a table no name of a topic: it is empty or "
                                "longer than 249 bytes",
                                list[i].path);
    if (err == CUP_OK) qsort(list, count, sizeof(*list), by_topic);
    for (uint32_t i = 1; err == CUP_OK && i < count; i++) {
        if (strcmp(list[i].topic, list[i - 1].topic) != 0) continue;
        err = is_twice(&list[i - 1], &list[i], out_fault);
    }
    free(list);
    return err;
}

void cup_published_list(const struct cup_settings *settings, const struct cup_catalog *catalog,
                        struct cup_text *text)
{
    struct published one;

    if (settings->output.kind != CUP_OUTPUT_CHANGES) return;
    for (uint32_t i = 0; i < catalog->table_count; i++)
        if (name(settings, catalog->tables[i].path, &one))
            cup_text_printf(text, "  %s to %s\n", one.path, one.topic);
}
