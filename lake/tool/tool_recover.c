// SPDX-License-Identifier: Apache-2.0
#include "lake/tool/tool_recover.h"

static enum cup_exit explain(const struct cup_recover_options *options, struct cup_recover *recover,
                             FILE *out)
{
    (options->json ? cup_recover_print_json : cup_recover_print)(recover, out);
    return cup_recover_refuses(recover) ? CUP_EXIT_PROBLEMS : CUP_EXIT_OK;
}

static enum cup_exit change(const struct cup_recover_options *options, struct cup_recover *recover,
                            struct cup_store *store, FILE *out)
{
    struct cup_recover_act act = {.recover = recover, .store = store, .out = out};

    if (recover->held) {
        fprintf(out, "refused: a process runs the shard (%s); end it first\n", recover->holder);
        return CUP_EXIT_PROBLEMS;
    }
    if (options->action == CUP_RECOVER_ADOPT) return cup_recover_adopt(&act);
    return options->table != NULL ? cup_recover_discard_table(&act, options->table)
                                  : cup_recover_discard_epoch(&act, options->epoch);
}

static enum cup_exit do_shard(const struct cup_recover_options *options,
                              const struct cup_shard *shard, FILE *out)
{
    struct cup_recover_store store   = {0};
    struct cup_recover       recover = {0};
    struct cup_fault         fault   = {0};
    bool                     changes = options->action != CUP_RECOVER_EXPLAIN;
    enum cup_exit            code;

    if (options->yes && cup_recover_store(options->lake, shard, true, &store, &fault) != CUP_OK)
        return cup_recover_fail(&fault);
    if (cup_recover_look(options->lake, shard, options->yes, &recover, &fault) != CUP_OK)
        code = cup_recover_fail(&fault);
    else
        code =
            changes ? change(options, &recover, store.store, out) : explain(options, &recover, out);
    cup_recover_close(&recover);
    cup_recover_unstore(&store);
    return code;
}

/* Of several shards, each is explained; only one can be changed at a time. */
enum cup_exit cup_recover_run(const struct cup_recover_options *options, FILE *out)
{
    struct cup_shards shards = {0};
    struct cup_fault  fault  = {0};
    enum cup_exit     code   = CUP_EXIT_OK;

    enum cup_err err = cup_shards_find(options->lake, options->domain, options->pipeline,
                                       options->shard, &shards, &fault);
    if (err != CUP_OK && err != CUP_NOT_FOUND) return cup_recover_fail(&fault);
    if (shards.count == 0) {
        fprintf(stderr,
                "cupel-lake: %s: no such shard has a folder below _cupel; has it run yet?\n",
                options->lake);
        return CUP_EXIT_PROBLEMS;
    }
    if (options->action != CUP_RECOVER_EXPLAIN && shards.count > 1) {
        fprintf(stderr,
                "cupel-lake: there are %u shards; say which: --pipeline DOMAIN/NAME "
                "--shard N\n",
                shards.count);
        cup_shards_free(&shards);
        return CUP_EXIT_USAGE;
    }
    for (uint32_t i = 0; i < shards.count; i++) {
        enum cup_exit one = do_shard(options, &shards.list[i], out);
        if (one != CUP_EXIT_OK) code = one;
    }
    cup_shards_free(&shards);
    return code;
}
