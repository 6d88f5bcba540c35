tn_add_test(table SOURCES test_table.c scratch.c)
tn_add_test(file SOURCES test_file.c scratch.c)
tn_add_test(checkpoint SOURCES test_checkpoint.c resealed.c scratch.c)
tn_add_test(metrics SOURCES test_metrics.c resealed.c scratch.c)
