tn_add_test(comm SOURCES test_comm.c mpi_test.c RANKS 1 2 3 4)
