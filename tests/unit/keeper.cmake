# cella-keeper and cella-init, run as programs.
add_executable(keeper_recorder ${CMAKE_CURRENT_LIST_DIR}/keeper_recorder.c)
target_link_libraries(keeper_recorder PRIVATE cella_flags)
foreach(test ending console)
  cella_unit_test(keeper_${test} ${CMAKE_CURRENT_LIST_DIR}/keeper_${test}.c LINK runtime)
  add_dependencies(unit_keeper_${test} cella-keeper keeper_recorder)
  target_compile_definitions(unit_keeper_${test} PRIVATE
    KEEPER="$<TARGET_FILE:cella-keeper>" RECORDER="$<TARGET_FILE:keeper_recorder>")
endforeach()
cella_unit_test(keeper_init ${CMAKE_CURRENT_LIST_DIR}/keeper_init.c LINK base)
add_dependencies(unit_keeper_init cella-init)
target_compile_definitions(unit_keeper_init PRIVATE INIT="$<TARGET_FILE:cella-init>")
cella_unit_test(runtime_wait ${CMAKE_CURRENT_LIST_DIR}/runtime_wait.c LINK runtime)
