// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "dataplane/commit/journal.h"

#define LIST_MIN 32u

/* A list with room for one more; NULL when memory is short. */
static void *make_room(void *list, uint32_t count, uint32_t *cap, size_t bytes)
{
    if (count < *cap) return list;
    uint32_t more = *cap == 0 ? LIST_MIN : *cap * 2;
    void    *made = realloc(list, more * bytes);
    if (made != NULL) *cap = more;
    return made;
}

/* --- inputs --- */

struct cup_position *cup_positions_find(const struct cup_positions *positions, const char *path)
{
    uint32_t index = cup_names_find(&positions->paths, path);

    return index == CUP_NAMES_NONE ? NULL : positions->list[index];
}

static void free_position(struct cup_position *position)
{
    if (position == NULL) return;
    free(position->path);
    free(position->topic);
    free(position);
}

struct cup_position *cup_positions_add(struct cup_positions *positions, const char *path,
                                       const char *topic)
{
    struct cup_position *position = cup_positions_find(positions, path);

    if (position != NULL) return position;
    void *list = make_room(positions->list, positions->count, &positions->cap, sizeof position);
    if (list == NULL) return NULL;
    positions->list = list;
    position        = calloc(1, sizeof *position);
    if (position == NULL) return NULL;
    position->path  = strdup(path);
    position->topic = strdup(topic);
    if (position->path == NULL || position->topic == NULL ||
        !cup_names_add(&positions->paths, position->path)) {
        free_position(position);
        return NULL;
    }
    positions->list[positions->count++] = position;
    return position;
}

void cup_positions_free(struct cup_positions *positions)
{
    for (uint32_t i = 0; i < positions->count; i++)
        free_position(positions->list[i]);
    free(positions->list);
    cup_names_free(&positions->paths);
    *positions = (struct cup_positions){0};
}

/* --- tables --- */

const struct cup_journal_table *cup_journal_tables_find(const struct cup_journal_tables *tables,
                                                        const char                      *folder)
{
    uint32_t index = cup_names_find(&tables->folders, folder);

    return index == CUP_NAMES_NONE ? NULL : &tables->list[index];
}

static struct cup_journal_table *add_table(struct cup_journal_tables *tables, const char *folder)
{
    void *list = make_room(tables->list, tables->count, &tables->cap, sizeof *tables->list);
    char *name = strdup(folder);

    if (list != NULL) tables->list = list;
    if (list == NULL || name == NULL || !cup_names_add(&tables->folders, name)) {
        free(name);
        return NULL;
    }
    struct cup_journal_table *table = &tables->list[tables->count++];
    *table                          = (struct cup_journal_table){.folder = name};
    return table;
}

bool cup_journal_tables_note(struct cup_journal_tables *tables, const char *folder, const char *id,
                             uint32_t schema_crc32c, uint64_t epoch)
{
    uint32_t                  index = cup_names_find(&tables->folders, folder);
    struct cup_journal_table *table = index == CUP_NAMES_NONE ? NULL : &tables->list[index];

    if (table == NULL && tables->count == CUP_JOURNAL_TABLES_MAX) return true;
    if (table == NULL) table = add_table(tables, folder);
    if (table == NULL) return false;
    if (table->id == NULL || strcmp(table->id, id) != 0) {
        char *copy = strdup(id);
        if (copy == NULL) return false;
        free(table->id);
        table->id = copy;
    }
    if (table->epoch != epoch) table->before = table->epoch;
    table->epoch         = epoch;
    table->schema_crc32c = schema_crc32c;
    return true;
}

void cup_journal_tables_free(struct cup_journal_tables *tables)
{
    for (uint32_t i = 0; i < tables->count; i++) {
        free(tables->list[i].folder);
        free(tables->list[i].id);
    }
    free(tables->list);
    cup_names_free(&tables->folders);
    *tables = (struct cup_journal_tables){0};
}
