cella_unit_test(privileges_caps ${CMAKE_CURRENT_LIST_DIR}/privileges_caps.c LINK privileges)
cella_unit_test(privileges_filter ${CMAKE_CURRENT_LIST_DIR}/privileges_filter.c
  LINK privileges PkgConfig::SECCOMP)
cella_unit_test(privileges_rlimits ${CMAKE_CURRENT_LIST_DIR}/privileges_rlimits.c LINK privileges)
cella_unit_test(privileges_drop ${CMAKE_CURRENT_LIST_DIR}/privileges_drop.c LINK privileges)
