// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <string.h>

#include "lake/tool/tool_ledger.h"

#define LINE_BYTES 8192u /* two paths and a sentence */

static void put_line(struct cup_text *text, const char *kind, const char *format, va_list list)
{
    char line[LINE_BYTES];

    vsnprintf(line, sizeof line, format, list);
    for (char *at = line; *at != '\0'; at++) /* a file's name may hold anything: one line each */
        if ((unsigned char)*at < ' ') *at = '?';
    cup_text_printf(text, "%s: %s\n", kind, line);
}

void cup_report_problem(struct cup_report *report, const char *format, ...)
{
    va_list list;

    if (report->problem_count++ >= CUP_REPORT_LINES_MAX) return;
    va_start(list, format);
    put_line(&report->text, "problem", format, list);
    va_end(list);
}

void cup_report_note(struct cup_report *report, const char *format, ...)
{
    va_list list;

    if (report->note_count++ >= CUP_REPORT_LINES_MAX) return;
    va_start(list, format);
    put_line(&report->text, "note", format, list);
    va_end(list);
}

void cup_report_fault(struct cup_report *report, const char *what, const struct cup_fault *fault)
{
    cup_report_problem(report, "%s: %s (%s)%s%s%s%s", what, cup_err_text(fault->err),
                       fault->what ? fault->what : "", fault->where[0] ? ": " : "", fault->where,
                       fault->os_errno ? ": " : "",
                       fault->os_errno ? strerror(fault->os_errno) : "");
}
