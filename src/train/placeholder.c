typedef int tn_train_placeholder;
