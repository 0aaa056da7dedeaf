// SPDX-License-Identifier: Apache-2.0
/* cupel-memcpy: how fast this machine copies a file's bytes in memory: the floor of any data path.
 *
 *   cupel-memcpy FILE    prints seconds
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define PIECE_BYTES                                                                                \
    (256u << 10) /* as a batch: source and target stay in the caches as they do there */

int main(int argc, char **argv)
{
    struct stat about;
    int         fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &about) != 0 || about.st_size == 0) {
        fprintf(stderr, "cupel-memcpy: give one readable file\n");
        return 2;
    }
    size_t   bytes = (size_t)about.st_size;
    uint8_t *from  = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    uint8_t *to    = malloc(PIECE_BYTES);
    if (from == MAP_FAILED || to == NULL) {
        fprintf(stderr, "cupel-memcpy: there is no memory\n");
        return 1;
    }
    uint64_t start = cup_clock_mono_ns(), sum = 0;
    for (size_t at = 0; at < bytes; at += PIECE_BYTES) {
        size_t count = bytes - at < PIECE_BYTES ? bytes - at : PIECE_BYTES;
        memcpy(to, from + at, count);
        sum += to[count - 1]; /* so that the copy is needed */
    }
    printf("%.6f %llu\n", (double)(cup_clock_mono_ns() - start) / 1e9, (unsigned long long)sum);
    free(to);
    (void)munmap(from, bytes); /* the process ends */
    (void)close(fd);           /* was only read */
    return 0;
}
