// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <string.h>

#include "lake/tool/tool_recover.h"

#define INPUTS_SHOWN 20u /* all of them are in --json */

static const char *table_state(const struct cup_recover_table *table)
{
    if (table->table == NULL) return table->err == CUP_NOT_FOUND ? "gone" : "unreadable";
    bool other = table->expected_id != NULL && table->expected_id[0] != '\0' &&
                 strcmp(table->expected_id, table->table->state->id) != 0;
    if (table->expected > 0 && other) return "replaced";
    return table->epoch < table->expected ? "behind" : "ok";
}

/* --- text --- */

static void print_journal(const struct cup_recover *recover, FILE *out)
{
    const struct cup_journal_state *state = &recover->journal;

    fprintf(out, "  journal    ");
    if (recover->journal_err != CUP_OK)
        fprintf(out, "unreadable: %s: %s, byte %" PRIu64, recover->journal_fault.what,
                recover->journal_fault.where, recover->journal_fault.at_offset);
    else if (!state->exists)
        fputs("none", out);
    else
        fprintf(out, "epoch %" PRIu64 " is the last decided one%s%s%s%s", state->epoch,
                state->open.bytes > 0 ? ", not known to be in all tables (id " : "",
                recover->open_id, state->open.bytes > 0 ? ")" : "",
                state->clean ? "; closed in good order" : "");
    fputs("\n", out);
    for (uint32_t i = 0; i < recover->segment_count; i++) {
        const struct cup_recover_segment *segment = &recover->segments[i];
        fprintf(out, "             %08u.cj: %" PRIu64 " bytes, %" PRIu64 " frames", segment->number,
                segment->bytes, segment->frames);
        if (segment->bad_at < segment->bytes)
            fprintf(out, ", unreadable from byte %" PRIu64 "%s", segment->bad_at,
                    recover->journal_err == CUP_OK ? " (a write that was cut off)" : "");
        fputs("\n", out);
    }
}

static void print_inputs(const struct cup_recover *recover, FILE *out)
{
    const struct cup_positions *inputs = &recover->journal.positions;
    uint32_t                    ended  = 0;

    for (uint32_t i = 0; i < inputs->count; i++)
        ended += inputs->list[i]->ended;
    fprintf(out, "  inputs     %u, %u of them read to their end\n", inputs->count, ended);
    for (uint32_t i = 0; i < inputs->count && i < INPUTS_SHOWN; i++)
        fprintf(out, "             %12" PRIu64 " %s %s\n", inputs->list[i]->end,
                inputs->list[i]->ended ? "ended" : "     ", inputs->list[i]->path);
    if (inputs->count > INPUTS_SHOWN)
        fprintf(out, "             and %u more: --json lists them\n", inputs->count - INPUTS_SHOWN);
}

static void print_tables(const struct cup_recover *recover, FILE *out)
{
    fprintf(out, "  tables     epoch version\n");
    for (uint32_t i = 0; i < recover->table_count; i++) {
        const struct cup_recover_table *table = &recover->tables[i];
        const char                     *state = table_state(table);
        if (table->table != NULL)
            fprintf(out, "             %5" PRIu64 " %7" PRIu64, table->epoch,
                    table->table->state->version);
        else
            fprintf(out, "                 -       -");
        fprintf(out, " %s%s%s\n", table->folder, strcmp(state, "ok") == 0 ? "" : "  ",
                strcmp(state, "ok") == 0 ? "" : state);
    }
}

static void print_findings(const struct cup_recover *recover, FILE *out)
{
    const char *head = "  next run   ";

    for (uint32_t i = 0; i < recover->finding_count; i++) {
        const struct cup_recover_finding *finding = &recover->findings[i];
        fprintf(out, "%s%s%s\n", head, finding->refuses ? "refuses: " : "", finding->what);
        if (finding->way[0] != '\0') fprintf(out, "               %s\n", finding->way);
        head = "             ";
    }
}

void cup_recover_print(const struct cup_recover *recover, FILE *out)
{
    fprintf(out, "%s/%s shard %u\n", recover->shard.domain, recover->shard.pipeline,
            recover->shard.number);
    fprintf(out, "  owner      %s%s%s%s\n", recover->held ? "running" : "free",
            recover->holder[0] == '\0' ? ""
            : recover->held            ? ": "
                                       : "; the last one was ",
            recover->holder, "");
    print_journal(recover, out);
    if (recover->journal.exists) print_inputs(recover, out);
    print_tables(recover, out);
    if (recover->staged_files + recover->upkeep_files + recover->placing_files > 0)
        fprintf(out,
                "  leftovers  %" PRIu64 " files in staging, %" PRIu64 " merged by compact, %" PRIu64
                " placed by an epoch that was not decided\n",
                recover->staged_files, recover->upkeep_files, recover->placing_files);
    print_findings(recover, out);
}

/* --- JSON --- */

static void put_text(struct cup_text *text, const char *name, const char *value, const char *end)
{
    cup_text_printf(text, "\"%s\":", name);
    if (value == NULL)
        cup_text_puts(text, "null");
    else
        cup_text_json(text, value, strlen(value));
    cup_text_puts(text, end);
}

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

static void put_journal(struct cup_text *text, const struct cup_recover *recover)
{
    const struct cup_journal_state *state = &recover->journal;

    cup_text_printf(
        text, "\"journal\":{\"exists\":%s,\"epoch\":%" PRIu64 ",\"open\":%s,\"clean\":%s,",
        truth(state->exists), state->epoch, truth(state->open.bytes > 0), truth(state->clean));
    put_text(text, "open_epoch_id", recover->open_id[0] != '\0' ? recover->open_id : NULL, ",");
    bool bad = recover->journal_err != CUP_OK;
    put_text(text, "fault", bad ? recover->journal_fault.what : NULL, ",");
    put_text(text, "fault_file", bad ? recover->journal_fault.where : NULL, ",");
    cup_text_printf(text, "\"fault_byte\":%" PRIu64 ",\"segments\":[",
                    bad ? recover->journal_fault.at_offset : 0);
    for (uint32_t i = 0; i < recover->segment_count; i++) {
        const struct cup_recover_segment *segment = &recover->segments[i];
        cup_text_printf(text,
                        "%s{\"number\":%u,\"bytes\":%" PRIu64 ",\"frames\":%" PRIu64
                        ",\"good_bytes\":%" PRIu64 "}",
                        i > 0 ? "," : "", segment->number, segment->bytes, segment->frames,
                        segment->bad_at);
    }
    cup_text_puts(text, "]},");
}

static void put_inputs(struct cup_text *text, const struct cup_positions *inputs)
{
    cup_text_puts(text, "\"inputs\":[");
    for (uint32_t i = 0; i < inputs->count; i++) {
        const struct cup_position *input = inputs->list[i];
        cup_text_puts(text, i > 0 ? ",{" : "{");
        put_text(text, "path", input->path, ",");
        put_text(text, "name", input->topic, ",");
        cup_text_printf(text,
                        "\"end\":%" PRIu64 ",\"size\":%" PRIu64 ",\"ended\":%s,\"device\":%" PRIu64
                        ",\"inode\":%" PRIu64 "}",
                        input->end, input->size, truth(input->ended), input->identity.device,
                        input->identity.inode);
    }
    cup_text_puts(text, "],");
}

static void put_tables(struct cup_text *text, const struct cup_recover *recover)
{
    cup_text_puts(text, "\"tables\":[");
    for (uint32_t i = 0; i < recover->table_count; i++) {
        const struct cup_recover_table *table = &recover->tables[i];
        cup_text_puts(text, i > 0 ? ",{" : "{");
        put_text(text, "path", table->folder, ",");
        put_text(text, "state", table_state(table), ",");
        put_text(text, "id", table->table != NULL ? table->table->state->id : NULL, ",");
        put_text(text, "expected_id", table->expected_id, ",");
        cup_text_printf(
            text, "\"epoch\":%" PRIu64 ",\"expected_epoch\":%" PRIu64 ",\"version\":%" PRIu64 "}",
            table->epoch, table->expected, table->table != NULL ? table->table->state->version : 0);
    }
    cup_text_puts(text, "],");
}

static void put_findings(struct cup_text *text, const struct cup_recover *recover)
{
    cup_text_puts(text, "\"next_run\":[");
    for (uint32_t i = 0; i < recover->finding_count; i++) {
        const struct cup_recover_finding *finding = &recover->findings[i];
        cup_text_printf(text, "%s{\"refuses\":%s,", i > 0 ? "," : "", truth(finding->refuses));
        put_text(text, "what", finding->what, ",");
        put_text(text, "way", finding->way[0] != '\0' ? finding->way : NULL, "}");
    }
    cup_text_puts(text, "]}");
}

void cup_recover_print_json(const struct cup_recover *recover, FILE *out)
{
    struct cup_text text = {0};

    cup_text_puts(&text, "{");
    put_text(&text, "domain", recover->shard.domain, ",");
    put_text(&text, "pipeline", recover->shard.pipeline, ",");
    cup_text_printf(&text, "\"shard\":%u,\"running\":%s,", recover->shard.number,
                    truth(recover->held));
    put_text(&text, "holder", recover->holder[0] != '\0' ? recover->holder : NULL, ",");
    put_journal(&text, recover);
    put_inputs(&text, &recover->journal.positions);
    put_tables(&text, recover);
    cup_text_printf(&text,
                    "\"leftovers\":{\"staging\":%" PRIu64 ",\"upkeep\":%" PRIu64
                    ",\"placing\":%" PRIu64 "},",
                    recover->staged_files, recover->upkeep_files, recover->placing_files);
    put_findings(&text, recover);
    CUP_ASSERT(!text.failed);
    fwrite(text.at, 1, text.bytes, out);
    fputs("\n", out);
    cup_text_free(&text);
}
