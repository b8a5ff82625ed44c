foreach(part check fields json name set)
  cella_unit_test(specs_${part} ${CMAKE_CURRENT_LIST_DIR}/specs_${part}.c LINK specs)
  target_compile_definitions(unit_specs_${part} PRIVATE
    SPECS_EXAMPLES="${CMAKE_CURRENT_LIST_DIR}/../../specs/examples"
    SPECS_MAN="${CMAKE_CURRENT_LIST_DIR}/../../docs/man/cella-spec.5")
endforeach()
