# What `cmake --install` lays out: the command, the library, its headers, a CMake package and a pkg-config file.
include(CMakePackageConfigHelpers)

set(TN_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/thinnet)

install(TARGETS thinnet EXPORT thinnetTargets)
if(TARGET thinnet_command)
  # A shared library beside it is found wherever the whole is moved to.
  file(RELATIVE_PATH TN_BIN_TO_LIB /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
  set_target_properties(thinnet_command PROPERTIES INSTALL_RPATH $ORIGIN/${TN_BIN_TO_LIB})
  install(TARGETS thinnet_command)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/thinnet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# The package asks for what a static library leaves to its user; a shared one has it linked in.
get_target_property(TN_LIBRARY_TYPE thinnet TYPE)
if(TN_LIBRARY_TYPE STREQUAL "STATIC_LIBRARY")
  set(TN_IS_STATIC TRUE)
else()
  set(TN_IS_STATIC FALSE)
endif()
install(EXPORT thinnetTargets NAMESPACE thinnet:: DESTINATION ${TN_PACKAGE_DIR})
configure_package_config_file(package/thinnetConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/thinnetConfig.cmake
                              INSTALL_DESTINATION ${TN_PACKAGE_DIR})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/thinnetConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/thinnetConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/thinnetConfigVersion.cmake
        DESTINATION ${TN_PACKAGE_DIR})

# pkg-config: the libraries by their paths, as they were found here, since MPI's and HDF5's module names differ from
# site to site. A user of the static library needs them always, so they do not hide in Libs.private.
set(TN_PC_LIBRARIES ${MPI_C_LIBRARIES} ${HDF5_C_LIBRARIES} ${BLAS_LIBRARIES} ${ZLIB_LIBRARIES} ${INIH_LINK_LIBRARIES}
                    ${XXHASH_LINK_LIBRARIES} ${TN_CSV_LIBRARY} ${CMAKE_THREAD_LIBS_INIT} -lm)
list(REMOVE_DUPLICATES TN_PC_LIBRARIES)
list(JOIN TN_PC_LIBRARIES " " TN_PC_LIBRARIES)
set(TN_PC_LIBS)
set(TN_PC_LIBS_PRIVATE)
if(TN_IS_STATIC)
  set(TN_PC_LIBS ${TN_PC_LIBRARIES})
else()
  set(TN_PC_LIBS_PRIVATE ${TN_PC_LIBRARIES})
endif()
file(RELATIVE_PATH TN_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" TN_PC_TO_PREFIX ${TN_PC_TO_PREFIX})
configure_file(package/thinnet.pc.in ${CMAKE_CURRENT_BINARY_DIR}/thinnet.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/thinnet.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
