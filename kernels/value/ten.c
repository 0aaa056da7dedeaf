// SPDX-License-Identifier: Apache-2.0
#include "kernels/value/ten_priv.h"

#include "kernels/value/decimal.h"

cup_u128 cup_ten_priv_power(uint32_t exponent)
{
    static const uint64_t small[] = {1u,
                                     10u,
                                     100u,
                                     1000u,
                                     10000u,
                                     100000u,
                                     1000000u,
                                     10000000u,
                                     100000000u,
                                     1000000000u,
                                     10000000000u,
                                     100000000000u,
                                     1000000000000u,
                                     10000000000000u,
                                     100000000000000u,
                                     1000000000000000u,
                                     10000000000000000u,
                                     100000000000000000u,
                                     1000000000000000000u,
                                     10000000000000000000u};

    CUP_ASSERT(exponent <= CUP_DECIMAL_PRECISION_MAX);
    return exponent < 20 ? small[exponent] : (cup_u128)small[19] * small[exponent - 19];
}
