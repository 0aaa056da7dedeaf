// SPDX-License-Identifier: Apache-2.0
#include "control/config/inputs.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* The first line decides the form; one that is longer than any record decides nothing. */
#define LOOK_BYTES (CUP_RECORD_BYTES_MAX + (1u << 20))
#define READ_BYTES (64u << 10)

struct found {
    struct cup_keep        *keep;
    struct cup_inputs_file *files;
    uint32_t                count, cap;
    struct cup_text        *says;
};

/* The longest prefix of whole folder names without a pattern character. */
static size_t literal_prefix(const char *pattern)
{
    size_t last = 0;

    for (size_t i = 0; pattern[i] != '\0' && strchr("*?[\\", pattern[i]) == NULL; i++) {
        if (pattern[i] == '/') last = i + 1;
    }
    return last;
}

size_t cup_inputs_root(const char *pattern, const char *name)
{
    size_t root = literal_prefix(pattern);

    return strncmp(name, pattern, root) == 0 ? root : literal_prefix(name); /* ~ was replaced */
}

static bool reject(struct found *found, const char *what, const char *name)
{
    cup_text_printf(found->says, "input: %s: %s\n", name, what);
    return false;
}

static bool add_file(struct found *found, const char *name, size_t root_bytes, uint8_t form,
                     uint32_t group)
{
    char        resolved[PATH_MAX];
    struct stat status;

    if (realpath(name, resolved) == NULL || stat(name, &status) != 0)
        return reject(found, strerror(errno), name);
    if (S_ISDIR(status.st_mode))
        return reject(found, "is a folder; name the files in it, as in 'folder/*.ndjson'", name);
    if (!S_ISREG(status.st_mode)) return reject(found, "is no regular file", name);
    if (strncmp(name + root_bytes, CUP_RETRY_PREFIX, sizeof CUP_RETRY_PREFIX - 1) == 0)
        return reject(found, "the folder's name " CUP_RETRY_PREFIX " is taken for retries", name);
    if (found->count == CUP_PLAN_INPUTS_MAX) return reject(found, "there are too many files", name);
    found->files =
        cup_keep_grow(found->keep, found->files, found->count, &found->cap, sizeof(*found->files));
    found->files[found->count++] =
        (struct cup_inputs_file){.path  = cup_keep_string(found->keep, resolved),
                                 .topic = cup_keep_string(found->keep, name + root_bytes),
                                 .bytes = (uint64_t)status.st_size,
                                 .group = group,
                                 .form  = form};
    return true;
}

static bool add_pattern(struct found *found, const char *pattern, uint8_t form, uint32_t group)
{
    glob_t names = {0};
    bool   good  = true;
    int    err   = glob(pattern, GLOB_BRACE | GLOB_TILDE, NULL, &names);

    if (err == GLOB_NOMATCH)
        good = reject(found, "no file matches (a shell pattern; quote it on the command line)",
                      pattern);
    else if (err != 0)
        good = reject(found, "cannot be read", pattern);
    for (size_t i = 0; good && i < names.gl_pathc; i++) {
        const char *name = names.gl_pathv[i];
        good             = add_file(found, name, cup_inputs_root(pattern, name), form, group);
    }
    globfree(&names);
    return good;
}

static int by_name(const void *a, const void *b)
{
    const struct cup_inputs_file *left = a, *right = b;
    return strcmp(left->path, right->path);
}

/* --- forms --- */

/* The first line that is not blank, at most LOOK_BYTES of it; *out_whole: all that decides is
 * there. gzread reads plain files as they are. */
static bool first_line(gzFile file, struct cup_text *line, bool *out_whole)
{
    char bytes[READ_BYTES];
    int  got, wrong = Z_OK;

    *out_whole = false;
    while (!*out_whole && (got = gzread(file, bytes, sizeof(bytes))) > 0) {
        const char *at = bytes, *end = bytes + got;
        while (line->bytes == 0 && at < end && strchr(" \t\r\n", *at) != NULL && *at != '\0')
            at++;
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        cup_text_put(line, at, (size_t)((lf == NULL ? end : lf) - at));
        *out_whole = lf != NULL || line->bytes >= LOOK_BYTES;
    }
    (void)gzerror(file, &wrong);
    if (wrong == Z_DATA_ERROR) *out_whole = true; /* more bytes will not mend it */
    return line->bytes > 0 && !line->failed;
}

static bool is_dump_line(const struct cup_text *line)
{
    json_t *root = json_loadb(line->at, line->bytes, JSON_ALLOW_NUL, NULL);
    bool    dump =
        json_object_get(root, "topic") != NULL && json_object_get(root, "value") != NULL &&
        (json_object_get(root, "offset") != NULL || json_object_get(root, "partition") != NULL);

    json_decref(root);
    return dump;
}

/* A file that cannot be read now, or whose first line is broken, is NDJSON: the data plane reports
 * what is wrong with its position. */
static enum cup_input_form detect_form(const char *path, bool *out_whole)
{
    struct cup_text     line = {0};
    gzFile              file = gzopen(path, "rb");
    enum cup_input_form form = CUP_INPUT_NDJSON;

    *out_whole = false;
    if (file == NULL) return form;
    if (first_line(file, &line, out_whole) && is_dump_line(&line)) form = CUP_INPUT_DUMP;
    cup_text_free(&line);
    (void)gzclose_r(file); /* nothing was written */
    return form;
}

/* 0, or what the system says. */
static int look_at_magic(const char *path, bool *out_gzip, bool *out_whole)
{
    uint8_t magic[2] = {0};
    int     fd       = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) return errno;
    ssize_t got = pread(fd, magic, sizeof(magic), 0);
    (void)close(fd); /* nothing was written */
    *out_gzip  = got == 2 && magic[0] == 0x1F && magic[1] == 0x8B;
    *out_whole = got == 2 || (got == 1 && magic[0] != 0x1F);
    return 0;
}

bool cup_inputs_look(const char *path, uint8_t wanted, uint8_t *out_form, bool *out_gzip,
                     int *out_errno)
{
    bool whole = false;

    *out_errno = look_at_magic(path, out_gzip, &whole);
    if (*out_errno != 0 || !whole) return false;
    *out_form = wanted == CUP_FORM_DUMP ? CUP_INPUT_DUMP : CUP_INPUT_NDJSON;
    if (wanted == CUP_FORM_AUTO) *out_form = (uint8_t)detect_form(path, &whole);
    return whole;
}

static bool look_at(struct found *found, struct cup_inputs_file *file)
{
    bool whole;
    int  failed = look_at_magic(file->path, &file->gzip, &whole);

    if (failed != 0) return reject(found, strerror(failed), file->path);
    if (file->form == CUP_FORM_AUTO)
        file->form = (uint8_t)detect_form(file->path, &whole);
    else
        file->form = file->form == CUP_FORM_DUMP ? CUP_INPUT_DUMP : CUP_INPUT_NDJSON;
    return true;
}

/* --- entries --- */

/* Sorts the entry's files by name and drops those that two of its patterns name. */
static void settle_entry(struct found *found, uint32_t first, bool independent)
{
    uint32_t kept = first;

    qsort(&found->files[first], found->count - first, sizeof(*found->files), by_name);
    for (uint32_t i = first; i < found->count; i++) {
        if (i > first && strcmp(found->files[i].path, found->files[kept - 1].path) == 0) continue;
        found->files[kept] = found->files[i];
        if (independent) found->files[kept].group += kept - first;
        kept++;
    }
    found->count = kept;
}

bool cup_inputs_owns(const struct cup_settings *settings, uint32_t entry)
{
    return entry % settings->shard_count == settings->shard;
}

uint32_t cup_inputs_keep(const struct cup_settings *settings, struct cup_inputs_file *files,
                         uint32_t count)
{
    uint32_t kept = 0, group = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (!cup_inputs_owns(settings, files[i].entry)) continue;
        bool first  = kept == 0 || files[i].group != group;
        group       = files[i].group;
        files[kept] = files[i];
        /* without holes, or workers would have nothing to do */
        files[kept].group = kept == 0 ? 0 : files[kept - 1].group + first;
        kept++;
    }
    return kept;
}

static bool is_in_two_entries(struct found *found)
{
    struct cup_inputs_file *sorted =
        cup_keep_bytes(found->keep, found->count * sizeof(*found->files));

    memcpy(sorted, found->files, found->count * sizeof(*found->files));
    qsort(sorted, found->count, sizeof(*sorted), by_name);
    for (uint32_t i = 1; i < found->count; i++) {
        if (strcmp(sorted[i].path, sorted[i - 1].path) == 0)
            return !reject(found, "belongs to two entries of input", sorted[i].path);
    }
    return false;
}

enum cup_err cup_inputs_find(struct cup_keep *keep, const struct cup_settings *settings,
                             struct cup_inputs_file **out_files, uint32_t *out_count,
                             struct cup_text *says)
{
    struct found found = {.keep = keep, .says = says};
    uint32_t     group = 0;

    CUP_ASSERT(settings->input_count > 0);
    for (uint32_t i = 0; i < settings->input_count; i++) {
        const struct cup_settings_input *input = &settings->inputs[i];
        uint32_t                         first = found.count;
        for (uint32_t p = 0; p < input->pattern_count; p++) {
            if (!add_pattern(&found, input->patterns[p], input->form, group)) return CUP_BAD_CONFIG;
        }
        settle_entry(&found, first, input->independent);
        for (uint32_t f = first; f < found.count; f++)
            found.files[f].entry = i;
        group = found.files[found.count - 1].group + 1;
    }
    if (is_in_two_entries(&found)) return CUP_BAD_CONFIG;
    for (uint32_t i = 0; i < found.count; i++) {
        if (!look_at(&found, &found.files[i])) return CUP_IO;
    }
    *out_files = found.files;
    *out_count = found.count;
    return CUP_OK;
}
