/* A parsed line as one line of text, so that tables of cases stay readable:
 * "ok" or "no", then each command: wrappers with '>', words (unknown ones end in '~'), redirections, and flags in braces. */
#ifndef EDICT_TESTS_SHELL_RENDER_H
#define EDICT_TESTS_SHELL_RENDER_H

#include "base/buf.h"
#include "parse/shell.h"

static inline void render_word(struct buf *out, const struct parse_word *word)
{
    if (word->text.size == 0)
        buf_add_str(out, "''");
    buf_add_slice(out, word->text);
    if (word->dynamic)
        buf_add_char(out, '~');
}

static inline void render_flag(struct buf *out, bool set, const char *name, bool *any)
{
    if (!set)
        return;
    buf_add_str(out, *any ? "," : " {");
    buf_add_str(out, name);
    *any = true;
}

static inline void render_flags(struct buf *out, const struct shell_command *command)
{
    bool any = false;

    render_flag(out, command->dynamic_program, "unknown", &any);
    render_flag(out, command->opaque, "opaque", &any);
    render_flag(out, command->more_arguments, "more", &any);
    render_flag(out, command->reads_pipe, "reads", &any);
    render_flag(out, command->writes_pipe, "writes", &any);
    render_flag(out, command->background, "bg", &any);
    render_flag(out, command->in_substitution, "sub", &any);
    render_flag(out, command->in_function, "fn", &any);
    render_flag(out, command->in_loop, "loop", &any);
    render_flag(out, command->conditional, "cond", &any);
    render_flag(out, command->is_function, "own", &any);
    render_flag(out, command->elevated, "root", &any);
    render_flag(out, command->via == SHELL_VIA_REMOTE, "remote", &any);
    if (any)
        buf_add_char(out, '}');
}

static inline void render_command(struct buf *out, const struct shell_command *command)
{
    for (size_t i = 0; i < command->wrapper_count; i++)
        buf_printf(out, " %.*s>", SLICE_ARG(command->wrappers[i].name));
    for (size_t i = 0; i < command->assignment_count; i++) {
        buf_printf(out, " %.*s%s=", SLICE_ARG(command->assignments[i].name), command->assignments[i].append ? "+" : "");
        render_word(out, &command->assignments[i].value);
    }
    for (size_t i = 0; i < command->argc; i++) {
        buf_add_char(out, ' ');
        render_word(out, &command->argv[i]);
    }
    for (size_t i = 0; i < command->redirection_count; i++) {
        buf_printf(out, " %d%.*s", command->redirections[i].fd, SLICE_ARG(command->redirections[i].op));
        render_word(out, &command->redirections[i].target);
    }
    render_flags(out, command);
}

static inline struct slice render_script(const struct shell_script *script, struct arena *arena)
{
    struct buf out;

    buf_create(&out, arena);
    buf_add_str(&out, script->ok ? "ok" : "no");
    for (size_t i = 0; i < script->command_count; i++) {
        buf_add_str(&out, i == 0 ? ":" : " ;");
        render_command(&out, &script->commands[i]);
    }
    return buf_slice(&out);
}

#endif
