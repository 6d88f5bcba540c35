tn_add_test(approx SOURCES test_approx.c)
tn_add_test(random SOURCES test_random.c)
tn_add_test(factors SOURCES test_factors.c)
tn_add_test(permutation SOURCES test_permutation.c)
