// SPDX-License-Identifier: Apache-2.0
/* What a DDL record of a stream does to tables under contract: a DROP or a RENAME, of which no row
 * event tells. tableChanges names what was dropped; of a rename it has only the new name, so that
 * the statement itself is read, as far as
 *
 *   RENAME TABLE a TO b [, c TO d]      ALTER TABLE a ... RENAME [TO | AS] b
 */
#include <ctype.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "control/schema/catalog_priv.h"

#define NAME_BYTES   256u
#define TOKENS_MAX   100000u /* of a statement: a table of 2,000 columns has not so many */
#define CHANGED_MAX  1000u   /* tables that one statement can drop */
#define ID_SEPARATOR "\".\"" /* "db"."table" */

/* --- the statement's words --- */

struct words {
    const char *at;
    char        word[NAME_BYTES]; /* a name, or one character; "" at the end */
    bool        quoted;
};

static const char *skip_blank(const char *at)
{
    for (;;) {
        if (isspace((unsigned char)*at)) {
            at++;
        } else if (strncmp(at, "/*", 2) == 0) {
            const char *end = strstr(at + 2, "*/");
            at              = end == NULL ? at + strlen(at) : end + 2;
        } else if (*at == '#' || strncmp(at, "-- ", 3) == 0) {
            at += strcspn(at, "\n");
        } else {
            return at;
        }
    }
}

static void next_word(struct words *words)
{
    const char *at    = skip_blank(words->at);
    char        quote = *at == '`' || *at == '"' || *at == '\'' ? *at : '\0';
    size_t      bytes = 0;

    words->quoted = quote != '\0';
    if (words->quoted) {
        for (at++; *at != '\0' && (*at != quote || at[1] == quote); at++) {
            if (*at == quote) at++; /* a doubled quote is one */
            if (bytes < NAME_BYTES - 1) words->word[bytes++] = *at;
        }
        if (*at == quote) at++;
    } else if (*at != '\0') {
        do {
            if (bytes < NAME_BYTES - 1) words->word[bytes++] = *at;
            at++;
        } while (*at != '\0' &&
                 (isalnum((unsigned char)*at) || *at == '_' || *at == '$' ||
                  (unsigned char)*at >= 0x80) &&
                 (isalnum((unsigned char)words->word[0]) || words->word[0] == '_' ||
                  words->word[0] == '$' || (unsigned char)words->word[0] >= 0x80));
    }
    words->word[bytes] = '\0';
    words->at          = at;
}

static bool is_word(const struct words *words, const char *word)
{
    return !words->quoted && strcasecmp(words->word, word) == 0;
}

/* [db .] table; db is left alone when it is not said. */
static void read_name(struct words *words, char db[NAME_BYTES], char table[NAME_BYTES])
{
    memcpy(table, words->word, NAME_BYTES);
    next_word(words);
    if (!is_word(words, ".")) return;
    memcpy(db, table, NAME_BYTES);
    next_word(words);
    memcpy(table, words->word, NAME_BYTES);
    next_word(words);
}

/* --- tables that are gone --- */

struct ddl {
    struct cup_catalog               *catalog;
    const struct cup_catalog_unknown *unknown;
    struct cup_text                  *says;
    bool                              changed, halted;
};

static bool is_behind(const char *stopped, const char *position)
{
    return *stopped == '\0' || (*position != '\0' && strcmp(stopped, position) <= 0);
}

/* The table is no more what its contract says. */
static void lose_table(struct ddl *ddl, const char *db, const char *name, const char *verb)
{
    struct cup_catalog_unknown source = *ddl->unknown;

    source.source_db              = db;
    source.source_schema          = "";
    source.source_table           = name;
    struct cup_catalog_table *one = cup_catalog_priv_table(ddl->catalog, &source);
    if (one == NULL) return;
    struct cup_drift_policy policy  = cup_catalog_priv_policy(ddl->catalog, one);
    enum cup_drift          verdict = (enum cup_drift)policy.of[CUP_CHANGE_DROPPED];
    cup_text_printf(ddl->says, "table %s: the source has %s it (topic %s, offset %lld)", one->path,
                    verb, ddl->unknown->topic, (long long)ddl->unknown->offset);
    if (!one->contracted || verdict < CUP_DRIFT_QUARANTINE) {
        cup_text_puts(ddl->says, "\n");
        return;
    }
    cup_text_printf(ddl->says, ", and drift.dropped is %s\n", cup_drift_name(verdict));
    if (verdict == CUP_DRIFT_HALT) {
        ddl->halted = true;
        return;
    }
    if (one->stopped_pos != NULL && is_behind(one->stopped_pos, ddl->unknown->what)) return;
    one->stopped_pos = ddl->unknown->what; /* lies in the keep, as all of `unknown` */
    ddl->changed     = true;
    cup_text_puts(ddl->says, "its later records go to quarantine\n");
}

static void read_renames(struct ddl *ddl, const char *database, const char *text)
{
    struct words words = {.at = text};
    char         db[NAME_BYTES], table[NAME_BYTES], to_db[NAME_BYTES], to[NAME_BYTES];

    snprintf(db, sizeof(db), "%s", database);
    next_word(&words);
    bool rename = is_word(&words, "rename"), alter = is_word(&words, "alter");
    for (uint32_t i = 0; i < 3 && !is_word(&words, "table") && !is_word(&words, "tables"); i++)
        next_word(&words); /* ALTER ONLINE IGNORE TABLE */
    if ((!rename && !alter) || (!is_word(&words, "table") && !is_word(&words, "tables"))) return;
    next_word(&words);
    if (is_word(&words, "if")) next_word(&words), next_word(&words); /* IF EXISTS */
    for (uint32_t i = 0; rename && *words.word != '\0' && i < CHANGED_MAX; i++) {
        snprintf(db, sizeof(db), "%s", database);
        read_name(&words, db, table);
        for (uint32_t k = 0; k < 3 && !is_word(&words, "to"); k++)
            next_word(&words); /* WAIT n, NOWAIT */
        if (!is_word(&words, "to")) return;
        next_word(&words);
        read_name(&words, to_db, to);
        lose_table(ddl, db, table, "renamed");
        if (!is_word(&words, ",")) return;
        next_word(&words);
    }
    if (!alter) return;
    read_name(&words, db, table);
    for (uint32_t i = 0; *words.word != '\0' && i < TOKENS_MAX; i++) {
        bool found = is_word(&words, "rename");
        next_word(&words);
        if (!found || is_word(&words, "column") || is_word(&words, "index") ||
            is_word(&words, "key"))
            continue;
        lose_table(ddl, db, table, "renamed");
        return;
    }
}

/* "db"."table" */
static void drop_id(struct ddl *ddl, const char *id)
{
    const char *split = strstr(id, ID_SEPARATOR);
    size_t      bytes = strlen(id);
    char        db[NAME_BYTES], table[NAME_BYTES];

    if (split == NULL || bytes < 2 || id[0] != '"' || id[bytes - 1] != '"') return;
    snprintf(db, sizeof(db), "%.*s", (int)(split - id - 1), id + 1);
    snprintf(table, sizeof(table), "%.*s",
             (int)(bytes - (size_t)(split - id) - strlen(ID_SEPARATOR) - 1),
             split + strlen(ID_SEPARATOR));
    lose_table(ddl, db, table, "dropped");
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text == NULL ? "" : text;
}

enum cup_catalog_answer cup_ddl_priv_learn(struct cup_catalog               *catalog,
                                           const struct cup_catalog_unknown *unknown,
                                           enum cup_outcome *out_outcome, struct cup_text *says)
{
    struct ddl    ddl     = {.catalog = catalog, .unknown = unknown, .says = says};
    json_t       *root    = json_loads(unknown->schema, 0, NULL);
    const json_t *changes = json_object_get(root, "tableChanges");

    for (size_t i = 0; i < json_array_size(changes) && i < CHANGED_MAX; i++) {
        const json_t *change = json_array_get(changes, i);
        if (strcmp(text_of(change, "type"), "DROP") == 0) drop_id(&ddl, text_of(change, "id"));
    }
    read_renames(&ddl, text_of(root, "databaseName"), text_of(root, "ddl"));
    json_decref(root);
    *out_outcome = CUP_OUTCOME_SCHEMA_CHANGE;
    if (ddl.halted) {
        cup_catalog_priv_put_halt(says, unknown, CUP_CHANGE_DROPPED);
        return CUP_CATALOG_STOP;
    }
    return ddl.changed ? CUP_CATALOG_PLAN : CUP_CATALOG_REFUSE;
}
