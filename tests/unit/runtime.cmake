cella_unit_test(runtime_identity ${CMAKE_CURRENT_LIST_DIR}/runtime_identity.c LINK runtime)
cella_unit_test(runtime_intent ${CMAKE_CURRENT_LIST_DIR}/runtime_intent.c LINK runtime)
cella_unit_test(runtime_image ${CMAKE_CURRENT_LIST_DIR}/runtime_image.c LINK runtime)
cella_unit_test(runtime_layers ${CMAKE_CURRENT_LIST_DIR}/runtime_layers.c LINK runtime)
cella_unit_test(runtime_snapshot ${CMAKE_CURRENT_LIST_DIR}/runtime_snapshot.c LINK runtime)
cella_unit_test(runtime_lifecycle ${CMAKE_CURRENT_LIST_DIR}/runtime_lifecycle.c LINK runtime)
add_dependencies(unit_runtime_lifecycle cella-unpack)
target_compile_definitions(unit_runtime_lifecycle PRIVATE
  EXE_DIR="$<TARGET_FILE_DIR:cella-unpack>")
