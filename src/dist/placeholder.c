typedef int tn_dist_placeholder;
