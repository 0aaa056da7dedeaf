// SPDX-License-Identifier: Apache-2.0
/* hash: a number for bytes: tables in memory, fingerprints. Not for secrets, nor against forgery.
 */
#ifndef CUP_BASE_HASH_H
#define CUP_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define CUP_HASH_START 0xcbf29ce484222325u

/* cup_hash_bytes goes on from hash (CUP_HASH_START for the first bytes): FNV-1a with 64 bits, the
 * same on every machine, for ever. Its lower bits are the weaker ones. */
uint64_t cup_hash_bytes(uint64_t hash, const void *at, size_t bytes);

#endif
