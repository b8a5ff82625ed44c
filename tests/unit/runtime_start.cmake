cella_unit_test(runtime_protocol ${CMAKE_CURRENT_LIST_DIR}/runtime_protocol.c LINK runtime)
