# A Slurm cluster of two nodes on this machine: needs root, namespaces and what scripts/setup --slurm installs. Elsewhere it is skipped.
# Four to five minutes of waiting for Slurm; the limit is for a machine that others keep busy.
add_test(NAME slurm COMMAND ${TN_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/test_slurm.py)
set_tests_properties(slurm PROPERTIES TIMEOUT 1500 LABELS slurm RUN_SERIAL ON SKIP_RETURN_CODE 77
                                      ENVIRONMENT "${TN_TEST_ENVIRONMENT};THINNET=$<TARGET_FILE:thinnet_command>")
