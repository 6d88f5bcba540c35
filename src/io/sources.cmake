target_sources(tn_io PRIVATE
  io/csv_columns.c
  io/csv_reader.c
  io/h5.c
  io/import_array.c
  io/import_convert.c
  io/import_csv.c
  io/import_idx.c
  io/import_layout.c
  io/import_npy.c
  io/import_source.c
  io/number.c
  io/outfile.c
  io/table.c
  io/table_file.c
  io/table_read.c)
