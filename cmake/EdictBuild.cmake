# How every target of Edict is compiled, and the two functions that declare modules and their unit tests.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # GNU attributes and POSIX
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")

option(EDICT_WERROR "Treat warnings as errors" ON)
option(EDICT_HARDEN "Hardening flags of releases" OFF)
option(EDICT_FAULTS "Compile in the named fault injection points (never in releases)" OFF)
option(EDICT_FUZZ "Build the libFuzzer targets (clang only)" OFF)
set(EDICT_SANITIZE "" CACHE STRING "Value for -fsanitize=, such as address,undefined or thread")

find_program(EDICT_CCACHE ccache)
if(EDICT_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER "${EDICT_CCACHE}")
endif()

add_library(edict_flags INTERFACE)
target_compile_definitions(edict_flags INTERFACE _GNU_SOURCE EDICT_VERSION="${PROJECT_VERSION}")
target_compile_options(edict_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith -Wwrite-strings
  -fno-strict-aliasing -fno-omit-frame-pointer
  $<$<BOOL:${EDICT_WERROR}>:-Werror>)
if(EDICT_HARDEN)
  target_compile_options(edict_flags INTERFACE -fstack-protector-strong -fstack-clash-protection -fcf-protection
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  target_link_options(edict_flags INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack)
endif()
if(EDICT_FAULTS)
  target_compile_definitions(edict_flags INTERFACE EDICT_FAULTS=1)
endif()
if(EDICT_SANITIZE)
  target_compile_options(edict_flags INTERFACE -fsanitize=${EDICT_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(edict_flags INTERFACE -fsanitize=${EDICT_SANITIZE})
endif()

# edict_library(NAME <module> SOURCES … [PUBLIC <modules and libraries>] [PRIVATE …])
#
# Declares the static library edict_<module> of the current folder. Its headers are reached as "<module>/x.h", and only by
# targets that link to it: each module has an include directory of its own that holds nothing but a link to its folder.
function(edict_library)
  cmake_parse_arguments(arg "" "NAME" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  set(view "${CMAKE_BINARY_DIR}/include/${arg_NAME}")
  file(MAKE_DIRECTORY "${view}")
  file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}" "${view}/${arg_NAME}" SYMBOLIC)
  add_library(edict_${arg_NAME} STATIC ${arg_SOURCES})
  target_include_directories(edict_${arg_NAME} PUBLIC "${view}")
  target_link_libraries(edict_${arg_NAME} PUBLIC ${arg_PUBLIC} PRIVATE edict_flags ${arg_PRIVATE})
endfunction()

# edict_program(NAME <program> SOURCES … LINK …): an executable in the build folder itself.
function(edict_program)
  cmake_parse_arguments(arg "" "NAME" "SOURCES;LINK" ${ARGN})
  add_executable(${arg_NAME} ${arg_SOURCES})
  target_link_libraries(${arg_NAME} PRIVATE edict_flags ${arg_LINK})
endfunction()

# edict_unit_test(NAME test_<module>_<file> SOURCES … LINK …): a check program, run by ctest under the label "unit".
function(edict_unit_test)
  cmake_parse_arguments(arg "" "NAME;LABEL" "SOURCES;LINK" ${ARGN})
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  add_executable(${arg_NAME} ${arg_SOURCES})
  set_target_properties(${arg_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  target_link_libraries(${arg_NAME} PRIVATE edict_flags ${arg_LINK} Check::check)
  add_test(NAME ${arg_NAME} COMMAND ${arg_NAME} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  set_tests_properties(${arg_NAME} PROPERTIES LABELS ${arg_LABEL} TIMEOUT 300)
endfunction()

# edict_fuzz_target(NAME fuzz_<what> SOURCES … LINK … CORPUS <folder>): built with EDICT_FUZZ; a short run under "fuzz-smoke".
function(edict_fuzz_target)
  cmake_parse_arguments(arg "" "NAME;CORPUS" "SOURCES;LINK" ${ARGN})
  if(NOT EDICT_FUZZ)
    return()
  endif()
  add_executable(${arg_NAME} ${arg_SOURCES})
  set_target_properties(${arg_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/fuzz")
  target_link_libraries(${arg_NAME} PRIVATE edict_flags ${arg_LINK})
  target_link_options(${arg_NAME} PRIVATE -fsanitize=fuzzer)
  add_test(NAME ${arg_NAME}
    COMMAND "${CMAKE_SOURCE_DIR}/tests/fuzz/run" $<TARGET_FILE:${arg_NAME}>
      "${CMAKE_BINARY_DIR}/fuzz/work-${arg_NAME}" "${CMAKE_CURRENT_SOURCE_DIR}/${arg_CORPUS}")
  set_tests_properties(${arg_NAME} PROPERTIES LABELS fuzz-smoke TIMEOUT 600)
endfunction()
