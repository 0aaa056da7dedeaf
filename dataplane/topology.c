// SPDX-License-Identifier: Apache-2.0
#include "dataplane/topology.h"

#include <hwloc.h>

#include "base/err.h"

/* The first logical CPU of core i that this process may use; -1: none. */
static int core_cpu(hwloc_topology_t topology, unsigned i)
{
    hwloc_obj_t core = hwloc_get_obj_by_type(topology, HWLOC_OBJ_CORE, i);

    return core == NULL ? -1 : hwloc_bitmap_first(core->cpuset);
}

void cup_topology_pick(uint32_t worker_count, int *out_cores)
{
    hwloc_topology_t topology;

    CUP_ASSERT(worker_count > 0);
    for (uint32_t i = 0; i < worker_count; i++)
        out_cores[i] = -1;
    if (hwloc_topology_init(&topology) != 0) return;
    if (hwloc_topology_load(topology) == 0) {
        int cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
        for (uint32_t i = 0; i < worker_count && (int)i < cores; i++)
            out_cores[i] = core_cpu(topology, i);
    }
    hwloc_topology_destroy(topology);
}
