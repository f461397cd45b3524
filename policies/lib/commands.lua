-- What a command line does: dangerous, only reading, or neither (then a human looks).
local paths = require "lib.paths"
local special = require "lib.readers"

local commands = {}

-- ---- danger ----

local destroyers = set { "mkfs", "mke2fs", "wipefs", "shred", "fdisk", "sfdisk", "parted", "sgdisk", "blkdiscard", "cryptsetup", "mkswap" }
local stoppers = set { "shutdown", "reboot", "halt", "poweroff", "telinit", "init" }
local account_tools = set { "useradd", "adduser", "usermod", "userdel", "visudo", "passwd", "chpasswd", "gpasswd", "groupmod", "chsh", "setcap", "su", "sudo", "doas", "pkexec" }
local kernel_tools = set { "insmod", "modprobe", "rmmod", "kexec", "sysctl", "setenforce", "auditctl" }
local shells = set { "sh", "bash", "zsh", "dash", "ksh", "fish", "ash" }
local interpreters = set { "python", "python3", "perl", "ruby", "node", "php", "lua" }
local tunnels = set { "nc", "ncat", "netcat", "socat", "ngrok", "chisel", "cloudflared", "telnet" }
local uploaders = set { "scp", "sftp", "rsync", "ftp", "rclone", "s3cmd" }
local removers = set { "rm", "unlink", "rmdir", "shred", "truncate" }

local function has_flag(argv, letters, long)
  for i = 2, #argv do
    local word = argv[i]
    if word == long then
      return true
    end
    if word:sub(1, 1) == "-" and word:sub(1, 2) ~= "--" and word:find("[" .. letters .. "]") then
      return true
    end
  end
  return false
end

local function mentions(command, test)
  for i = 1, #command.argv do
    if test(command.argv[i]) then
      return command.argv[i]
    end
  end
  for _, redirection in ipairs(command.redirections) do
    if redirection.target and test(redirection.target) then
      return redirection.target
    end
  end
  for _, assignment in ipairs(command.assignments) do
    if assignment.value and test(assignment.value) then
      return assignment.value
    end
  end
  return nil
end

local function is_device(text)
  return text:sub(1, 5) == "/dev/" and text ~= "/dev/null" and text ~= "/dev/stdout" and text ~= "/dev/stderr" and text ~= "/dev/stdin"
end

local function is_socket(text)
  return text:find("/dev/tcp/", 1, true) or text:find("/dev/udp/", 1, true)
end

local function removes_widely(command)
  if command.name == "find" then
    for i = 2, #command.argv do
      if command.argv[i] == "-delete" then
        return true
      end
    end
    return false
  end
  if not set.has(removers, command.name) then
    return false
  end
  for i = 2, #command.argv do
    if paths.is_system(command.argv[i]) or command.argv[i]:find("--no-preserve-root", 1, true) then
      return true
    end
  end
  return command.name == "rm" and has_flag(command.argv, "rR", "--recursive") and command.dynamic
end

local function writes_system(command)
  for _, redirection in ipairs(command.redirections) do
    local target = redirection.target
    if redirection.writes and target and target ~= "/dev/null" and (paths.is_system(target) or paths.is_secret(target)) and not target:find("^/dev/std") then
      return target
    end
  end
  if command.name == "tee" or command.name == "dd" or command.name == "install" or command.name == "cp" or command.name == "mv" or command.name == "ln" then
    local last = command.argv[#command.argv] or ""
    if last:sub(1, 3) == "of=" then
      last = last:sub(4)
    end
    if #command.argv > 1 and paths.is_system(last) and last ~= "/dev/null" then
      return last
    end
  end
  return nil
end

local function stops_watching(command)
  local line = table.concat(command.argv, " ")
  if command.name == "history" and has_flag(command.argv, "cd", "--clear") then
    return true
  end
  if (command.name == "systemctl" or command.name == "service") and (line:find("audit", 1, true) or line:find("syslog", 1, true) or line:find("edict", 1, true)) then
    return not (line:find("status", 1, true) or line:find("is%-active"))
  end
  if (command.name == "kill" or command.name == "pkill" or command.name == "killall") and (line:find("edict", 1, true) or line:find("audit", 1, true)) then
    return true
  end
  if command.name == "iptables" or command.name == "nft" or command.name == "ufw" then
    return line:find("%-F") ~= nil or line:find("flush", 1, true) ~= nil or line:find("disable", 1, true) ~= nil
  end
  return command.name == "unset" and line:find("HIST", 1, true) ~= nil
end

local function opens_rights(command)
  if command.name == "chmod" then
    local line = table.concat(command.argv, " ")
    return line:find("777", 1, true) ~= nil or line:find("+s", 1, true) ~= nil or line:find("[ugo]?=?[0-7]?4755") ~= nil or line:find("a+w", 1, true) ~= nil
  end
  return command.name == "chown" and has_flag(command.argv, "R", "--recursive")
end

local function sends_away(command)
  local line = table.concat(command.argv, " ")
  if command.name == "curl" then
    return line:find("%-d ") or line:find("%-%-data") or line:find("%-F ") or line:find("%-T ") or line:find("%-%-upload") or line:find("%-%-form") or line:find("@", 1, true)
  end
  if command.name == "wget" then
    return line:find("%-%-post") or line:find("%-%-body")
  end
  if set.has(tunnels, command.name) or set.has(uploaders, command.name) then
    return true
  end
  return command.name == "aws" and line:find("s3 cp", 1, true) ~= nil
end

local function danger_of(command)
  local name = command.name or ""
  local found = mentions(command, paths.is_edict)
  if found then
    return "it touches Edict's own data (" .. found .. ")"
  end
  if command.elevated or set.has(account_tools, name) then
    return "it raises privileges or changes accounts (" .. name .. ")"
  end
  found = mentions(command, paths.is_secret)
  if found then
    return "it touches credentials (" .. found .. ")"
  end
  if set.has(destroyers, name) or name:sub(1, 5) == "mkfs." then
    return "it destroys a disk (" .. name .. ")"
  end
  if set.has(stoppers, name) then
    return "it stops the machine (" .. name .. ")"
  end
  if set.has(kernel_tools, name) then
    return "it changes the kernel or its protections (" .. name .. ")"
  end
  if removes_widely(command) then
    return "it removes files widely (" .. name .. ")"
  end
  found = writes_system(command)
  if found then
    return "it writes to the system (" .. found .. ")"
  end
  if mentions(command, is_socket) then
    return "it opens a network channel from the shell"
  end
  if name == "dd" and mentions(command, function(text) return text:sub(1, 3) == "of=" and is_device(text:sub(4)) end) then
    return "it overwrites a device"
  end
  if stops_watching(command) then
    return "it disables auditing or protection (" .. name .. ")"
  end
  if opens_rights(command) then
    return "it opens access rights (" .. name .. ")"
  end
  if sends_away(command) then
    return "it sends data away or opens a tunnel (" .. name .. ")"
  end
  if (set.has(shells, name) or set.has(interpreters, name)) and command.reads_pipe then
    return "it runs what another command prints (" .. name .. ")"
  end
  if (name == "crontab" and not special.reads(command)) or name == "at" or name == "batch" then
    return "it installs something that runs later (" .. name .. ")"
  end
  return nil
end

-- Why a command line is dangerous, or nil. `script` is what shell.parse gave.
function commands.danger(script)
  for _, command in ipairs(script.commands) do
    local why = danger_of(command)
    if why then
      return why
    end
  end
  return nil
end

-- ---- reading ----

-- Programs that only read, however they are called; lib/readers.lua has those that do so in certain ways.
local readers = set {
  "ls", "cat", "head", "tail", "wc", "grep", "egrep", "fgrep", "rg", "stat", "du", "df", "free", "uptime", "uname", "whoami", "id",
  "pwd", "echo", "printf", "cut", "tr", "diff", "cmp", "md5sum", "sha1sum", "sha256sum", "sha512sum", "b2sum", "cksum", "base64", "basename", "dirname", "realpath", "readlink", "which",
  "type", "lsblk", "lscpu", "lsof", "vmstat", "iostat", "netstat", "true", "test", "[", "cd", "nproc", "groups", "nl", "column",
  "comm", "paste", "seq", "tac", "rev", "fold", "strings", "hexdump", "od", "dig", "nslookup", "host", "locale", "arch", "w", "who", "last",
  "find", "kubectl", "helm", "python", "python3", "java", "man", "help", "ping", "pgrep", "pstree", "readelf", "nm", "objdump", "size", "getconf", "whereis", "factor", "expr", "sleep",
  "zipinfo", "tokei", "exa", "eza", "traceroute", "whois", "lsb_release", "pidof", "free", "mpstat",
}
-- Whose arguments may hold patterns and variables: they only look at names.
local name_readers = set { "ls", "du", "stat", "file", "wc", "df", "pwd", "basename", "dirname", "md5sum", "sha1sum", "sha256sum" }

local forbidden_flags = {
  find = { "-delete", "-exec", "-execdir", "-ok", "-okdir", "-fprint", "-fprintf", "-fls", "-fprint0" },
  rg = { "--pre", "--hostname-bin" },
}

local function has_forbidden_flag(command)
  for _, flag in ipairs(forbidden_flags[command.name] or {}) do
    for i = 2, #command.argv do
      local word = command.argv[i]
      if word == flag or (flag:sub(1, 2) == "--" and word:sub(1, #flag) == flag) or (#flag == 2 and flag:sub(1, 1) == "-" and word:sub(1, 2) == flag) then
        return true
      end
    end
  end
  return false
end

local function only_asks_version(command)
  return #command.argv == 2 and (command.argv[2] == "--version" or command.argv[2] == "-V" or command.argv[2] == "-version" or command.argv[2] == "version")
end

local function reads_kubernetes(command)
  local parsed = kubectl.parse(command.argv)
  return parsed.ok and not parsed.dynamic and parsed.effect == "reads" and not parsed.impersonates and not parsed.credentials and not parsed.insecure and
           not table.concat(command.argv, " "):find("secret", 1, true) and not parsed.raw and not table.concat(command.argv, " "):find("-file", 1, true)
end

local function reads_helm(command)
  local parsed = helm.parse(command.argv)
  return parsed.ok and not parsed.dynamic and parsed.effect == "reads" and not parsed.impersonates and not parsed.credentials and not parsed.insecure and not parsed.post_renderer
end

local only_versions = set { "python", "python3", "java" }

local function writes_nothing(command)
  for _, redirection in ipairs(command.redirections) do
    if redirection.writes and redirection.target ~= "/dev/null" and redirection.target ~= "1" and redirection.target ~= "2" then
      return false
    end
  end
  return true
end

-- A program by a path of its own may be anything that calls itself "ls".
local function is_installed(command)
  local program = command.argv[1] or ""
  return not program:find("/", 1, true) or program:find("^/usr/bin/[^/]+$") ~= nil or program:find("^/bin/[^/]+$") ~= nil or program:find("^/usr/sbin/[^/]+$") ~= nil or
           program:find("^/sbin/[^/]+$") ~= nil or program:find("^/usr/local/bin/[^/]+$") ~= nil
end

local function only_reads(command)
  if command.opaque or command.dynamic_program or command.is_function or command.via == "remote" or command.background or #command.assignments > 0 then
    return false
  end
  if not command.name or not is_installed(command) or not writes_nothing(command) or has_forbidden_flag(command) then
    return false
  end
  if command.dynamic and not set.has(name_readers, command.name) then
    return false
  end
  if only_asks_version(command) and (set.has(readers, command.name) or (special.reads(command) ~= nil and command.argv[2] ~= "version")) then
    return true
  end
  local special_way = special.reads(command)
  if special_way ~= nil then
    return special_way
  end
  if command.name == "kubectl" then
    return reads_kubernetes(command)
  end
  if command.name == "helm" then
    return reads_helm(command)
  end
  return set.has(readers, command.name) and not set.has(only_versions, command.name)
end

-- True when the whole line is understood and every command in it only reads.
function commands.only_reads(script)
  if not script.ok or script.opaque or #script.commands == 0 then
    return false
  end
  for _, command in ipairs(script.commands) do
    if not only_reads(command) then
      return false
    end
  end
  return true
end

return commands
