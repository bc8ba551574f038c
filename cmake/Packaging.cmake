# What `cmake --install` copies, and the .deb that `cpack` makes of it (in the build's folder: cpack -G DEB).
include(GNUInstallDirs)

install(TARGETS elbo RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY configs DESTINATION ${CMAKE_INSTALL_DATADIR}/elbo)
# quickstart.sh builds what is installed already.
install(DIRECTORY launch DESTINATION ${CMAKE_INSTALL_DATADIR}/elbo USE_SOURCE_PERMISSIONS PATTERN quickstart.sh EXCLUDE)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES README.md LICENSE src/report/page/chart-licence.txt DESTINATION ${CMAKE_INSTALL_DOCDIR})
# Made by the program of its own words, and where bash-completion looks for it.
install(CODE "
  set(completions \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/bash-completion/completions\")
  file(MAKE_DIRECTORY \"\${completions}\")
  execute_process(COMMAND \"$<TARGET_FILE:elbo>\" completion bash OUTPUT_FILE \"\${completions}/elbo\"
    COMMAND_ERROR_IS_FATAL ANY)
  message(STATUS \"Installing: \${completions}/elbo\")")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME elbo)
set(CPACK_PACKAGE_CONTACT "elbo maintainers <maintainers@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "trains variational autoencoders on CPU clusters, data-parallel over MPI")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_DEPENDS openmpi-bin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
include(CPack)
