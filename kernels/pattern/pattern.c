// SPDX-License-Identifier: Apache-2.0
#include "kernels/pattern/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

/* Interpreted only, where no machine code may be made: memory for its frames, in KiB. */
#define HEAP_KIB_MAX      1024u
#define STACK_BYTES_FIRST (32u << 10)

struct cup_pattern {
    pcre2_code          *code;
    pcre2_match_context *context;
    pcre2_match_data    *data;
    pcre2_jit_stack     *stack; /* NULL: interpreted */
};

static enum cup_err refuse(int error, size_t at, struct cup_fault *out_fault)
{
    PCRE2_UCHAR words[160] = "";

    (void)pcre2_get_error_message(error, words, sizeof words); /* cut off or not */
    (void)cup_fault_set(out_fault, CUP_BAD_CONFIG, "compile a pattern", (const char *)words);
    if (out_fault != NULL) out_fault->at_offset = at;
    return CUP_BAD_CONFIG;
}

/* The program, with the meaning that ECMA-262 gives to what PCRE2 reads in another way. */
static enum cup_err compile(struct cup_pattern *pattern, const char *text, size_t bytes,
                            struct cup_fault *out_fault)
{
    const uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX |
                             PCRE2_ALLOW_EMPTY_CLASS | PCRE2_MATCH_UNSET_BACKREF |
                             PCRE2_NEVER_BACKSLASH_C;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    PCRE2_SIZE             at      = 0;
    int                    error   = 0;

    if (context == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "pattern", NULL);
    (void)pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX); /* always 0 */
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);              /* a legal value */
    pattern->code = pcre2_compile((PCRE2_SPTR)text, bytes, options, &error, &at, context);
    pcre2_compile_context_free(context);
    return pattern->code == NULL ? refuse(error, at, out_fault) : CUP_OK;
}

static enum cup_err prepare(struct cup_pattern *pattern, struct cup_fault *out_fault)
{
    pattern->context = pcre2_match_context_create(NULL);
    pattern->data    = pcre2_match_data_create(1, NULL);
    if (pattern->context == NULL || pattern->data == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "pattern", NULL);
    (void)pcre2_set_match_limit(pattern->context, CUP_PATTERN_STEPS_MAX); /* always 0 */
    (void)pcre2_set_heap_limit(pattern->context, HEAP_KIB_MAX);
    if (pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE) != 0) return CUP_OK;
    pattern->stack = pcre2_jit_stack_create(STACK_BYTES_FIRST, CUP_PATTERN_STACK_BYTES, NULL);
    if (pattern->stack == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "pattern", NULL);
    pcre2_jit_stack_assign(pattern->context, NULL, pattern->stack);
    return CUP_OK;
}

enum cup_err cup_pattern_open(const char *text, size_t bytes, struct cup_pattern **out_pattern,
                              struct cup_fault *out_fault)
{
    CUP_ASSERT(text != NULL && out_pattern != NULL);
    if (bytes > CUP_PATTERN_BYTES_MAX)
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "compile a pattern",
                             "it is longer than 4096 bytes");
    if (bytes >= 2 && memcmp(text, "(*", 2) == 0)
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "compile a pattern",
                             "(* is no ECMA-262: there is nothing to repeat");
    struct cup_pattern *pattern = calloc(1, sizeof *pattern);
    if (pattern == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "pattern", NULL);
    enum cup_err err = compile(pattern, text, bytes, out_fault);
    if (err == CUP_OK) err = prepare(pattern, out_fault);
    if (err != CUP_OK) {
        cup_pattern_close(pattern);
        return err;
    }
    *out_pattern = pattern;
    return CUP_OK;
}

void cup_pattern_close(struct cup_pattern *pattern)
{
    if (pattern == NULL) return;
    pcre2_code_free(pattern->code);
    pcre2_match_context_free(pattern->context);
    pcre2_match_data_free(pattern->data);
    pcre2_jit_stack_free(pattern->stack);
    free(pattern);
}

enum cup_pattern_verdict cup_pattern_match(struct cup_pattern *pattern, const uint8_t *text,
                                           size_t bytes)
{
    CUP_ASSERT(pattern != NULL && pattern->code != NULL);
    int found =
        pattern->stack != NULL
            ? pcre2_jit_match(pattern->code, text, bytes, 0, 0, pattern->data, pattern->context)
            : pcre2_match(pattern->code, text, bytes, 0, PCRE2_NO_UTF_CHECK, pattern->data,
                          pattern->context);
    if (found >= 0) return CUP_PATTERN_YES; /* 0: there were groups, which nobody asked for */
    return found == PCRE2_ERROR_NOMATCH ? CUP_PATTERN_NO : CUP_PATTERN_GAVE_UP;
}
