// SPDX-License-Identifier: Apache-2.0
#include "control/kafka/discover_priv.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "control/contract/infer.h"

/* The part of pipeline.yaml that says where records come from. */
static void put_input(struct cup_text *text, const struct cup_discover *discover,
                      const struct cup_found *found, uint32_t pipeline)
{
    if (discover->domain != NULL) cup_text_printf(text, "domain: %s\n", discover->domain);
    if (discover->lake != NULL) {
        cup_text_puts(text, "lake: ");
        cup_infer_put_string(text, discover->lake);
        cup_text_puts(text, "\n");
    }
    cup_text_puts(text, discover->block);
    cup_text_puts(text, "input:\n  # a /pattern/ instead of names finds new topics while it runs\n"
                        "  - topics:\n");
    for (uint32_t i = 0; i < found->topic_count; i++) {
        const struct cup_found_topic *topic = &found->topics[i];
        if (topic->reason != NULL || topic->pipeline != pipeline) continue;
        cup_text_puts(text, "      - ");
        cup_infer_put_string(text, topic->name);
        cup_text_puts(text, "\n");
    }
    cup_text_puts(text, "    start: earliest\n");
}

enum cup_err cup_found_priv_write(const struct cup_discover *discover,
                                  const struct cup_found *found, uint32_t pipeline,
                                  struct cup_text *says)
{
    const struct cup_found_pipeline *from  = &found->pipelines[pipeline];
    struct cup_text                  input = {0}, out = {0};
    char                             path[PATH_MAX];
    uint32_t                         count = 0;

    if (snprintf(path, sizeof path, "%s/%s", discover->out, from->name) >= (int)sizeof path) {
        cup_text_printf(says, "%s: the path is too long\n", discover->out);
        return CUP_BAD_CONFIG;
    }
    if (mkdir(path, 0755) != 0) {
        bool there = errno == EEXIST;
        if (!there) cup_text_printf(says, "%s: %s\n", path, strerror(errno));
        return there ? CUP_EXISTS : CUP_IO;
    }
    const char **samples =
        cup_keep_bytes(discover->keep, (from->topic_count + 1ul) * sizeof *samples);
    for (uint32_t i = 0; i < found->topic_count; i++)
        if (found->topics[i].reason == NULL && found->topics[i].pipeline == pipeline)
            samples[count++] = found->topics[i].sample;
    put_input(&input, discover, found, pipeline);
    struct cup_infer infer = {.keep          = discover->keep,
                              .patterns      = samples,
                              .pattern_count = count,
                              .out           = path,
                              .source        = from->named ? NULL : from->source,
                              .format        = (enum cup_format)from->format,
                              .record_max    = CUP_SAMPLE_RECORDS,
                              .by            = "cupel discover",
                              .input         = input.failed ? "" : input.at};
    enum cup_err     err   = cup_infer_run(&infer, &out, says);
    cup_text_free(&input);
    cup_text_free(&out);
    return err;
}
