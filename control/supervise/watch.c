// SPDX-License-Identifier: Apache-2.0
#include "control/supervise/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/config/inputs.h"

#define SCAN_NS      (CUP_NS_PER_S) /* between scans when nothing calls for one */
#define SOON_NS      20000000ull    /* names come in crowds: one scan for all */
#define REST_FACTOR  100u           /* a scan is followed by so many times its length ... */
#define HURRY        10u            /* ... or by a tenth of that, when a name came or went */
#define BUCKETS      16384u
#define MISSES_MAX   2u /* scans in a row: a name that moves while they run may escape one */
#define EVENTS_NAMES (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)
#define EVENTS       (EVENTS_NAMES | IN_CLOSE_WRITE | IN_ONLYDIR)

/* A file, whatever it is called now. */
struct entry {
    uint64_t      device, inode, bytes;
    int64_t       born_us;
    char         *name;         /* as the pattern gave it; of a file beside: its path */
    char         *path, *topic; /* path: resolved */
    uint32_t      group, misses;
    uint64_t      seen;         /* number of the scan that saw it last */
    uint64_t      looked_bytes; /* so long it was when its form was not to be told */
    uint8_t       wanted, form;
    bool          gzip, matches, decided, told, changed, gone, refused;
    struct entry *next; /* in its bucket */
};

/* A folder of matches. */
struct folder {
    char    *path;
    uint32_t group;
    uint8_t  wanted; /* form of its files */
    uint64_t seen;
};

struct cup_watch {
    const struct cup_settings *settings;
    struct entry             **buckets;
    struct entry             **list; /* all of them */
    struct folder             *folders;
    uint32_t                   count, cap, folder_count, folder_cap, matched, next_row;
    uint64_t                   scans, due_ns, took_ns, scan_ns, ended_ns;
    int                        inotify;
    bool                       telling, scanned_told, failed; /* failed: no memory */
    struct cup_text            says;                          /* what people should hear */
};

/* --- lists --- */

static bool grow(void **list, uint32_t count, uint32_t *cap, size_t bytes)
{
    if (count < *cap) return true;
    uint32_t more  = *cap == 0 ? 64 : *cap * 2;
    void    *grown = realloc(*list, more * bytes);
    if (grown == NULL) return false;
    *list = grown;
    *cap  = more;
    return true;
}

static struct entry **bucket_of(struct cup_watch *watch, uint64_t device, uint64_t inode)
{
    uint64_t hash = (device * 0x9E3779B97F4A7C15u ^ inode) * 0x9E3779B97F4A7C15u;

    return &watch->buckets[(hash >> 32) % BUCKETS];
}

static struct entry *find(struct cup_watch *watch, uint64_t device, uint64_t inode)
{
    struct entry *entry = *bucket_of(watch, device, inode);

    while (entry != NULL && (entry->device != device || entry->inode != inode))
        entry = entry->next;
    return entry;
}

static struct entry *add(struct cup_watch *watch, uint64_t device, uint64_t inode)
{
    struct entry **bucket = bucket_of(watch, device, inode);
    struct entry  *entry  = calloc(1, sizeof(*entry));

    if (entry == NULL ||
        !grow((void **)&watch->list, watch->count, &watch->cap, sizeof(*watch->list))) {
        free(entry);
        watch->failed = true;
        return NULL;
    }
    *entry                      = (struct entry){.device = device, .inode = inode, .next = *bucket};
    *bucket                     = entry;
    watch->list[watch->count++] = entry;
    return entry;
}

static void free_entry(struct entry *entry)
{
    free(entry->name);
    free(entry->path);
    free(entry->topic);
    free(entry);
}

static void set_text(struct cup_watch *watch, char **text, const char *to)
{
    char *copy = strdup(to);

    watch->failed |= copy == NULL;
    if (copy == NULL) return;
    free(*text);
    *text = copy;
}

/* --- folders --- */

static void add_folder(struct cup_watch *watch, const char *path, uint32_t group, uint8_t wanted)
{
    for (uint32_t i = 0; i < watch->folder_count; i++) {
        if (strcmp(watch->folders[i].path, path) != 0) continue;
        watch->folders[i].seen = watch->scans;
        return;
    }
    char *copy = strdup(path);
    if (copy == NULL || !grow((void **)&watch->folders, watch->folder_count, &watch->folder_cap,
                              sizeof(*watch->folders))) {
        free(copy);
        watch->failed = true;
        return;
    }
    watch->folders[watch->folder_count++] =
        (struct folder){.path = copy, .group = group, .wanted = wanted, .seen = watch->scans};
    /* refused where there is no inotify: the scans remain */
    if (watch->inotify >= 0) (void)inotify_add_watch(watch->inotify, path, EVENTS);
}

/* Without the last part; "." when there is none. */
static void folder_of(const char *name, char out_folder[PATH_MAX])
{
    const char *slash = strrchr(name, '/');
    size_t      bytes = slash == NULL ? 0 : (size_t)(slash - name);

    if (slash == name) bytes = 1;
    if (bytes >= PATH_MAX) bytes = 0;
    memcpy(out_folder, slash == NULL ? "." : name, slash == NULL ? 1 : bytes);
    out_folder[slash == NULL ? 1 : bytes] = '\0';
}

/* --- what is there --- */

static int64_t born_of(const char *path)
{
    struct statx more;

    if (statx(AT_FDCWD, path, 0, STATX_BTIME, &more) != 0 || !(more.stx_mask & STATX_BTIME))
        return 0;
    return more.stx_btime.tv_sec * 1000000 + more.stx_btime.tv_nsec / 1000;
}

/* Another file has the inode of one that is gone. */
static void renew(struct entry *entry)
{
    entry->decided = entry->gone = false;
    entry->looked_bytes          = 0;
}

static void name_entry(struct cup_watch *watch, struct entry *entry, const char *name)
{
    char    resolved[PATH_MAX];
    int64_t born_us = born_of(name);

    if (entry->born_us != 0 && born_us != 0 && born_us != entry->born_us) renew(entry);
    entry->born_us = born_us;
    set_text(watch, &entry->name, name);
    set_text(watch, &entry->path, realpath(name, resolved) == NULL ? name : resolved);
    entry->changed = true;
}

/* FNV-1a: the group of an independent file is its path's, whichever file lies there. */
static uint32_t group_of(const char *path, uint32_t base)
{
    uint32_t hash = 2166136261u;

    for (; *path != '\0'; path++)
        hash = (hash ^ (uint8_t)*path) * 16777619u;
    return base + (hash >> 8);
}

static void see_match(struct cup_watch *watch, const struct cup_settings_input *input,
                      uint32_t group, const char *pattern, const char *name)
{
    char        folder[PATH_MAX];
    struct stat status;

    if (stat(name, &status) != 0 || !S_ISREG(status.st_mode)) return;
    folder_of(name, folder);
    add_folder(watch, folder, group, input->form);
    struct entry *entry = find(watch, status.st_dev, status.st_ino);
    if (entry == NULL) entry = add(watch, status.st_dev, status.st_ino);
    if (entry == NULL || entry->seen == watch->scans) return; /* two names or patterns for it */
    bool named = entry->name != NULL && strcmp(entry->name, name) == 0;
    if (!named || entry->misses > 0) name_entry(watch, entry, name);
    if (!entry->matches || !named) {
        set_text(watch, &entry->topic, name + cup_inputs_root(pattern, name));
        entry->group =
            input->independent && entry->path != NULL ? group_of(entry->path, group) : group;
        entry->wanted  = input->form;
        entry->matches = true;
    }
    entry->changed |= entry->bytes != (uint64_t)status.st_size;
    entry->bytes  = (uint64_t)status.st_size;
    entry->seen   = watch->scans;
    entry->misses = 0;
    watch->matched++;
}

static void see_pattern(struct cup_watch *watch, const struct cup_settings_input *input,
                        uint32_t group, const char *pattern)
{
    glob_t names = {0};
    char   folder[PATH_MAX];

    if (glob(pattern, GLOB_BRACE | GLOB_TILDE, NULL, &names) == 0)
        for (size_t i = 0; i < names.gl_pathc; i++)
            see_match(watch, input, group, pattern, names.gl_pathv[i]);
    globfree(&names);
    folder_of(pattern, folder);
    if (glob(folder, GLOB_BRACE | GLOB_TILDE, NULL, &names) == 0)
        for (size_t i = 0; i < names.gl_pathc; i++)
            add_folder(watch, names.gl_pathv[i], group, input->form);
    globfree(&names);
}

/* A file that no pattern names: it may be one that was, under another name. */
static void see_beside(struct cup_watch *watch, const struct folder *folder, uint64_t device,
                       const struct dirent *found)
{
    char path[PATH_MAX];

    if (found->d_type != DT_REG && found->d_type != DT_UNKNOWN) return;
    struct entry *entry = find(watch, device, found->d_ino);
    if (entry != NULL && entry->seen == watch->scans) return;
    int bytes = snprintf(path, sizeof(path), "%s/%s", folder->path, found->d_name);
    if (bytes < 0 || (size_t)bytes >= sizeof(path)) return;
    if (entry == NULL) entry = add(watch, device, found->d_ino);
    if (entry == NULL) return;
    if (entry->name == NULL || strcmp(entry->name, path) != 0 || entry->misses > 0)
        name_entry(watch, entry, path);
    if (entry->topic == NULL) set_text(watch, &entry->topic, found->d_name);
    if (!entry->told) entry->group = folder->group;
    if (!entry->told) entry->wanted = folder->wanted;
    entry->matches = false;
    entry->seen    = watch->scans;
    entry->misses  = 0;
}

static void see_folder(struct cup_watch *watch, const struct folder *folder)
{
    struct stat    status;
    struct dirent *found;
    DIR           *names = opendir(folder->path);

    if (names == NULL) return;
    if (fstat(dirfd(names), &status) == 0)
        while ((found = readdir(names)) != NULL)
            see_beside(watch, folder, status.st_dev, found);
    (void)closedir(names); /* nothing was written */
}

static void drop_folders(struct cup_watch *watch)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < watch->folder_count; i++) {
        if (watch->folders[i].seen == watch->scans)
            watch->folders[kept++] = watch->folders[i];
        else
            free(watch->folders[i].path); /* the kernel drops the watch with the folder */
    }
    watch->folder_count = kept;
}

static void scan(struct cup_watch *watch)
{
    const struct cup_settings *settings = watch->settings;
    uint64_t                   began    = cup_clock_mono_ns();

    watch->scans++;
    watch->matched = 0;
    for (uint32_t i = 0; i < settings->input_count; i++) {
        if (!cup_inputs_owns(settings, i)) continue;
        for (uint32_t p = 0; p < settings->inputs[i].pattern_count; p++)
            see_pattern(watch, &settings->inputs[i], i / (uint32_t)settings->shard_count,
                        settings->inputs[i].patterns[p]);
    }
    drop_folders(watch);
    for (uint32_t i = 0; i < watch->folder_count; i++)
        see_folder(watch, &watch->folders[i]);
    for (uint32_t i = 0; i < watch->count; i++) {
        struct entry *entry = watch->list[i];
        if (entry->seen == watch->scans) continue;
        entry->gone = ++entry->misses >= MISSES_MAX;
    }
    watch->ended_ns = cup_clock_mono_ns();
    uint64_t took   = watch->ended_ns - began;
    /* a process that stood still makes one scan long, not two in a row */
    watch->scan_ns  = took < watch->took_ns ? took : watch->took_ns;
    watch->took_ns  = took;
    uint64_t rest   = watch->scan_ns * REST_FACTOR;
    watch->due_ns   = watch->ended_ns + (rest > SCAN_NS ? rest : SCAN_NS);
    watch->telling  = true;
    watch->next_row = 0;
}

/* --- what is told --- */

static void put_row(struct cup_text *rows, const struct entry *entry, enum cup_wire_input_kind kind)
{
    bool                  named = kind == CUP_INPUT_FOUND || kind == CUP_INPUT_BESIDE;
    struct cup_wire_input row   = {.kind = (uint32_t)kind};

    if (entry != NULL) {
        row.device  = entry->device;
        row.inode   = entry->inode;
        row.born_us = entry->born_us;
        row.group   = entry->group;
        row.form    = entry->form;
        row.gzip    = entry->gzip;
    }
    if (named) row.path_bytes = (uint32_t)strlen(entry->path);
    if (named) row.topic_bytes = (uint32_t)strlen(entry->topic);
    cup_text_put(rows, &row, sizeof(row));
    if (!named) return;
    cup_text_put(rows, entry->path, row.path_bytes);
    cup_text_put(rows, entry->topic, row.topic_bytes);
}

/* A match that cannot be read is tried at every scan, and told to people once. */
static void decide(struct cup_watch *watch, struct entry *entry)
{
    int failed = 0;

    entry->looked_bytes = entry->bytes;
    entry->decided =
        cup_inputs_look(entry->path, entry->wanted, &entry->form, &entry->gzip, &failed);
    if (failed == 0 || failed == ENOENT || !entry->matches) return;
    entry->looked_bytes = UINT64_MAX;
    entry->changed      = true;
    if (!entry->refused)
        cup_text_printf(&watch->says, "input %s cannot be read: %s; tried again until it can\n",
                        entry->path, strerror(failed));
    entry->refused = true;
}

/* A file beside may be one that was read before this process began: its form is that of its bytes,
 * and it is told once. A match is told when its form is known. */
static void tell(struct cup_watch *watch, struct entry *entry, struct cup_text *rows)
{
    if (!entry->changed || entry->path == NULL || entry->topic == NULL) return;
    entry->changed = false;
    if (!entry->decided && (entry->bytes != entry->looked_bytes || !entry->matches))
        decide(watch, entry);
    if (!entry->decided) return;
    put_row(rows, entry, entry->matches ? CUP_INPUT_FOUND : CUP_INPUT_BESIDE);
    entry->told = true;
}

static void remove_entry(struct cup_watch *watch, uint32_t at)
{
    struct entry  *entry  = watch->list[at];
    struct entry **bucket = bucket_of(watch, entry->device, entry->inode);

    while (*bucket != entry)
        bucket = &(*bucket)->next;
    *bucket         = entry->next;
    watch->list[at] = watch->list[--watch->count];
    free_entry(entry);
}

enum cup_err cup_watch_rows(struct cup_watch *watch, struct cup_text *rows,
                            struct cup_fault *out_fault)
{
    if (!watch->telling && cup_clock_mono_ns() >= watch->due_ns) scan(watch);
    while (watch->telling && rows->bytes < CUP_WIRE_INPUTS_BYTES) {
        if (watch->next_row == watch->count) {
            if (!watch->scanned_told) put_row(rows, NULL, CUP_INPUT_SCANNED);
            watch->scanned_told = true;
            watch->telling      = false;
            break;
        }
        struct entry *entry = watch->list[watch->next_row];
        if (!entry->gone) {
            tell(watch, entry, rows);
            watch->next_row++;
            continue;
        }
        if (entry->told) put_row(rows, entry, CUP_INPUT_GONE);
        remove_entry(watch, watch->next_row);
    }
    if (!watch->failed && !rows->failed) return CUP_OK;
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "list of files", NULL);
}

/* --- the rest --- */

enum cup_err cup_watch_open(const struct cup_settings *settings, struct cup_watch **out_watch,
                            struct cup_fault *out_fault)
{
    struct cup_watch *watch   = calloc(1, sizeof(*watch));
    struct entry    **buckets = calloc(BUCKETS, sizeof(*buckets));

    if (watch == NULL || buckets == NULL) {
        free(watch);
        free(buckets);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "list of files", NULL);
    }
    watch->settings = settings;
    watch->buckets  = buckets;
    watch->inotify  = inotify_init1(IN_CLOEXEC | IN_NONBLOCK); /* -1: the scans remain */
    *out_watch      = watch;
    return CUP_OK;
}

void cup_watch_close(struct cup_watch *watch)
{
    if (watch == NULL) return;
    if (watch->inotify >= 0) (void)close(watch->inotify); /* nothing to lose */
    for (uint32_t i = 0; i < watch->count; i++)
        free_entry(watch->list[i]);
    for (uint32_t i = 0; i < watch->folder_count; i++)
        free(watch->folders[i].path);
    free(watch->list);
    free(watch->folders);
    free(watch->buckets);
    cup_text_free(&watch->says);
    free(watch);
}

int cup_watch_fd(const struct cup_watch *watch)
{
    return watch->inotify;
}

uint64_t cup_watch_due(const struct cup_watch *watch)
{
    return watch->telling ? 0 : watch->due_ns;
}

void cup_watch_heard(struct cup_watch *watch)
{
    _Alignas(struct inotify_event) char bytes[16384];
    uint64_t                            soon = cup_clock_mono_ns() + SOON_NS;
    uint64_t rested = watch->ended_ns + watch->scan_ns * (REST_FACTOR / HURRY);

    while (read(watch->inotify, bytes, sizeof(bytes)) > 0) /* what it was, a scan tells */
        ;
    if (soon < rested) soon = rested;
    if (soon < watch->due_ns) watch->due_ns = soon;
}

void cup_watch_says(struct cup_watch *watch, struct cup_text *out_says)
{
    if (watch->says.bytes > 0) cup_text_put(out_says, watch->says.at, watch->says.bytes);
    cup_text_clear(&watch->says);
}

uint32_t cup_watch_matched(const struct cup_watch *watch)
{
    return watch->matched;
}
