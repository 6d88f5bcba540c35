# A test for each class, so that each has a time limit of its own: with sanitizers a start of the command takes seconds.
file(STRINGS test_command.py classes REGEX "^class ")
list(TRANSFORM classes REPLACE "^class ([A-Za-z]+).*" "\\1")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS test_command.py)
foreach(class IN LISTS classes)
  add_test(NAME command_${class} COMMAND ${TN_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/test_command.py ${class})
  set_tests_properties(command_${class} PROPERTIES TIMEOUT 900 PROCESSORS 2
                                                   ENVIRONMENT "${TN_TEST_ENVIRONMENT};THINNET=$<TARGET_FILE:thinnet_command>")
endforeach()
add_test(NAME any_ranks COMMAND ${TN_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/test_any_ranks.py)
set_tests_properties(any_ranks PROPERTIES TIMEOUT 1800 PROCESSORS 2
                                          ENVIRONMENT "${TN_TEST_ENVIRONMENT};THINNET=$<TARGET_FILE:thinnet_command>")
add_test(NAME site COMMAND ${TN_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/test_site.py)
set_tests_properties(site PROPERTIES TIMEOUT 900 PROCESSORS 2
                                     ENVIRONMENT "${TN_TEST_ENVIRONMENT};THINNET=$<TARGET_FILE:thinnet_command>")
add_test(NAME plan_command COMMAND ${TN_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/test_plan.py)
set_tests_properties(plan_command PROPERTIES TIMEOUT 900 PROCESSORS 2
                                             ENVIRONMENT "${TN_TEST_ENVIRONMENT};THINNET=$<TARGET_FILE:thinnet_command>")
