add_test(NAME scripts COMMAND ${TN_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/test_scripts.py)
set_tests_properties(scripts PROPERTIES TIMEOUT 120 ENVIRONMENT "${TN_TEST_ENVIRONMENT}")
