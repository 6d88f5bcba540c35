typedef int tn_io_placeholder;
