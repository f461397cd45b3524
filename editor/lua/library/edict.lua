---@meta edict
-- What a policy can use, for lua-language-server: completion, hover texts and checks. Edict itself does not read this file.
-- False and empty texts are left out of parsed results: `if command.dynamic then` and `command.namespace == nil` read naturally.

---A request as rules see it: the agent's claim.
---@class edict.Request
---@field agent_identity string
---@field operation string
---@field command string?
---@field justification string?
---@field context table
---@field conversation_id string?
---@field in_reply_to string?
---@field estimated_cost_usd string?

---@class edict.Agent
---@field id string
---@field known boolean a manifest exists
---@field namespace string?
---@field owner string?
---@field privileges string[]?

---@class edict.Budget
---@field period string the month, "2026-07"
---@field limit_micro_usd integer
---@field spent_micro_usd integer
---@field reserved_micro_usd integer
---@field remaining_micro_usd integer
---@field utilization_percent number

---@class edict.Cost
---@field estimated_micro_usd integer
---@field stated boolean

---@class edict.Counts
---@field approved integer tiers 0 and 1
---@field escalated integer
---@field denied integer

---@class edict.Windows
---@field h1 edict.Counts
---@field h24 edict.Counts
---@field d7 edict.Counts

---@class edict.History
---@field similar edict.Windows same agent, operation and resource type
---@field all edict.Windows the agent's

---@class edict.Grant
---@field id string
---@field escalation_id string
---@field covers string[]
---@field uses_left integer
---@field expires_at string

---Gathered by Edict before the policy runs; attested by manifest, meter or ledger.
---@class edict.Facts
---@field v integer
---@field now string
---@field now_ms integer
---@field agent edict.Agent
---@field quota table?
---@field usage table?
---@field usage_at string?
---@field budget edict.Budget
---@field cost edict.Cost
---@field history edict.History
---@field grants edict.Grant[]
---@field escalation { id: string, state: string }?

---@alias edict.Value string|number|boolean

---All that are given must hold.
---@class edict.Operators
---@field prefix string?
---@field suffix string?
---@field glob string?
---@field min number?
---@field max number?
---@field exists boolean?
---@field is_not (edict.Value|edict.Value[]|edict.Operators)?

---Field names ("operation", "context.namespace", "facts.budget.remaining_micro_usd") to a value, a list of values, or operators.
---@alias edict.Match table<string, edict.Value|edict.Value[]|edict.Operators>

---@alias edict.Texts string|string[]|fun(request: edict.Request, facts: edict.Facts): string|string[]
---@alias edict.Text string|fun(request: edict.Request, facts: edict.Facts): string

---@class edict.Rule
---@field tier? 0|1|2|3 approve, approve with audit, escalate, deny
---@field match? edict.Match
---@field except? edict.Match|edict.Match[] narrows tier 0 to 2
---@field requires? string[] fields without which the rule cannot decide
---@field when? fun(request: edict.Request, facts: edict.Facts): boolean
---@field because? edict.Texts with {context.namespace} filled in
---@field next_steps? edict.Text
---@field alternatives? edict.Texts
---@field cost? number|string|fun(request: edict.Request, facts: edict.Facts): number|string US dollars
---@field approvers? string|string[]
---@field sla? string|integer "90s", "30m", "4h", "2d" or seconds
---@field owner? string
---@field expires? string "2026-12-31" or a time
---@field description? string
---@field references? string|string[]

---@class edict.Group : edict.Rule
---@field rules fun()

---`rule "name" { … }`
---@param name string
---@return fun(fields: edict.Rule)
function rule(name) end

---`group "name" { match = { … }, rules = function() … end }`: inside, names begin with the group's, its fields are defaults, and its
---match holds besides each rule's own.
---@param name string
---@return fun(fields: edict.Group)
function group(name) end

---Fields that the rules after it have when they don't give them; `defaults {}` ends that.
---@param fields edict.Rule
function defaults(fields) end

---Fields of requests that records only commit to, so that their values can be erased: `redact { "justification", "context.patient" }`.
---`context` and all below it, `justification`, `command`, `conversation_id`, `in_reply_to`, `operation` (in plain language).
---@param fields string[]
function redact(fields) end

---@class edict.Expect
---@field decision? "approve"|"escalate"|"deny"
---@field tier? 0|1|2|3
---@field rules? string[]
---@field missing? string[]
---@field undecided? boolean
---@field errors? string[]

---@class edict.Test
---@field request? table
---@field facts? table
---@field expect? edict.Expect
---@field cases? edict.Test[]
---@field name? string

---`test "name" { request = …, facts = …, expect = { … } }`, in tests/ only
---@param name string
---@return fun(fields: edict.Test)
function test(name) end

---Is the namespace the agent's own?
---@param agent edict.Agent
---@param namespace string?
---@return boolean
function owns(agent, namespace) end

---Does one of the agent's privileges, as a glob, cover this one?
---@param agent edict.Agent
---@param privilege string
---@return boolean
function has_privilege(agent, privilege) end

---`*` any run of characters but `/`, `**` any run, `?` one character, `[a-z]` a class.
---@param pattern string
---@param text string
---@return boolean
function glob(pattern, text) end

---Regular expressions (PCRE2), with limits.
re = {}
---The groups of the first match, or the whole match when there are none; nil without one.
---@param pattern string
---@param text string
---@return string|false|nil ...
function re.match(pattern, text) end
---Where the first match begins and ends, then its groups; nil without one.
---@param pattern string
---@param text string
---@param from? integer
---@return integer? first
---@return integer? last
---@return string|false ...
function re.find(pattern, text, from) end

cidr = {}
---@param network string "10.0.0.0/8"
---@param inner string an address or network
---@return boolean
function cidr.contains(network, inner) end
---"public", "private", "loopback", …
---@param address string
---@return string
function cidr.kind(address) end
---@param text any
---@return boolean
function cidr.valid(text) end

semver = {}
---@param a string
---@param b string
---@return -1|0|1
function semver.compare(a, b) end
---@param version string
---@param range string ">=1.2 <2"
---@return boolean
function semver.satisfies(version, range) end
---@param text any
---@return boolean
function semver.valid(text) end

path = {}
---Without `.`, `..` and doubled slashes; nil and the reason when the text is no path.
---@param text string
---@return string? path
---@return string? problem
function path.normalize(text) end
---@param base string
---@param text string
---@return boolean
function path.inside(base, text) end
---@param text string
---@return string
function path.base_name(text) end
---@param text string
---@return string
function path.directory(text) end

---@class edict.TimeParts
---@field year integer
---@field month integer
---@field day integer
---@field hour integer
---@field minute integer
---@field second integer
---@field weekday integer

---Of a time that the policy was given, such as facts.now_ms: policies have no clock. UTC.
time = {}
---@param time integer|string milliseconds or RFC 3339
---@return edict.TimeParts
function time.parts(time) end
---@param time integer|string
---@return integer
function time.ms(time) end
---@param time integer|string
---@return string
function time.text(time) end

money = {}
---Micro-USD, exact.
---@param usd string|number
---@return integer
function money.micro(usd) end
---@param micro integer
---@return string
function money.text(micro) end

---A set is a table whose keys are its members: `names[x]` asks.
---@class edict.SetLibrary
---@overload fun(members: edict.Value[]): table<edict.Value, true>
set = {}
---@param ... edict.Value
---@return table<edict.Value, true>
function set.of(...) end
---@param members table<edict.Value, true>
---@param member edict.Value
---@return boolean
function set.has(members, member) end
---@param a table<edict.Value, true>
---@param b table<edict.Value, true>
---@return table<edict.Value, true>
function set.union(a, b) end
---@param a table<edict.Value, true>
---@param b table<edict.Value, true>
---@return table<edict.Value, true>
function set.intersection(a, b) end
---@param a table<edict.Value, true>
---@param b table<edict.Value, true>
---@return table<edict.Value, true>
function set.difference(a, b) end
---@param members table<edict.Value, true>
---@return integer
function set.size(members) end

---@class edict.DynamicWord
---@field literal string? what is known of its beginning
---@field glob true? a pattern that the shell would expand
---@field multiple true? may become several words, or none

---NAME=value before a command.
---@class edict.ShellAssignment
---@field name string?
---@field value string
---@field value_dynamic true? its value is not known before it runs
---@field append true?

---A redirection, of the command or of a group around it.
---@class edict.ShellRedirection
---@field op string?
---@field fd integer
---@field target string
---@field target_dynamic true? its value is not known before it runs
---@field writes true?

---A program that only starts another one: sudo, env, xargs, ….
---@class edict.ShellWrapper
---@field name string?
---@field argv string[]
---@field argv_dynamic table<integer, edict.DynamicWord>? words that are not known before it runs, by position

---One program that would run; `name` is without its folder.
---@class edict.ShellCommand
---@field name string?
---@field argv string[]
---@field argv_dynamic table<integer, edict.DynamicWord>? words that are not known before it runs, by position
---@field assignments edict.ShellAssignment[]
---@field redirections edict.ShellRedirection[]
---@field wrappers edict.ShellWrapper[]
---@field via "line"|"wrapper"|"remote"
---@field outer integer
---@field dynamic true?
---@field dynamic_program true?
---@field more_arguments true?
---@field opaque true?
---@field opaque_why string?
---@field reads_pipe true?
---@field writes_pipe true?
---@field background true?
---@field in_substitution true?
---@field in_function true?
---@field in_loop true?
---@field conditional true?
---@field is_function true?
---@field is_builtin true?
---@field elevated true?

---What a command line would run. Without `ok`, `problem` says what is not understood: escalate then.
---@class edict.ShellScript
---@field ok true?
---@field problem string?
---@field dynamic true?
---@field opaque true?
---@field has_syntax_error true?
---@field commands edict.ShellCommand[]
---@field functions string[]

---A table that a statement names.
---@class edict.SqlTable
---@field name string?
---@field schema string?
---@field written true?

---One statement.
---@class edict.SqlStatement
---@field ok true?
---@field problem string?
---@field text string?
---@field verb string?
---@field verbs string[]
---@field object string?
---@field tables edict.SqlTable[]
---@field functions string[]
---@field dangers string[]
---@field reads_only true?
---@field writes_data true?
---@field changes_schema true?
---@field changes_rights true?
---@field changes_session true?
---@field locks true?
---@field has_where true?
---@field where_constant true?
---@field has_limit true?
---@field explain true?
---@field analyze true?
---@field into true?
---@field returning true?
---@field cascade true?
---@field if_exists true?

---Without `ok`, `problem` says what is not understood.
---@class edict.SqlScript
---@field ok true?
---@field problem string?
---@field multiple true?
---@field has_comments true?
---@field reads_only true?
---@field statements edict.SqlStatement[]

---A URL in its parts; `host` is lower-case.
---@class edict.Url
---@field ok true?
---@field problem string?
---@field scheme string?
---@field host string?
---@field host_is_address true?
---@field host_obscured true?
---@field host_non_ascii true?
---@field port integer
---@field has_port true?
---@field userinfo true?
---@field path string?
---@field query string?
---@field has_query true?
---@field fragment string?
---@field has_fragment true?
---@field address_kind string? of an address: "public", "private", "loopback", …

---A resource that a command names; `type` is canonical ("pod").
---@class edict.KubectlTarget
---@field type string?
---@field group string?
---@field name string?
---@field known true?
---@field dynamic true?
---@field cluster_scoped true?

---A flag as given.
---@class edict.KubectlFlag
---@field name string?
---@field value string
---@field value_dynamic true? its value is not known before it runs
---@field known true?

---What a kubectl command would touch. Without `ok`, `problem` says why it is not known.
---@class edict.KubectlCommand
---@field ok true?
---@field problem string?
---@field dynamic true?
---@field verb string?
---@field subverb string?
---@field effect "reads"|"writes"|"deletes"|"executes"|"local"|"unknown"
---@field targets edict.KubectlTarget[]
---@field rest string[]
---@field rest_dynamic table<integer, edict.DynamicWord>? words that are not known before it runs, by position
---@field namespace string?
---@field namespace_dynamic true?
---@field all_namespaces true?
---@field all true?
---@field selector string?
---@field field_selector string?
---@field has_selector true?
---@field has_replicas true?
---@field replicas integer
---@field files string[]
---@field files_dynamic table<integer, edict.DynamicWord>? words that are not known before it runs, by position
---@field kustomize true?
---@field recursive true?
---@field force true?
---@field now true?
---@field prune true?
---@field has_grace_period true?
---@field grace_period integer
---@field dry_run "none"|"client"|"server"
---@field cascade string?
---@field output string?
---@field patch string?
---@field raw string?
---@field subresource string?
---@field images string[]
---@field images_dynamic table<integer, edict.DynamicWord>? words that are not known before it runs, by position
---@field container string?
---@field stdin_open true?
---@field tty true?
---@field inner string[]
---@field inner_dynamic table<integer, edict.DynamicWord>? words that are not known before it runs, by position
---@field privileged true?
---@field context string?
---@field cluster string?
---@field user string?
---@field server string?
---@field kubeconfig string?
---@field as string?
---@field as_groups string[]
---@field impersonates true?
---@field credentials true?
---@field insecure true?
---@field flags edict.KubectlFlag[]
---@field unknown_flags string[]

---What a helm command would touch.
---@class edict.HelmCommand
---@field ok true?
---@field problem string?
---@field dynamic true?
---@field verb string?
---@field subverb string?
---@field effect "reads"|"writes"|"deletes"|"executes"|"local"|"unknown"
---@field releases string[]
---@field chart string?
---@field rest string[]
---@field rest_dynamic table<integer, edict.DynamicWord>? words that are not known before it runs, by position
---@field namespace string?
---@field namespace_dynamic true?
---@field all_namespaces true?
---@field context string?
---@field kubeconfig string?
---@field server string?
---@field as string?
---@field impersonates true?
---@field credentials true?
---@field insecure true?
---@field dry_run true?
---@field install true?
---@field force true?
---@field no_hooks true?
---@field create_namespace true?
---@field version string?
---@field repo string?
---@field post_renderer string?
---@field values string[]
---@field values_dynamic table<integer, edict.DynamicWord>? words that are not known before it runs, by position
---@field sets string[]
---@field sets_dynamic table<integer, edict.DynamicWord>? words that are not known before it runs, by position
---@field flags edict.KubectlFlag[]
---@field unknown_flags string[]

shell = {}
---Every program that the command line would run, through quotes, pipes, substitutions and wrappers.
---@param line string
---@return edict.ShellScript
function shell.parse(line) end
---One word, quoted for a shell.
---@param text string
---@return string
function shell.quote(text) end

sql = {}
---@param text string
---@param dialect? "any"|"postgres"|"mysql"|"sqlite"|"mssql"
---@return edict.SqlScript
function sql.parse(text, dialect) end
---The verb of the only statement; nil when there are several, or when it is not understood.
---@param text string
---@param dialect? string
---@return string?
function sql.verb(text, dialect) end

url = {}
---@param text string
---@return edict.Url
function url.parse(text) end
---Is the host the domain, or under it?
---@param host string
---@param domain string
---@return boolean
function url.host_matches(host, domain) end

kubectl = {}
---@param command string|string[]|edict.ShellCommand
---@return edict.KubectlCommand
function kubectl.parse(command) end
---"po" is "pod"; nil for what is no type of Kubernetes. The second: whether it has no namespace.
---@param type string
---@return string? canonical
---@return boolean? cluster_scoped
function kubectl.type(type) end

helm = {}
---@param command string|string[]|edict.ShellCommand
---@return edict.HelmCommand
function helm.parse(command) end
