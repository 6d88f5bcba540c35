tn_add_test(gradients SOURCES test_gradients.c network_fixture.c reference_network.c)
