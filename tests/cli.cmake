add_test(NAME command COMMAND ${TN_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/test_command.py)
set_tests_properties(command PROPERTIES TIMEOUT 900 PROCESSORS 2
                                        ENVIRONMENT "${TN_TEST_ENVIRONMENT};THINNET=$<TARGET_FILE:thinnet_command>")
add_test(NAME any_ranks COMMAND ${TN_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/test_any_ranks.py)
set_tests_properties(any_ranks PROPERTIES TIMEOUT 1800 PROCESSORS 2
                                          ENVIRONMENT "${TN_TEST_ENVIRONMENT};THINNET=$<TARGET_FILE:thinnet_command>")
add_test(NAME site COMMAND ${TN_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/test_site.py)
set_tests_properties(site PROPERTIES TIMEOUT 900 PROCESSORS 2
                                     ENVIRONMENT "${TN_TEST_ENVIRONMENT};THINNET=$<TARGET_FILE:thinnet_command>")
add_test(NAME plan_command COMMAND ${TN_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/test_plan.py)
set_tests_properties(plan_command PROPERTIES TIMEOUT 900 PROCESSORS 2
                                             ENVIRONMENT "${TN_TEST_ENVIRONMENT};THINNET=$<TARGET_FILE:thinnet_command>")
