// SPDX-License-Identifier: Apache-2.0
/* Goal:   source names become column and folder names as the rules say, and equality ignores case.
 * Method: a table of names for each rule; the keep's bounds; typing errors of every kind. */
#include "control/schema/names.h"

#include "tests/control/fixture.h"

static void check_column(struct cup_keep *keep, const char *name, const char *wanted)
{
    const char *got = cup_names_column(keep, name);
    if (strcmp(got, wanted) != 0) fprintf(stderr, "%s -> %s, wanted %s\n", name, got, wanted);
    CHECK(strcmp(got, wanted) == 0);
}

static void check_folder(struct cup_keep *keep, const char *name, const char *wanted)
{
    CHECK(strcmp(cup_names_folder(keep, name), wanted) == 0);
}

static void check_columns(struct cup_keep *keep)
{
    check_column(keep, "plain", "plain");
    check_column(keep, "a b,c;d{e}f(g)h=i", "a_b_c_d_e_f_g_h_i");
    check_column(keep, "tab\there\x7f", "tab_here_");
    check_column(keep, "c1\xC2\x85x", "c1_x");
    check_column(keep,
                 "gr\xC3\xB6\xC3\x9F"
                 "e/50%",
                 "gr\xC3\xB6\xC3\x9F"
                 "e/50%");
    check_column(keep, "_op", "_op_");
    check_column(keep, "_Date", "_Date_");
    check_column(keep, "_OFFSET", "_OFFSET_");
    check_column(keep, "_opx", "_opx");
    check_column(keep, "", "_");
}

static void check_folders(struct cup_keep *keep)
{
    check_folder(keep, "a/b\\c%d:e*f?g\"h<i>j|k#l m", "a_b_c_d_e_f_g_h_i_j_k_l_m");
    check_folder(keep, ".", "_");
    check_folder(keep, "..", "__");
    check_folder(keep, "...", "...");
    check_folder(keep, "", "_");
    check_folder(keep, "_op", "_op");
}

static void check_equality(void)
{
    CHECK(cup_names_equal("abc", "aBC"));
    CHECK(!cup_names_equal("abc", "abcd"));
    CHECK(!cup_names_equal("abcd", "abc"));
    CHECK(cup_names_equal("STRA\xC3\x9F"
                          "E \xC3\x84",
                          "stra\xC3\x9F"
                          "e \xC3\xA4"));
    CHECK(cup_names_equal("\xD0\x9F", "\xD0\xBF"));
    CHECK(!cup_names_equal("\xFF", "\xFE")); /* not UTF-8: bytes stand for themselves */
    CHECK(!cup_names_equal("\xC3\xA4", "\xC3\xB6"));
    CHECK(cup_names_equal("", ""));
}

static void check_near(void)
{
    CHECK(cup_names_near("lke", "lake"));
    CHECK(cup_names_near("laake", "lake"));
    CHECK(cup_names_near("lape", "lake"));
    CHECK(cup_names_near("alke", "lake"));
    CHECK(!cup_names_near("lake", "lake"));
    CHECK(!cup_names_near("lk", "la"));
    CHECK(!cup_names_near("lxxe", "lake"));
    CHECK(!cup_names_near("owner", "lake"));
}

static void check_keep(struct cup_keep *keep)
{
    uint32_t  cap  = 0;
    uint32_t *list = NULL;

    for (uint32_t i = 0; i < 1000; i++) {
        list    = cup_keep_grow(keep, list, i, &cap, sizeof(*list));
        list[i] = i;
    }
    for (uint32_t i = 0; i < 1000; i++)
        CHECK(list[i] == i);
    CHECK(cap >= 1000 && cap < 4000);
    CHECK(cup_keep_room(keep, 1u << 20));
    CHECK(!cup_keep_room(keep, CUP_KEEP_BYTES));
    CHECK(strcmp(cup_names_version(keep, "balance", 2), "balance__2") == 0);
    CHECK(strcmp(cup_names_version(keep, "x", 12), "x__12") == 0);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    struct cup_keep keep = fixture_keep();

    check_columns(&keep);
    check_folders(&keep);
    check_equality();
    check_near();
    check_keep(&keep);
    cup_keep_close(&keep);
    return 0;
}
