tn_add_test(table SOURCES test_table.c scratch.c)
