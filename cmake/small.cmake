# cella_small_program(NAME [FLAGS cella_flags|cella_plain] SOURCES...): a static program of which a
# host runs one or two for each zone. With musl where it is installed (Debian: musl-tools), else
# with the compiler's own libc. Of a start and an end of such a program half is what glibc finds out
# about the processor (cpuid traps into the hypervisor where the host is a virtual machine), and it
# has more pages of its own. Sources are for both libcs; the sanitizers know glibc alone, and are
# shared libraries.
option(CELLA_MUSL "link cella-keeper and cella-init with musl, if it is there" ON)
string(REPLACE "-gnu" "-musl" musl_triplet "${CMAKE_LIBRARY_ARCHITECTURE}")
set(musl_dir /usr/lib/${musl_triplet})
set(musl_include /usr/include/${musl_triplet})
set(CELLA_HAS_MUSL OFF)
# Without a directory of its own it would be the host's libc that is found here.
if(CELLA_MUSL AND musl_triplet MATCHES "-musl" AND EXISTS ${musl_dir}/rcrt1.o
    AND EXISTS ${musl_include}/unistd.h)
  set(CELLA_HAS_MUSL ON)
  execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=include
    OUTPUT_VARIABLE compiler_include OUTPUT_STRIP_TRAILING_WHITESPACE)
  execute_process(COMMAND ${CMAKE_C_COMPILER} -print-libgcc-file-name
    OUTPUT_VARIABLE compiler_runtime OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
message(STATUS "cella-keeper and cella-init: musl ${CELLA_HAS_MUSL}")

function(cella_small_program name)
  cmake_parse_arguments(A "" "FLAGS" "" ${ARGN})
  add_executable(${name} ${A_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${A_FLAGS})
  target_compile_options(${name} PRIVATE -fPIE)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/cella)
  if(A_FLAGS STREQUAL cella_flags AND CELLA_SANITIZE)
    return()
  endif()
  # gcc takes -static-pie back when -pie, which CMake adds by itself, is there too.
  set_property(TARGET ${name} PROPERTY POSITION_INDEPENDENT_CODE)
  target_link_options(${name} PRIVATE -static-pie)
  if(NOT CELLA_HAS_MUSL OR (A_FLAGS STREQUAL cella_flags AND CELLA_COVERAGE))
    return()
  endif()
  # The kernel's headers last: of what both have, libc's count.
  target_compile_options(${name} PRIVATE -nostdinc "SHELL:-isystem ${musl_include}"
    "SHELL:-isystem ${compiler_include}" "SHELL:-idirafter /usr/include"
    "SHELL:-idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}")
  target_link_options(${name} PRIVATE -nostdlib ${musl_dir}/rcrt1.o ${musl_dir}/crti.o)
  target_link_libraries(${name} PRIVATE ${musl_dir}/libc.a ${compiler_runtime} ${musl_dir}/crtn.o)
endfunction()
