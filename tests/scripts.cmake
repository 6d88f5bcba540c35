# The system's Python first: scripts/setup installs h5py for that one, whatever another python3 in PATH has.
find_program(TN_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(TN_PYTHON NAMES python3 REQUIRED)
add_test(NAME scripts COMMAND ${TN_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/test_scripts.py)
set_tests_properties(scripts PROPERTIES TIMEOUT 120 ENVIRONMENT "${TN_TEST_ENVIRONMENT}")
