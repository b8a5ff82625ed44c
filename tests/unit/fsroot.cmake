# Tests marked 77 need root; they work in namespaces and directories of their own.
cella_unit_test(fsroot_unpack ${CMAKE_CURRENT_LIST_DIR}/fsroot_unpack.c LINK unpack)
set_tests_properties(unit.fsroot_unpack PROPERTIES SKIP_RETURN_CODE 77)
cella_unit_test(fsroot_live ${CMAKE_CURRENT_LIST_DIR}/fsroot_live.c
  LINK fsroot default_image PkgConfig::ARCHIVE)
target_compile_definitions(unit_fsroot_live PRIVATE CELLA_UNPACK="$<TARGET_FILE:cella-unpack>")
add_dependencies(unit_fsroot_live cella-unpack)
set_tests_properties(unit.fsroot_live PROPERTIES SKIP_RETURN_CODE 77)
cella_unit_test(fsroot_pure ${CMAKE_CURRENT_LIST_DIR}/fsroot_pure.c LINK fsroot)
cella_unit_test(fsroot_copy ${CMAKE_CURRENT_LIST_DIR}/fsroot_copy.c LINK fsroot)
set_tests_properties(unit.fsroot_copy PROPERTIES SKIP_RETURN_CODE 77)
cella_unit_test(fsroot_digest ${CMAKE_CURRENT_LIST_DIR}/fsroot_digest.c LINK fsroot)
set_tests_properties(unit.fsroot_digest PROPERTIES SKIP_RETURN_CODE 77)
