// SPDX-License-Identifier: Apache-2.0
/* partition: the partition values of a row, as texts: which rows belong together, and where.
 *
 *   columns, row --key--> | bytes | text | bytes | text | --folder--> day=2024-01-31/city=a%2Fb
 *                                                          --json----> {"day":"2024-01-31",..}
 *
 * A key is, per partition column, a u16 (UINT16_MAX: null) and that many bytes of text. Two rows
 * lie in one partition if their keys are equal byte for byte.
 *
 * Holds     nothing.
 * Threads   any.
 * Fails     a value that no folder can be named after is bad data: an outcome.
 * Bounds    CUP_PARTITION_* below.
 * Source    Delta protocol, "Partition Value Serialization"; Hive's escaping of folder names; what
 *           five readers made of them: README.md
 * Tests     tests/dataplane/test_partition.c, tests/oracle/test_partitions.py
 */
#ifndef CUP_DATAPLANE_ABI_PARTITION_H
#define CUP_DATAPLANE_ABI_PARTITION_H

#include "base/text.h"
#include "dataplane/abi/plan.h"

#define CUP_PARTITION_NULL         "__HIVE_DEFAULT_PARTITION__" /* folder of null values */
#define CUP_PARTITION_FOLDER_BYTES 255u                         /* NAME_MAX of ext4, xfs, btrfs */
#define CUP_PARTITION_PATH_BYTES   640u /* all folders of a row, their '/', a NUL */
#define CUP_PARTITION_KEY_BYTES    (CUP_PLAN_PARTITIONS_MAX * (CUP_PARTITION_FOLDER_BYTES + 2u))

_Static_assert(3 * CUP_PLAN_PARTITION_NAME_MAX + sizeof "=" CUP_PARTITION_NULL <=
                   CUP_PARTITION_FOLDER_BYTES,
               "a null fits behind every legal name");

struct cup_partition_key {
    uint32_t bytes;
    uint32_t bad; /* refused: place of the column among the partitions */
    uint8_t  at[CUP_PARTITION_KEY_BYTES];
};

/* cup_partition_key fills *out_key from a row of a partitioned table; columns are the data columns
 * and the generated ones behind them.
 *
 * Returns   ACCEPTED; PARTITION_EMPTY or PARTITION_TOO_LONG with out_key->bad. */
enum cup_outcome cup_partition_key(const struct cup_plan *plan, const struct cup_plan_table *table,
                                   const struct cup_column *columns, uint32_t row,
                                   struct cup_partition_key *out_key);

/* cup_partition_check says what cup_partition_key will answer once the row is masked; *out_bad is
 * the place of a refused column. */
enum cup_outcome cup_partition_check(const struct cup_plan       *plan,
                                     const struct cup_plan_table *table,
                                     const struct cup_column *columns, uint32_t row,
                                     uint32_t *out_bad);

/* cup_partition_folder writes the folders of an accepted key, relative to the table. */
void cup_partition_folder(const struct cup_plan *plan, const struct cup_plan_table *table,
                          const uint8_t *key, char out_path[CUP_PARTITION_PATH_BYTES]);

/* cup_partition_json appends partitionValues of an accepted key. */
void cup_partition_json(const struct cup_plan *plan, const struct cup_plan_table *table,
                        const uint8_t *key, struct cup_text *out);

/* cup_partition_name is the name of a partition column, `place` among the partitions. */
const char *cup_partition_name(const struct cup_plan *plan, const struct cup_plan_table *table,
                               uint32_t place);

#endif
