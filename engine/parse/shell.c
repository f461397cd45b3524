#include "parse/shell_internal.h"

#include "base/text.h"

enum { PROBLEM_DETAIL_MAX = 60 };

void shell_fail(struct shell_run *run, const char *text)
{
    if (run->problem.size == 0)
        run->problem = slice_from_str(text);
}

void shell_fail_about(struct shell_run *run, const char *text, struct slice about)
{
    if (run->problem.size > 0)
        return;
    run->problem =
        arena_printf(run->arena, "%s %.*s", text, (int)(about.size < PROBLEM_DETAIL_MAX ? about.size : PROBLEM_DETAIL_MAX),
                     about.data != NULL ? about.data : "");
    run->no_memory |= run->problem.data == NULL;
}

bool shell_reserve(struct shell_run *run, void **items, size_t count, size_t *capacity, size_t size)
{
    size_t wanted = *capacity > 0 ? *capacity * 2 : 4;
    void *grown;

    if (count < *capacity)
        return true;
    grown = arena_grow(run->arena, *items, *capacity * size, wanted * size);
    if (grown == NULL) {
        run->no_memory = true;
        return false;
    }
    *items = grown;
    *capacity = wanted;
    return true;
}

bool shell_add_word(struct shell_run *run, struct shell_words *words, struct parse_word word)
{
    if (run->words_left == 0) {
        shell_fail(run, "the line has too many words");
        return false;
    }
    run->words_left--;
    if (!shell_reserve(run, (void **)&words->items, words->count, &words->capacity, sizeof *words->items))
        return false;
    words->items[words->count++] = word;
    return true;
}

bool shell_in_list(struct slice name, const char *list)
{
    while (*list != '\0' && name.size > 0) {
        size_t size = strcspn(list, " ");

        if (size == name.size && memcmp(list, name.data, size) == 0)
            return true;
        list += list[size] == ' ' ? size + 1 : size;
    }
    return false;
}

static const char builtins[] = ". : [ [[ (( alias bg bind break builtin caller cd command compgen complete compopt continue "
                               "declare dirs disown echo enable eval exec exit export "
                               "false fc fg getopts hash help history jobs kill let local logout mapfile popd printf pushd pwd "
                               "read readarray readonly return set shift shopt "
                               "source suspend test times trap true type typeset ulimit umask unalias unset wait";

static bool is_dynamic(const struct shell_command *command)
{
    bool dynamic = command->more_arguments;

    for (size_t i = 0; i < command->argc; i++)
        dynamic |= command->argv[i].dynamic;
    for (size_t i = 0; i < command->assignment_count; i++)
        dynamic |= command->assignments[i].value.dynamic;
    for (size_t i = 0; i < command->redirection_count; i++)
        dynamic |= command->redirections[i].target.dynamic;
    return dynamic;
}

static void finish_command(struct shell_run *run, struct shell_command *command, struct shell_script *out)
{
    for (size_t i = 0; i < run->function_count && !command->is_function; i++)
        command->is_function = command->name.size > 0 && slice_equal(run->functions[i], command->name);
    command->is_builtin = command->argc > 0 && !command->dynamic_program && command->via != SHELL_VIA_REMOTE &&
                          slice_equal(command->name, command->argv[0].text) && shell_in_list(command->name, builtins);
    command->dynamic = is_dynamic(command);
    *run->work += 1 + command->argc + run->function_count;
    out->dynamic |= command->dynamic;
    out->opaque |= command->opaque;
    if (command->opaque)
        shell_fail_about(run, command->opaque_why.data, command->name);
}

static void finish(struct shell_run *run, struct shell_script *out)
{
    for (size_t i = 0; i < run->command_count; i++)
        finish_command(run, &run->commands[i], out);
    if (run->has_latent_code && run->evaluates_text)
        shell_fail(run,
                   "text that holds $( or a backquote could be run by arithmetic, a subscript or a builtin that evaluates it");
    out->commands = run->commands;
    out->command_count = run->command_count;
    out->functions = run->functions;
    out->function_count = run->function_count;
    out->has_syntax_error = run->syntax_error;
    out->problem = run->problem;
    out->ok = run->problem.size == 0;
}

static const char *bad_input(struct slice line)
{
    if (line.size > SHELL_INPUT_MAX)
        return "the line is longer than 16384 bytes";
    if (line.size > 0 && memchr(line.data, '\0', line.size) != NULL)
        return "the line holds a NUL";
    if (!text_is_utf8(line))
        return "the line is not UTF-8";
    return NULL;
}

enum status shell_parse(struct shell_parser *parser, struct slice line, struct arena *arena, uint64_t *work,
                        struct shell_script *out)
{
    uint64_t counted = 1;
    struct shell_run run = {.parser = parser, .arena = arena, .work = &counted, .words_left = SHELL_WORDS_MAX};
    struct shell_scope scope = {.outer = -1};
    const char *bad = bad_input(line);

    *out = (struct shell_script){0};
    if (bad != NULL)
        shell_fail(&run, bad);
    else
        shell_walk_text(&run, line, &scope);
    if (bad == NULL && run.command_count == 0)
        shell_fail(&run, "there is no command");
    finish(&run, out);
    *work += counted;
    return run.no_memory || arena->exhausted ? STATUS_NO_MEMORY : STATUS_OK;
}
