cella_unit_test(cgroups_parse ${CMAKE_CURRENT_LIST_DIR}/cgroups_parse.c LINK cgroups)
cella_unit_test(cgroups_limits ${CMAKE_CURRENT_LIST_DIR}/cgroups_limits.c LINK cgroups)
cella_unit_test(cgroups_devprog ${CMAKE_CURRENT_LIST_DIR}/cgroups_devprog.c LINK cgroups)
# Needs root and writable control groups; says so and passes otherwise.
cella_unit_test(cgroups_live ${CMAKE_CURRENT_LIST_DIR}/cgroups_live.c LINK cgroups)
