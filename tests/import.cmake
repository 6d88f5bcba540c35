tn_add_test(outfile SOURCES test_outfile.c scratch.c)
tn_add_test(csv_number SOURCES test_csv_number.c)
foreach(format idx csv npy)
  tn_add_test(import_${format} SOURCES test_import_${format}.c import_test.c scratch.c)
endforeach()
tn_add_test(import_classes SOURCES test_import_classes.c import_test.c scratch.c SECONDS 120)

if(TARGET thinnet_command)
  # The system's Python first: scripts/setup installs h5py for that one, whatever another python3 in PATH has.
  find_program(TN_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
  find_program(TN_PYTHON NAMES python3 REQUIRED)
  add_test(NAME import_command COMMAND ${TN_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/test_import_command.py
                                       $<TARGET_FILE:thinnet_command>)
  set_tests_properties(import_command PROPERTIES TIMEOUT 60 ENVIRONMENT "${TN_TEST_ENVIRONMENT}")
endif()
