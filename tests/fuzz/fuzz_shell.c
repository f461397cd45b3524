/* Any bytes as a command line: understood or not, within the work it may cost; what shell_quote makes is one plain word. */
#include "parse/kubectl.h"
#include "parse/shell.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_quoted(struct shell_parser *parser, struct arena *arena, struct slice text)
{
    struct shell_script script;
    uint64_t work = 0;
    struct slice line = arena_printf(arena, "echo %.*s", SLICE_ARG(shell_quote(text, arena, &work)));

    if (memchr(text.data, '\0', text.size) || shell_parse(parser, line, arena, &work, &script) != STATUS_OK)
        return;
    if (script.ok && (script.command_count != 1 || script.commands[0].argc != 2 || script.dynamic))
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct shell_parser *parser;
    struct shell_script script;
    struct arena arena;
    struct error error;
    uint64_t work = 0;

    if (!parser && shell_parser_new(&parser, &error) != STATUS_OK)
        abort();
    arena_create(&arena, 65536, 64u << 20);
    if (shell_parse(parser, slice_from(data, size), &arena, &work, &script) == STATUS_OK) {
        if (!script.ok && script.problem.size == 0)
            abort(); /* not understood, and not said why */
        for (size_t i = 0; i < script.command_count; i++) {
            struct kubectl_command command;

            if (slice_equal_str(script.commands[i].name, "kubectl"))
                (void)!kubectl_parse(script.commands[i].argv, script.commands[i].argc, &arena, &work, &command);
        }
    }
    if (size > 0 && size < 512)
        check_quoted(parser, &arena, slice_from(data, size));
    arena_destroy(&arena);
    return 0;
}
