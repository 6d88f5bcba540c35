tn_add_test(config SOURCES test_config.c scratch.c)
tn_add_test(config_check SOURCES test_config_check.c scratch.c)
tn_add_test(config_format SOURCES test_config_format.c)
tn_add_test(job SOURCES test_job.c scratch.c)
