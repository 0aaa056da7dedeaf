// SPDX-License-Identifier: Apache-2.0
/* topology: which core each worker runs on; the one place that calls hwloc.
 *
 * Threads   any.
 * Fails     never: without an answer from hwloc a worker is simply not pinned (core -1).
 */
#ifndef CUP_DATAPLANE_TOPOLOGY_H
#define CUP_DATAPLANE_TOPOLOGY_H

#include <stdint.h>

/* cup_topology_pick fills out_cores[0..worker_count) with the logical CPU of each worker: one core
 * each, spread by hwloc over the cores that this process may use, in NUMA order. Workers beyond the
 * number of cores get -1: pinning two to one core would only hurt. */
void cup_topology_pick(uint32_t worker_count, int *out_cores);

#endif
