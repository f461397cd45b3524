# Every outside library, found once and given one name. The README's table of dependencies says why each is here.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(edict_pkg TARGET MODULES)
  string(MAKE_C_IDENTIFIER "EDICT_${TARGET}" prefix)
  pkg_check_modules(${prefix} REQUIRED IMPORTED_TARGET ${MODULES})
  add_library(${TARGET} ALIAS PkgConfig::${prefix})
endfunction()

edict_pkg(Lua::lua lua5.4)
edict_pkg(CJson::cjson libcjson)
edict_pkg(OpenSSL::all openssl)
edict_pkg(Event::event "libevent_core;libevent_extra;libevent_openssl;libevent_pthreads")
edict_pkg(Pcre2::pcre2 libpcre2-8)
edict_pkg(Seccomp::seccomp libseccomp)
edict_pkg(XXHash::xxhash libxxhash)
edict_pkg(Check::check check)

# RocksDB's Debian package has no pkg-config file in every supported release.
find_path(ROCKSDB_INCLUDE rocksdb/c.h REQUIRED)
find_library(ROCKSDB_LIBRARY rocksdb REQUIRED)
add_library(RocksDB::rocksdb INTERFACE IMPORTED)
target_include_directories(RocksDB::rocksdb SYSTEM INTERFACE "${ROCKSDB_INCLUDE}")
target_link_libraries(RocksDB::rocksdb INTERFACE "${ROCKSDB_LIBRARY}")

# libcsv has no pkg-config file.
find_path(CSV_INCLUDE csv.h REQUIRED)
find_library(CSV_LIBRARY csv REQUIRED)
add_library(Csv::csv INTERFACE IMPORTED)
target_include_directories(Csv::csv SYSTEM INTERFACE "${CSV_INCLUDE}")
target_link_libraries(Csv::csv INTERFACE "${CSV_LIBRARY}")

# llhttp: Debian 13 and Ubuntu 24.04 have libllhttp-dev; Debian 12 ships llhttp's generated C sources in node-llhttp.
find_path(LLHTTP_INCLUDE llhttp.h PATHS /usr/share/include/llhttp REQUIRED)
find_library(LLHTTP_LIBRARY llhttp)
if(LLHTTP_LIBRARY)
  add_library(Llhttp::llhttp INTERFACE IMPORTED)
  target_include_directories(Llhttp::llhttp SYSTEM INTERFACE "${LLHTTP_INCLUDE}")
  target_link_libraries(Llhttp::llhttp INTERFACE "${LLHTTP_LIBRARY}")
else()
  set(llhttp_sources /usr/share/llhttp/llhttp.c /usr/share/llhttp/api.c /usr/share/llhttp/http.c)
  add_library(edict_llhttp STATIC ${llhttp_sources})
  target_include_directories(edict_llhttp SYSTEM PUBLIC "${LLHTTP_INCLUDE}")
  target_compile_options(edict_llhttp PRIVATE -w -O2)
  add_library(Llhttp::llhttp ALIAS edict_llhttp)
endif()

# The shell grammar's runtime is packaged; the grammar itself is not: scripts/fetch-grammar brings its C sources.
edict_pkg(TreeSitter::tree_sitter tree-sitter)
set(EDICT_GRAMMAR_DIR "${CMAKE_SOURCE_DIR}/build/deps/tree-sitter-bash-0.23.3" CACHE PATH "Sources of tree-sitter-bash")
if(NOT EXISTS "${EDICT_GRAMMAR_DIR}/src/parser.c")
  message(FATAL_ERROR "The sources of tree-sitter-bash are not in ${EDICT_GRAMMAR_DIR}. Run ./scripts/deps (or ./scripts/fetch-grammar) first.")
endif()
add_library(edict_tree_sitter_bash STATIC "${EDICT_GRAMMAR_DIR}/src/parser.c" "${EDICT_GRAMMAR_DIR}/src/scanner.c")
target_include_directories(edict_tree_sitter_bash PRIVATE "${EDICT_GRAMMAR_DIR}/src")
target_compile_options(edict_tree_sitter_bash PRIVATE -w -O2)
add_library(TreeSitterBash::bash ALIAS edict_tree_sitter_bash)
