// SPDX-License-Identifier: Apache-2.0
/* fit: what a conversion says about a text: it fits the type, or the one reason why it does not.
 *
 * The functions of kernels/value are exact: a value is stored as it was written or refused; nothing
 * is rounded (floating point excepted: correctly rounded), clamped or guessed.
 */
#ifndef CUP_KERNELS_VALUE_FIT_H
#define CUP_KERNELS_VALUE_FIT_H

enum cup_fit {
    CUP_FIT_OK,
    CUP_FIT_FORM,      /* the text is not in the form that the function reads */
    CUP_FIT_RANGE,     /* the value is outside the type */
    CUP_FIT_SCALE,     /* a decimal with more fraction digits than the type */
    CUP_FIT_PRECISION, /* a time with digits below the microsecond that are not zero */
};

#endif
