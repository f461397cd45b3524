/* Recognizes commands that run code which the line does not show as shell. */
#include "parse/shell_internal.h"

struct code_spec {
    const char *programs; /* version numbers at the end of a name do not count: python3.11 is python */
    const char *letters;  /* short options that bring code */
    const char *longs;    /* long options, and options written with one dash */
    const char *words;    /* sub-commands */
    bool reads_code;      /* without a file argument, standard input is code */
    const char *valued;   /* short options with a value, skipped when looking for the file */
};

static const struct code_spec specs[] = {
    {"python pypy python-config ipython", "c", "", "", true, "WXm"},
    {"perl", "eEMmxi", "", "", true, "I"},
    {"ruby irb jruby", "er", "", "", true, "ICFT"},
    {"node nodejs", "epr", "--eval --print --require --import --loader", "", true, ""},
    {"deno", "", "", "eval repl", false, ""},
    {"bun", "ep", "--eval --print", "repl", false, ""},
    {"php", "rRBEFd", "--run --process-code --process-begin --process-end", "", true, "ct"},
    {"lua luajit tclsh wish expect Rscript R osascript scala kotlin groovy elixir erl guile racket sbcl ghc runghc julia swift "
     "pwsh powershell "
     "gnuplot octave jshell bc dc",
     "ec", "-e -c --eval --execute -Command -EncodedCommand -enc --command", "", true, ""},
    {"ed ex vi vim nvim view emacs nano", "cseS", "--cmd -es --eval --batch -c", "", true, ""},
    {"gdb lldb", "xo", "-ex -iex --eval-command --command --batch --one-line", "", true, "p"},
    {"source .", "", "", "", false, ""},
    {"at batch crontab", "", "", "", true, "f"},
    {"tmux screen script expect xterm gnome-terminal systemd-run start-stop-daemon flock firejail unshare nsenter capsh "
     "setpriv dbus-run-session",
     NULL, "", "", false, ""},
};

static struct slice without_version(struct slice name)
{
    size_t end = name.size;

    while (end > 1 && ((name.data[end - 1] >= '0' && name.data[end - 1] <= '9') || name.data[end - 1] == '.'))
        end--;
    return slice_sub(name, 0, end);
}

static bool has_any_letter(struct slice word, const char *letters)
{
    for (size_t i = 1; i < word.size; i++) {
        if (word.data[i] != '\0' && strchr(letters, word.data[i]) != NULL)
            return true;
    }
    return false;
}

static bool option_is(struct slice word, const char *longs)
{
    return shell_in_list(slice_sub(word, 0, slice_find(word, '=', 0)), longs);
}

static bool gets_input(const struct shell_command *command)
{
    bool input = command->reads_pipe;

    for (size_t i = 0; i < command->redirection_count; i++)
        input |= command->redirections[i].fd == 0;
    return input;
}

static const char *check_interpreter(const struct shell_command *command, const struct code_spec *spec)
{
    bool file = false;

    if (spec->letters == NULL)
        return "this program runs other commands in a way that is not seen through:";
    for (size_t i = 1; i < command->argc && !file; i++) {
        struct slice word = command->argv[i].text;

        if (command->argv[i].dynamic && (command->argv[i].literal == 0 || word.data[0] == '-'))
            return "what this interpreter runs cannot be known:";
        if (word.size > 1 && (word.data[0] == '-' || word.data[0] == '+')) {
            if (option_is(word, spec->longs) || (word.data[1] != '-' && has_any_letter(word, spec->letters)) ||
                word.data[0] == '+')
                return "an interpreter runs inline code:";
            if (word.size == 2 && strchr(spec->valued, word.data[1]) != NULL) {
                file = word.data[1] == 'm';
                i++;
            }
            continue;
        }
        if (shell_in_list(word, spec->words))
            return "an interpreter runs inline code:";
        if (slice_equal_str(word, "-") || slice_starts_with(word, SLICE("/dev/")) || slice_starts_with(word, SLICE("/proc/")))
            return "an interpreter runs code that comes from data:";
        file = true;
    }
    if (spec->reads_code && !file && (gets_input(command) || command->more_arguments))
        return "an interpreter runs code that comes from data:";
    return NULL;
}

/* ---- awk ---- */

/* Outside of strings and comments is not told apart: a word that could start a program anywhere in the code counts. */
static bool awk_runs_commands(struct slice code)
{
    static const char *const marks[] = {"system", "getline", "|", "@load", "@include", "@", "print >", "close("};

    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        struct slice mark = slice_from_str(marks[i]);
        size_t at = slice_find(code, mark.data[0], 0);

        while (at != SIZE_MAX) {
            bool doubled = mark.size == 1 && mark.data[0] == '|' && at + 1 < code.size && code.data[at + 1] == '|';

            if (doubled)
                at++;
            else if (slice_starts_with(slice_sub(code, at, code.size), mark))
                return true;
            at = slice_find(code, mark.data[0], at + 1);
        }
    }
    return false;
}

static const char *check_awk(const struct shell_command *command)
{
    size_t at = 1;

    for (; at < command->argc; at++) {
        struct slice word = command->argv[at].text;

        if (command->argv[at].dynamic && command->argv[at].literal == 0)
            return "what awk runs cannot be known:";
        if (word.size < 2 || word.data[0] != '-')
            break;
        if (slice_equal_str(word, "--")) {
            at++;
            break;
        }
        if (slice_equal_str(word, "-F") || slice_equal_str(word, "-v"))
            at++;
        else if (!slice_starts_with(word, SLICE("-F")) && !slice_starts_with(word, SLICE("-v")))
            return "awk runs code that is not visible:";
    }
    if (at >= command->argc)
        return command->more_arguments ? "what awk runs cannot be known:" : NULL;
    if (command->argv[at].dynamic)
        return "what awk runs cannot be known:";
    return awk_runs_commands(command->argv[at].text) ? "awk can start programs with this code:" : NULL;
}

/* ---- sed ---- */

static size_t skip_delimited(struct slice code, size_t at, char delimiter)
{
    while (at < code.size && code.data[at] != delimiter)
        at += code.data[at] == '\\' ? 2 : 1;
    return at < code.size ? at + 1 : SIZE_MAX;
}

/* An address, "1", "$", "/re/", "\cREc", with steps and '!'; gives the offset of the command or SIZE_MAX. */
static size_t skip_address(struct slice code, size_t at)
{
    while (at < code.size) {
        char c = code.data[at];

        if ((c >= '0' && c <= '9') || strchr("$,+~! \tI", c) != NULL)
            at++;
        else if (c == '/')
            at = skip_delimited(code, at + 1, '/');
        else if (c == '\\' && at + 1 < code.size)
            at = skip_delimited(code, at + 2, code.data[at + 1]);
        else
            return at;
    }
    return at;
}

static size_t skip_substitution(struct slice code, size_t at)
{
    char delimiter = at < code.size ? code.data[at] : '\0';

    if (delimiter == '\0' || delimiter == '\\' || delimiter == '\n')
        return SIZE_MAX;
    at = skip_delimited(code, at + 1, delimiter);
    return at == SIZE_MAX ? SIZE_MAX : skip_delimited(code, at, delimiter);
}

/* One command of sed that surely starts no program and writes no file; SIZE_MAX when that is not sure. */
static size_t skip_sed_command(struct slice code, size_t at)
{
    char c = code.data[at++];

    if (c == 's' || c == 'y') {
        at = skip_substitution(code, at);
        while (c == 's' && at < code.size &&
               ((code.data[at] >= '0' && code.data[at] <= '9') || strchr("gpIiMm", code.data[at]) != NULL))
            at++;
        return at;
    }
    if (strchr("aic", c) != NULL) {
        size_t line_end = slice_find(code, '\n', at);

        return line_end == SIZE_MAX ? code.size : line_end;
    }
    return strchr("pdPDgGhHnNxzlq={}", c) != NULL ? at : SIZE_MAX;
}

static bool sed_is_harmless(struct slice code)
{
    size_t at = 0;

    while (at < code.size) {
        if (strchr("; \t\n}", code.data[at]) != NULL) {
            at++;
            continue;
        }
        at = skip_address(code, at);
        if (at >= code.size || (at = skip_sed_command(code, at)) == SIZE_MAX)
            return false;
        if (at < code.size && code.data[at - 1] != '{' && strchr("; \t\n}", code.data[at]) == NULL)
            return false;
    }
    return true;
}

static const char *check_sed(const struct shell_command *command)
{
    bool has_code = false;

    for (size_t i = 1; i < command->argc; i++) {
        const struct parse_word *word = &command->argv[i];
        bool option = word->text.size > 1 && word->text.data[0] == '-';
        bool code_follows = option && word->text.data[1] != '-' && slice_ends_with(word->text, SLICE("e"));

        if (option && !code_follows) {
            if (word->dynamic || shell_in_list(word->text, "-f --file") || slice_starts_with(word->text, SLICE("-f")) ||
                slice_starts_with(word->text, SLICE("--")) || slice_find(word->text, 'e', 0) != SIZE_MAX) {
                if (!shell_in_list(
                        word->text,
                        "--quiet --silent --regexp-extended --in-place --null-data --separate --sandbox --posix --debug"))
                    return "sed runs code that is not visible:";
            }
            continue;
        }
        if (code_follows && ++i >= command->argc)
            return "sed runs code that is not visible:";
        if (!code_follows && has_code)
            break;
        has_code = true;
        if (command->argv[i].dynamic || !sed_is_harmless(command->argv[i].text))
            return "sed can start programs or write files with this code:";
    }
    return !has_code && command->more_arguments ? "what sed runs cannot be known:" : NULL;
}

/* ---- options of ordinary programs that start another one ---- */

static const struct {
    const char *programs, *options, *prefixes;
} starters[] = {
    {"tar gtar bsdtar",
     "-I --use-compress-program --to-command --checkpoint-action --rsh-command --info-script --new-volume-script -F",
     "--to-command= --checkpoint-action= --use-compress-program= --rsh-command= --info-script= --new-volume-script= -I"},
    {"git", "-c --exec-path --config-env --upload-pack --receive-pack --exec -x --extcmd filter-branch difftool mergetool",
     "--exec-path= --config-env= --upload-pack= "
     "--receive-pack= --exec= --extcmd= -c ext::"},
    {"ssh scp sftp autossh", "-S -D",
     "ProxyCommand= LocalCommand= PermitLocalCommand= KnownHostsCommand= -oProxyCommand -oLocalCommand "
     "-oPermitLocalCommand -oKnownHostsCommand Match proxycommand= localcommand="},
    {"rsync", "-e --rsh --rsync-path", "-e --rsh= --rsync-path="},
    {"man less more", "-P --pager -H", "-P --pager= +"},
    {"rg", "--pre --hostname-bin", "--pre= --hostname-bin="},
    {"tcpdump", "-z", "-z"},
    {"zip", "-TT --unzip-command", "-TT --unzip-command="},
    {"nmap", "--script", "--script="},
    {"curl", "-K --config", "--config= -K"},
    {"wget", "--use-askpass -e --execute", "--use-askpass= -e --execute="},
    {"make gmake", "-f - --eval", "--eval= -f-"},
    {"psql", "", "\\!"},
    {"sort", "--compress-program", "--compress-program="},
    {"split", "--filter", "--filter="},
    {"dpkg apt apt-get", "--pre-invoke -o", "-o --pre-invoke="},
    {"npx bunx pnpx uvx pipx", "-c --call", "--call="},
    {"go cargo", "generate", "-toolexec -exec"},
    {"kubectl", "krew", ""},
};

static bool starts_with_any(struct slice word, const char *prefixes)
{
    while (*prefixes != '\0') {
        size_t size = strcspn(prefixes, " ");

        if (size > 0 && slice_starts_with(word, slice_from(prefixes, size)))
            return true;
        prefixes += prefixes[size] == ' ' ? size + 1 : size;
    }
    return false;
}

static const char *check_starters(const struct shell_command *command)
{
    for (size_t i = 0; i < sizeof starters / sizeof starters[0]; i++) {
        if (!shell_in_list(command->name, starters[i].programs))
            continue;
        for (size_t w = 1; w < command->argc; w++) {
            if (shell_in_list(command->argv[w].text, starters[i].options) ||
                starts_with_any(command->argv[w].text, starters[i].prefixes))
                return "an option makes this program start other programs:";
        }
    }
    return NULL;
}

const char *shell_hidden_code(const struct shell_command *command, uint64_t *work)
{
    struct slice name = without_version(command->name);

    *work += command->argc * 4 + 1;
    if (command->argc == 0 || command->dynamic_program)
        return NULL;
    if (shell_in_list(command->name, "source ."))
        return "a script is read into this shell:";
    if (shell_in_list(name, "awk gawk mawk nawk original-awk"))
        return check_awk(command);
    if (shell_in_list(name, "sed gsed"))
        return check_sed(command);
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        if (shell_in_list(name, specs[i].programs))
            return check_interpreter(command, &specs[i]);
    }
    return check_starters(command);
}
