typedef int tn_nn_placeholder;
