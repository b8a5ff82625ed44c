# Warnings are errors; hardening as docs/SECURITY.md states it.
# cella_plain is for programs that are never instrumented; everything else takes cella_flags.
add_library(cella_plain INTERFACE)
add_library(cella_flags INTERFACE)
target_link_libraries(cella_flags INTERFACE cella_plain)
target_include_directories(cella_plain INTERFACE ${CMAKE_SOURCE_DIR})
file(RELATIVE_PATH libexec_from_bin ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBEXECDIR}/cella)
target_compile_definitions(cella_plain INTERFACE _GNU_SOURCE
  CELLA_VERSION="${PROJECT_VERSION}"
  CELLA_LIBEXEC_FROM_BIN="${libexec_from_bin}"
  CELLA_LIBEXECDIR="${CMAKE_INSTALL_FULL_LIBEXECDIR}/cella"
  CELLA_DATADIR="${CMAKE_INSTALL_FULL_DATADIR}/cella")
target_compile_options(cella_plain INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wconversion -Wformat=2 -Wvla -Wmissing-prototypes
  -Wstrict-prototypes -Wold-style-definition -Wundef -Wpointer-arith -Wwrite-strings
  -fstack-protector-strong -fstack-clash-protection -fcf-protection -fno-common)
target_link_options(cella_plain INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed)

set(CELLA_SANITIZE "" CACHE STRING "sanitizers, e.g. address,undefined")
# Only for the negative controls of the tests (base/defence.h).
option(CELLA_TEST_SWITCHES "let tests take single defences away" OFF)
if(CELLA_TEST_SWITCHES)
  target_compile_definitions(cella_flags INTERFACE CELLA_TEST_SWITCHES)
endif()
option(CELLA_COVERAGE "gcov instrumentation" OFF)
option(CELLA_GCC_ANALYZER "gcc -fanalyzer" OFF)
if(CELLA_SANITIZE)
  target_compile_options(cella_flags INTERFACE -fsanitize=${CELLA_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(cella_flags INTERFACE -fsanitize=${CELLA_SANITIZE})
endif()
# It needs optimization, and the sanitizers look for the same with more care.
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT CELLA_SANITIZE)
  target_compile_options(cella_plain INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
if(CELLA_COVERAGE)
  target_compile_options(cella_flags INTERFACE --coverage -O0)
  target_link_options(cella_flags INTERFACE --coverage)
endif()
if(CELLA_GCC_ANALYZER)
  # GCC 12 loses ownership that goes into an array of a struct: each of its leak reports was false.
  # LeakSanitizer in the asan preset looks for leaks.
  target_compile_options(cella_flags INTERFACE -fanalyzer -Wno-analyzer-malloc-leak)
endif()
