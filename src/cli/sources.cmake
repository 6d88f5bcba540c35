target_sources(thinnet_command PRIVATE
  cli/arguments.c
  cli/cli.c
  cli/cmd_config.c
  cli/cmd_eval.c
  cli/cmd_import.c
  cli/cmd_info.c
  cli/cmd_plan.c
  cli/cmd_predict.c
  cli/cmd_train.c
  cli/display.c
  cli/main.c
  cli/measures_text.c
  cli/rank_list.c)
