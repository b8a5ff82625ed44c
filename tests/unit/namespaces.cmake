cella_unit_test(namespaces_idmap ${CMAKE_CURRENT_LIST_DIR}/namespaces_idmap.c LINK namespaces)
cella_unit_test(namespaces_idrange ${CMAKE_CURRENT_LIST_DIR}/namespaces_idrange.c LINK namespaces)
cella_unit_test(namespaces_ns ${CMAKE_CURRENT_LIST_DIR}/namespaces_ns.c LINK namespaces)
