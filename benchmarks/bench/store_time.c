// SPDX-License-Identifier: Apache-2.0
/* store-time FOLDER DISK [ROUNDS]: what an epoch's end costs on FOLDER's file system.
 *
 * DISK is uring or posix. Files of 256 KiB in the staging folder are sealed, placed and their
 * folders synced; small logs are put. Prints the median and the fastest round in milliseconds. */
#include <string.h>

#include "base/clock.h"
#include "dataplane/store/store.h"

#define FILES      64u
#define FILE_BYTES (256u << 10)
#define PUT_BYTES  2000u
#define ROUNDS_MAX 1000u
#define FOLDERS    16u
#define NS_PER_MS  1e6
#define NEVER_FAILS(call)                                                                          \
    do {                                                                                           \
        if ((call) != CUP_OK) {                                                                    \
            fprintf(stderr, "store-time: %s: %s\n", fault.what, fault.where);                      \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static struct cup_fault fault;
static uint8_t          bytes[FILE_BYTES];
static char             names[FILES][64];
static const char      *name_list[FILES];

static void make_names(uint32_t round, const char *pattern)
{
    for (uint32_t i = 0; i < FILES; i++) {
        snprintf(names[i], sizeof names[i], pattern, i % FOLDERS, round, i);
        name_list[i] = names[i];
    }
}

static uint64_t time_files(struct cup_store *store, uint32_t round)
{
    struct cup_store_file *files[FILES];
    struct cup_sealed      sealed[FILES];

    make_names(round, "d/silver/t%u/r%u-f%u");
    for (uint32_t i = 0; i < FILES; i++) {
        NEVER_FAILS(cup_store_stage(store, &files[i], &fault));
        NEVER_FAILS(cup_store_append(files[i], bytes, FILE_BYTES - 1, &fault));
    }
    uint64_t begin = cup_clock_mono_ns();
    NEVER_FAILS(cup_store_seal_all(files, FILES, sealed, &fault));
    NEVER_FAILS(cup_store_place_all(store, files, name_list, FILES, &fault));
    NEVER_FAILS(cup_store_sync(store, &fault));
    return cup_clock_mono_ns() - begin;
}

static uint64_t time_puts(struct cup_store *store, uint32_t round)
{
    struct cup_store_put puts[FILES];

    make_names(round, "d/silver/t%u/_delta_log/%u-%u.json");
    for (uint32_t i = 0; i < FILES; i++)
        puts[i] = (struct cup_store_put){.name = names[i], .bytes = bytes, .count = PUT_BYTES};
    uint64_t begin = cup_clock_mono_ns();
    cup_store_put_all(store, puts, FILES);
    uint64_t took = cup_clock_mono_ns() - begin;
    for (uint32_t i = 0; i < FILES; i++)
        NEVER_FAILS(puts[i].err);
    return took;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void report(const char *what, uint64_t *took, uint32_t rounds)
{
    qsort(took, rounds, sizeof *took, compare);
    printf("%-22s median %7.2f ms, fastest %7.2f ms\n", what, (double)took[rounds / 2] / NS_PER_MS,
           (double)took[0] / NS_PER_MS);
}

int main(int argc, char **argv)
{
    static uint64_t   files[ROUNDS_MAX], puts[ROUNDS_MAX];
    struct cup_disk  *disk;
    struct cup_store *store;
    uint32_t          rounds = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 21;

    if (argc < 3 || rounds == 0 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: store-time FOLDER uring|posix [ROUNDS]\n");
        return 2;
    }
    bool posix = strcmp(argv[2], "posix") == 0;
    NEVER_FAILS(cup_disk_open(posix ? CUP_DISK_POSIX : CUP_DISK_URING, &disk, &fault));
    NEVER_FAILS(cup_store_open(disk, argv[1], "_cupel/staging", &store, &fault));
    for (uint32_t i = 0; i < rounds; i++) {
        files[i] = time_files(store, i);
        puts[i]  = time_puts(store, i);
    }
    report("seal + place + sync", files, rounds);
    report("put_all", puts, rounds);
    cup_store_close(store);
    cup_disk_close(disk);
    return 0;
}
