typedef int tn_math_placeholder;
