/* JUnit's XML report of policy tests: what Jenkins, GitLab and GitHub actions read. */
#include "base/text.h"
#include "cli/policy.h"

#include <errno.h>
#include <stdio.h>

/* XML 1.0 has no way to write most control characters. */
static void write_escaped(FILE *out, struct slice text)
{
    for (size_t at = 0; at < text.size; at++) {
        unsigned char c = (unsigned char)text.data[at];

        if (c == '&')
            fputs("&amp;", out);
        else if (c == '<')
            fputs("&lt;", out);
        else if (c == '>')
            fputs("&gt;", out);
        else if (c == '"')
            fputs("&quot;", out);
        else if (c == '\n')
            fputs("&#10;", out);
        else if ((c < ' ' && c != '\t') || c == 0x7f)
            fputs("\xef\xbf\xbd", out);
        else
            fputc(c, out);
    }
}

static void write_case(FILE *out, const char *suite, const struct policy_test_result *result)
{
    fprintf(out, "    <testcase classname=\"%s\" name=\"", suite);
    write_escaped(out, result->name);
    fputs("\" file=\"", out);
    write_escaped(out, result->file);
    fprintf(out, "\" line=\"%d\"", result->line);
    if (result->passed) {
        fputs("/>\n", out);
        return;
    }
    fputs(">\n      <failure message=\"", out);
    write_escaped(out, slice_sub(result->detail, 0, slice_find(result->detail, '\n', 0)));
    fputs("\">", out);
    write_escaped(out, result->detail);
    fputs("</failure>\n    </testcase>\n", out);
}

bool junit_write(const char *path, const char *suite, const struct policy_test_run *run)
{
    FILE *out = fopen(path, "w");
    bool ok = out != NULL;

    if (ok) {
        fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"%zu\" failures=\"%zu\">\n", run->count,
                run->failed);
        fprintf(out, "  <testsuite name=\"%s\" tests=\"%zu\" failures=\"%zu\">\n", suite, run->count, run->failed);
        for (size_t i = 0; i < run->count; i++)
            write_case(out, suite, &run->results[i]);
        fputs("  </testsuite>\n</testsuites>\n", out);
        ok = !ferror(out);
        ok = fclose(out) == 0 && ok;
    }
    if (!ok)
        fprintf(stderr, "edict: %s: %s; the JUnit report is not written\n", path, strerror(errno));
    return ok;
}
