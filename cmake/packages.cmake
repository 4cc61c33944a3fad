# Everything the tree links against, found in one place.  Missing something?  scripts/deps
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# storage
pkg_check_modules(liburing REQUIRED IMPORTED_TARGET liburing)
pkg_check_modules(libzstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(libisal REQUIRED IMPORTED_TARGET libisal)
find_library(HF_AIO_LIBRARY aio REQUIRED)  # libaio ships no pkg-config file
find_path(HF_AIO_INCLUDE libaio.h REQUIRED)
add_library(hf_libaio INTERFACE)
target_link_libraries(hf_libaio INTERFACE ${HF_AIO_LIBRARY})
target_include_directories(hf_libaio SYSTEM INTERFACE ${HF_AIO_INCLUDE})

# net
pkg_check_modules(libsodium REQUIRED IMPORTED_TARGET libsodium)

# agent and the lab
if(HF_AGENT)
    pkg_check_modules(libvirt REQUIRED IMPORTED_TARGET libvirt)
    pkg_check_modules(libvirt_qemu IMPORTED_TARGET libvirt-qemu)
    pkg_check_modules(libsystemd IMPORTED_TARGET libsystemd)
    pkg_check_modules(fuse3 IMPORTED_TARGET fuse3)
    find_package(tomlplusplus QUIET)
    find_package(CLI11 QUIET)
    find_package(spdlog QUIET)
    find_package(fmt QUIET)
    find_package(nlohmann_json QUIET)
    find_package(pugixml QUIET)
endif()

# tests and bench
find_package(GTest REQUIRED)
find_package(rapidcheck QUIET)
if(HF_BENCH)
    find_package(benchmark QUIET)
endif()
