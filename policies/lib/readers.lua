-- Programs that only read when they are called in certain ways: for each, which ways those are. Everything else about them is for a human.
local readers = {}

local function positional(command, from)
  local out = {}
  for i = from or 2, #command.argv do
    if command.argv[i]:sub(1, 1) ~= "-" then
      out[#out + 1] = command.argv[i]
    end
  end
  return out
end

-- True when every flag is one of `allowed`, or begins with one of those that end in "=".
local function only_flags(command, allowed, from)
  for i = from or 2, #command.argv do
    local word = command.argv[i]
    if word:sub(1, 1) == "-" and not set.has(allowed, word) then
      local equals = word:find("=", 1, true)
      if not equals or not set.has(allowed, word:sub(1, equals)) then
        return false
      end
    end
  end
  return true
end

-- A cluster such as -uo holds the letter; "--long" is none.
local function has_letter(command, letters)
  for i = 2, #command.argv do
    local word = command.argv[i]
    if word:sub(1, 1) == "-" and word:sub(1, 2) ~= "--" and word:find("[" .. letters .. "]") then
      return true
    end
  end
  return false
end

local function mentions(command, text)
  for i = 2, #command.argv do
    if command.argv[i]:find(text, 1, true) then
      return true
    end
  end
  return false
end

-- argv[2] is one of the words, or a table's key whose value says the same of argv[3].
local function calls(command, words)
  local sub = command.argv[2] and words[command.argv[2]]
  return sub == true or (type(sub) == "table" and command.argv[3] ~= nil and sub[command.argv[3]] == true)
end

local ways = {}

-- ---- text ----

function ways.sort(command)
  return not has_letter(command, "oT") and not mentions(command, "--output") and not mentions(command, "--compress-program") and not mentions(command, "--temporary")
end

function ways.uniq(command) -- a second file is written
  return #positional(command) <= 1 and #command.argv <= 4
end

function ways.awk(command)
  local program
  for i = 2, #command.argv do
    local word = command.argv[i]
    if word:sub(1, 1) == "-" then
      if not word:find("^%-F.?[^%w]?$") then
        return false
      end
    elseif not program and not (command.argv[i - 1] == "-F") then
      program = word
    end
  end
  return program ~= nil and not program:find("[|>@`]") and not program:find("system", 1, true) and not program:find("getline", 1, true) and not program:find("ENVIRON", 1, true) and
           not program:find("PROCINFO", 1, true) and not program:find("SYMTAB", 1, true) and not program:find("FUNCTAB", 1, true) and not program:find("/inet", 1, true)
end
ways.gawk = ways.awk
ways.mawk = ways.awk

local sed_scripts = { "^[%d,$]+p$", "^[%d,$]+d$", "^[%d,$]+q$", "^/[^/]*/p$", "^/[^/]*/d$", "^s/[^/\n]*/[^/\n]*/[gIp%d]*$", "^s|[^|\n]*|[^|\n]*|[gIp%d]*$" }

function ways.sed(command)
  local words = positional(command)
  if not only_flags(command, set { "-n", "-E", "-r", "-s", "-nE", "-nr", "-En" }) or not words[1] then
    return false
  end
  for _, pattern in ipairs(sed_scripts) do
    if words[1]:find(pattern) then
      return true
    end
  end
  return false
end

function ways.jq(command)
  return not mentions(command, "env") and not mentions(command, "ENV") and not mentions(command, "input_filename")
end

function ways.xxd(command)
  return #positional(command) <= 1 and not has_letter(command, "r")
end

function ways.less(command)
  return only_flags(command, set { "-N", "-S", "-R", "-F", "-X", "-n", "-i", "-FX", "-RS" }) and not mentions(command, "+")
end
ways.more = ways.less

function ways.bat(command)
  return only_flags(command, set { "-n", "-p", "-pp", "-A", "--plain", "--number", "--show-all", "--style=", "--language=", "--color=", "--line-range=", "--paging=" }) and
           command.argv[2] ~= "cache"
end
ways.batcat = ways.bat

function ways.fd(command)
  return not has_letter(command, "xX") and not mentions(command, "--exec")
end
ways.fdfind = ways.fd

function ways.file(command)
  return not has_letter(command, "Cm") and not mentions(command, "--compile") and not mentions(command, "--magic")
end

function ways.tree(command)
  return not has_letter(command, "oRH")
end

function ways.tar(command)
  local mode = command.argv[2] or ""
  if not mode:find("^%-?[tvzjJf]+$") or not mode:find("t", 1, true) then
    return mode == "--list" and only_flags(command, set { "--list", "--verbose", "--file=" }) and not mentions(command, ":")
  end
  return only_flags(command, set {}, 3) and not mentions(command, ":")
end

function ways.unzip(command)
  return (command.argv[2] == "-l" or command.argv[2] == "-Z1" or command.argv[2] == "-v") and only_flags(command, set {}, 3)
end

ways.zcat = function(command) return only_flags(command, set { "-f" }) end
ways.bzcat = ways.zcat
ways.xzcat = ways.zcat
ways.zgrep = function(command) return only_flags(command, set { "-i", "-c", "-n", "-v", "-E", "-l", "-h", "-e" }) end
ways.cal = function(command) return only_flags(command, set { "-3", "-y", "-m", "-1" }) end

-- ---- the machine ----

function ways.date(command) -- a word that is no format sets the clock
  for i = 2, #command.argv do
    local word = command.argv[i]
    if word:sub(1, 1) ~= "+" and word ~= "-u" and word ~= "-I" and word ~= "-R" and not word:find("^%-I%a+$") and not word:find("^%-%-iso%-8601") and word ~= "--utc" then
      return false
    end
  end
  return true
end

function ways.ps(command) -- e without a dash shows the environment of processes
  for _, word in ipairs(positional(command)) do
    if word:find("e", 1, true) or word:find("E", 1, true) then
      return false
    end
  end
  return true
end

function ways.top(command)
  return has_letter(command, "b") and has_letter(command, "n") and only_flags(command, set { "-b", "-n", "-bn", "-bn1", "-n1", "-c", "-H", "-o", "-p", "-u", "-w" })
end

function ways.printenv(command)
  return #command.argv == 2 and set.has(set { "PATH", "HOME", "USER", "SHELL", "LANG", "PWD", "TERM", "HOSTNAME", "LOGNAME", "TZ" }, command.argv[2])
end

function ways.ss(command)
  return not has_letter(command, "KD") and not mentions(command, "--kill") and not mentions(command, "--diag")
end

-- iproute2 takes abbreviations: what follows the object has to be spelled out.
function ways.ip(command)
  local words = positional(command)
  if has_letter(command, "bn") or mentions(command, "--") or words[1] == "netns" then
    return false
  end
  return words[1] ~= nil and (words[2] == nil or set.has(set { "show", "list", "ls", "get" }, words[2]))
end

ways.mount = function(command) return #command.argv == 1 or (#command.argv == 2 and command.argv[2] == "-l") end
ways.hostname = function(command) return #command.argv == 1 or (#command.argv == 2 and set.has(set { "-f", "-i", "-I", "-s", "-d" }, command.argv[2])) end
ways.crontab = function(command) return #command.argv == 2 and command.argv[2] == "-l" end
ways.getent = function(command) return not mentions(command, "shadow") end
ways.systemctl = function(command)
  return not has_letter(command, "HM") and not mentions(command, "--host") and not mentions(command, "--machine") and
           calls(command, { status = true, ["is-active"] = true, ["is-enabled"] = true, ["is-failed"] = true, ["list-units"] = true, ["list-timers"] = true, ["list-unit-files"] = true, show = true, cat = true })
end

function ways.journalctl(command)
  for _, flag in ipairs { "--vacuum", "--rotate", "--flush", "--sync", "--cursor-file", "--setup-keys", "--update-catalog", "--relinquish", "--smart" } do
    if mentions(command, flag) then
      return false
    end
  end
  return true
end

function ways.dpkg(command)
  return command.argv[2] ~= nil and set.has(set { "-l", "-L", "-S", "-s", "-p", "--list", "--status", "--search", "--listfiles", "--print-avail" }, command.argv[2]) and
           only_flags(command, set {}, 3)
end

function ways.rpm(command)
  return command.argv[2] ~= nil and (command.argv[2]:find("^%-q%a*$") ~= nil or command.argv[2] == "--query") and only_flags(command, set { "-l", "-i", "-f", "-p" }, 3)
end

ways["apt-cache"] = function(command) return only_flags(command, set {}) and calls(command, { show = true, search = true, policy = true, depends = true, rdepends = true }) end
ways.apt = function(command) return command.argv[2] == "list" and only_flags(command, set { "--installed", "--upgradable" }, 3) end

ways.arp = function(command) return only_flags(command, set { "-a", "-n", "-an" }) and #positional(command) == 0 end
ways.route = function(command) return #command.argv == 1 or (#command.argv == 2 and command.argv[2] == "-n") end
ways.ifconfig = function(command) return #command.argv == 1 or (#command.argv == 2 and (command.argv[2] == "-a" or command.argv[2]:find("^%w+$") ~= nil)) end
ways.dmesg = function(command) return only_flags(command, set { "-T", "-H", "-k", "-x", "--level=", "--human", "--ctime" }) end
ways.service = function(command) return #command.argv == 3 and command.argv[3] == "status" end
ways.ulimit = function(command) return #command.argv == 2 and command.argv[2] == "-a" end
ways.gunzip = function(command) return (command.argv[2] == "-c" or command.argv[2] == "-l" or command.argv[2] == "-t") and only_flags(command, set {}, 3) end
ways.sar = function(command) return not has_letter(command, "o") end

-- ---- developers' tools ----

local git_calls = {
  status = true, log = true, diff = true, show = true, ["rev-parse"] = true, blame = true, ["ls-files"] = true, ["ls-tree"] = true, describe = true, shortlog = true,
  ["cat-file"] = true, grep = true, stash = { list = true, show = true }, worktree = { list = true },
}

function ways.git(command)
  local sub = command.argv[2]
  for _, flag in ipairs { "--output", "--ext-diff", "--textconv", "--exec-path", "--open-files-in-pager", "--filters", "--upload-pack", "--git-dir", "--work-tree" } do
    if mentions(command, flag) then
      return false
    end
  end
  if sub == "branch" then
    return #positional(command, 3) == 0 and only_flags(command, set { "-a", "-r", "-v", "-vv", "-av", "-avv", "--all", "--list", "--show-current", "--merged", "--no-merged" })
  elseif sub == "remote" then
    return #command.argv == 2 or (#command.argv == 3 and command.argv[3] == "-v") or (#command.argv == 4 and command.argv[3] == "get-url")
  elseif sub == "tag" then
    return #command.argv == 2 or command.argv[3] == "-l" or command.argv[3] == "--list"
  elseif sub == "config" then -- not the whole list: it may hold credentials
    return #command.argv == 4 and command.argv[3] == "--get" and command.argv[4]:find("^user%.%a+$") ~= nil
  elseif sub == "reflog" then
    return #command.argv == 2 or command.argv[3] == "show"
  end
  for i = 2, #command.argv do -- -O opens a pager, -c and -C before the subcommand change what it means
    if command.argv[i]:find("^%-O") then
      return false
    end
  end
  return calls(command, git_calls)
end

local listing = { ls = true, list = true, inspect = true }
function ways.docker(command)
  return (#command.argv == 2 and command.argv[2] == "-v") or
           calls(command, { ps = true, images = true, logs = true, version = true, info = true, stats = true, top = true, port = true, history = true, inspect = true, container = listing, network = listing, volume = listing, image = listing, system = { df = true, info = true } }) or
           (command.argv[2] == "compose" and command.argv[3] ~= nil and set.has(set { "ps", "logs", "images", "ls", "top", "version" }, command.argv[3]))
end

function ways.npm(command)
  if mentions(command, "fix") or mentions(command, "--registry") or mentions(command, "--userconfig") or mentions(command, "--globalconfig") then
    return false
  end
  return calls(command, { ls = true, list = true, view = true, outdated = true, audit = true, why = true, ["-v"] = true })
end

function ways.pip(command)
  if mentions(command, "--log") or mentions(command, "index-url") or mentions(command, "--find-links") or mentions(command, "--report") or mentions(command, "--proxy") or has_letter(command, "if") then
    return false
  end
  return calls(command, { list = true, show = true, freeze = true, check = true })
end
ways.pip3 = ways.pip

function ways.go(command)
  for _, flag in ipairs { "-toolexec", "-vettool", "-exec", "-export", "-compiled", "-overlay", "-modfile", "-mod", "-w", "-u" } do
    if mentions(command, flag) then
      return false
    end
  end
  return calls(command, { version = true, env = true, list = true })
end

function ways.cargo(command)
  return not mentions(command, "--config") and not has_letter(command, "ZC") and calls(command, { tree = true, metadata = true, ["-V"] = true })
end

function ways.terraform(command)
  return calls(command, { version = true, providers = true, output = true, validate = true, show = true, graph = true, state = { list = true, show = true }, workspace = { list = true, show = true } })
end

function ways.gh(command)
  return not has_letter(command, "w") and not mentions(command, "--web") and
           calls(command, {
             pr = { list = true, view = true, status = true, checks = true, diff = true },
             issue = { list = true, view = true, status = true },
             run = { list = true, view = true },
             repo = { list = true, view = true },
             release = { list = true, view = true },
             workflow = { list = true, view = true },
           })
end

ways.node = function(command) return #command.argv == 2 and (command.argv[2] == "-v" or command.argv[2] == "--version") end

-- These run what a project's own files say for most of their work; here only what they list.
ways.yarn = function(command) return #command.argv == 2 and set.has(set { "list", "-v" }, command.argv[2]) end
ways.pnpm = function(command) return calls(command, { ls = true, list = true, outdated = true, ["-v"] = true }) and not mentions(command, "--registry") end

-- Compilers and builders: what they say of themselves.
local function says_version(command)
  return #command.argv == 2 and (command.argv[2] == "--version" or command.argv[2] == "--help")
end
for _, name in ipairs { "make", "gcc", "g++", "cc", "clang", "cmake", "ninja", "rustc", "ruby", "perl", "php", "bash", "mvn", "gradle", "javac", "dotnet", "swift", "zig" } do
  ways[name] = says_version
end
function ways.openssl(command)
  return command.argv[2] == "version" or (command.argv[2] == "x509" and mentions(command, "-noout") and only_flags(command, set { "-in", "-noout", "-text", "-dates", "-subject", "-issuer", "-enddate", "-fingerprint", "-serial" }, 3))
end

-- ---- clouds: lists and descriptions, of no secrets ----

local secret_services = set { "secretsmanager", "ssm", "sts", "kms", "secrets", "auth", "config", "configure", "iam", "lambda" }

function ways.aws(command)
  local words = positional(command)
  if not words[1] or set.has(secret_services, words[1]) or mentions(command, "file://") or mentions(command, "fileb://") then
    return false
  end
  if not only_flags(command, set { "--region", "--profile", "--output", "--query", "--max-items", "--human-readable", "--summarize", "--recursive", "--filters", "--no-cli-pager", "--region=", "--output=", "--query=" }) then
    return false
  end
  return words[2] ~= nil and ((words[1] == "s3" and words[2] == "ls") or words[2]:find("^describe%-") ~= nil or words[2]:find("^list%-") ~= nil)
end

function ways.gcloud(command)
  local words = positional(command)
  if not words[1] or set.has(secret_services, words[1]) or not only_flags(command, set { "--project", "--zone", "--region", "--format", "--filter", "--limit", "--sort-by", "--uri", "--project=", "--zone=", "--region=", "--format=", "--filter=", "--limit=", "--sort-by=" }) then
    return false
  end
  if set.has(set { "keys", "secrets" }, words[2] or "") then
    return false
  end
  -- The verb has its place: a resource may be called "list".
  return (#words <= 3 and #words >= 2 and words[#words] == "list") or (#words == 4 and words[3] == "describe") or (#words == 3 and words[2] == "describe")
end

-- ---- databases ----

local plain_functions = set { "count", "sum", "min", "max", "avg", "lower", "upper", "coalesce", "now", "length", "round", "date_trunc", "date", "abs", "trim", "substr", "replace" }

local function only_selects(text, dialect)
  local script = sql.parse(text, dialect)
  if not script.ok or not script.reads_only or text:find("\\", 1, true) or text:find("^%s*%.") then
    return false
  end
  for _, statement in ipairs(script.statements) do
    for _, name in ipairs(statement.functions) do
      if not set.has(plain_functions, name:lower()) then
        return false
      end
    end
  end
  return true
end

function ways.psql(command)
  local text, i = nil, 2
  local valued, plain = set { "-h", "-p", "-U", "-d", "--host", "--port", "--username", "--dbname" }, set { "-t", "-A", "-x", "-q", "-w", "-tA", "-At", "--csv", "--no-align", "--tuples-only" }
  while i <= #command.argv do
    local word = command.argv[i]
    if word == "-c" or word == "--command" then
      if text then
        return false
      end
      text, i = command.argv[i + 1], i + 1
    elseif set.has(valued, word) then
      i = i + 1
    elseif word:sub(1, 1) == "-" and not set.has(plain, word) then
      return false
    elseif word:find("=", 1, true) or word:find("://", 1, true) then
      return false
    end
    i = i + 1
  end
  return text ~= nil and only_selects(text, "postgres")
end

function ways.sqlite3(command)
  local words = positional(command)
  return #words == 2 and only_flags(command, set { "-header", "-json", "-csv", "-column", "-line", "-readonly", "-box", "-table" }) and words[1]:sub(1, 5) ~= "file:" and only_selects(words[2], "sqlite")
end

ways["redis-cli"] = function(command)
  local words = {}
  local i = 2
  while i <= #command.argv do
    local word = command.argv[i]
    if word == "-h" or word == "-p" or word == "-n" then
      i = i + 1
    elseif word:sub(1, 1) == "-" then
      return false
    else
      words[#words + 1] = word:lower()
    end
    i = i + 1
  end
  return #words >= 1 and #words <= 2 and set.has(set { "info", "ping", "dbsize", "lastsave" }, words[1])
end

-- Does this program, called so, only read? nil: this file says nothing about the program.
function readers.reads(command)
  local way = ways[command.name]
  if not way then
    return nil
  end
  return way(command)
end

return readers
