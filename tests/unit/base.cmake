cella_unit_test(base_str ${CMAKE_CURRENT_LIST_DIR}/base_str.c LINK base)
cella_unit_test(base_path ${CMAKE_CURRENT_LIST_DIR}/base_path.c LINK base)
cella_unit_test(base_units ${CMAKE_CURRENT_LIST_DIR}/base_units.c LINK base)
