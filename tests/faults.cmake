# Faults by a library that is preloaded into the command: not sanitized, since it comes before the sanitizers.
add_library(fault_shim MODULE faults/shim.c faults/power.c)
target_compile_definitions(fault_shim PRIVATE _GNU_SOURCE)
target_compile_options(fault_shim PRIVATE -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Wshadow $<$<BOOL:${TN_WERROR}>:-Werror>)

add_test(NAME faults COMMAND ${TN_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/test_faults.py)
set_tests_properties(faults PROPERTIES TIMEOUT 900 PROCESSORS 2
                                       ENVIRONMENT "${TN_TEST_ENVIRONMENT};THINNET=$<TARGET_FILE:thinnet_command>;FAULT_SHIM=$<TARGET_FILE:fault_shim>")
add_test(NAME thinnet_run COMMAND ${TN_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/test_thinnet_run.py)
set_tests_properties(thinnet_run PROPERTIES TIMEOUT 300 PROCESSORS 2
                                            ENVIRONMENT "${TN_TEST_ENVIRONMENT};THINNET=$<TARGET_FILE:thinnet_command>")

# Two of the campaign's trials.
add_test(NAME torture COMMAND ${TN_PYTHON} -B ${PROJECT_SOURCE_DIR}/scripts/torture --trial 1 2 --thinnet $<TARGET_FILE:thinnet_command>
                              --shim $<TARGET_FILE:fault_shim>)
set_tests_properties(torture PROPERTIES TIMEOUT 600 PROCESSORS 2 ENVIRONMENT "${TN_TEST_ENVIRONMENT}")
