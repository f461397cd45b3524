-- Paths that hold secrets, belong to the system, or are Edict's own.
local paths = {}

-- Credentials and keys, wherever they lie.
local secret_patterns = {
  "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/.ssh", "id_rsa", "id_ed25519", "id_ecdsa", ".aws/credentials", ".kube/config",
  ".netrc", ".pgpass", ".git-credentials", ".docker/config.json", "/var/run/secrets", "/run/secrets", "/environ", ".pem", ".p12", ".pfx",
  "/etc/ssl/private", "/etc/kubernetes/pki", "admin.conf", "kubeconfig", ".env", "credentials.json", "service-account",
}

-- The decision point itself: its data, its token, its keys, its socket.
local edict_patterns = { "admin.token", "edictd.sock", "edictd.json", "ledger.key", "edict/data", "edict/ledger", "/var/lib/edict", "data/ledger" }

local system_roots = { "/etc", "/boot", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/dev", "/proc", "/sys", "/var", "/root", "/opt" }

local function contains_any(text, patterns)
  for _, pattern in ipairs(patterns) do
    if text:find(pattern, 1, true) then
      return true
    end
  end
  return false
end

function paths.is_secret(text)
  return contains_any(text, secret_patterns)
end

function paths.is_edict(text)
  return contains_any(text, edict_patterns)
end

-- The root itself, somebody's home, or a folder of the system.
function paths.is_system(text)
  if text == "/" or text == "/*" or text == "~" or text == "~/" or text == "/home" or text == "/home/*" or text == "." or text == ".." or text == "*" then
    return true
  end
  for _, root in ipairs(system_roots) do
    if text == root or text:sub(1, #root + 1) == root .. "/" then
      return true
    end
  end
  return false
end

return paths
