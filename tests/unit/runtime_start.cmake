cella_unit_test(runtime_protocol ${CMAKE_CURRENT_LIST_DIR}/runtime_protocol.c LINK runtime)
cella_unit_test(runtime_plan ${CMAKE_CURRENT_LIST_DIR}/runtime_plan.c LINK runtime)
add_dependencies(unit_runtime_plan cella-unpack)
