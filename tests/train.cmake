tn_add_test(sampler SOURCES test_sampler.c)
tn_add_test(train_ranks SOURCES test_train_ranks.c train_case.c mpi_test.c RANKS 1 2 3 4 SECONDS 120)
tn_add_test(train_restart SOURCES test_train_restart.c train_case.c mpi_test.c RANKS 1 2 3 4 SECONDS 120)
tn_add_test(train_faults SOURCES test_train_faults.c train_case.c mpi_test.c RANKS 1 2 3 4 SECONDS 120)
tn_add_test(train_nonfinite SOURCES test_train_nonfinite.c train_case.c mpi_test.c RANKS 1 2 3 4 SECONDS 120)
tn_add_test(predict SOURCES test_predict.c train_case.c mpi_test.c RANKS 1 2 3 4 SECONDS 120)
add_test(NAME stalled_run COMMAND ${TN_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/test_stall.py)
set_tests_properties(stalled_run PROPERTIES TIMEOUT 300 PROCESSORS 2
                                            ENVIRONMENT "${TN_TEST_ENVIRONMENT};THINNET=$<TARGET_FILE:thinnet_command>")
