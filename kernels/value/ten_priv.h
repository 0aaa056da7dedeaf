// SPDX-License-Identifier: Apache-2.0
/* ten_priv: powers of ten for the decimals of this folder. */
#ifndef CUP_KERNELS_VALUE_TEN_PRIV_H
#define CUP_KERNELS_VALUE_TEN_PRIV_H

#include <stdint.h>

__extension__ typedef unsigned __int128 cup_u128; /* the width of the largest decimal */

/* cup_ten_priv_power is 10^exponent; exponent <= CUP_DECIMAL_PRECISION_MAX (asserted). */
cup_u128 cup_ten_priv_power(uint32_t exponent);

#endif
