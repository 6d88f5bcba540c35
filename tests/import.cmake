tn_add_test(outfile SOURCES test_outfile.c scratch.c)
