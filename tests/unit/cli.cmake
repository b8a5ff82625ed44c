foreach(module opts output escape report help relay log)
  cella_unit_test(cli_${module} ${CMAKE_CURRENT_LIST_DIR}/cli_${module}.c LINK cellacli)
endforeach()
