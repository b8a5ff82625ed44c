cella_unit_test(netns_addr ${CMAKE_CURRENT_LIST_DIR}/netns_addr.c LINK netns)
cella_unit_test(netns_network ${CMAKE_CURRENT_LIST_DIR}/netns_network.c LINK netns)
# Needs root; works in a network namespace of its own and skips otherwise.
cella_unit_test(netns_live ${CMAKE_CURRENT_LIST_DIR}/netns_live.c LINK netns PkgConfig::NL_ROUTE)
set_tests_properties(unit.netns_live PROPERTIES SKIP_RETURN_CODE 77)
