/* Lists one simple command with all that the programs and groups around it add to it. */
#include "parse/shell_internal.h"

void shell_mark_opaque(struct shell_run *run, int command, const char *why)
{
    if (command < 0 || run->commands[command].opaque)
        return;
    run->commands[command].opaque = true;
    run->commands[command].opaque_why = slice_from_str(why);
}

/* Own redirections, then those of the groups around. */
const struct shell_redirection *shell_join_redirections(struct shell_run *run, const struct shell_scope *scope,
                                                        const struct shell_simple *simple)
{
    struct shell_redirection *all;

    if (scope->redirection_count == 0)
        return simple->redirections;
    if (simple->redirection_count == 0)
        return scope->redirections;
    all =
        (struct shell_redirection *)arena_array(run->arena, scope->redirection_count + simple->redirection_count, sizeof *all);
    if (all == NULL) {
        run->no_memory = true;
        return NULL;
    }
    memcpy(all, simple->redirections, simple->redirection_count * sizeof *all);
    memcpy(all + simple->redirection_count, scope->redirections, scope->redirection_count * sizeof *all);
    *run->work += scope->redirection_count;
    return all;
}

/* Those of the wrappers around, then the command's own. */
const struct shell_assignment *shell_join_assignments(struct shell_run *run, const struct shell_scope *scope,
                                                      const struct shell_simple *simple)
{
    struct shell_assignment *all;

    if (scope->assignment_count == 0)
        return simple->assignments;
    all = (struct shell_assignment *)arena_array(run->arena, scope->assignment_count + simple->assignment_count, sizeof *all);
    if (all == NULL) {
        run->no_memory = true;
        return NULL;
    }
    memcpy(all, scope->assignments, scope->assignment_count * sizeof *all);
    if (simple->assignment_count > 0)
        memcpy(all + scope->assignment_count, simple->assignments, simple->assignment_count * sizeof *all);
    *run->work += scope->assignment_count;
    return all;
}

/* Words that hold what data replaces cannot be known. */
static const struct parse_word *replaced_words(struct shell_run *run, const struct shell_scope *scope,
                                               const struct shell_words *words)
{
    struct parse_word *copy;
    bool any = false;

    for (size_t i = 0; i < words->count; i++)
        any |= shell_contains(words->items[i].text, scope->replacement);
    if (!any)
        return words->items;
    copy = (struct parse_word *)arena_array(run->arena, words->count, sizeof *copy);
    if (copy == NULL) {
        run->no_memory = true;
        return words->items;
    }
    for (size_t i = 0; i < words->count; i++) {
        copy[i] = words->items[i];
        if (shell_contains(copy[i].text, scope->replacement)) {
            const char *hit =
                (const char *)memmem(copy[i].text.data, copy[i].text.size, scope->replacement.data, scope->replacement.size);
            size_t before = (size_t)(hit - copy[i].text.data);

            copy[i].literal = copy[i].literal < before ? copy[i].literal : before;
            copy[i].dynamic = true;
            copy[i].glob = false;
        }
    }
    *run->work += words->count;
    return copy;
}

static void check_command(struct shell_run *run, const struct shell_command *command)
{
    if (shell_in_list(command->name, "alias hash enable coproc bind complete fc history"))
        shell_fail_about(run, "this builtin changes what later commands mean:", command->name);
    if (shell_in_list(command->name, "let declare typeset local read unset printf mapfile readarray wait test"))
        run->evaluates_text = true;
}

int shell_emit(struct shell_run *run, const struct shell_scope *scope, const struct shell_simple *simple)
{
    struct shell_command command = {
        .argv = replaced_words(run, scope, &simple->words),
        .argc = simple->words.count,
        .assignments = shell_join_assignments(run, scope, simple),
        .assignment_count = simple->assignment_count + scope->assignment_count,
        .redirections = shell_join_redirections(run, scope, simple),
        .redirection_count = simple->redirection_count + scope->redirection_count,
        .wrappers = scope->wrappers,
        .wrapper_count = scope->wrapper_count,
        .via = scope->via,
        .outer = scope->outer,
        .more_arguments = scope->more_arguments,
        .reads_pipe = scope->reads_pipe,
        .writes_pipe = scope->writes_pipe,
        .background = scope->background,
        .in_substitution = scope->in_substitution,
        .in_function = scope->in_function,
        .in_loop = scope->in_loop,
        .conditional = scope->conditional,
        .elevated = scope->elevated,
    };
    const char *hidden;

    if (run->command_count >= SHELL_COMMANDS_MAX) {
        shell_fail(run, "the line has too many commands");
        return -1;
    }
    if (run->no_memory ||
        !shell_reserve(run, (void **)&run->commands, run->command_count, &run->command_capacity, sizeof *run->commands))
        return -1;
    if (command.argc > 0) {
        command.dynamic_program = command.argv[0].dynamic;
        command.name = command.dynamic_program ? (struct slice){0} : shell_base_name(command.argv[0].text);
        if (command.dynamic_program)
            shell_fail_about(run, "which program runs cannot be known:", command.argv[0].text);
        else if (command.name.size == 0)
            shell_fail(run, "the program's name is empty");
    }
    check_command(run, &command);
    hidden = shell_hidden_code(&command, run->work);
    run->commands[run->command_count++] = command;
    if (hidden != NULL)
        shell_mark_opaque(run, (int)run->command_count - 1, hidden);
    return (int)run->command_count - 1;
}
