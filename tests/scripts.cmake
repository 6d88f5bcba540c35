add_test(NAME scripts COMMAND ${TN_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/test_scripts.py)
set_tests_properties(scripts PROPERTIES TIMEOUT 300 ENVIRONMENT "${TN_TEST_ENVIRONMENT};THINNET=$<TARGET_FILE:thinnet_command>")

# The sums' errors, on rows that ship and in few steps: that the programs and the table go on working.
add_test(NAME measure_exact COMMAND ${TN_PYTHON} -B ${PROJECT_SOURCE_DIR}/scripts/measure_exact error --steps 10
                                    --data jobs/data/digits.h5 --build ${PROJECT_BINARY_DIR})
set_tests_properties(measure_exact PROPERTIES TIMEOUT 600 PROCESSORS 2 PASS_REGULAR_EXPRESSION "\n[|] 12 [|] 38 [|]"
                                              ENVIRONMENT "${TN_TEST_ENVIRONMENT};THINNET=$<TARGET_FILE:thinnet_command>")
