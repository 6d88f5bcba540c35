tn_add_test(gradients SOURCES test_gradients.c network_fixture.c reference_network.c)
tn_add_test(loss SOURCES test_loss.c network_fixture.c reference_network.c)
tn_add_test(network SOURCES test_network.c network_fixture.c reference_network.c)
tn_add_test(schedule SOURCES test_schedule.c)
