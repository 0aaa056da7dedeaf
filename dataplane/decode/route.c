// SPDX-License-Identifier: Apache-2.0
/* Which table and which shape a change event belongs to, and what the plan does not know. */
#include <string.h>

#include "dataplane/decode/decode_priv.h"

/* Not every plan names all, and not every format does. */
static bool is_any_or(struct cup_span planned, struct cup_span seen)
{
    return planned.bytes == 0 || seen.bytes == 0 || cup_span_priv_equal(planned, seen);
}

static bool is_table(const struct cup_decode *decode, uint32_t table)
{
    const struct cup_plan_table *plan     = decode->tables[table].plan;
    const struct cup_envelope   *envelope = &decode->envelope;

    return cup_span_priv_equal(cup_span_priv_of(decode->plan, plan->source_table),
                               envelope->table) &&
           cup_span_priv_equal(cup_span_priv_of(decode->plan, plan->source_schema),
                               envelope->schema) &&
           is_any_or(cup_span_priv_of(decode->plan, plan->source_db), envelope->db) &&
           is_any_or(cup_span_priv_of(decode->plan, plan->source_name), envelope->name);
}

/* --- by topic --- */

static struct cup_span topic_of(const struct cup_decode *decode)
{
    const char *topic = decode->topic_of(decode->topic_arg, decode->record->topic);

    return (struct cup_span){(const uint8_t *)topic, (uint32_t)strlen(topic)};
}

static bool ends_in(struct cup_span *text, struct cup_span end, bool dot)
{
    uint32_t bytes = end.bytes + dot;

    if (end.bytes == 0 || text->bytes < bytes) return false;
    if (memcmp(text->at + text->bytes - end.bytes, end.at, end.bytes) != 0) return false;
    if (dot && text->at[text->bytes - bytes] != '.') return false;
    text->bytes -= bytes;
    return true;
}

/* Debezium's names: [prefix.]schema.table, the database where there are no schemas. */
static bool is_topic_of(const struct cup_decode *decode, const struct cup_plan_table *plan,
                        struct cup_span topic)
{
    struct cup_span schema = cup_span_priv_of(decode->plan, plan->source_schema);
    struct cup_span name   = cup_span_priv_of(decode->plan, plan->source_name);

    if (schema.bytes == 0) schema = cup_span_priv_of(decode->plan, plan->source_db);
    if (!ends_in(&topic, cup_span_priv_of(decode->plan, plan->source_table), true)) return false;
    if (!ends_in(&topic, schema, topic.bytes > schema.bytes)) return false;
    return topic.bytes == 0 || name.bytes == 0 || cup_span_priv_equal(topic, name);
}

/* The table that claims the topic; else the one it is named for; else the only one there is. */
static uint32_t search_topic(const struct cup_decode *decode, bool *out_claimed)
{
    const struct cup_plan_table *plans = cup_plan_tables(decode->plan);
    const struct cup_span        topic = topic_of(decode);
    uint32_t                     named = CUP_NONE, count = decode->plan->tables.count;

    *out_claimed = true;
    for (uint32_t i = 0; i < count; i++) {
        struct cup_span claimed = cup_span_priv_of(decode->plan, plans[i].topic);
        if (claimed.bytes > 0 && cup_span_priv_equal(claimed, topic)) return i;
        if (claimed.bytes == 0 && named == CUP_NONE && is_topic_of(decode, &plans[i], topic))
            named = i;
    }
    if (named != CUP_NONE) return named;
    *out_claimed = false;
    bool only    = count == 1 && plans[0].contracted && plans[0].topic.bytes == 0;
    return only ? 0 : CUP_NONE;
}

/* What is known of the record's topic; it is searched for when it is new. */
static const struct cup_topic_note *note_topic(struct cup_decode *decode)
{
    const uint32_t         topic = decode->record->topic;
    struct cup_topic_note *note  = &decode->topic_notes[topic % CUP_TOPIC_NOTES];

    if (note->topic != topic + 1) {
        note->table = search_topic(decode, &note->claimed);
        note->topic = topic + 1;
    }
    return note;
}

bool cup_route_priv_claimed(struct cup_decode *decode)
{
    return note_topic(decode)->claimed;
}

/* The only table that the record's own names fit; CUP_NONE: none, or several. */
static uint32_t search_names(const struct cup_decode *decode)
{
    const struct cup_envelope *envelope = &decode->envelope;
    const struct cup_span      name     = envelope->table;
    uint64_t                   hash     = cup_shapes_priv_hash(name.at, name.bytes);
    uint32_t table = decode->table_buckets[hash & decode->bucket_mask], found = CUP_NONE;

    for (; table != CUP_NONE; table = decode->tables[table].next) {
        const struct cup_plan_table *plan   = decode->tables[table].plan;
        struct cup_span              schema = cup_span_priv_of(decode->plan, plan->source_schema);
        if (!cup_span_priv_equal(cup_span_priv_of(decode->plan, plan->source_table), name) ||
            !is_any_or(schema, envelope->schema) ||
            !is_any_or(cup_span_priv_of(decode->plan, plan->source_db), envelope->db))
            continue;
        if (found != CUP_NONE) return CUP_NONE;
        found = table;
    }
    return found;
}

/* Names for a table that the plan does not have: the topic's, where the record has none. */
static void name_by_topic(struct cup_decode *decode)
{
    struct cup_envelope *envelope = &decode->envelope;
    struct cup_span      rest     = topic_of(decode);
    struct cup_span     *parts[]  = {&envelope->table, &envelope->schema, &envelope->name};

    for (uint32_t i = 0; i < 3; i++) {
        uint32_t start = rest.bytes;
        while (i < 2 && start > 0 && rest.at[start - 1] != '.')
            start--;
        if (i == 2) start = 0;
        struct cup_span part = {rest.at + start, rest.bytes - start};
        if (parts[i]->bytes == 0) *parts[i] = part;
        rest.bytes = start > 0 ? start - 1 : 0;
    }
    if (envelope->schema.bytes == 0) envelope->schema = envelope->connector;
    if (envelope->name.bytes == 0) envelope->name = envelope->connector;
}

/* The record does not say, or not all: its topic does. Names are the plan's from here on. */
static uint32_t find_by_topic(struct cup_decode *decode)
{
    struct cup_envelope *envelope = &decode->envelope;
    uint32_t             table    = CUP_NONE;

    if (envelope->table.bytes > 0) table = search_names(decode);
    if (table == CUP_NONE) table = note_topic(decode)->table;
    if (table == CUP_NONE) {
        name_by_topic(decode);
        return CUP_NONE;
    }
    const struct cup_plan_table *plan = decode->tables[table].plan;
    envelope->name                    = cup_span_priv_of(decode->plan, plan->source_name);
    envelope->db                      = cup_span_priv_of(decode->plan, plan->source_db);
    envelope->schema                  = cup_span_priv_of(decode->plan, plan->source_schema);
    envelope->table                   = cup_span_priv_of(decode->plan, plan->source_table);
    return table;
}

/* --- by names --- */

/* Records of a table come in runs: the last one first. */
static uint32_t find_table(struct cup_decode *decode)
{
    const struct cup_span name = decode->envelope.table;

    if (decode->envelope.by_topic) return find_by_topic(decode);
    if (decode->last_table != CUP_NONE && is_table(decode, decode->last_table))
        return decode->last_table;
    uint64_t hash  = cup_shapes_priv_hash(name.at, name.bytes);
    uint32_t table = decode->table_buckets[hash & decode->bucket_mask];
    while (table != CUP_NONE && !is_table(decode, table))
        table = decode->tables[table].next;
    if (table != CUP_NONE) decode->last_table = table;
    return table;
}

static void use_known(struct cup_decode *decode, uint32_t index)
{
    struct cup_json_known known = decode->known[index];
    uint32_t              shape = decode->known_shape[index];

    memmove(decode->known + 1, decode->known, index * sizeof *decode->known);
    memmove(decode->known_shape + 1, decode->known_shape, index * sizeof *decode->known_shape);
    decode->known[0]       = known;
    decode->known_shape[0] = shape;
}

/* A text of the plan that was not among the known ones takes the place of the least used. */
static void learn(struct cup_decode *decode, uint32_t index)
{
    const struct cup_shape *shape = &decode->shapes[index];

    if (decode->known_count < CUP_KNOWN_MAX) decode->known_count++;
    uint32_t last       = decode->known_count - 1;
    decode->known[last] = (struct cup_json_known){
        .text = shape->text, .bytes = shape->text_bytes, .token_count = shape->token_count};
    decode->known_shape[last] = index;
    use_known(decode, last);
}

static uint32_t find_text(const struct cup_decode *decode, uint32_t table, struct cup_span text)
{
    uint64_t hash  = cup_shapes_priv_hash(text.at, text.bytes);
    uint32_t shape = decode->shape_buckets[hash & decode->bucket_mask];

    for (; shape != CUP_NONE; shape = decode->shapes[shape].next) {
        const struct cup_shape *is = &decode->shapes[shape];
        if (is->text_hash != hash || is->table != table) continue;
        if (cup_span_priv_equal((struct cup_span){is->text, is->text_bytes}, text)) break;
    }
    return shape;
}

static uint32_t find_shape(struct cup_decode *decode, uint32_t table)
{
    const struct cup_envelope *envelope = &decode->envelope;
    uint32_t                   shape    = CUP_NONE;

    if (envelope->schema_text.bytes == 0) {
        shape = decode->tables[table].bare_shape;
    } else if (envelope->known != CUP_NONE) {
        shape = decode->known_shape[envelope->known];
        if (envelope->known > 0) use_known(decode, envelope->known);
        if (decode->shapes[shape].table == table) return shape;
        shape = CUP_NONE;
    }
    if (shape == CUP_NONE && envelope->schema_text.bytes > 0) {
        shape = find_text(decode, table, envelope->schema_text);
        if (shape != CUP_NONE) learn(decode, shape);
    }
    /* only the record's key counts: any schema of the table has that */
    bool bare =
        envelope->by_topic && envelope->op == 'd' && envelope->before == 0 && !envelope->rooted;
    return shape == CUP_NONE && bare ? decode->tables[table].any_shape : shape;
}

static void copy_name(struct cup_span name, char *out, size_t cap)
{
    size_t bytes = name.bytes < cap ? name.bytes : cap - 1;

    if (bytes > 0) memcpy(out, name.at, bytes);
    out[bytes] = '\0';
}

static void note_key_schema(struct cup_decode *decode, struct cup_decode_unknown *unknown)
{
    const struct cup_record *record = decode->record;
    const uint8_t           *key    = decode->batch->region + record->key_at;
    struct cup_json_doc      doc;
    uint32_t                 schema;

    if (record->key_kind != CUP_VALUE_BYTES || record->key_bytes > decode->plan->record_bytes_max)
        return;
    uint32_t frame = cup_envelope_priv_frame(key, record->key_bytes);
    key += frame;
    cup_json_text(decode->texts, key, record->key_bytes - frame, &doc);
    if (doc.verdict != CUP_JSON_OK) return;
    (void)cup_envelope_priv_payload(key, &doc, &schema); /* only the schema is of interest here */
    if (schema == 0) return;
    unknown->key_schema       = key + doc.nodes[schema].at;
    unknown->key_schema_bytes = doc.nodes[schema].bytes;
}

static void note_unknown(struct cup_decode *decode, enum cup_unknown_kind kind,
                         struct cup_span what)
{
    const struct cup_envelope *envelope = &decode->envelope;
    struct cup_decode_unknown *unknown  = &decode->unknown;

    *unknown = (struct cup_decode_unknown){
        .kind      = kind,
        .partition = decode->record->partition,
        .offset    = decode->record->offset,
    };
    if (envelope->schema_text.bytes > 0) unknown->schema = envelope->schema_text.at;
    unknown->schema_bytes = envelope->schema_text.bytes;
    copy_name(what, unknown->what, sizeof unknown->what);
    copy_name(envelope->name, unknown->source_name, sizeof unknown->source_name);
    copy_name(envelope->db, unknown->source_db, sizeof unknown->source_db);
    copy_name(envelope->schema, unknown->source_schema, sizeof unknown->source_schema);
    copy_name(envelope->table, unknown->source_table, sizeof unknown->source_table);
    copy_name(envelope->connector, unknown->connector, sizeof unknown->connector);
    copy_name(topic_of(decode), unknown->topic, sizeof unknown->topic);
    note_key_schema(decode, unknown);
}

static bool is_refused(const struct cup_refused *refused, const struct cup_decode_unknown *unknown)
{
    return refused->text_bytes == unknown->schema_bytes &&
           (refused->text_bytes == 0 ||
            memcmp(refused->text, unknown->schema, refused->text_bytes) == 0) &&
           strcmp(refused->names[0], unknown->source_name) == 0 &&
           strcmp(refused->names[1], unknown->source_db) == 0 &&
           strcmp(refused->names[2], unknown->source_schema) == 0 &&
           strcmp(refused->names[3], unknown->source_table) == 0;
}

/* The batch may be gone when the answer comes. Without memory the text counts as another one: it is
 * asked again. */
static void keep_text(struct cup_decode *decode)
{
    const struct cup_decode_unknown *unknown = &decode->unknown;

    free(decode->unknown_text);
    decode->unknown_text       = malloc(unknown->schema_bytes + 1u);
    decode->unknown_text_bytes = unknown->schema_bytes;
    if (decode->unknown_text != NULL && unknown->schema_bytes > 0)
        memcpy(decode->unknown_text, unknown->schema, unknown->schema_bytes);
}

/* What control said about records like it; CUP_STOPPED: nothing yet. */
static uint32_t find_refused(const struct cup_decode *decode)
{
    for (uint32_t i = 0; i < decode->refused_count; i++)
        if (is_refused(&decode->refused[i], &decode->unknown)) return decode->refused[i].outcome;
    return CUP_STOPPED;
}

static uint32_t park(struct cup_decode *decode)
{
    keep_text(decode);
    decode->stop = CUP_DECODE_UNKNOWN;
    return CUP_STOPPED;
}

static uint32_t judge_unknown(struct cup_decode *decode)
{
    note_unknown(decode, CUP_UNKNOWN_KIND_SCHEMA, (struct cup_span){0});
    uint32_t outcome = find_refused(decode);
    if (outcome == CUP_STOPPED) return park(decode);
    return cup_decode_priv_refuse(decode, (enum cup_outcome)outcome, NULL, "", NULL, 0);
}

uint32_t cup_route_priv_ask(struct cup_decode *decode, enum cup_unknown_kind kind,
                            struct cup_span what)
{
    note_unknown(decode, kind, what);
    return park(decode);
}

uint32_t cup_route_priv_ask_ddl(struct cup_decode *decode, struct cup_span record,
                                struct cup_span position)
{
    decode->envelope.schema_text = record;
    note_unknown(decode, CUP_UNKNOWN_KIND_DDL, position);
    uint32_t outcome = find_refused(decode);
    return outcome == CUP_STOPPED ? park(decode) : outcome;
}

/* The source dropped or renamed the table at a position: what comes behind it is another table. */
static uint32_t judge_stopped(struct cup_decode *decode)
{
    struct cup_span        stop = cup_span_priv_of(decode->plan, decode->table->plan->stopped_pos);
    const struct cup_span *pos  = &decode->stamped.pos;
    uint32_t               outcome = CUP_OUTCOME_ACCEPTED;

    if (!decode->stamped.made) outcome = cup_position_priv_stamp(decode);
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    uint32_t least = pos->bytes < stop.bytes ? pos->bytes : stop.bytes;
    if (least > 0 && memcmp(pos->at, stop.at, least) <= 0) return CUP_OUTCOME_ACCEPTED;
    return cup_decode_priv_refuse(decode, CUP_OUTCOME_SCHEMA_DRIFT, NULL, "", NULL, 0);
}

uint32_t cup_route_priv_find(struct cup_decode *decode)
{
    uint32_t table = find_table(decode);
    uint32_t shape = table == CUP_NONE ? CUP_NONE : find_shape(decode, table);

    if (table != CUP_NONE) decode->table = &decode->tables[table];
    if (shape == CUP_NONE) return judge_unknown(decode);
    decode->shape = &decode->shapes[shape];
    if (decode->table->plan->stopped) {
        uint32_t outcome = judge_stopped(decode);
        if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    }
    if (decode->shape->quarantine)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_SCHEMA_DRIFT, NULL, "", NULL, 0);
    return CUP_OUTCOME_ACCEPTED;
}

void cup_decode_refuse(struct cup_decode *decode, enum cup_outcome outcome)
{
    const struct cup_decode_unknown *unknown = &decode->unknown;
    struct cup_refused              *refused = &decode->refused[decode->refused_next];

    CUP_ASSERT(decode->stop == CUP_DECODE_UNKNOWN);
    CUP_ASSERT(cup_outcome_class(outcome) != CUP_CLASS_ACCEPTED);
    if (decode->unknown_text == NULL) return; /* it will be asked again, and refused again */
    free(refused->text);
    refused->text        = decode->unknown_text;
    refused->text_bytes  = decode->unknown_text_bytes;
    decode->unknown_text = NULL;
    refused->outcome     = outcome;
    memcpy(refused->names[0], unknown->source_name, sizeof refused->names[0]);
    memcpy(refused->names[1], unknown->source_db, sizeof refused->names[1]);
    memcpy(refused->names[2], unknown->source_schema, sizeof refused->names[2]);
    memcpy(refused->names[3], unknown->source_table, sizeof refused->names[3]);
    decode->refused_next = (decode->refused_next + 1) % CUP_REFUSED_MAX;
    if (decode->refused_count < CUP_REFUSED_MAX) decode->refused_count++;
}

void cup_route_priv_close(struct cup_decode *decode)
{
    for (uint32_t i = 0; decode->refused != NULL && i < decode->refused_count; i++)
        free(decode->refused[i].text);
    free(decode->refused);
    free(decode->unknown_text);
}
